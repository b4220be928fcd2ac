"""Storing jobs: what ``records.as_job(...)`` returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from odoo.tools import split_every

from . import sql, wake
from .arguments import Caller, dumps, encode
from .options import OPTIONS, check_options, method_options

__all__ = ["JobProxy", "Parameters"]

#: Jobs in one INSERT.
BATCH = 1000
DEFAULT_PRIORITY = 10
DEFAULT_CHANNEL = "root"


class JobProxy:
    """Stands for a recordset whose next method call is stored as a job instead of being made.

    Has no names of its own beside :meth:`map`: every other name is a method of the records.

    :param options: see :data:`~.options.OPTIONS`
    """

    __slots__ = ("__enqueuer",)

    def __init__(self, records: Any, options: Mapping[str, Any]) -> None:
        self.__enqueuer = _Enqueuer(records, options)

    def __repr__(self) -> str:
        return f"<jobs of {self.__enqueuer.records!r}>"

    def __getattr__(self, method_name: str) -> Callable[..., Any]:
        enqueuer = self.__enqueuer
        enqueuer.check_method(method_name)
        return lambda *args, **kwargs: enqueuer.enqueue(method_name, args, kwargs)

    def map(self, method_name: str, args_list: Iterable[Sequence[Any]]) -> Any:
        """Store one job for each tuple of positional arguments; return as many job records, in order.

        :raises ValueError: together with ``split``
        :raises TypeError: when what it is given for a job is no tuple or list
        """
        self.__enqueuer.check_method(method_name)
        return self.__enqueuer.map(method_name, args_list)


class _Enqueuer:
    """Stores calls of methods of ``records``."""

    def __init__(self, records: Any, options: Mapping[str, Any]) -> None:
        check_options(options, OPTIONS)
        self.records = records
        self.options = options

    def check_method(self, name: str) -> None:
        """:raises AttributeError: when it is no method that a job can run"""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if not callable(getattr(type(self.records), name, None)):
            message = f"{self.records._name} has no method {name!r} to run as a job"
            raise AttributeError(message)

    def enqueue(self, method_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Store one call, or one for each part of the records with ``split``; return the job records."""
        split = self.options.get("split")
        parts = [self.records] if split is None else _parts(self.records, split)
        return self._store(method_name, [(part, args, kwargs) for part in parts])

    def map(self, method_name: str, args_list: Iterable[Sequence[Any]]) -> Any:
        """Store one call for each tuple of arguments; return the job records."""
        if self.options.get("split") is not None:
            raise ValueError(
                "as_job(split=...) and map() do not go together: map() stores a job for each tuple already"
            )
        calls: list[_Call] = []
        for args in args_list:
            if not isinstance(args, tuple | list):
                raise TypeError(f"map() takes a tuple of arguments for each job, not {args!r}: write ({args!r},)")
            calls.append((self.records, tuple(args), {}))
        return self._store(method_name, calls)

    def _store(self, method_name: str, calls: list[_Call]) -> Any:
        cr, env = self.records.env.cr, self.records.env
        method = getattr(type(self.records), method_name)
        declared = method_options(type(self.records), method_name)
        options = {**declared, **{name: value for name, value in self.options.items() if value is not None}}
        rows = self._rows(method, calls, options)
        parent_ids = sorted(set(options["after"].ids)) if options.get("after") is not None else []
        waiting = False
        if parent_ids:
            cr.execute(sql.any_unfinished(parent_ids))
            waiting = cr.fetchone()[0]
        eta = options.get("eta")
        values = {
            "common": {
                "state": "waiting" if waiting else "pending",
                "model_name": self.records._name,
                "method_name": method_name,
                "priority": options.get("priority", DEFAULT_PRIORITY),
                "user_id": env.uid,
                "company_id": env.company.id,
                "identity_until_done": options.get("identity_until") == "done" and bool(options.get("identity_key")),
            },
            "channel": options.get("channel") or self._default_channel(calls),
            "eta": eta if isinstance(eta, datetime) else None,
            "eta_s": eta.total_seconds()
            if isinstance(eta, timedelta)
            else (None if isinstance(eta, datetime) else eta),
            "max_attempts": options.get("max_attempts"),
            "timeout_s": options.get("timeout_s"),
        }
        ids: list[int] = []
        new_ids: list[int] = []
        for batch in split_every(BATCH, rows, list):
            found, new = self._insert(batch, values)
            ids += found
            new_ids += new
        if waiting and new_ids:
            # Only new jobs wait, for older ones: so there can be no cycle.
            cr.execute(sql.insert_dependencies(new_ids, parent_ids))
        wake.after_commit(cr, sweep=waiting)
        return env["connector.job"].browse(ids)

    def _default_channel(self, calls: list[_Call]) -> str:
        """Return the channel that the model names for the first call."""
        for records, args, kwargs in calls:
            return records._job_channel(*args, **kwargs) or DEFAULT_CHANNEL
        return DEFAULT_CHANNEL

    def _rows(self, method: Callable[..., Any], calls: list[_Call], options: Mapping[str, Any]) -> list[_Row]:
        """Return (call, identity key, exclusive key, description) of each call."""
        caller = Caller(self.records.env, options.get("keep_context") or ())
        kept = caller.call()
        names = Parameters(method)
        default_description = _first_line(method) or method.__name__
        rows: list[_Row] = []
        for records, args, kwargs in calls:
            call = {
                "ids": _saved_ids(records),
                "args": [encode(value, names.of(i), caller) for i, value in enumerate(args)],
                "kwargs": {name: encode(value, name, caller) for name, value in kwargs.items()},
                **kept,
            }
            identity_key = _key(options.get("identity_key"), records, args, kwargs)
            exclusive_key = _key(options.get("exclusive_key"), records, args, kwargs)
            description = _key(options.get("description"), records, args, kwargs) or default_description
            rows.append((dumps(call), identity_key, exclusive_key, description))
        return rows

    def _insert(self, rows: list[_Row], values: dict[str, Any]) -> tuple[list[int], list[int]]:
        """Insert up to a batch of rows.

        :return: an id for each row, its own or that of the job which has its identity key; and the ids of new jobs
        """
        cr = self.records.env.cr
        plain = [row for row in rows if not row[1]]
        plain_ids = [job_id for job_id, _key in self._insert_new(plain, values)]
        if len(plain) == len(rows):
            return plain_ids, plain_ids
        # In the order of the keys, so that two bulk enqueuers of the same ones do not lock each other out.
        keyed = {row[1]: row for row in reversed(rows) if row[1]}
        found: dict[str | None, int] = {}
        if values["common"]["identity_until_done"]:
            cr.execute(sql.find_identical_running(list(keyed)))
            found.update((key, job_id) for job_id, key in cr.fetchall())
        stored = self._insert_new([keyed[key] for key in sorted(keyed) if key not in found], values, found)
        new_ids = [job_id for job_id, _key in stored]
        others = iter(plain_ids)
        return [found[row[1]] if row[1] else next(others) for row in rows], plain_ids + new_ids

    def _insert_new(
        self, rows: list[_Row], values: dict[str, Any], found: dict[str | None, int] | None = None
    ) -> list[tuple[int, str]]:
        """Insert rows and return (id, identity key) of the new jobs.

        :param found: job id by identity key, to be completed; None: the rows have no such keys
        """
        cr = self.records.env.cr
        if not rows:
            return []
        query = sql.insert_jobs(rows=rows, **values)
        cr.execute(query)
        stored = cr.fetchall()
        if found is not None:
            found.update((key, job_id) for job_id, key in stored)
            missing = [row[1] for row in rows if row[1] and row[1] not in found]
            if missing:
                cr.execute(sql.find_identical(missing))
                found.update((key, job_id) for job_id, key in cr.fetchall())
                missing = [key for key in missing if key not in found]
            if not missing:
                return stored
        elif stored:
            return stored
        # Nothing else keeps a job from being stored than a channel that is not there yet.
        self.records.env["connector.job.channel"]._ensure(values["channel"])
        cr.execute(query)
        stored = cr.fetchall()
        if found is not None:
            found.update((key, job_id) for job_id, key in stored)
        return stored


# Records, positional arguments and named ones.
_Call = tuple[Any, tuple[Any, ...], dict[str, Any]]
_Row = tuple[str, "str | None", "str | None", str]


class Parameters:
    """The names of a method's positional parameters, looked up when one is needed."""

    def __init__(self, method: Callable[..., Any] | None) -> None:
        self._method = method
        self._names: list[str] | None = None
        self._rest: str | None = None

    def of(self, position: int) -> _Name:
        return _Name(self, position)

    def name(self, position: int) -> str:
        """Return a parameter's name, "number 1" where the method has no such parameter or is not there."""
        if self._names is None:
            try:
                parameters = list(inspect.signature(self._method).parameters.values())[1:]  # type: ignore[arg-type]
            except (TypeError, ValueError):
                parameters = []
            self._names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
            self._rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        if position < len(self._names):
            return self._names[position]
        return f"{self._rest}[{position - len(self._names)}]" if self._rest else f"number {position + 1}"


class _Name:
    """A parameter's name that is worked out when it is printed."""

    __slots__ = ("_parameters", "_position")

    def __init__(self, parameters: Parameters, position: int) -> None:
        self._parameters = parameters
        self._position = position

    def __str__(self) -> str:
        return self._parameters.name(self._position)


def _parts(records: Any, size: int) -> Iterator[Any]:
    for ids in split_every(size, records._ids):
        yield records.browse(ids)


def _saved_ids(records: Any) -> list[int]:
    if not all(records._ids):
        raise TypeError(f"{records} is not saved: save it before you enqueue a job on it")
    return list(records._ids)


def _key(option: Any, records: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    return option(records, *args, **kwargs) if callable(option) else option


def _first_line(method: Callable[..., Any]) -> str:
    return (inspect.getdoc(method) or "").partition("\n")[0].strip()
