from . import controllers, models, wizards


def post_load():
    """Let the servers of this process start workers."""
    from .queue import hosting  # the servers' code is not for every process that imports an addon

    hosting.install()
