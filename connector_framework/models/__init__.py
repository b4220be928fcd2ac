from . import base_job
from . import job_channel
from . import job
from . import worker
from . import adapter_state
from . import exchange
