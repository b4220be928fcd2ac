from . import models


def post_load():
    """Let the servers of this process start workers."""
    from .queue import hosting  # noqa: PLC0415  # the servers' code is not for every process that imports an addon

    hosting.install()
