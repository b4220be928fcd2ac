"""Running what is due in the caller's own thread: for the cron, scripts and tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg2

from .runner import Runner
from .session import DatabaseSession, Session
from .settings import load_settings
from .worker import Claimed, Worker

__all__ = ["run_pending"]

#: Jobs claimed at once.
BATCH = 10
BEAT_S = 1.0


def run_pending(
    registry: Any,
    *,
    limit: int | None = None,
    channels: Iterable[str] | None = None,
    until: float | None = None,
    session: Session | None = None,
) -> int:
    """Claim and run jobs until none is due, and return how many were run.

    :param limit: how many at most
    :param channels: only these and those below
    :param until: claim nothing after this value of ``time.monotonic()``
    :param session: claim on this one, whose worker nobody but the caller can take for dead; None: a new one, with a
        sign of life each second
    """
    dbname = registry.db_name
    worker = Worker(session or DatabaseSession(dbname), channels=channels)
    runner = Runner(dbname)
    count = 0
    try:
        with nullcontext() if session else _beating(worker):
            for job in _due(worker, limit, until):
                runner.run(worker, [job])
                count += 1
    finally:
        runner.close()
        worker.close()
    return count


def _due(worker: Worker, limit: int | None, until: float | None) -> Iterator[Claimed]:
    """Yield claimed jobs one by one, what a job's end makes free included."""
    swept = False
    while limit is None or limit > 0:
        if until is not None and time.monotonic() >= until:
            return
        jobs = worker.claim(1, prefetch=min(BATCH, limit or BATCH) - 1)
        if not jobs:
            if swept:
                return
            worker.sweep()
            swept = True
            continue
        swept = False
        limit = None if limit is None else limit - len(jobs)
        pending = list(jobs)
        try:
            while pending:
                yield pending.pop(0)
        finally:
            worker.give_back(pending)


@contextmanager
def _beating(worker: Worker) -> Iterator[None]:
    """Say each second that the worker lives, so that a long job is not taken for a dead worker's."""
    stop = threading.Event()
    lease_s = load_settings().lease_s

    def beat() -> None:
        while not stop.wait(BEAT_S):
            try:
                if not worker.beat(running=1):
                    return
                worker.reap(lease_s)
            except psycopg2.Error:
                return

    thread = threading.Thread(target=beat, name=f"connector beat {worker.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
