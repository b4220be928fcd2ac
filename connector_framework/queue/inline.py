"""Running what is due in the caller's own thread: for the cron, scripts and tests."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg2

from ..settings import load_settings
from . import sql
from .pool import STALE_AFTER_S
from .runner import Runner, retry_delay
from .session import DatabaseSession, Session
from .worker import Claimed, Worker

__all__ = ["run_pending"]

_logger = logging.getLogger(__name__)

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
    """Claim and run jobs until none is due, and return how many were run; none in a neutralized database.

    :param limit: how many at most
    :param channels: only these and those below
    :param until: claim nothing after this value of ``time.monotonic()``
    :param session: claim on this one, whose worker nobody but the caller can take for dead; None: a new one, with a
        sign of life each second, that also takes over from dead workers
    """
    alone = session is not None
    session = session or DatabaseSession(registry.db_name)
    if session.execute(sql.look())[0][0]:
        _logger.info("database %s is neutralized, no job is run", registry.db_name)
        session.close()
        return 0
    turn = _Turn(Worker(session, channels=channels), registry)
    runner = Runner(registry.db_name)
    count = 0
    try:
        with nullcontext() if alone else turn.beating():
            for job in turn.due(limit, until):
                runner.run(turn.worker, [job])
                count += 1
    finally:
        runner.close()
        turn.worker.close()
    return count


class _Turn:
    """The job that runs in the caller's thread, and those claimed ahead of it."""

    def __init__(self, worker: Worker, registry: Any) -> None:
        self.worker = worker
        self._registry = registry
        self._lock = threading.Lock()
        self._ahead: deque[Claimed] = deque()
        self._running: Claimed | None = None
        self._began = 0.0
        #: Others took this worker for dead: what it claims now is theirs.
        self._lost = False

    def due(self, limit: int | None, until: float | None) -> Iterator[Claimed]:
        """Yield claimed jobs one by one, what a job's end makes free included."""
        swept = False
        while (limit is None or limit > 0) and not self._lost:
            if until is not None and time.monotonic() >= until:
                return
            jobs = self.worker.claim(1, prefetch=min(BATCH, limit or BATCH) - 1)
            if not jobs:
                if swept:
                    return
                self.worker.sweep()
                swept = True
                continue
            swept = False
            if any(job.crashes for job in jobs):
                # What a worker died with runs alone: it takes no other along if it is what killed the worker.
                self.worker.give_back(jobs[1:])
                jobs = jobs[:1]
            self._ahead.extend(jobs)
            try:
                while job := self._next():
                    limit = None if limit is None else limit - 1
                    yield job
            finally:
                self._running = None
                self.worker.give_back(self._withdraw())

    def _next(self) -> Claimed | None:
        with self._lock:
            self._running, self._began = (self._ahead.popleft() if self._ahead else None), time.monotonic()
            return self._running

    def _withdraw(self) -> list[Claimed]:
        with self._lock:
            jobs = list(self._ahead)
            self._ahead.clear()
            return jobs

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Do each second what a dispatcher does: see :meth:`_beat`."""
        stop = threading.Event()
        lease_s = load_settings().lease_s
        self.worker.reap(lease_s)

        def beat() -> None:
            while not stop.wait(BEAT_S):
                try:
                    self._beat(lease_s)
                except psycopg2.Error as error:
                    _logger.warning("worker %s has lost its session: %s", self.worker.id, str(error).strip())
                    self._lost = True
                if self._lost:
                    return

        thread = threading.Thread(target=beat, name=f"connector beat {self.worker.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _beat(self, lease_s: float) -> None:
        """Say that the worker lives, give back what others can begin earlier, end what takes too long, take over."""
        self._lost = not self.worker.beat(running=1)
        with self._lock:
            job, took_s = self._running, time.monotonic() - self._began
        if job is None:
            return
        if took_s > STALE_AFTER_S:
            self.worker.give_back(self._withdraw())
        if job.timeout_s and took_s > job.timeout_s:
            self.worker.time_out(job, retry_delay(job, self._registry))
        self.worker.reap(lease_s)
