"""A worker: an identity in the database under which jobs are claimed, run and finished."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg2
from odoo.tools import SQL
from psycopg2.errors import UniqueViolation

from ..text import clean
from .claimed import NO_FAILURE, Claimed, ClaimResult, Failure
from .news import NEWS_S
from .session import Session
from .sql import attempt, claim, incidents, workers

__all__ = ["Poll", "Worker", "poll"]

_logger = logging.getLogger(__name__)

#: How often a statement is run again that met another one in a unique index.
_TRIES = 10
#: Seconds between two runs of maintenance: waiting jobs and parked keys that a crash may have left behind.
MAINTENANCE_S = 10.0

_DIED = Failure("WorkerDied", "worker died")
_ABANDONED = Failure("JobAbandoned", "its worker does not run it any more, and wrote no outcome")
_STOPPED = Failure("WorkerStopped", "the worker was stopped before this last attempt had ended")


class Poll(NamedTuple):
    """The state of a database, as :func:`poll` reads it."""

    neutralized: bool
    #: Addons are being installed, upgraded or removed.
    changing: bool
    #: How many addons are installed.
    installed: int
    claimable: bool
    next_eta_s: float | None

    @property
    def is_due(self) -> bool:
        """Whether the time of a job has come."""
        return self.next_eta_s is not None and self.next_eta_s <= 0

    @property
    def has_work(self) -> bool:
        return self.claimable or self.is_due


def poll(session: Session) -> Poll:
    """Return the state of the database that decides about a claim."""
    return Poll(*session.execute(claim.poll(), prepared=True)[0])


class Worker:
    """Claims jobs of one database and writes how they ended: the only way to the statements of a worker.

    :param session: not shared with the jobs' work; closed with the worker
    :param threads: how many jobs it may run at a time, for people to see
    :param channels: only these channels and those below; None: all
    """

    def __init__(self, session: Session, *, threads: int = 1, channels: Iterable[str] | None = None) -> None:
        self._session = session
        self.id: int = session.execute(workers.next_worker_id())[0][0]
        # In this order: a row without its lock would look like a dead worker's.
        session.execute(workers.lock_worker(self.id))
        session.execute(workers.register_worker(self.id, socket.gethostname(), os.getpid(), threads))
        self._channels = None if channels is None else list(channels)
        self._lock = threading.Lock()
        self._parents: set[int] = set()
        self._keys: set[str] = set()
        self._failed: list[int] = []
        self._due_reports = False
        self._changed = False
        self._next_news = 0.0
        self._next_maintenance = 0.0
        #: Installed addons that this process lacks, for people to see: nothing is claimed until it is empty.
        self.missing_addons: list[str] = []

    def close(self) -> None:
        """Give everything back, that which still runs included, and unregister."""
        own = workers.jobs_of([self.id])
        try:
            # First without waiting, as in time_out().
            self._take_from(own, _STOPPED, stopped=True)
            at_work = [row[0] for row in self._session.execute(attempt.lost_jobs(own))]
            if at_work:
                self._session.execute(workers.end_sessions(at_work))
                self._take_from(own, _STOPPED, stopped=True, wait=True)
            self._session.execute(workers.unregister_worker(self.id))
        except psycopg2.Error as error:
            _logger.warning("worker %s could not unregister; its jobs are rescued after the lease: %s", self.id, error)
        finally:
            self._session.close()

    # -- claim ---------------------------------------------------------------------------------------------------------

    def poll(self) -> Poll:
        """Return the state of the database that decides about a claim."""
        return poll(self._session)

    def installed_addons(self) -> set[str]:
        return {row[0] for row in self._session.execute(claim.installed_addons())}

    @property
    def has_releases(self) -> bool:
        """Whether a job has ended since the last :meth:`release` whose exclusive key others may wait for."""
        return bool(self._keys)

    def claim(self, limit: int, *, prefetch: int = 0, due: bool = True) -> list[Claimed]:
        """Claim jobs that are due, most urgent first.

        :param limit: how many can start at once
        :param prefetch: how many more may wait for a thread, in channels without limits: a claimed job counts there as
            one that runs
        :param due: whether the time of a job may have come since the last claim
        """
        self.release()
        if due:
            self._session.execute(claim.release_due())
        channel_ids = self._channel_ids()
        if channel_ids == []:
            return []
        result = self._claim(limit, prefetch, channel_ids)
        if result.passed_by and len(result.jobs) < limit and self._session.execute(claim.park()):
            # Jobs of keys that run were in the way of others; they are parked now.
            return result.jobs + self._claim(limit - len(result.jobs), 0, channel_ids).jobs
        return result.jobs

    def _claim(self, limit: int, prefetch: int, channel_ids: list[int] | None) -> ClaimResult:
        query = claim.claim(self.id, limit + prefetch, channel_ids)
        result = ClaimResult.from_rows(self._repeat(query, prepared=True))
        if not (result.limited and limit):
            return result
        jobs: list[Claimed] = []
        while True:
            query = claim.claim_limited(self.id, limit - len(jobs), channel_ids)
            result = ClaimResult.from_rows(self._repeat(query, before=claim.lock_claims(), prepared=True))
            jobs += result.jobs
            # Jobs claimed now do not compete with those of the next round any more.
            if not result.jobs or not result.limited or len(jobs) >= limit:
                return ClaimResult(jobs, result.limited, result.passed_by)

    def _channel_ids(self) -> list[int] | None:
        if self._channels is None:
            return None
        return [row[0] for row in self._session.execute(claim.channels_by_name(self._channels))]

    def give_back(self, jobs: Iterable[Claimed]) -> None:
        """Put back claimed jobs that have not begun: the attempt does not count."""
        ids = [job.id for job in jobs]
        if ids:
            self._repeat(attempt.give_back(self.id, ids))

    # -- release of waiting jobs ---------------------------------------------------------------------------------------

    def ended(self, job: Claimed, *, done: bool = False) -> None:
        """Note whose waiting jobs :meth:`release` is to free, now that the job's transaction is committed."""
        self._changed = True
        with self._lock:
            if done:
                self._parents.add(job.id)
            if job.exclusive_key:
                self._keys.add(job.exclusive_key)

    def release(self) -> None:
        """Free jobs that wait for jobs that have ended; every 10 s run :meth:`maintain`."""
        with self._lock:
            parents, self._parents = self._parents, set()
            keys, self._keys = self._keys, set()
        if parents:
            self._session.execute(attempt.release_dependents(sorted(parents)), prepared=True)
        if keys:
            self._session.execute(claim.unpark(keys))
        if time.monotonic() >= self._next_maintenance:
            self.maintain()

    def maintain(self) -> None:
        """Free all jobs that wait for a job that has ended, those that a crash left behind included."""
        self._next_maintenance = time.monotonic() + MAINTENANCE_S
        self._session.execute(attempt.release_dependents())
        self._session.execute(attempt.cancel_dependents())
        self._session.execute(claim.unpark())
        for (incident_id,) in self._session.execute(incidents.resolve()):
            _logger.info("incident %s is resolved: jobs of its kind succeed again, or none is left", incident_id)
        if self._session.execute(incidents.due_reports())[0][0]:
            self._due_reports = True

    def is_drained(self) -> bool:
        """Tell whether nothing is due or running."""
        self.maintain()
        return not self._session.execute(claim.unfinished(self._channel_ids()))[0][0]

    # -- end -----------------------------------------------------------------------------------------------------------

    def retry(
        self, job: Claimed, failure: Failure, *, delay_s: float, count_attempt: bool = True, wait: bool = True
    ) -> bool:
        """Put one's own job back for later; False: it was taken over, or it is at work and is not waited for."""
        query = attempt.retry(self.id, job, delay_s=delay_s, count_attempt=count_attempt, failure=failure, wait=wait)
        rows = self._repeat(query, durable=True)
        self.ended(job)
        return bool(rows)

    def fail(self, job: Claimed, failure: Failure, *, started: Any = None, wait: bool = True) -> bool:
        """End one's own job ``failed``; False: it was taken over, or it is at work and is not waited for."""
        query = attempt.fail(self.id, job, failure=failure, started=started, wait=wait)
        rows = self._session.execute(query, durable=True)
        self.ended(job)
        with self._lock:
            self._failed += [job_id for job_id, _state, _key in rows]
        return bool(rows)

    @property
    def has_failed(self) -> bool:
        """Whether jobs have ended ``failed`` since the last :meth:`take_failed`."""
        return bool(self._failed)

    @property
    def has_news(self) -> bool:
        """Whether there is something for :meth:`take_failed` or :meth:`take_reports`."""
        return self.has_failed or self._due_reports

    def take_failed(self) -> list[int]:
        """Return the jobs that have ended ``failed`` since the last call, for their ``on_failure`` methods."""
        with self._lock:
            failed, self._failed = self._failed, []
        if failed:
            self._due_reports = True
        return failed

    @property
    def has_ended_jobs(self) -> bool:
        """Whether :meth:`take_ended_jobs` would return True."""
        return self._changed and time.monotonic() >= self._next_news

    def take_ended_jobs(self) -> bool:
        """Tell whether jobs have ended since this was True last, which it is at most every :data:`~.news.NEWS_S`."""
        if not self.has_ended_jobs:
            return False
        self._changed, self._next_news = False, time.monotonic() + NEWS_S
        return True

    def take_reports(self) -> bool:
        """Tell whether messages about incidents are due; false from then on, until jobs fail or for 10 s."""
        due, self._due_reports = self._due_reports, False
        return due and self._session.execute(incidents.due_reports())[0][0]

    def skip(self, job: Claimed, reason: str | None, *, started: Any = None) -> bool:
        """End one's own job ``done`` without work; False: it was taken over."""
        try:
            self._session.execute(attempt.finish(self.id, [job], [reason], [started]).as_sql(), durable=True)
        except psycopg2.Error as error:
            if not attempt.is_taken_over(error):
                raise
            return False
        self.ended(job, done=True)
        return True

    def time_out(self, job: Claimed, *, delay_s: float) -> None:
        """Fail an attempt that takes too long: its session is cut, so that its work cannot be committed any more."""
        message = f"the attempt took longer than {job.timeout_s:g} s"
        _logger.warning("%s: %s", job, message)
        failure = Failure("TimeoutError", message)

        def write(*, wait: bool) -> bool:
            if job.exhausted:
                return self.fail(job, failure, wait=wait)
            return self.retry(job, failure, delay_s=delay_s, wait=wait)

        # First without waiting: an attempt that is about to begin has no session to cut, and would be waited for.
        if not write(wait=False):
            self._session.execute(workers.end_sessions([job.id]))
            write(wait=True)

    def save_progress(self, job: Claimed, done: float, total: float) -> None:
        self._session.execute(attempt.save_progress(job.id, done, total))

    def language_of(self, user_id: int) -> str | None:
        rows = self._session.execute(attempt.user_language(user_id))
        return rows[0][0] if rows else None

    # -- liveness ------------------------------------------------------------------------------------------------------

    def heartbeat(self, running: int, *, stopping: bool = False) -> bool:
        """Report that the worker is alive; False: it was declared dead, its jobs are those of others now."""
        missing = clean(", ".join(self.missing_addons), 1000) or None
        return bool(self._session.execute(workers.heartbeat(self.id, running, stopping, missing), prepared=True))

    def reap(self, lease_s: float) -> int:
        """Put back the jobs of dead workers, or fail those without an attempt left; return how many."""
        dead = [row[0] for row in self._session.execute(workers.dead_workers(lease_s), prepared=True)]
        if not dead:
            return 0
        self._session.execute(workers.end_silent_sessions(dead, lease_s))
        count = self._take_from(workers.jobs_of(dead), _DIED, crashed=True)
        self._session.execute(workers.forget_workers(dead))
        return count

    def rescue_abandoned(self, known_ids: Sequence[int]) -> int:
        """Put back this worker's own jobs that none of its threads has; return how many."""
        return self._take_from(workers.abandoned_by(self.id, known_ids), _ABANDONED)

    def _take_from(
        self, condition: SQL, failure: Failure, *, crashed: bool = False, stopped: bool = False, wait: bool = False
    ) -> int:
        """Take running jobs from their worker: those that had begun lose the attempt, the others nothing.

        :param crashed: the worker died while it ran them
        :param stopped: the worker stops: what goes back has not failed
        :param wait: wait for jobs at work; False: pass them by
        """
        begun: list[int] = []
        exhausted: list[int] = []
        untouched: list[int] = []
        for job_id, has_begun, is_exhausted in self._session.execute(attempt.lost_jobs(condition)):
            (untouched if not has_begun else exhausted if is_exhausted else begun).append(job_id)
        rows: list[tuple[Any, ...]] = []
        if exhausted:
            query = attempt.fail_lost(exhausted, failure, crashed=crashed, wait=wait)
            rows += self._session.execute(query, durable=True)
        for job_ids, had_begun in ((begun, True), (untouched, False)):
            if job_ids:
                what = failure if had_begun and not stopped else NO_FAILURE
                query = attempt.put_back_lost(
                    job_ids, begun=had_begun, failure=what, crashed=crashed and had_begun, wait=wait
                )
                rows += self._repeat(query, durable=True)
        for job_id, state, _key in rows if not stopped else ():
            _logger.warning(
                "job %s: %s%s; it is %s",
                job_id,
                failure.exc_message,
                " before it had begun" if job_id in untouched else "",
                state,
            )
        with self._lock:
            self._keys.update(key for _id, _state, key in rows if key)
            self._failed += [job_id for job_id, state, _key in rows if state == "failed"]
        return len(rows)

    def _repeat(self, query: SQL, **how: Any) -> list[tuple[Any, ...]]:
        """Run a statement that may meet another one in a unique index, again until it does not."""
        for left in reversed(range(_TRIES)):
            try:
                return self._session.execute(query, **how)
            except UniqueViolation:
                if not left:
                    raise
        raise AssertionError("unreachable")
