"""The records of a dry run: what the ORM creates, writes and deletes, field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from odoo.tools import html2plaintext

from ..masking import MASK, Masker, is_secret_name
from .plain import plain
from .provenance import NOWHERE, Provenance

__all__ = ["Record", "RecordWatch", "Value", "recorders"]

#: By cursor, who is told what its ORM writes. Empty but during a dry run: that is all that a write asks.
recorders: dict[Any, RecordWatch] = {}

#: What the framework notes on bindings of each synchronization: it says nothing, and a date that differs each time.
BOOKKEEPING = ("sync_date", "import_hash", "export_hash")
#: Models without a meaning of their own: messages to browsers.
UNSEEN_MODELS = ("bus.bus",)


@dataclasses.dataclass
class Value:
    """What becomes of a field of a record.

    :ivar field: the name; with ``@fr_FR`` for a translation into another language than that of the record
    :ivar label: for people, as are ``shown_old`` and ``shown_new``
    """

    field: str
    label: str = ""
    old: Any = None
    new: Any = None
    shown_old: str = ""
    shown_new: str = ""
    provenance: dict[str, Any] = dataclasses.field(default_factory=lambda: dict(NOWHERE))

    def as_dict(self) -> dict[str, Any]:
        return {"old": self.old, "new": self.new, **self.provenance}


@dataclasses.dataclass
class Record:
    """What becomes of a record.

    :ivar id: None for one that would be created
    """

    model: str
    id: int | None
    name: str = ""
    is_binding: bool = False
    is_deleted: bool = False
    values: list[Value] = dataclasses.field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"model": self.model, "id": self.id, "values": {value.field: value.as_dict() for value in self.values}}


@dataclasses.dataclass
class _Written:
    """A field that was written: as it was given last, and the environment (language, company) of the first writer."""

    env: Any
    given: Any


@dataclasses.dataclass
class _Entry:
    model: str
    id: int
    is_new: bool = False
    written: dict[str, _Written] = dataclasses.field(default_factory=dict)
    record: Record | None = None


class RecordWatch:
    """Notes which fields of which records are written on a cursor.

    What they hold is read twice: :meth:`read_new` before the rollback, :meth:`read_old` after it. So what was taken
    back meanwhile is left out, and the reading changes nothing of what runs.

    :param env: of the one who is to read the answer: he sees no field that he may not read
    """

    def __init__(self, env: Any, provenance: Provenance, masker: Masker) -> None:
        self._env = env
        self._provenance = provenance
        self._masker = masker
        self._entries: dict[tuple[str, int], _Entry] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        recorders[self._env.cr] = self
        try:
            yield
        finally:
            del recorders[self._env.cr]

    # -- what the ORM tells --------------------------------------------------------------------------------------------

    def created(self, records: Any, vals_list: list[dict[str, Any]]) -> None:
        if self._is_seen(records):
            for record, vals in zip(records, vals_list, strict=True):
                if records._name == "ir.attachment" and vals.get("res_field"):
                    continue  # the file of a field, which is noted by itself
                entry = self._entry(record)
                entry.is_new = True
                self._add(entry, record, vals)

    def written(self, records: Any, vals: dict[str, Any]) -> None:
        if self._is_seen(records):
            for record in records:
                if record.id:
                    self._add(self._entry(record), record, vals)

    def unlinking(self, records: Any) -> None:
        if self._is_seen(records):
            for record in records:
                if record.id:
                    self._entry(record)

    def _is_seen(self, records: Any) -> bool:
        return not (
            records._transient
            or records._abstract
            or getattr(records, "_connector_bookkeeping", False)
            or records._name in UNSEEN_MODELS
        )

    def _entry(self, record: Any) -> _Entry:
        return self._entries.setdefault((record._name, record.id), _Entry(record._name, record.id))

    def _add(self, entry: _Entry, record: Any, vals: dict[str, Any]) -> None:
        is_binding = getattr(record, "_is_connector_binding", False)
        for name, given in vals.items():
            known = record._fields.get(name)
            if known is None or (is_binding and name in BOOKKEEPING):
                continue
            key = name
            if known.translate and name in entry.written:
                lang = record.env.lang or "en_US"
                if lang != (entry.written[name].env.lang or "en_US"):
                    key = f"{name}@{lang}"
            written = entry.written.setdefault(key, _Written(record.env, given))
            written.given = given

    # -- what they hold ------------------------------------------------------------------------------------------------

    def read_new(self) -> None:
        """Read what is written, before it is rolled back."""
        for entry in self._existing():
            record = self._env(su=True)[entry.model].browse(entry.id)
            entry.record = self._start(entry, record)
            for key, written in entry.written.items():
                name = key.partition("@")[0]
                value = Value(key, _label(record._fields[name], key, self._env))
                value.new, value.shown_new = self._read(written.env, record, name)
                value.provenance = self._provenance.of(entry.model, name, written.given)
                entry.record.values.append(value)

    def read_old(self) -> None:
        """Read what was there before, after the rollback; drop what has not changed."""
        for entry in self._existing():
            record = self._env(su=True)[entry.model].browse(entry.id)
            if entry.record is None:
                # It exists only now: the work had deleted it.
                entry.record = self._start(entry, record)
                entry.record.is_deleted = True
                entry.record.values = [Value("id", record._fields["id"].string, entry.id, None, str(entry.id), "")]
                continue
            entry.record.name = self._masker.text(record.display_name or "")
            for value in entry.record.values:
                name = value.field.partition("@")[0]
                value.old, value.shown_old = self._read(entry.written[value.field].env, record, name)
            entry.record.values = [value for value in entry.record.values if _differs(value)]
        for entry in self._entries.values():
            if entry.is_new and entry.record:
                entry.record.values = [
                    value
                    for value in entry.record.values
                    if value.new not in (None, False, "", []) or value.provenance["class"]
                ]

    def records(self, first: str) -> list[Record]:
        """Return the records that change by model and id: those of a model first, then other bindings."""
        models = list(dict.fromkeys(entry.model for entry in self._entries.values()))
        found = [
            (entry.model != first, not entry.record.is_binding, models.index(entry.model), entry.id, entry.record)
            for entry in self._entries.values()
            if entry.record and (entry.is_new or entry.record.values)
        ]
        return [record for *_key, record in sorted(found, key=lambda row: row[:-1])]

    def is_new(self, model: str, record_id: int) -> bool:
        """Tell whether a record would be created."""
        entry = self._entries.get((model, record_id))
        return entry is not None and entry.is_new

    def _existing(self) -> Iterator[_Entry]:
        """Yield the entries whose records are there now, one query a model."""
        by_model: dict[str, list[int]] = {}
        for model, record_id in self._entries:
            by_model.setdefault(model, []).append(record_id)
        there = {model: set(self._env(su=True)[model].browse(ids).exists()._ids) for model, ids in by_model.items()}
        for entry in list(self._entries.values()):
            if entry.id in there[entry.model]:
                yield entry

    def _start(self, entry: _Entry, record: Any) -> Record:
        name = self._masker.text(record.display_name or "")
        is_binding = getattr(record, "_is_connector_binding", False)
        return Record(entry.model, None if entry.is_new else entry.id, name, is_binding)

    def _read(self, env: Any, record: Any, name: str) -> tuple[Any, str]:
        """Return the value of a field as JSON, and as people read it."""
        known = record._fields[name]
        value = record.with_env(env(su=True))[name]
        if value and (is_secret_name(name) or not (self._env.su or self._may_read(record, known))):
            return _Hidden(MASK, value), MASK
        if known.type == "binary" and isinstance(value, str | bytes):
            text = f"<{len(value)} bytes>"
            return _Hidden(text, value), text
        if known.relational:
            pairs = plain(value, self._masker)
            for pair, one in zip(pairs, value, strict=True):
                if self.is_new(one._name, one.id):
                    pair[0] = None
            shown = ", ".join(pair[1] for pair in pairs)
            return (pairs if known.type != "many2one" else pairs[0] if pairs else False), shown
        if known.type in ("json", "properties", "properties_definition"):
            value = known.convert_to_read(value, record)
        json = plain(value, self._masker)
        if value and known.type == "selection":
            labels = dict(known._description_selection(self._env))
            return json, str(labels.get(value, value))
        if known.type == "boolean":
            return json, self._env._("Yes") if value else self._env._("No")
        if value and known.type == "html":
            return json, html2plaintext(json)
        return json, "" if json is None or json is False else str(json)

    def _may_read(self, record: Any, known: Any) -> bool:
        return record.with_env(self._env)._has_field_access(known, "read")


class _Hidden(str):
    """The text that stands for a value that is not shown."""

    value: Any

    def __new__(cls, text: str, value: Any) -> _Hidden:
        self = super().__new__(cls, text)
        self.value = value
        return self


def _differs(value: Value) -> bool:
    if isinstance(value.old, _Hidden) and isinstance(value.new, _Hidden):
        return value.old.value != value.new.value
    return value.old != value.new


def _label(known: Any, key: str, env: Any) -> str:
    label = known._description_string(env) or known.name
    lang = key.partition("@")[2]
    return f"{label} ({lang})" if lang else label
