"""Running claimed jobs: the work and its ``done`` in one transaction."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.sql_db import Cursor
from odoo.tools.translate import LazyGettext, LazyTranslate
from psycopg2.errors import UniqueViolation

from ..addon import path_of
from ..exceptions import ConnectorError, JobLostError, PermanentError, RetryableError, SkipError
from ..text import clean
from . import news
from .arguments import decode_call, environment
from .causes import place
from .claimed import Claimed, Failure
from .current import set_current_job
from .options import method_options
from .prepared import UNPREPARED
from .races import handled_races
from .retry import MAX_TRIES, is_retried_constraint, is_shortage, retry_delay
from .session import clean_session, commit_together, execute_prepared, work_cursor
from .sql import attempt as statements
from .worker import Worker

__all__ = ["Runner", "RunningJob"]

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: The outcome of an attempt that does not count.
POSTPONED = "postponed"

NO_RECORDS = "the records no longer exist"


class RunningJob:
    """A job while it runs, as its own code sees it."""

    def __init__(self, worker: Worker, claimed: Claimed, cr: Any, *, grouped: bool, reruns_left: int) -> None:
        self.id = claimed.id
        self.claimed = claimed
        self._worker = worker
        self._cr = cr
        self._grouped = grouped
        #: How often it may still be run again at once, for a race with another transaction.
        self.reruns_left = reruns_left

    def report_progress(self, done: float, total: float) -> None:
        if not (math.isfinite(done) and math.isfinite(total)):
            raise ValueError(f"progress is two finite numbers, not {done!r} of {total!r}")
        self._worker.save_progress(self.claimed, float(done), float(total))

    def checkpoint(self, state: Any) -> None:
        try:
            text = json.dumps(state, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"the state of a checkpoint must be a JSON value: {error}") from error
        if self._grouped:
            raise _NotInAGroup
        self._cr.execute(statements.save_checkpoint(self.id, text))
        self._cr.commit()  # pylint: disable=invalid-commit  # a checkpoint outlives the job's failure
        # The row's lock ended with the transaction: take it again, or learn that the job was taken over.
        execute_prepared(self._cr, statements.lock(self._worker.id, [self.claimed]))
        if not self._cr.fetchall():
            raise JobLostError(f"{self.claimed} was taken over after its checkpoint")

    def checkpoint_state(self) -> Any:
        self._cr.execute(statements.read_checkpoint(self.id))
        row = self._cr.fetchone()
        return json.loads(row[0]) if row else None


class _Locked(NamedTuple):
    """A row of :func:`~.sql.attempt.lock`."""

    id: int
    call: str
    user_id: int
    user_active: bool
    login: str | None
    started: Any


class _NotInAGroup(Exception):
    """The job does what only a job that is alone in its transaction can do."""


class _NotOwnedError(Exception):
    """The job was taken over before this attempt began."""


@dataclass
class _Attempt:
    """One try of a job, or of several that share a transaction."""

    worker: Worker
    jobs: Sequence[Claimed]
    reruns_left: int = 0
    #: The environment of the job that runs.
    env: Any = None
    #: When each job began, by the database's clock.
    started: list[Any] = field(default_factory=list)
    committed: bool = False


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
        with handled_races():
            if len(jobs) > 1 and self._run_together(worker, jobs):
                return
            for job in jobs:
                self._run_one(worker, job)
        if worker.has_news:
            self.report(worker)

    def report(self, worker: Worker) -> None:
        """Call the ``on_failure`` methods of jobs that have failed, and write the messages of their incidents.

        Each in a transaction of its own.
        """
        for job_id in worker.take_failed():
            try:
                cr = self._cursor()
                env = _report_failure(cr, job_id)
                cr.commit()  # pylint: disable=invalid-commit  # a transaction of its own
                if env is not None:
                    env.registry.signal_changes()
            except Exception:
                _logger.warning("job %s: its on_failure method failed; nothing of it is kept", job_id, exc_info=True)
                self._rollback()
            finally:
                self._reset()
        if worker.take_reports():
            self._apart(lambda env: env["connector.incident"]._report(), "the messages about incidents")

    def send_news(self, worker: Worker) -> None:
        """Tell the screens of people that jobs have ended, at most every 2 seconds."""
        if worker.take_ended_jobs():
            self._apart(news.send, "the notification of screens")

    def _apart(self, write: Callable[[Any], None], what: str) -> None:
        """Write something of the queue's own with the ORM, in a transaction of its own."""
        try:
            cr = self._cursor()
            env = api.Environment(cr, SUPERUSER_ID, {})
            write(env)
            cr.commit()  # pylint: disable=invalid-commit  # a transaction of its own
            env.registry.signal_changes()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            _logger.debug("%s of %s: others write at the same time, it is tried again later", what, self.dbname)
            self._rollback()
        except Exception:
            _logger.warning("%s of %s could not be written, it is tried again later", what, self.dbname, exc_info=True)
            self._rollback()
        finally:
            self._reset()

    def _attempt(self, attempt: _Attempt) -> None:
        """Lock jobs, make their calls, and commit with their ``done``, in one transaction.

        :raises JobLostError: not all of the jobs are the worker's any more; nothing is committed
        """
        worker, jobs, began = attempt.worker, attempt.jobs, time.monotonic()
        cr = self._cursor()
        execute_prepared(cr, statements.lock(worker.id, jobs))
        locked = {row[0]: _Locked(*row) for row in cr.fetchall()}
        results: list[str | None] = []
        for job in jobs:
            if job.id not in locked:
                raise _NotOwnedError
            row = locked[job.id]
            waited_s = time.monotonic() - began if results else 0.0
            attempt.started.append(row.started + timedelta(seconds=waited_s))
            call = json.loads(row.call)
            attempt.env = self._environment(cr, row, call)
            running = RunningJob(worker, job, cr, grouped=len(jobs) > 1, reruns_left=attempt.reruns_left)
            set_current_job(cr, running)
            result = self._call(attempt.env, job, call)
            results.append(None if result is None else clean(result))
            if len(jobs) > 1:
                # What this one has changed is its own user's; the last flush is the commit's.
                cr.flush()

        def committed() -> None:
            attempt.committed = True
            for job in jobs:
                worker.ended(job, done=True)

        try:
            commit_together(cr, statements.finish(worker.id, jobs, results, attempt.started), committed)
        except psycopg2.Error as error:
            if not statements.is_taken_over(error):
                raise
            raise JobLostError(f"{', '.join(map(str, jobs))}: taken over, or its row changed, while it ran") from None
        attempt.env.registry.signal_changes()

    def _run_one(self, worker: Worker, job: Claimed) -> None:
        began, outcome, attempt = time.monotonic(), "not run", _Attempt(worker, [job])
        try:
            for left in reversed(range(MAX_TRIES)):
                attempt = _Attempt(worker, [job], reruns_left=left)
                try:
                    self._attempt(attempt)
                    outcome = "done"
                    return
                except BaseException as error:
                    if attempt.committed or not left or not self._is_run_again(job, error, begun=bool(attempt.started)):
                        raise
                finally:
                    if not attempt.committed:
                        self._rollback()
        except _NotOwnedError:
            outcome = "left alone, it belongs to another worker now"
        except BaseException as error:  # whatever a job raises must not end the worker
            if attempt.committed:
                outcome = "done"
                _logger.warning("%s is done; a postcommit hook of it failed", job, exc_info=True)
            else:
                outcome = self._failed(attempt, job, error)
        finally:
            self._reset()
            level = logging.WARNING
            if outcome.startswith(("done", "skipped", "left alone")):
                level = logging.INFO
            elif outcome.startswith(POSTPONED):
                # Hundreds of jobs may wait for one bucket or one circuit, whose own log line says why.
                level = logging.DEBUG
            _logger.log(level, "%s: %s in %.3f s", job, outcome, time.monotonic() - began)

    def _is_run_again(self, job: Claimed, error: BaseException, *, begun: bool) -> bool:
        """Tell whether an attempt that has ended with an error is made again at once."""
        match error:
            case psycopg2.Error() if isinstance(error, UNPREPARED):
                why = "statements cannot be prepared on this connection"
            case UniqueViolation() if is_retried_constraint(error):
                why = f"another process has stored the same in {error.diag.table_name}"
            case psycopg2.Error() if isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
                why = type(error).__name__
            case psycopg2.OperationalError() | psycopg2.InterfaceError() if not begun and self._lost_session():
                why = "its session was lost before it began"
            case _:
                return False
        _logger.info("%s: %s, again at once", job, why)
        return True

    def _run_together(self, worker: Worker, jobs: Sequence[Claimed]) -> bool:
        """Run jobs in one transaction; False: something went wrong and nothing was committed."""
        began, attempt = time.monotonic(), _Attempt(worker, jobs)
        try:
            self._attempt(attempt)
        except (Exception, JobLostError) as error:  # each fails by itself when it is run alone
            if attempt.committed:
                _logger.warning("%s and %s more are done; a postcommit hook of theirs failed", jobs[0], len(jobs) - 1)
            _logger.debug("%s and %s more: %r", jobs[0], len(jobs) - 1, error, exc_info=True)
        finally:
            if not attempt.committed:
                self._rollback()
            self._reset()
        if attempt.committed:
            _logger.info("%s and %s more: done in %.3f s", jobs[0], len(jobs) - 1, time.monotonic() - began)
        return attempt.committed

    def rest(self) -> None:
        """Leave no transaction open while the thread is idle."""
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

    def disconnect(self) -> None:
        """Give the cursor back and close its connection, which Odoo's pool would keep."""
        if isinstance(self._cr, Cursor):
            self._cr.connection.close()
        self.close()

    # -- the work ------------------------------------------------------------------------------------------------------

    def _environment(self, cr: Any, row: _Locked, call: Mapping[str, Any]) -> Any:
        if row.login is None:
            raise PermanentError(f"user {row.user_id} of the job does not exist any more; cancel the job")
        env = environment(cr, row.user_id, call)
        # The user of a website's visitors is archived from the start.
        if not row.user_active and row.user_id != SUPERUSER_ID and not env.user._is_public():
            raise PermanentError(
                f"user {row.login} of the job is archived; unarchive the user and requeue the job, or cancel it"
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
        if method_options(type(records), job.method_name).async_commit:
            env.cr.execute("SET LOCAL synchronous_commit = off")
        args, kwargs = decode_call(call, env)
        return method(*args, **kwargs)

    # -- how it ended otherwise ----------------------------------------------------------------------------------------

    def _failed(self, attempt: _Attempt, job: Claimed, error: BaseException) -> str:
        """Write a skip, a retry or a failure after the rollback, and return the outcome for the log."""
        try:
            return self._write_failure(attempt, job, error)
        except psycopg2.Error as lost:
            # The heartbeat finds that no thread has the job, or others find that the worker is dead.
            return f"put back later, as {clean(error)} could not be written: {lost}"

    def _write_failure(self, attempt: _Attempt, job: Claimed, error: BaseException) -> str:
        worker = attempt.worker
        started = attempt.started[0] if attempt.started else None
        if isinstance(error, SkipError):
            written = worker.skip(job, clean(error.reason), started=started)
            return "skipped" if written else "not its worker's any more"
        # Not a failure: it waits for a token, a circuit, or another process.
        is_postponed = isinstance(error, RetryableError) and not error.count_attempt
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and self._lost_session():
            error = _chained(RetryableError(f"the job's database session was lost: {clean(error)}"), error)
        elif isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY):
            error = _chained(RetryableError(f"{type(error).__name__} {MAX_TRIES} times: {clean(error)}"), error)
        elif is_shortage(error):
            # What had not begun has used nothing up.
            text = f"no database connection for the moment: {clean(error)}"
            error = _chained(RetryableError(text, count_attempt=bool(attempt.started)), error)
        is_final = not isinstance(error, RetryableError) or (error.count_attempt and job.exhausted)
        failure = _failure(error, self._language(worker, attempt.env), is_retried=not is_final)
        if isinstance(error, RetryableError) and not is_final:
            registry = None if attempt.env is None else attempt.env.registry
            delay_s = retry_delay(job, registry, error)
            written = worker.retry(job, failure, delay_s=delay_s, count_attempt=bool(error.count_attempt))
            outcome = f"{POSTPONED if is_postponed else 'tried again'} in {delay_s:.0f} s"
        else:
            written, outcome = worker.fail(job, failure, started=started), "failed"
        text = f"{failure.exc_type}: {failure.exc_message}"
        return f"{outcome}: {text}" if written else f"not its worker's any more: {text}"

    def _lost_session(self) -> bool:
        return self._cr is None or self._cr.closed

    def _language(self, worker: Worker, env: Any) -> str:
        """Return the language of the job: its caller's, else its user's."""
        if env is None:
            return "en_US"
        return env.context.get("lang") or worker.language_of(env.uid) or "en_US"

    # -- the cursor ----------------------------------------------------------------------------------------------------

    def _cursor(self) -> Any:
        if self._cr is None or self._cr.closed:
            self.close()
            self._cr = work_cursor(self.dbname)
        return self._cr

    def _rollback(self) -> None:
        cr = self._cr
        if cr is None:
            return
        try:
            cr.rollback()
            clean_session(cr)
            if cr.transaction is not None:
                registry = cr.transaction.registry
                cr.transaction.reset()
                registry.reset_changes()
        except Exception as error:
            # A session that is gone, or hooks of the job that failed: another session for the next one.
            _logger.debug("the work session of %s is given up: %s", self.dbname, clean(error))
            self.close()

    def _reset(self) -> None:
        """Keep the connection alone: the next job gets a cursor without a trace of this one's environment."""
        cr = self._cr
        if cr is None:
            return
        if cr.closed:
            self.close()
            return
        set_current_job(cr, None)
        cr.cache.clear()
        cr.transaction = None


def _report_failure(cr: Any, job_id: int) -> Any:
    """Call the ``on_failure`` method of a failed job, and return its environment; None: it has no such method."""
    cr.execute(statements.failed_call(job_id))
    row = cr.fetchone()
    if row is None:
        return None
    model_name, method_name, call, user_id = row
    call = json.loads(call)
    env = environment(cr, user_id, call)
    hook = model_name in env and method_options(env.registry[model_name], method_name).on_failure
    if not hook:
        return None
    getattr(env[model_name].browse(call["ids"]).exists(), hook)(env["connector.job"].browse(job_id))
    return env


def _failure(error: BaseException, lang: str, *, is_retried: bool) -> Failure:
    """Return the stored form of an error.

    :param is_retried: whether the job is tried again by itself
    """
    kind = type(error)
    try:
        trace = "".join(traceback.format_exception(error))
    except Exception as unprintable:
        trace = f"no traceback: {clean(unprintable)}"
    return Failure(
        exc_type=clean(kind.__name__ if kind.__module__ == "builtins" else path_of(kind)),
        exc_message=clean(error) or kind.__name__,
        exc_info=clean(trace),
        user_message=_user_message(error, lang, is_retried=is_retried),
        place=place(error),
    )


_RETRIED = _lt("Nothing to do for now: the job is tried again by itself.")
_REQUEUE = _lt("Then requeue the job.")
_EXHAUSTED = _lt("The job was tried again until no attempt was left: requeue it when the cause is gone.")
_UNEXPECTED = _lt(
    "The program met what it does not expect. Show the error with its traceback to the developer of the connector, and"
    " requeue the job when the cause is mended."
)


def _user_message(error: BaseException, lang: str, *, is_retried: bool) -> str:
    """Return what a person can do about an error, and what follows of the job."""
    if isinstance(error, ConnectorError):
        advice = error.user_message
        is_exhausted = isinstance(error, RetryableError)
        parts = [_RETRIED, advice] if is_retried else [advice, _EXHAUSTED if is_exhausted else _REQUEUE]
    else:
        parts = [clean(error)] if isinstance(error, UserError) else [_UNEXPECTED]
    return " ".join(clean(one._translate(lang) if isinstance(one, LazyGettext) else one) for one in parts)


def _chained(error: RetryableError, cause: BaseException) -> RetryableError:
    error.__cause__ = cause
    return error
