import os

from . import probe

if "CONNECTOR_PROBE_CRASH" in os.environ:
    from . import crash

    crash.install(*os.environ["CONNECTOR_PROBE_CRASH"].split(":", 1))
