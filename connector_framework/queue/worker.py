"""A worker: an identity in the database under which jobs are claimed, run and finished."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg2
from odoo.tools import SQL
from psycopg2.errors import UniqueViolation

from . import sql
from .session import Session

__all__ = ["WORKER_DIED", "Claimed", "Worker"]

_logger = logging.getLogger(__name__)

#: How often a statement is run again that met another one in a unique index.
_TRIES = 10
#: Seconds between two looks at what a crash may have left behind: waiting jobs, parked keys.
SWEEP_S = 10.0

#: What is known of the attempt of a job whose worker died.
WORKER_DIED = {"exc_type": "WorkerDied", "exc_message": "worker died", "exc_info": None, "user_message": None}


@dataclass(frozen=True)
class Claimed:
    """A claimed job; (``id``, worker, ``attempt``) is the fencing token."""

    id: int
    attempt: int
    max_attempts: int
    priority: int
    model_name: str
    method_name: str
    timeout_s: float | None
    crashes: int
    exclusive_key: str | None
    channel: str

    def __str__(self) -> str:
        return f"job {self.id} {self.model_name}.{self.method_name} (attempt {self.attempt})"

    @property
    def exhausted(self) -> bool:
        """Whether this attempt is the last one."""
        return 0 < self.max_attempts <= self.attempt


class Worker:
    """Claims jobs of one database and writes how they ended, on a session of its own.

    :param session: not shared with the jobs' work
    :param threads: how many jobs it may run at a time, for people to see
    :param channels: only these channels and those below; None: all
    """

    def __init__(self, session: Session, *, threads: int = 1, channels: Iterable[str] | None = None) -> None:
        self.session = session
        self.id: int = session.execute(sql.next_worker_id())[0][0]
        # In this order: a row without its lock would look like a dead worker's.
        session.execute(sql.lock_worker(self.id))
        session.execute(sql.register_worker(self.id, socket.gethostname(), os.getpid(), threads))
        self._channels = None if channels is None else list(channels)
        self._lock = threading.Lock()
        self._parents: set[int] = set()
        self._keys: set[str] = set()
        self._next_sweep = 0.0

    def close(self) -> None:
        """Give everything back and leave."""
        try:
            self._execute(sql.fail_interrupted(self.id), durable=True)
            self._repeat(sql.give_back(self.id, started=True))
            self.session.execute(sql.unregister_worker(self.id))
        except psycopg2.Error as error:
            _logger.warning("worker %s could not say goodbye, others will notice: %s", self.id, error)
        finally:
            self.session.close()

    # -- claim ---------------------------------------------------------------------------------------------------------

    @property
    def untidy(self) -> bool:
        """Whether a job has ended since the last look that others of its key may have waited for."""
        return bool(self._keys)

    def claim(self, limit: int, prefetch: int = 0, due: bool = True) -> list[Claimed]:
        """Claim jobs that are due, most urgent first.

        :param limit: how many can start at once
        :param prefetch: how many more may wait for a thread, in channels without limits: a claimed job counts there as
            one that runs
        :param due: whether the time of a job may have come since the last claim
        """
        self.tidy()
        if due:
            self._execute(sql.release_due())
        channel_ids = self.channel_ids()
        if channel_ids == []:
            return []
        claimed, busy = self._claim(limit, prefetch, channel_ids)
        if busy and len(claimed) < limit and self._execute(sql.park()):
            # Jobs of keys that run were in the way of others; they are set aside now.
            more, _busy = self._claim(limit - len(claimed), 0, channel_ids)
            claimed += more
        return claimed

    def _claim(self, limit: int, prefetch: int, channel_ids: list[int] | None) -> tuple[list[Claimed], int]:
        """Claim, and return what was claimed and how many were passed by for their exclusive key."""
        rows = self._repeat(sql.claim(self.id, limit + prefetch, channel_ids), often=True)
        if rows[0][-2] and limit:
            return self._claim_limited(limit, channel_ids)
        return [Claimed(*row[:-2]) for row in rows if row[0] is not None], rows[0][-1]

    def _claim_limited(self, limit: int, channel_ids: list[int] | None) -> tuple[list[Claimed], int]:
        claimed: list[Claimed] = []
        while True:
            query = sql.claim_limited(self.id, limit - len(claimed), channel_ids)
            rows = self._repeat(query, first=sql.lock_claims(), often=True)
            claimed += [Claimed(*row[:-2]) for row in rows if row[0] is not None]
            # What is claimed now takes no place any more from what is to be claimed next.
            if rows[0][0] is None or not rows[0][-2] or len(claimed) >= limit:
                return claimed, rows[0][-1]

    def channel_ids(self) -> list[int] | None:
        if self._channels is None:
            return None
        return [row[0] for row in self._execute(sql.channels_by_name(self._channels))]

    def tidy(self) -> None:
        """Free what waits for jobs that have ended, and jobs whose time has come.

        Now and then also what a crash left behind.
        """
        with self._lock:
            parents, self._parents = self._parents, set()
            keys, self._keys = self._keys, set()
        if parents:
            self._execute(sql.release_dependents(sorted(parents)), often=True)
        if keys:
            self._execute(sql.unpark(keys))
        if time.monotonic() >= self._next_sweep:
            self.sweep()

    def sweep(self) -> None:
        """Look at everything that waits for a job that has ended."""
        self._next_sweep = time.monotonic() + SWEEP_S
        self._execute(sql.release_dependents())
        self._execute(sql.cancel_dependents())
        self._execute(sql.unpark())

    def give_back(self, jobs: Iterable[Claimed], started: bool = False) -> None:
        """Put claimed jobs back; unless they had started, the attempt does not count."""
        ids = [job.id for job in jobs]
        if ids:
            self._repeat(sql.give_back(self.id, ids, started=started))

    # -- end -----------------------------------------------------------------------------------------------------------

    def ended(self, job: Claimed, done: bool) -> None:
        """Remember what may be free now that the job's transaction is committed; :meth:`tidy` frees it."""
        with self._lock:
            if done:
                self._parents.add(job.id)
            if job.exclusive_key:
                self._keys.add(job.exclusive_key)

    def retry(self, job: Claimed, retry_after_s: float, count_attempt: bool, error: dict[str, Any]) -> bool:
        """Put one's own job back for later; False: it is not one's own any more."""
        rows = self._repeat(
            sql.retry(
                job.id, self.id, job.attempt, retry_after_s=retry_after_s, count_attempt=count_attempt, error=error
            ),
            durable=True,
        )
        self.ended(job, False)
        return bool(rows)

    def fail(self, job: Claimed, error: dict[str, Any], started: Any = None) -> bool:
        """End one's own job ``failed``; False: it is not one's own any more."""
        rows = self._execute(sql.fail(job.id, self.id, job.attempt, error=error, started=started), durable=True)
        self.ended(job, False)
        return bool(rows)

    def skip(self, job: Claimed, reason: str | None, started: Any) -> bool:
        """End one's own job ``done`` without work; False: it is not one's own any more."""
        query = sql.FINISH.query([job.id], [job.attempt], [reason], [started], self.id, [job.id])
        try:
            self._execute(query, durable=True)
        except psycopg2.Error as error:
            if not sql.is_taken_over(error):
                raise
            return False
        self.ended(job, True)
        return True

    def time_out(self, job: Claimed, retry_after_s: float) -> None:
        """Fail an attempt that takes too long: its session is cut, so that its work cannot be committed any more."""
        message = f"the attempt took longer than {job.timeout_s:g} s"
        _logger.warning("%s: %s", job, message)
        self.session.execute(sql.end_session_of([job.id]))
        error = {"exc_type": "TimeoutError", "exc_message": message, "exc_info": None, "user_message": None}
        if job.exhausted:
            self.fail(job, error)
        else:
            self.retry(job, retry_after_s, True, error)

    # -- liveness ------------------------------------------------------------------------------------------------------

    def beat(self, running: int = 0, stopping: bool = False) -> bool:
        """Say that the worker lives; False: it was declared dead, its jobs are others' now."""
        return bool(self._execute(sql.beat(self.id, running, stopping), often=True))

    def reap(self, lease_s: float) -> int:
        """Put back the jobs of dead workers, or fail those without an attempt left; return how many."""
        dead = [row[0] for row in self._execute(sql.dead_workers(lease_s), often=True)]
        if not dead:
            return 0
        self._execute(sql.end_silent_sessions(dead, lease_s))
        rows = self._execute(sql.reap(dead), durable=True)
        for job_id, state, _key in rows:
            _logger.warning(
                "job %s: its worker died; it is %s", job_id, "failed" if state == "failed" else "run again, alone"
            )
        back = [job_id for job_id, state, _key in rows if state == "running"]
        if back:
            self._repeat(sql.give_back_reaped(back), durable=True)
        with self._lock:
            self._keys.update(key for _id, _state, key in rows if key)
        self._execute(sql.forget_workers(dead))
        return len(rows)

    def _execute(self, query: SQL, **how: Any) -> list[tuple[Any, ...]]:
        return self.session.execute(query, **how)

    def _repeat(self, query: SQL, **how: Any) -> list[tuple[Any, ...]]:
        """Run a statement that may meet another one in a unique index, again until it does not."""
        for left in reversed(range(_TRIES)):
            try:
                return self.session.execute(query, **how)
            except UniqueViolation:
                if not left:
                    raise
        raise AssertionError("unreachable")
