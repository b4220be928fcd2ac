"""The log of a transaction's changes, until they are delivered to the consumers of ``on_record_change``.

The log lives in ``cr.precommit.data``: Odoo empties that together with the callbacks when the transaction or a flushing
savepoint is rolled back, so what is rolled back is forgotten.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

from .model_subscriptions import model_subscriptions

__all__ = ["SILENT", "Change", "ChangeLog", "WriteScope", "Writer", "change_log", "find_change_log"]

_KEY = "connector_framework.events.changes"

#: The origin of what is written with ``connector_no_events``.
SILENT = ("silent",)


class Writer(NamedTuple):
    """The environment and the origin of a write."""

    env: Any
    origin: Any  # the context's ``connector_origin``, None without, or SILENT


class WriteScope:
    """Track the origin of nested writes while a create, write or unlink of the ORM runs.

    What is written after the call is still this writer's, as is what the call made necessary to recompute; unless there
    is an outer call, which then goes on. Every call enters a scope once changes have a consumer: few steps.
    """

    __slots__ = ("_outer", "_token", "cr", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.cr = writer.env.cr

    def __enter__(self) -> None:
        self._outer = _open.get()
        log = change_log(self.cr)
        if log.writer is not self.writer:
            log.resume(self.writer)
        self._token = _open.set(self)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        log = change_log(self.cr)  # a new one, of this writer, if a savepoint inside has emptied the data
        _open.reset(self._token)
        outer = self._outer
        if outer is not None and outer.cr is self.cr and outer.writer is not log.writer:
            # After an error the transaction may be broken, and is about to be rolled back: flush nothing.
            log.resume(outer.writer, settle=exc_type is None)


# The innermost scope of this thread.
_open: ContextVar[WriteScope | None] = ContextVar("write_scope", default=None)


class Change:
    """The changed records of one model and origin.

    :ivar env: of the first writer
    :ivar ids: all the records
    :ivar fields: the names of all the fields that changed
    """

    __slots__ = ("env", "fields", "ids")

    def __init__(self, env: Any, ids: Iterable[int] = (), fields: Iterable[str] = ()) -> None:
        self.env = env
        self.ids = set(ids)
        self.fields = set(fields)

    def add(self, ids: Iterable[int], fields: Iterable[str]) -> None:
        self.ids.update(ids)
        self.fields.update(fields)


Segment = dict[tuple[str, Any], Change]  # by model and origin


class ChangeLog:
    """The pending changes of a transaction.

    They are kept in segments: a new one begins with each savepoint, so that rolling back to it drops what came since.
    """

    def __init__(self, cr: Any) -> None:
        self._cr = cr
        self.segments: list[Segment] = [{}]
        self._marks: list[tuple[str, int]] = []  # the open savepoints, with the first segment after each
        self._watch: SavepointWatch | None = None
        scope = _open.get()
        # A savepoint in the middle of a write delivers and empties the data; the write goes on.
        self.writer: Writer | None = scope.writer if scope is not None and scope.cr is cr else None
        self.scheduled = False
        self.waited = False
        self.rounds = 0

    def __deepcopy__(self, memo: Any) -> ChangeLog:
        # Odoo's TransactionCase copies the data of the precommit callbacks before each test.
        copy = ChangeLog(self._cr)
        copy.segments = [
            {key: Change(change.env, change.ids, change.fields) for key, change in segment.items()}
            for segment in self.segments
        ]
        copy._marks = list(self._marks)
        copy.writer, copy.scheduled = self.writer, self.scheduled
        return copy

    # -- the writer --

    def resume(self, writer: Writer, settle: bool = True) -> None:
        """Attribute what is written and recomputed from now on to a writer."""
        if settle and self.writer is not None and self.writer.origin != writer.origin:
            self.settle()
        self.writer = writer

    def settle(self) -> None:
        """Recompute and flush what is pending, for the writer who caused it.

        What is recomputed belongs to the origin of the write that made it necessary; so before another origin writes,
        the models whose changes have a consumer are flushed.
        """
        assert self.writer is not None
        env = self.writer.env
        pending: set[str] = set()
        for ids_by_field in (env.transaction.tocompute, env.transaction.field_dirty):
            pending.update(field.model_name for field, ids in ids_by_field.items() if ids)
        for model in (env[model_name] for model_name in pending):
            subscriptions = model_subscriptions(model)
            if subscriptions is not None and subscriptions.collects:
                model.flush_model()

    # -- changes --

    def add(self, model_name: str, ids: Iterable[int], fields: Iterable[str], writer: Writer) -> None:
        """Log that fields of records were written."""
        if self._watch is None:
            self._watch = SavepointWatch(self, self._cr)
        segment = self.segments[-1]
        change = segment.get((model_name, writer.origin))
        if change is None:
            change = segment[model_name, writer.origin] = Change(writer.env)
        change.add(ids, fields)

    def take(self) -> Segment:
        """Return all that is pending, by model and origin, and forget it."""
        taken, *later = self.segments
        for segment in later:
            _absorb(taken, segment)
        self.segments, self._marks = [{}], []
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        return taken

    # -- savepoints --

    def savepoint(self, name: str) -> None:
        if self.segments[-1]:
            self.segments.append({})
        self._marks.append((name, len(self.segments) - 1))

    def release(self, name: str) -> None:
        mark = self._mark(name)
        if mark is None:
            return
        del self._marks[mark:]
        lowest = self._marks[-1][1] if self._marks else 0
        while len(self.segments) > lowest + 1:
            later = self.segments.pop()
            _absorb(self.segments[-1], later)

    def rollback_to(self, name: str) -> None:
        mark = self._mark(name)
        if mark is None:  # it began before the first change
            self.segments, self._marks = [{}], []
        else:
            position = self._marks[mark][1]
            self.segments[position:] = [{}]
            del self._marks[mark + 1 :]

    def _mark(self, name: str) -> int | None:
        """Return where the newest savepoint of that name is among the open ones."""
        return next((i for i in reversed(range(len(self._marks))) if self._marks[i][0] == name), None)


def _absorb(segment: Segment, later: Segment) -> None:
    for key, change in later.items():
        if key in segment:
            segment[key].add(change.ids, change.fields)
        else:
            segment[key] = change


class SavepointWatch:
    """Tell a log where savepoints begin and end.

    Odoo clears ``cr.precommit`` when a flushing savepoint is rolled back, but not for ``cr.savepoint(flush=False)``
    nor for SQL of one's own. Both pass through ``Cursor.execute``, which calls the hooks in its thread's
    ``query_hooks``; a hook costs no query, and is there only while something is pending.
    """

    def __init__(self, log: ChangeLog, cr: Any) -> None:
        self._log = weakref.ref(log)
        # A cursor of tests passes its statements on to the real one, and that calls the hooks.
        self._cursor = weakref.ref(getattr(cr, "_cursor", cr))
        self._thread = threading.current_thread()
        self._thread.query_hooks = [*getattr(self._thread, "query_hooks", ()), self]  # type: ignore[attr-defined]

    def __call__(self, cr: Any, query: Any, params: Any, start: float, delay: float) -> None:
        log = self._log()
        if log is None:  # committed, rolled back, or a cursor that is gone
            self.stop()
            return
        if (
            not isinstance(query, str)
            or query[:9] not in ("SAVEPOINT", "RELEASE S", "ROLLBACK ")
            or cr is not self._cursor()
        ):
            return
        name = query.split()[-1].strip('";')
        if query.startswith("SAVEPOINT"):
            log.savepoint(name)
        elif query.startswith("RELEASE"):
            log.release(name)
        else:
            log.rollback_to(name)

    def stop(self) -> None:
        # A new list: this one may be iterated over at the moment.
        hooks = getattr(self._thread, "query_hooks", ())
        self._thread.query_hooks = [hook for hook in hooks if hook is not self]  # type: ignore[attr-defined]


def find_change_log(cr: Any) -> ChangeLog | None:
    """Return the log of the cursor's transaction, None before its first write."""
    return cr.precommit.data.get(_KEY)


def change_log(cr: Any) -> ChangeLog:
    """Return the log of the cursor's transaction, a new one before its first write."""
    log = cr.precommit.data.get(_KEY)
    if log is None:
        log = cr.precommit.data[_KEY] = ChangeLog(cr)
    return log
