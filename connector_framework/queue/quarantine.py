"""Quarantine: a job that was running in two crashes runs alone in its process from then on."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .claimed import Claimed, Failure
from .worker import Worker

__all__ = ["Quarantine"]

#: Crashes of a job after which it is quarantined. After the first it runs at once, beside others: mostly it was not
#: what killed the worker.
CRASHES = 2
#: Seconds that a quarantined job waits for its process to be empty, while nothing else is started; then it goes back
#: for as long, so that long jobs keep nothing waiting, and is more patient the next time.
PATIENCE_S = 30.0

_WAITING = Failure("WorkerDied", "workers died while they ran it: it waits until it can run alone")


class Quarantine:
    """Holds the quarantined job of a process until it can run alone."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._waiting: Claimed | None = None
        self._since = 0.0
        self._patience_s = PATIENCE_S
        self._alone: Claimed | None = None

    @property
    def ids(self) -> list[int]:
        """The job that waits, if any."""
        return [self._waiting.id] if self._waiting else []

    def admit(self, jobs: Sequence[Claimed]) -> list[Claimed]:
        """Return the jobs that may start beside others; hold one of the others, and give the rest back."""
        quarantined = [job for job in jobs if job.crashes >= CRASHES]
        if quarantined:
            self._waiting, self._since = quarantined[0], time.monotonic()
            self._worker.give_back(quarantined[1:])
        return [job for job in jobs if job.crashes < CRASHES]

    def blocks(self, *, idle: bool) -> bool:
        """Tell whether nothing else may start in the process.

        :param idle: whether nothing runs in the process
        """
        if idle:
            self._alone = None
        return self._waiting is not None or self._alone is not None

    def next(self, *, idle: bool) -> Claimed | None:
        """Return the job that waits, once it can run alone; put it back when that takes too long."""
        job = self._waiting
        if job is None:
            return None
        if idle:
            self._waiting, self._alone, self._patience_s = None, job, PATIENCE_S
            return job
        if time.monotonic() - self._since >= self._patience_s:
            self._waiting = None
            self._worker.retry(job, _WAITING, delay_s=self._patience_s, count_attempt=False)
            self._patience_s *= 2
        return None

    def withdraw(self) -> list[Claimed]:
        """Take back the job that waits."""
        jobs, self._waiting = [self._waiting] if self._waiting else [], None
        return jobs
