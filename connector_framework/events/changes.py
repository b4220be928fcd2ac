"""What has been changed in a transaction, until it is delivered to the consumers of ``on_record_change``.

The log lives in ``cr.precommit.data``: Odoo empties that together with the callbacks when the transaction or a flushing
savepoint is rolled back, so what is rolled back is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, NamedTuple

from .listening import listening
from .savepoints import SavepointWatch

__all__ = ["SILENT", "Change", "Changes", "Writer", "Writing", "changes_of", "known_changes"]

_KEY = "connector_framework.events.changes"

#: The origin of what is written with ``connector_no_events``.
SILENT = ("silent",)


class Writer(NamedTuple):
    """In whose name something is written."""

    env: Any
    origin: Any  # what ``connector_origin`` says, None without, or SILENT


class Writing:
    """Know in whose name the ORM writes while a create, write or unlink runs.

    What comes after the call is still this writer's, as is what it made necessary to recompute; unless there is another
    call around it, which then goes on. It is entered by every call once anybody listens to changes: few steps.
    """

    __slots__ = ("_outer", "_token", "cr", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.cr = writer.env.cr

    def __enter__(self) -> None:
        self._outer = _open.get()
        changes = changes_of(self.cr)
        if changes.writer is not self.writer:
            changes.resume(self.writer)
        self._token = _open.set(self)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        changes = changes_of(self.cr)  # a new one, in this writer's name, if a savepoint inside has emptied the data
        _open.reset(self._token)
        outer = self._outer
        if outer is not None and outer.cr is self.cr and outer.writer is not changes.writer:
            # After an error the transaction may be broken, and is about to be rolled back: flush nothing.
            changes.resume(outer.writer, settle=exc_type is None)


# The innermost call that runs in this thread.
_open: ContextVar[Writing | None] = ContextVar("writing", default=None)


class Change:
    """What happened to the records of one model, from one origin.

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


class Changes:
    """The pending changes of a transaction.

    They are kept in segments: a new one begins with each savepoint, so that rolling back to it drops what came since.
    """

    def __init__(self, cr: Any) -> None:
        self._cr = cr
        self._segments: list[Segment] = [{}]
        self._marks: list[tuple[str, int]] = []  # the open savepoints, with the first segment after each
        self._watch: SavepointWatch | None = None
        open_call = _open.get()
        # A savepoint in the middle of a write delivers and empties the data; the write goes on.
        self.writer: Writer | None = open_call.writer if open_call is not None and open_call.cr is cr else None
        self.scheduled = False
        self.waited = False
        self.rounds = 0

    def __deepcopy__(self, memo: Any) -> Changes:
        # Odoo's TransactionCase copies the data of the precommit callbacks before each test.
        changes = Changes(self._cr)
        changes._segments = [
            {key: Change(change.env, change.ids, change.fields) for key, change in segment.items()}
            for segment in self._segments
        ]
        changes._marks = list(self._marks)
        changes.writer, changes.scheduled = self.writer, self.scheduled
        return changes

    # -- who writes --

    def resume(self, writer: Writer, settle: bool = True) -> None:
        """Note that what is written and recomputed from now on is the writer's."""
        if settle and self.writer is not None and self.writer.origin != writer.origin:
            self.settle()
        self.writer = writer

    def settle(self) -> None:
        """Recompute and flush what is pending, in the name of who caused it.

        What is recomputed belongs to the origin of the write that made it necessary; so before another origin writes,
        the models that somebody listens to are flushed.
        """
        assert self.writer is not None
        env = self.writer.env
        pending: set[str] = set()
        for ids_by_field in (env.transaction.tocompute, env.transaction.field_dirty):
            pending.update(field.model_name for field, ids in ids_by_field.items() if ids)
        for model in (env[model_name] for model_name in pending):
            heard = listening(model)
            if heard is not None and heard.collects:
                model.flush_model()

    # -- what is written --

    def add(self, model_name: str, ids: Iterable[int], fields: Iterable[str], writer: Writer) -> None:
        """Note that fields of records were written."""
        if self._watch is None:
            self._watch = SavepointWatch(self, self._cr)
        segment = self._segments[-1]
        change = segment.get((model_name, writer.origin))
        if change is None:
            change = segment[model_name, writer.origin] = Change(writer.env)
        change.add(ids, fields)

    def take(self) -> Segment:
        """Return all that is pending, by model and origin, and forget it."""
        taken, *later = self._segments
        for segment in later:
            _absorb(taken, segment)
        self._segments, self._marks = [{}], []
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        return taken

    # -- savepoints --

    def savepoint(self, name: str) -> None:
        if self._segments[-1]:
            self._segments.append({})
        self._marks.append((name, len(self._segments) - 1))

    def release(self, name: str) -> None:
        mark = self._mark(name)
        if mark is None:
            return
        del self._marks[mark:]
        lowest = self._marks[-1][1] if self._marks else 0
        while len(self._segments) > lowest + 1:
            later = self._segments.pop()
            _absorb(self._segments[-1], later)

    def rollback_to(self, name: str) -> None:
        mark = self._mark(name)
        if mark is None:  # it began before the first change
            self._segments, self._marks = [{}], []
        else:
            position = self._marks[mark][1]
            self._segments[position:] = [{}]
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


def known_changes(cr: Any) -> Changes | None:
    """Return the log of the cursor's transaction if there is one."""
    return cr.precommit.data.get(_KEY)


def changes_of(cr: Any) -> Changes:
    """Return the log of the cursor's transaction."""
    changes = cr.precommit.data.get(_KEY)
    if changes is None:
        changes = cr.precommit.data[_KEY] = Changes(cr)
    return changes
