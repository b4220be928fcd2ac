"""Storing jobs: the proxy that ``records.as_job(...)`` returns."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from odoo.exceptions import AccessError, MissingError
from odoo.tools import split_every

from ..near import did_you_mean
from ..signatures import refusal
from ..text import as_key, clean
from . import wake
from .arguments import Caller, check_arguments, dumps, encode_call
from .options import DEFAULT_CHANNEL, DEFAULT_PRIORITY, JobOptions, JobRow, JobValues, check_options, merged_options
from .sql import enqueue as statements

__all__ = ["JobProxy", "channel_path"]

_logger = logging.getLogger(__name__)

#: Jobs in one INSERT.
BATCH = 1000
#: Records that a description names, and characters of each.
NAMED_RECORDS, NAME_LENGTH = 3, 60
DESCRIPTION_LENGTH = 500

# Records, positional arguments and named ones.
_Call = tuple[Any, tuple[Any, ...], dict[str, Any]]


def channel_path(name: str) -> str:
    """Return the full path of a channel: one that does not begin with ``root`` is below it."""
    return name if name.partition(".")[0] == DEFAULT_CHANNEL else f"{DEFAULT_CHANNEL}.{name}"


class JobProxy:
    """Stands for a recordset whose next method call is stored as a job instead of being made.

    Has no names of its own beside :meth:`map`: every other name is a method of the records.

    :param options: see :class:`~.options.JobOptions`
    """

    __slots__ = ("__enqueuer",)

    def __init__(self, records: Any, options: Mapping[str, Any]) -> None:
        self.__enqueuer = Enqueuer(records, options)

    def __repr__(self) -> str:
        return f"<jobs of {self.__enqueuer.records!r}>"

    def __del__(self) -> None:
        try:
            enqueuer = self.__enqueuer
        except AttributeError:  # An option was refused.
            return
        if not enqueuer.is_used:
            # The last reference to it goes where as_job() was called, if that is all that the statement does.
            frame = sys._getframe(1)
            _logger.warning(
                "as_job() of %s was followed by no call of a method, so no job is stored: write "
                "records.as_job(...).method(...) (%s, line %s)",
                enqueuer.records._name,
                frame.f_code.co_filename,
                frame.f_lineno,
            )

    def __getattr__(self, method_name: str) -> Callable[..., Any]:
        if method_name == "_JobProxy__enqueuer":  # It is not set: to read it here would not end.
            raise AttributeError(method_name)
        enqueuer = self.__enqueuer
        enqueuer.is_used = True
        enqueuer.check_method(method_name)
        return lambda *args, **kwargs: enqueuer.enqueue(method_name, args, kwargs)

    def map(self, method_name: str, args_list: Iterable[Sequence[Any]]) -> Any:
        """Store one job for each tuple of positional arguments; return as many job records, in order.

        :raises ValueError: together with ``split``
        :raises TypeError: when the method is not named by a text, or what it is given for a job is no tuple or list
        """
        self.__enqueuer.is_used = True
        if not isinstance(method_name, str):
            raise TypeError(f"map() takes the name of a method, not {method_name!r}")
        self.__enqueuer.check_method(method_name)
        return self.__enqueuer.map(method_name, args_list)


class Enqueuer:
    """Stores calls of methods of ``records``."""

    def __init__(self, records: Any, options: Mapping[str, Any]) -> None:
        check_options(options)
        self.records = records
        self.given = options
        #: A method was asked for.
        self.is_used = False

    def check_method(self, name: str) -> None:
        """:raises AttributeError: when it is no method that a job can run"""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if not callable(getattr(type(self.records), name, None)):
            methods = [one for one in dir(type(self.records)) if callable(getattr(type(self.records), one, None))]
            message = f"{self.records._name} has no method {name!r} to run as a job. {did_you_mean(name, methods)}"
            raise AttributeError(message.rstrip(". "))

    def enqueue(self, method_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Store one call, or one for each part of the records with ``split``; return the job records."""
        split = self.given.get("split")
        parts = [self.records]
        if split is not None:
            parts = [self.records.browse(ids) for ids in split_every(split, self.records._ids)]
        return self.store(method_name, [(part, args, kwargs) for part in parts])

    def map(self, method_name: str, args_list: Iterable[Sequence[Any]]) -> Any:
        """Store one call for each tuple of arguments; return the job records."""
        if self.given.get("split") is not None:
            raise ValueError(
                "as_job(split=...) and map() do not go together: map() stores a job for each tuple already"
            )
        calls: list[_Call] = []
        for args in args_list:
            if not isinstance(args, tuple | list):
                raise TypeError(f"map() takes a tuple of arguments for each job, not {args!r}: write ({args!r},)")
            calls.append((self.records, tuple(args), {}))
        return self.store(method_name, calls)

    def options(self, method_name: str) -> JobOptions:
        """Return the options of the call and of the method."""
        options = merged_options(type(self.records), method_name, self.given)
        if options.on_failure and not callable(getattr(type(self.records), options.on_failure, None)):
            # The work of the job does not depend on it.
            _logger.warning(
                "@job_options of %s.%s names on_failure=%r, which is no method of the model: nothing will be called",
                self.records._name,
                method_name,
                options.on_failure,
            )
        return options

    def backend(self, calls: Sequence[_Call]) -> Any:
        """Return the backend (1, sudo) that the first call works with; None: none."""
        for records, args, kwargs in calls[:1]:
            backend = records._job_backend(*args, **kwargs)
            return backend.sudo() if backend else None
        return None

    def channel(self, options: JobOptions, backend: Any) -> str:
        """Return the channel of the call, of the method, or of the backend."""
        return channel_path(options.channel or (backend and backend.channel_id.name) or DEFAULT_CHANNEL)

    def rows(self, method_name: str, calls: list[_Call], options: JobOptions) -> list[JobRow]:
        """Return the row of each job: call, keys, description."""
        method = getattr(type(self.records), method_name)
        caller = Caller(self.records.env, options.keep_context or ())
        kept = caller.call()
        line = (inspect.getdoc(method) or "").partition("\n")[0].strip().rstrip(".") or method_name
        rows: list[JobRow] = []
        for records, args, kwargs in calls:
            if not all(records._ids):
                raise TypeError(f"{records} is not saved: save it before you enqueue a job on it")
            check_arguments(records, method_name, args, kwargs)
            call = {"ids": list(records._ids), **encode_call(method, args, kwargs, caller), **kept}
            description = _call_option(options, "description", records, args, kwargs) or _describe(line, records)
            identity_key = _call_option(options, "identity_key", records, args, kwargs)
            exclusive_key = _call_option(options, "exclusive_key", records, args, kwargs)
            rows.append(
                JobRow(
                    dumps(call),
                    as_key(identity_key) if identity_key else None,
                    as_key(exclusive_key) if exclusive_key else None,
                    clean(description)[:DESCRIPTION_LENGTH],
                    records._job_subjects(method, *args, **kwargs),
                )
            )
        return rows

    def store(self, method_name: str, calls: list[_Call]) -> Any:
        """Store calls of one method; return a job record for each, in order."""
        env = self.records.env
        options = self.options(method_name)
        rows = self.rows(method_name, calls, options)
        parent_ids = sorted(set(options.after.ids)) if options.after is not None else []
        waiting = bool(parent_ids) and self._execute(statements.any_unfinished(parent_ids))[0][0]
        backend = self.backend(calls)
        eta = options.eta.total_seconds() if isinstance(options.eta, timedelta) else options.eta
        values = JobValues(
            model_name=self.records._name,
            method_name=method_name,
            priority=DEFAULT_PRIORITY if options.priority is None else options.priority,
            user_id=env.uid,
            company_id=env.company.id,
            identity_until_done=options.identity_until == "done",
            state="waiting" if waiting else "pending",
            channel=self.channel(options, backend),
            eta=eta if isinstance(eta, datetime) else None,
            eta_s=None if isinstance(eta, datetime) else eta,
            max_attempts=options.max_attempts,
            timeout_s=options.timeout_s,
            backend_model=backend and backend._name,
            backend_id=backend and backend.id,
            backend_name=backend and clean(backend.display_name),
        )
        # The statements read channels, which the caller may have changed.
        env["connector.job.channel"].flush_model()
        ids: list[int] = []
        new_ids: list[int] = []
        for batch in split_every(BATCH, rows, list):
            plain_ids = self._insert_plain([row for row in batch if not row.identity_key], values)
            by_key, keyed_ids = self._insert_keyed(batch, values)
            others = iter(plain_ids)
            ids += [by_key[row.identity_key] if row.identity_key else next(others) for row in batch]
            new_ids += plain_ids + keyed_ids
            self._insert_subjects(zip(ids[-len(batch) :], batch, strict=True), {*plain_ids, *keyed_ids})
        if waiting and new_ids:
            # Only new jobs wait, for older ones: so there can be no cycle.
            env.cr.execute(statements.insert_dependencies(new_ids, parent_ids))
        wake.after_commit(env.cr, maintenance=waiting)
        return env["connector.job"].browse(ids)

    def _insert_plain(self, rows: list[JobRow], values: JobValues) -> list[int]:
        """Insert rows without an identity key and return their ids, in order."""
        if not rows:
            return []
        query = statements.insert_jobs(values, rows)
        stored = self._execute(query)
        if not stored:
            self._ensure_channel(values)
            stored = self._execute(query)
        return [job_id for job_id, _key in stored]

    def _insert_keyed(self, rows: list[JobRow], values: JobValues) -> tuple[dict[str, int], list[int]]:
        """Insert the rows that have an identity key; return a job by key, found or new, and the ids of new ones.

        In the order of the keys, so that two bulk enqueuers of the same ones do not lock each other out.
        """
        first: dict[str, JobRow] = {}
        for row in rows:
            if row.identity_key:
                first.setdefault(row.identity_key, row)
        wanted = dict(sorted(first.items()))
        if not wanted:
            return {}, []
        found: dict[str, int] = {}
        if values.identity_until_done:
            found = {key: job_id for job_id, key in self._execute(statements.find_identical_running(list(wanted)))}
        new = self._insert_new(wanted, found, values)
        absorbing = [key for key in wanted if key not in found and key not in new]
        if absorbing:
            jobs = self._execute(statements.find_identical(absorbing, values))
            found |= {key: job_id for job_id, key, _less_urgent in jobs}
            less_urgent = [job_id for job_id, _key, less_urgent in jobs if less_urgent]
            if less_urgent:
                self._execute(statements.hasten(less_urgent, values))
                self.records.env["connector.job"].browse(less_urgent).invalidate_recordset(["priority", "eta", "hold"])
            if len(found) + len(new) < len(wanted):
                self._ensure_channel(values)
                new |= self._insert_new(wanted, found, values)
        return found | new, list(new.values())

    def _insert_new(self, wanted: Mapping[str, JobRow], found: Mapping[str, int], values: JobValues) -> dict[str, int]:
        rows = [row for key, row in wanted.items() if key not in found]
        query = statements.insert_jobs(values, rows)
        return {key: job_id for job_id, key in self._execute(query)} if rows else {}

    def _insert_subjects(self, jobs: Iterable[tuple[int, JobRow]], new_ids: set[int]) -> None:
        """Store what new jobs are about; one that was found has its own."""
        rows = {(job_id, *subject): None for job_id, row in jobs if job_id in new_ids for subject in row.subjects}
        if rows:
            self.records.env.cr.execute(statements.insert_subjects(self.records._name, list(rows)))

    def _ensure_channel(self, values: JobValues) -> None:
        """Make the channel: nothing else keeps a job from being stored."""
        self.records.env["connector.job.channel"]._ensure(values.channel)

    def _execute(self, query: Any) -> list[Any]:
        self.records.env.cr.execute(query)
        return self.records.env.cr.fetchall()


def _call_option(
    options: JobOptions, name: str, records: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str | None:
    """Return a text option, worked out from the call where it is a function.

    :raises TypeError: when the function does not take the call, or returns something else
    """
    option = getattr(options, name)
    value = option
    if callable(option):
        try:
            value = option(records, *args, **kwargs)
        except TypeError as error:
            if not refusal(option, records, *args, **kwargs):
                raise
            raise TypeError(
                f"job option {name} is a function that is called as the method is, with the records first: {error}"
            ) from None
    if value is not None and not isinstance(value, str) and value is not False:
        raise TypeError(f"job option {name} is a function that returns {value!r}: it has to return a str or None")
    return value or None


def _describe(line: str, records: Any) -> str:
    """Return the first line of a method's docstring with the names of the records, as many as fit."""
    if not records:
        return line
    # Not a slice, which would read the names apart from those of the other records.
    first = list(islice(records, NAMED_RECORDS))
    try:
        names = [clean(record.display_name)[:NAME_LENGTH] for record in first]
    except (AccessError, MissingError):
        names = [f"{record._name} {record.id}" for record in first]
    more = len(records) - len(names)
    return f"{line}: {', '.join(names)}{f' and {more} more' if more else ''}"
