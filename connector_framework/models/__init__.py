from . import (
    adapter_state,
    backend,
    base_events,
    base_job,
    binding,
    binding_tab,
    exchange,
    ir_model,
    job,
    job_channel,
    stream,
    worker,
)
