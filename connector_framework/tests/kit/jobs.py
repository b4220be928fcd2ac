"""The queue in tests: jobs collected instead of stored, or run inside the test's transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from ...preview import is_contained
from ...queue import run_pending
from ...queue.arguments import decode, environment
from ...queue.enqueue import Enqueuer
from ...queue.options import DEFAULT_PRIORITY
from .exchanges import exchanges_kept

__all__ = ["JobTrap", "TrappedJob", "drain_jobs", "make_due", "trap_jobs", "wait_until"]


class _TestSession:
    """The worker's session inside a test's transaction: each statement on a test cursor of its own."""

    def __init__(self, registry) -> None:
        self._registry = registry

    def execute(self, query, *, before=None, durable=False, prepared=False):
        with self._registry.cursor() as cr:
            if before:
                cr.execute(before)
            cr.execute(query, log_exceptions=False)
            return cr.fetchall() if cr.description else []

    def close(self) -> None:
        pass


def drain_jobs(case, limit: int | None = None, channel: str | None = None) -> int:
    """Run all due jobs inside the transaction of a test case, those that they enqueue included; return how many ran.

    What the test has changed so far is flushed first, as a commit would: observers of ``on_record_change`` have run
    when the first job is claimed. A job's commit and rollback are savepoints of the test's transaction; the exchanges
    of its calls are kept, as ever.

    :param case: a running ``TransactionCase`` (or ``HttpCase``)
    :param limit: how many jobs at most
    :param channel: only this channel and those below
    """
    case.env.cr.flush()
    mode = nullcontext() if type(case)._registry_patched else case.enter_registry_test_mode()
    with mode, exchanges_kept(case.registry):
        count = run_pending(
            case.registry, limit=limit, channels=[channel] if channel else None, session=_TestSession(case.registry)
        )
    case.env.invalidate_all()
    return count


@dataclass
class TrappedJob:
    """A call that was to be enqueued."""

    records: Any
    method_name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    options: dict[str, Any]
    #: What would be stored, in the environment of the caller.
    call: dict[str, Any] = field(repr=False)
    #: What the caller got: a job record that is not saved.
    job: Any = field(repr=False)
    ran: bool = field(default=False, repr=False)

    def run(self) -> Any:
        """Make the call in the caller's transaction, with the arguments as they come out of the database."""
        self.ran = True
        job_env = environment(self.records.env.cr, self.records.env.uid, self.call)
        records = job_env[self.records._name].browse(self.call["ids"])
        if self.call["ids"]:
            records = records.exists()
            if not records:
                return None
        args = decode(self.call["args"], job_env)
        kwargs = {name: decode(value, job_env) for name, value in self.call["kwargs"].items()}
        return getattr(records, self.method_name)(*args, **kwargs)


class JobTrap:
    """The jobs that were enqueued while the trap was open, in order: ``trap.jobs``."""

    def __init__(self) -> None:
        self.jobs: list[TrappedJob] = []

    def enqueued(self, method: Any, args: Any = ..., **options: Any) -> list[TrappedJob]:
        """Return the jobs of a method, given as its name or as ``records.method``, with these arguments and options."""
        name = method if isinstance(method, str) else method.__name__
        records = getattr(method, "__self__", None)
        return [
            job
            for job in self.jobs
            if job.method_name == name
            and (records is None or job.records == records)
            and (args is ... or job.args == tuple(args))
            and all(job.options.get(option) == value for option, value in options.items())
        ]

    def assert_enqueued(self, method: Any, args: Any = ..., **options: Any) -> TrappedJob:
        """Check that such a job was enqueued and return the first; ``args=...`` accepts any arguments.

        :raises AssertionError: when there is none; the message lists what was enqueued
        """
        found = self.enqueued(method, args, **options)
        if not found:
            listed = "\n".join(f"  {job}" for job in self.jobs) or "  nothing"
            raise AssertionError(f"no job of {method} with args={args} {options or ''}; enqueued was:\n{listed}")
        return found[0]

    def assert_not_enqueued(self, method: Any, args: Any = ..., **options: Any) -> None:
        """Check that no such job was enqueued."""
        found = self.enqueued(method, args, **options)
        if found:
            raise AssertionError(f"enqueued although it should not be: {found[0]}")

    def run(self) -> int:
        """Run what was enqueued and did not run yet, and what that enqueues, in the caller's transaction.

        :return: how many ran
        """
        count = 0
        for job in self.jobs:  # grows while it runs
            if not job.ran:
                job.run()
                count += 1
        return count


@contextmanager
def trap_jobs(env) -> Iterator[JobTrap]:
    """Collect the jobs that are enqueued inside instead of storing them.

    Options and arguments are checked as ever, identity keys absorb as ever. ``as_job().method()`` returns a job record
    that is not saved.
    """
    trap = JobTrap()
    env.cr.flush()
    store_for_real = Enqueuer.store

    def store(enqueuer, method_name, calls):
        records = enqueuer.records
        if is_contained(records.env.cr):  # a dry run, which takes it back
            return store_for_real(enqueuer, method_name, calls)
        options = enqueuer.options(method_name)
        rows = enqueuer.rows(method_name, calls, options)
        jobs = records.env["connector.job"]
        given = {name: value for name, value in vars(options).items() if value is not None}
        given = {"priority": DEFAULT_PRIORITY, **given, "channel": enqueuer.channel(options, enqueuer.backend(calls))}
        for (part, args, kwargs), (call, identity_key, exclusive_key, name, *_) in zip(calls, rows, strict=True):
            twins = [
                job for job in trap.jobs if identity_key and job.options["identity_key"] == identity_key and not job.ran
            ]
            if twins:
                jobs += twins[0].job
                continue
            kept = {**given, "identity_key": identity_key, "exclusive_key": exclusive_key}
            values = {"name": name, "model_name": records._name, "method_name": method_name, "state": "pending"}
            job = jobs.new({**values, "priority": kept["priority"], "channel": kept["channel"]})
            trap.jobs.append(TrappedJob(part, method_name, args, kwargs, kept, json.loads(call), job))
            jobs += job
        return jobs

    with patch.object(Enqueuer, "store", store):
        yield trap
        env.cr.flush()


def make_due(jobs) -> None:
    """Let jobs that wait for their time be due at once."""
    jobs.env.cr.execute(
        "UPDATE connector_job SET eta = (clock_timestamp() AT TIME ZONE 'utc') - interval '1 second'"
        " WHERE id = ANY(%s) AND state = 'pending'",
        [jobs.ids],
    )
    jobs.invalidate_recordset()


def wait_until(
    condition: Callable[[], Any],
    timeout_s: float = 10.0,
    message: Callable[[], str] = lambda: "it did not happen in time",
) -> None:
    """Wait for a condition, looking often, up to a deadline.

    :raises AssertionError: when the deadline has passed
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(message())
        time.sleep(0.02)
