"""The heartbeat of a worker: its duties of each second, however long its jobs take."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg2

from .claimed import Claimed
from .retry import retry_delay
from .worker import Worker

__all__ = ["Heartbeat", "Runs", "Slot"]

_logger = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
#: Seconds between two checks for jobs that the worker has in the database and not in a thread.
ABANDONED_CHECK_S = 10.0
#: A claimed job that no thread has begun for so long goes back to the queue: others may be idle.
STALE_AFTER_S = 2.0


@dataclass(eq=False)
class Slot:
    """A running job and its thread, or several jobs that share a transaction."""

    worker: Worker
    jobs: list[Claimed]
    thread: threading.Thread
    began: float
    #: Its job was taken from it, for its time-out: the thread ends when its code returns, if ever.
    retired: bool = False


class Runs(Protocol):
    """The jobs that a worker has."""

    def slots(self) -> list[Slot]:
        """Return the running jobs."""

    def withdraw(self, older_than_s: float = 0.0) -> list[Claimed]:
        """Take prefetched jobs back that have waited for so long."""

    def retire(self, slot: Slot) -> None:
        """Give up on a thread whose job was taken from it."""


class Heartbeat:
    """Reports that a worker is alive, gives stale jobs back, enforces timeouts, takes over from dead workers.

    :param registry: returns the registry, or None, without waiting for one that is being loaded
    :param known_ids: returns the ids of all jobs that the worker has claimed and not ended
    :param changed: called when jobs may be claimable, and when the session is lost
    """

    def __init__(
        self,
        worker: Worker,
        runs: Runs,
        *,
        registry: Callable[[], Any],
        lease_s: float,
        known_ids: Callable[[], Iterable[int]],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._worker = worker
        self._runs = runs
        self._registry = registry
        self._lease_s = lease_s
        self._known_ids = known_ids
        self._changed = changed
        self._ended = threading.Event()
        self._last = time.monotonic()
        self._next_check = self._last + ABANDONED_CHECK_S
        self._thread = threading.Thread(target=self._run, name=f"connector heartbeat {worker.id}", daemon=True)
        #: The worker claims no more.
        self.stopping = False
        #: The worker was declared dead, or its session is gone: it must not claim any more.
        self.lost = False

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def late(self) -> bool:
        """Whether the worker may count as dead elsewhere."""
        return time.monotonic() - self._last > self._lease_s * 2 / 3

    def _run(self) -> None:
        while not self.lost and not self._ended.wait(HEARTBEAT_S):
            try:
                self._beat()
            except psycopg2.Error as error:
                _logger.warning("worker %s has lost its session: %s", self._worker.id, str(error).strip())
                self.lost = True
            except Exception:
                _logger.exception("worker %s: unexpected error in the heartbeat, it goes on", self._worker.id)
        self._changed()

    def _beat(self) -> None:
        worker, runs, now = self._worker, self._runs, time.monotonic()
        slots = runs.slots()
        if not worker.heartbeat(sum(len(slot.jobs) for slot in slots), stopping=self.stopping):
            _logger.warning("worker %s was declared dead, it starts again under another number", worker.id)
            self.lost = True
            return
        self._last = now
        worker.give_back(runs.withdraw(older_than_s=STALE_AFTER_S))
        for slot in slots:
            job = slot.jobs[0]
            if job.timeout_s and now - slot.began > job.timeout_s:
                worker.time_out(job, delay_s=retry_delay(job, self._registry()))
                runs.retire(slot)
        freed = worker.reap(self._lease_s)
        if now >= self._next_check:
            self._next_check = now + ABANDONED_CHECK_S
            freed += worker.rescue_abandoned(sorted(self._known_ids()))
        if freed:
            self._changed()
