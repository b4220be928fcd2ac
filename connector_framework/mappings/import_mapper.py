"""From the external system to Odoo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

from odoo.fields import Command, Date, Datetime
from odoo.models import BaseModel

from .context import Context
from .definition import Children
from .mapper import Mapper
from .source import MISSING, is_no_time, is_nothing

__all__ = ["ImportMapper", "KnownLines"]

CREATE = Command.CREATE

#: How Odoo reads the values of fields of these types.
TIMES = {"date": Date.to_date, "datetime": Datetime.to_datetime}

Key = tuple[str, ...]


class ImportMapper(Mapper):
    """Translate an external record, a mapping, to values for ``create`` or ``write``.

    None becomes False, which clears a field in Odoo. What is no time (a zero date, say) clears a date or datetime
    field. The target of ``children`` is a one2many to a binding model: its value is a list of commands.
    """

    _kind: ClassVar[str | None] = "import_mapper"
    _empty: ClassVar[Any] = False
    _creates_children: ClassVar[bool] = True

    def translations(self, sources: Mapping[str, Any], **arguments: Any) -> dict[str, dict[str, Any]]:
        """Return the values of translatable fields per language, to be written ``with_context(lang=...)``.

        :param sources: the external record as it reads in each language, by language code
        :param arguments: as for ``values()``
        """
        fields = self.model._fields
        return {
            lang: {
                name: value
                for name, value in self.map_record(source).values(**arguments).items()
                if name in fields and fields[name].translate
            }
            for lang, source in sources.items()
        }

    def map_children(self, context: Context, step: Children, items: Iterable[Any]) -> list[Any]:
        lines = self._known_lines(context.binding, step) if context.binding else None
        if lines is None:
            child = self._child_context(context, step)
            return [(CREATE, 0, values) for values in child.mapper._map_each(child, items, step)]
        child = Context(self._child_mapper(step), False, None, None, context.given, context, context.trace)
        return lines.commands(child.mapper._map_each(child, items, step, lines))

    def _known_lines(self, binding: Any, step: Children) -> KnownLines | None:
        """Return the lines at the target of a record, or of the record of a split mapper's target."""
        part, _, name = step.target.rpartition(".")
        if part and isinstance(binding, Mapping):
            binding = binding.get(part)
        if not binding:
            return None
        mapper = self._child_mapper(step)
        key = tuple(getattr(mapper.model, "_external_key", ("external_id",)))
        return KnownLines(binding.with_context(active_test=False)[name], key, mapper._mapped_key)

    def _mapped_key(self, context: Context, names: Key) -> Key | None:
        """Return the external key that the record of a context maps to, None if that is not complete."""
        record = context.record
        entries = [self._definition.direct.get(name) for name in names]
        found: dict[str, Any] = {}
        for entry in entries:
            if entry is None:
                # A method or finalize() makes the key: only the whole mapping tells.
                key = external_key(record.values(**context.given), names)
                return key or external_key(record.values(for_create=True, **context.given), names)
            try:
                context.target, value = entry.target, entry.read(record.source)
                found[entry.target] = entry.apply(context, value) if entry.apply else value
            except Exception as exc:
                # Unless it is typed, the mapping of the child reports it, beside the other errors.
                context.field_errors().add(entry.target, exc)
                return None
        return external_key(found, names)

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], Any]]:
        if not self.targets and self.work.model_name not in self.env:
            return {}
        types = {target: getattr(self.target_field(target), "type", None) for target in self._definition.direct}
        return {target: partial(_check_time, TIMES[type]) for target, type in types.items() if type in TIMES}

    def _check_source(self, source: Any) -> None:
        if not isinstance(source, Mapping):
            raise TypeError(f"{type(self).__name__} maps mappings, not {type(source).__name__}")


def _check_time(read: Callable[[Any], Any], value: Any) -> Any:
    """Return None for what is no time; what Odoo cannot read as one is an error."""
    if is_no_time(value):
        return None
    if value is not MISSING:
        read(value)
    return value


class KnownLines:
    """The lines of a one2many that the children of a source may be, by external key.

    :param lines: of the binding, archived ones too
    :param names: the columns of their external key
    :param key_of: ``(context, names)`` -> the key that a child maps to, None if it has none
    """

    def __init__(self, lines: Any, names: Key, key_of: Callable[[Context, Key], Key | None]) -> None:
        self._names = names
        self._key_of = key_of
        self._by_key: dict[Key, Any] = {}
        self._without_key: list[Any] = []
        self._seen: set[Key] = set()
        #: The line, or None, of each child.
        self._recognised: list[Any] = []
        self._replaces = False
        for line in lines:
            key = external_key(line, names)
            if key is None:
                self._without_key.append(line)
            else:
                self._by_key[key] = line

    def recognise(self, context: Context) -> Any:
        """Return the line that the child of a context is, None for a new one.

        :raises ValueError: when another child had the key already
        """
        key = self._key_of(context, self._names)
        if key is None:
            self._replaces = True
        elif key in self._seen:
            described = ", ".join(f"{name} {part!r}" for name, part in zip(self._names, key, strict=True))
            raise ValueError(f"the source has two children with {described}")
        else:
            self._seen.add(key)
        line = self._by_key.pop(key, None) if key else None
        self._recognised.append(line)
        return line

    def commands(self, values: Iterable[dict[str, Any]]) -> list[Any]:
        """Return the commands that make the lines those of the source.

        :param values: of the children that were recognised, in the same order
        """
        written = [
            Command.create(one) if line is None else Command.update(line.id, one)
            for line, one in zip(self._recognised, values, strict=True)
        ]
        # A line without a key was never in the source, so it is not gone. But children without a key cannot be
        # recognised: they replace the lines that have none.
        gone = [*self._by_key.values(), *(self._without_key if self._replaces else ())]
        return written + [Command.delete(line.id) for line in gone]


def external_key(values: Any, names: Iterable[str]) -> Key | None:
    """Return the key that a record or a dict of values has, None if it is not complete.

    As text, since ids are text in Odoo and may be numbers elsewhere; a many2one by its id.
    """
    parts = []
    for name in names:
        part = values[name] if isinstance(values, BaseModel) else values.get(name)
        if isinstance(part, BaseModel):
            part = part.id
        if part is MISSING or is_nothing(part):
            return None
        parts.append(str(part))
    return tuple(parts)
