"""Running one claimed job: its work and its ``done`` in one transaction."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg2
from odoo import SUPERUSER_ID
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.sql_db import Cursor
from odoo.tools.translate import LazyGettext
from psycopg2.errors import UniqueViolation

from ..exceptions import (
    ConnectorError,
    JobLostError,
    PermanentError,
    RetryableError,
    SkipError,
)
from . import sql
from .arguments import decode, environment
from .options import method_options
from .prepared import UNPREPARED, forget
from .worker import Claimed, Worker

__all__ = ["Runner", "RunningJob", "current_job", "retry_delay"]

_logger = logging.getLogger(__name__)

#: How often a job is run again at once after a serialization failure or a deadlock.
MAX_TRIES = 5
#: Default pause after the n-th attempt: BASE * 2^(n-1) seconds, at most MAX, plus or minus JITTER of it.
RETRY_BASE_S, RETRY_MAX_S, RETRY_JITTER = 10, 3600, 0.2
#: Longest text that a job keeps of a result, a message, a traceback; characters.
MAX_TEXT = 50_000

#: How the index ends that makes a binding's key unique.
BINDING_KEY = "_connector_key"

_ATTRIBUTE = "_connector_running_job"
NO_RECORDS = "the records no longer exist"


def current_job(cr: Any) -> RunningJob | None:
    """Return what runs on this cursor; it is never taken from the context, which clients can set."""
    return cr.__dict__.get(_ATTRIBUTE)


class RunningJob:
    """A job while it runs, as its own code sees it."""

    def __init__(self, worker: Worker, claimed: Claimed, cr: Any, started: Any, grouped: bool = False) -> None:
        self.id = claimed.id
        self.claimed = claimed
        self.started = started
        self._worker = worker
        self._cr = cr
        self._grouped = grouped

    def report_progress(self, done: float, total: float) -> None:
        self._worker.session.execute(sql.save_progress(self.id, done, total))

    def checkpoint(self, state: Any) -> None:
        try:
            text = json.dumps(state, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"the state of a checkpoint must be what JSON can hold: {error}") from error
        if self._grouped:
            raise _NotInAGroup
        self._cr.flush()
        self._cr.execute(sql.save_checkpoint(self.id, text))
        self._cr.commit()  # pylint: disable=invalid-commit  # a checkpoint is what stays when the job fails
        # The row's lock ended with the transaction: take it again, or learn that somebody else has the job.
        sql.TAKE.run(self._cr, [self.id], [self.claimed.attempt], self._worker.id)
        if not self._cr.fetchall():
            raise JobLostError(f"{self.claimed} was taken over after its checkpoint")

    def checkpoint_state(self) -> Any:
        self._cr.execute(sql.read_checkpoint(self.id))
        row = self._cr.fetchone()
        return json.loads(row[0]) if row else None


class _Taken(NamedTuple):
    """What the work transaction reads of a job."""

    id: int
    call: str
    user_id: int
    user_active: bool
    login: str | None
    started: Any


class _NotInAGroup(Exception):  # never seen by anybody
    """What the job does can be done by a job that is alone in its transaction."""


class Runner:
    """Runs jobs one after the other on a cursor that it keeps; the environment is new for each."""

    def __init__(self, dbname: str) -> None:
        self.dbname = dbname
        self._cr: Any = None

    def run(self, worker: Worker, jobs: Sequence[Claimed]) -> None:
        """Run claimed jobs and write how they ended; never raises for what a job does.

        :param jobs: one, or several that share a transaction if all goes well: otherwise nothing is committed and each
            is run by itself, so that no outcome differs but the speed
        """
        threading.current_thread().dbname = self.dbname  # type: ignore[attr-defined]  # Odoo's log format shows it
        if len(jobs) > 1 and self._run_group(worker, jobs):
            return
        for job in jobs:
            self._run_one(worker, job)

    def _run_one(self, worker: Worker, job: Claimed) -> None:
        began = time.monotonic()
        outcome, started, env = "lost", None, None
        try:
            for left in reversed(range(MAX_TRIES)):
                cr = self._cursor()
                try:
                    sql.TAKE.run(cr, [job.id], [job.attempt], worker.id)
                    row = cr.fetchone()
                    if row is None:
                        _logger.info("%s belongs to another worker now, it is left alone", job)
                        return
                    taken = _Taken(*row)
                    started, call = taken.started, json.loads(taken.call)
                    env = self._environment(cr, taken, call)
                    setattr(cr, _ATTRIBUTE, RunningJob(worker, job, cr, started))
                    result = self._call(env, job, call)
                    _commit(cr, worker, [job], [_shorten(result)], [started])
                    outcome = "done"
                    env.registry.signal_changes()
                    worker.ended(job, True)
                    return
                except UNPREPARED as error:
                    _logger.debug("%s: statements cannot be prepared on this connection: %s", job, error)
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as error:
                    if not left:
                        raise RetryableError(f"{type(error).__name__} {MAX_TRIES} times: {error}") from error
                    _logger.info("%s: %s, again at once", job, type(error).__name__)
                except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                    # Of a session that was lost while nothing ran on it, no attempt knows.
                    if not left or started is not None:
                        raise
                    _logger.info("%s: %s, again on another session", job, str(error).strip())
                except UniqueViolation as error:
                    # Another process has bound the same record meanwhile; run again, this one finds the binding.
                    if not left or not (error.diag.constraint_name or "").endswith(BINDING_KEY):
                        raise
                    _logger.info("%s: %s was bound by another process, again at once", job, error.diag.table_name)
                finally:
                    if outcome != "done":
                        self._rollback()
        except JobLostError as error:
            _logger.warning("%s: nothing of it was committed: %s", job, error)
        except BaseException as error:  # whatever a job raises must not end the worker
            if outcome == "done":
                _logger.warning("%s is done, but what was to follow its commit failed: %s", job, error, exc_info=True)
            else:
                outcome = self._failed(worker, job, error, env, started)
        finally:
            self._reset()
            level = logging.INFO if outcome.startswith(("done", "skipped")) else logging.WARNING
            _logger.log(level, "%s: %s in %.3f s", job, outcome, time.monotonic() - began)

    def _run_group(self, worker: Worker, jobs: Sequence[Claimed]) -> bool:
        """Run jobs in one transaction; False: something went wrong and nothing was committed."""
        began = time.monotonic()
        ids, attempts = [job.id for job in jobs], [job.attempt for job in jobs]
        committed = False
        try:
            cr = self._cursor()
            sql.TAKE.run(cr, ids, attempts, worker.id)
            rows = {row[0]: _Taken(*row) for row in cr.fetchall()}
            results, started = [], []
            for job in jobs:
                taken = rows[job.id]
                started.append(taken.started + timedelta(seconds=time.monotonic() - began))
                call = json.loads(taken.call)
                env = self._environment(cr, taken, call)
                setattr(cr, _ATTRIBUTE, RunningJob(worker, job, cr, started[-1], grouped=True))
                results.append(_shorten(self._call(env, job, call)))
                cr.flush()
            _commit(cr, worker, jobs, results, started)
            committed = True
            env.registry.signal_changes()
            for job in jobs:
                worker.ended(job, True)
        except (Exception, JobLostError) as error:  # each job says for itself what went wrong, when it is run alone
            if committed:
                _logger.warning("jobs %s are done, but what was to follow failed: %s", ids, error, exc_info=True)
            else:
                _logger.debug("jobs %s do not go together, they are run one by one: %s", ids, error)
        finally:
            if not committed:
                self._rollback()
            self._reset()
        if committed:
            _logger.info("%s and %s more: done in %.3f s", jobs[0], len(jobs) - 1, time.monotonic() - began)
        return committed

    def rest(self) -> None:
        """Leave no transaction open while there is nothing to run."""
        if self._cr is not None and not self._cr.closed:
            try:
                self._cr.connection.rollback()
            except psycopg2.Error:
                self.close()

    def close(self) -> None:
        """Give the cursor back."""
        if self._cr is not None:
            cr, self._cr = self._cr, None
            try:
                cr.close()
            except psycopg2.Error:
                _logger.debug("the work session of %s was gone already", self.dbname)

    # -- the work ------------------------------------------------------------------------------------------------------

    def _environment(self, cr: Any, taken: _Taken, call: Mapping[str, Any]) -> Any:
        if taken.login is None:
            raise PermanentError(f"user {taken.user_id} of the job does not exist any more; cancel the job")
        env = environment(cr, taken.user_id, call)
        # The user of a website's visitors is archived from the start.
        if not taken.user_active and taken.user_id != SUPERUSER_ID and not env.user._is_public():
            raise PermanentError(
                f"user {taken.login} of the job is archived; unarchive the user and requeue the job, or cancel it"
            )
        return env

    def _call(self, env: Any, job: Claimed, call: Mapping[str, Any]) -> Any:
        if job.model_name not in env:
            raise PermanentError(
                f"model {job.model_name} does not exist any more; install its addon, or cancel the job"
            )
        records = env[job.model_name].browse(call["ids"])
        if call["ids"]:
            records = records.exists()
            if not records:
                return NO_RECORDS
        method = getattr(records, job.method_name, None)
        if method is None:
            raise PermanentError(f"{job.model_name} has no method {job.method_name} any more; cancel the job")
        if method_options(type(records), job.method_name).get("async_commit"):
            env.cr.execute("SET LOCAL synchronous_commit = off")
        args = decode(call["args"], env)
        kwargs = {name: decode(value, env) for name, value in call["kwargs"].items()}
        return method(*args, **kwargs)

    # -- how it ended otherwise ----------------------------------------------------------------------------------------

    def _failed(self, worker: Worker, job: Claimed, error: BaseException, env: Any, started: Any) -> str:
        """Write a skip, a retry or a failure after the rollback, and return what it is."""
        try:
            return self._write_failure(worker, job, error, env, started)
        except psycopg2.Error as lost:
            # The worker's session is gone too: the job stays with this worker until others take it for dead.
            return f"left to be taken over, as {error!r} could not be written: {lost}"

    def _write_failure(self, worker: Worker, job: Claimed, error: BaseException, env: Any, started: Any) -> str:
        if isinstance(error, SkipError):
            return "skipped" if worker.skip(job, _shorten(error.reason), started) else "lost"
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and self._lost_session():
            error = _chained(RetryableError(f"the job's database session was lost: {error}"), error)
        what = self._describe(error, self._language(worker, env))
        if isinstance(error, RetryableError) and not (error.count_attempt and job.exhausted):
            delay = error.retry_after_s
            if delay is None:
                delay = retry_delay(job, None if env is None else env.registry)
            written, outcome = worker.retry(job, delay, error.count_attempt, what), f"tried again in {delay:.0f} s"
        else:
            written, outcome = worker.fail(job, what, started), "failed"
        return f"{outcome}: {what['exc_type']}: {what['exc_message']}" if written else "lost"

    def _lost_session(self) -> bool:
        return self._cr is None or self._cr.closed

    def _language(self, worker: Worker, env: Any) -> str:
        """Return the language of the job: its caller's, else its user's."""
        if env is None:
            return "en_US"
        if env.context.get("lang"):
            return env.context["lang"]
        rows = worker.session.execute(sql.user_language(env.uid))
        return (rows and rows[0][0]) or "en_US"

    def _describe(self, error: BaseException, lang: str) -> dict[str, Any]:
        kind = type(error)
        return {
            "exc_type": kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
            "exc_message": _shorten(str(error) or kind.__name__),
            "exc_info": _shorten("".join(traceback.format_exception(error))),
            "user_message": _shorten(_user_message(error, lang)),
        }

    # -- the cursor ----------------------------------------------------------------------------------------------------

    def _cursor(self) -> Any:
        if self._cr is None or self._cr.closed:
            self.close()
            self._cr = Registry(self.dbname).cursor()
            forget(self._cr)
            self._cr.execute(sql.work_session(self._cr.connection.server_version))
            self._cr.commit()  # pylint: disable=invalid-commit  # settings of the session, on the runner's own cursor
        return self._cr

    def _rollback(self) -> None:
        cr = self._cr
        if cr is None:
            return
        try:
            cr.rollback()
            if cr.transaction is not None:
                registry = cr.transaction.registry
                cr.transaction.reset()
                registry.reset_changes()
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            _logger.debug("the work session of %s is gone", self.dbname)
            self.close()

    def _reset(self) -> None:
        """Keep the connection alone: the next job gets a cursor without a trace of this one's environment."""
        cr = self._cr
        if cr is None:
            return
        if cr.closed:
            self.close()
            return
        cr.__dict__.pop(_ATTRIBUTE, None)
        cr.cache.clear()
        cr.transaction = None


def retry_delay(job: Claimed, registry: Any) -> float:
    """Return the seconds to wait after this attempt, by the method's pattern, else the default."""
    pattern: Mapping[int, float] = {}
    if registry is not None and job.model_name in registry:
        pattern = method_options(registry[job.model_name], job.method_name).get("retry_pattern") or {}
    steps = [attempt for attempt in pattern if attempt <= job.attempt]
    if steps:
        return float(pattern[max(steps)])
    delay = min(RETRY_MAX_S, RETRY_BASE_S * 2 ** (min(job.attempt, 30) - 1))
    return delay * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)


def _commit(cr: Any, worker: Worker, jobs: Sequence[Claimed], results: list[str | None], started: list[Any]) -> None:
    """Write ``done`` and commit, in one trip; the connection is in a new transaction then, without a snapshot yet.

    :raises JobLostError: not all of the jobs are the worker's any more; nothing is committed
    """
    ids, attempts = [job.id for job in jobs], [job.attempt for job in jobs]

    def finish(then: str = "") -> None:
        try:
            sql.FINISH.run(cr, ids, attempts, results, started, worker.id, ids, then=then)
        except psycopg2.Error as error:
            if not sql.is_taken_over(error):
                raise
            raise JobLostError(f"{', '.join(map(str, jobs))}: taken over while it ran") from None

    cr.flush()
    if not isinstance(cr, Cursor):  # one that shares a connection, in which a commit is a savepoint
        finish()
        cr.commit()  # pylint: disable=invalid-commit  # the job's end
        return
    transaction = cr.transaction
    if not cr.postcommit:
        # Nobody reads the caches any more: to drop them is cheaper than to empty them.
        cr.transaction = None
    # Everything that Odoo does around its COMMIT stays; psycopg2 knows of the new transaction's BEGIN as of its own.
    connection = cr.connection
    connection.commit = lambda: finish("; COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ")
    try:
        cr.commit()  # pylint: disable=invalid-commit  # the job's end
    except BaseException:
        cr.transaction = transaction
        raise
    finally:
        del connection.commit


def _user_message(error: BaseException, lang: str) -> str | None:
    """Return what a person can do."""
    if isinstance(error, ConnectorError):
        text = error.user_message
        return text._translate(lang) if isinstance(text, LazyGettext) else str(text)
    return str(error) if isinstance(error, UserError) else None


def _chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _shorten(value: Any) -> str | None:
    """Return text that PostgreSQL takes, of bounded length; None for None."""
    if value is None:
        return None
    text = str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "\n... (cut)"
