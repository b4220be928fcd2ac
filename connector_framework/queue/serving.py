"""A process that runs jobs and nothing else, alone or as one of several."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable

from ..settings import Settings
from .memory import uses_too_much
from .processes import BEAT_S, RETIRED, Ending, LoadingTurn, Processes, fork
from .supervisor import Supervisor

__all__ = ["serve", "serve_in_processes"]

#: Seconds between two looks at the memory that is used.
MEMORY_S = 4.0


def serve(supervisor: Supervisor, ending: Ending) -> int:
    """Run jobs in this process until it is to end, uses too much memory or, draining, nothing is due.

    :return: the exit code: 0, 1 if a database that was named is not served, RETIRED if it used too much memory
    """
    thread = supervisor.start()
    is_retiring, next_look = False, time.monotonic() + MEMORY_S
    while not ending.is_due():
        if is_retiring:
            supervisor.retire()
            if supervisor.ended:
                break
        elif not thread.is_alive():
            break
        elif time.monotonic() >= next_look:
            is_retiring, next_look = uses_too_much(os.getpid()), time.monotonic() + MEMORY_S
        time.sleep(BEAT_S)
    supervisor.stop()
    if ending.is_due():
        return 0
    if is_retiring:
        return RETIRED
    for name, why in supervisor.unserved.items():
        sys.stderr.write(f"database {name} is not served: {why}\n")
    return 1 if supervisor.unserved else 0


def serve_in_processes(
    count: int, settings: Settings, ending: Ending, *, channels: Iterable[str] | None = None, drain: bool = False
) -> int:
    """Run jobs in child processes until this one is to end or, draining, all are through; return the exit code."""
    parent, turn = os.getpid(), LoadingTurn()

    def work() -> int:
        ending.parent = parent
        return serve(Supervisor(settings, channels=channels, drain=drain, turn=turn), ending)

    through = (0, 1) if drain else ()
    processes = Processes(count, lambda: fork(work), stop_timeout_s=settings.stop_timeout_s, through=through)
    ending.before_force = processes.kill
    processes.run(ending.is_due)
    return 0 if ending.is_due() else max(processes.codes, default=0)
