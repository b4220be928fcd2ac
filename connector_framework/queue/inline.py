"""Running due jobs in the caller's own thread: for the cron, scripts and tests."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from ..settings import load_settings, with_stored
from .claimed import Claimed
from .completeness import Completeness
from .enqueue import channel_path
from .heartbeat import Heartbeat, Slot
from .runner import Runner
from .session import DatabaseSession, Session
from .sql.workers import stored_settings
from .worker import Worker

__all__ = ["run_pending"]

_logger = logging.getLogger(__name__)

#: Jobs claimed at once.
BATCH = 10


def run_pending(
    registry: Any,
    *,
    limit: int | None = None,
    channels: Iterable[str] | None = None,
    until: float | None = None,
    session: Session | None = None,
) -> int:
    """Claim and run jobs until none is due, and return how many were run; none in a neutralized database.

    A quarantined job needs no care: it runs alone in this thread, and prefetched jobs lose nothing by a crash.

    :param limit: how many at most
    :param channels: only these and those below
    :param until: claim nothing after this value of ``time.monotonic()``
    :param session: claim on this one, whose worker only the caller can take for dead; None: a new one, with a
        heartbeat, which also takes over from dead workers
    """
    alone = session is not None
    session = session or DatabaseSession(registry.db_name)
    worker = Worker(session, channels=None if channels is None else map(channel_path, channels))
    runner = Runner(registry.db_name)
    try:
        poll = worker.poll()
        if poll.neutralized:
            _logger.info("database %s is neutralized, no job is run", registry.db_name)
            return 0
        # While a registry is being loaded, addons are missing that are about to come.
        if registry.ready and not Completeness(worker, registry.db_name).check(registry, poll.installed):
            return 0
        run = _Run(worker)
        if alone:
            return run.all_due(runner, limit, until)
        lease_s = with_stored(load_settings(), session.execute(stored_settings())).lease_s
        worker.reap(lease_s)
        with Heartbeat(
            worker, run, registry=lambda: registry, lease_s=lease_s, known_ids=run.known_ids
        ) as run.heartbeat:
            return run.all_due(runner, limit, until)
    finally:
        runner.close()
        worker.close()


class _Run:
    """The job that runs in the caller's thread, and those claimed ahead of it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.heartbeat: Heartbeat | None = None
        self._lock = threading.Lock()
        self._ahead: deque[Claimed] = deque()
        self._running: Slot | None = None

    def all_due(self, runner: Runner, limit: int | None, until: float | None) -> int:
        """Run due jobs, those that a job's end releases included; return how many were run."""
        count, maintained = 0, False
        while limit is None or count < limit:
            if (until is not None and time.monotonic() >= until) or (self.heartbeat and self.heartbeat.lost):
                break
            ahead = BATCH if limit is None else min(BATCH, limit - count)
            self._ahead.extend(self.worker.claim(1, prefetch=ahead - 1))
            if not self._ahead:
                if maintained:
                    break
                self.worker.maintain()
            maintained = not self._ahead
            try:
                while slot := self._next():
                    runner.run(slot.worker, slot.jobs)
                    count += 1
            finally:
                self._running = None
                self.worker.give_back(self.withdraw())
            runner.report(self.worker)
        return count

    def _next(self) -> Slot | None:
        with self._lock:
            if not self._ahead:
                return None
            self._running = Slot(self.worker, [self._ahead.popleft()], threading.current_thread(), time.monotonic())
            return self._running

    # -- for the heartbeat -------------------------------------------------------------------------------------------

    def slots(self) -> list[Slot]:
        running = self._running
        return [running] if running and not running.retired else []

    def known_ids(self) -> list[int]:
        with self._lock:
            return [job.id for job in [*self._ahead, *(self._running.jobs if self._running else [])]]

    def withdraw(self, older_than_s: float = 0.0) -> list[Claimed]:
        """Take prefetched jobs back, if the running job takes longer than that."""
        with self._lock:
            if older_than_s and (self._running is None or time.monotonic() - self._running.began < older_than_s):
                return []
            jobs = list(self._ahead)
            self._ahead.clear()
            return jobs

    def retire(self, slot: Slot) -> None:
        """Let the thread go on: it is the caller's, and its session is cut."""
        slot.retired = True
