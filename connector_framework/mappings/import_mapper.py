"""From the other system to Odoo."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

from odoo.fields import Command
from odoo.models import BaseModel

from ..exceptions import MappingError
from .mapper import Mapper, collect_error
from .plan import Children
from .record import MapRecord
from .source import MISSING

__all__ = ["ImportMapper"]

Key = tuple[Hashable, ...]


class ImportMapper(Mapper):
    """Translate an external record, a mapping, to values for ``create`` or ``write``.

    None becomes False, which clears a field in Odoo. The target of ``children`` is a one2many to a binding model: its
    value is a list of commands.
    """

    _kind: ClassVar[str | None] = "import_mapper"
    _empty: ClassVar[Any] = False

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

    def _check_source(self, source: Any) -> None:
        if not isinstance(source, Mapping):
            raise TypeError(f"{type(self).__name__} maps mappings, not {type(source).__name__}")

    def _child_mapper(self, step: Children) -> ImportMapper:
        return self.unit(ImportMapper, step.model_name)

    def _map_children(
        self, step: Children, map_record: MapRecord, items: Any, binding: Any, options: dict[str, Any]
    ) -> list[Any]:
        mapper = self._child_mapper(step)
        names: tuple[str, ...] = ()
        lines: dict[Key, Any] = {}
        keyless: list[Any] = []
        parent, _, target = step.target.rpartition(".")
        if parent and isinstance(binding, Mapping):
            binding = binding.get(parent)
        if binding:
            names = tuple(getattr(mapper.model, "_external_key", ("external_id",)))
            # An archived line is known all the same.
            for line in binding.with_context(active_test=False)[target]:
                key = _key(line, names)
                if key is None:
                    keyless.append(line)
                else:
                    lines[key] = line
        commands: list[Any] = []
        errors: dict[str, str] = {}
        cause = None
        seen: set[Key] = set()
        before = mapper._current
        for index, item in enumerate(self._items(items)):
            where = f"{step.target}[{index}]"
            try:
                child = mapper.map_record(item, parent=map_record)
                mapper._current = (child, not binding, None, None, options)
                if mapper.skip_item(child):
                    continue
                line = None
                if binding:
                    key = mapper._child_key(child, names, options)
                    if key is None:
                        # It cannot be recognised: what has no key is replaced.
                        commands += [Command.delete(gone.id) for gone in keyless]
                        keyless = []
                    elif key in seen:
                        raise ValueError(f"the source has two children with {_described(names, key)}")
                    else:
                        seen.add(key)
                        line = lines.pop(key, None)
                    mapper._current = (child, line is None, None, line, options)
                values = mapper._values(child, line is None, None, line, options)
                values = mapper.finalize_child(child, values)
                commands.append(Command.create(values) if line is None else Command.update(line.id, values))
            except MappingError as exc:
                cause = exc
                errors.update((f"{where}.{name}" if name else where, text) for name, text in exc.field_errors.items())
            except Exception as exc:
                cause = collect_error(errors, where, exc)
            finally:
                mapper._current = before
        if errors:
            raise MappingError(errors) from cause
        commands += [Command.delete(line.id) for line in lines.values()]
        return commands

    def _child_key(self, child: MapRecord, names: tuple[str, ...], options: dict[str, Any]) -> Key | None:
        """Return the external key that a child maps to, None if that is not complete."""
        entries = self._plan.key_entries(names)
        if entries is None:
            # A method or finalize() makes the key: only the whole mapping tells.
            key = _key(self._values(child, False, None, None, options), names)
            return key or _key(self._values(child, True, None, None, options), names)
        found: dict[str, Any] = {}
        for entry in entries:
            try:
                value = entry.read(child.source)
                found[entry.target] = value if entry.function is None else entry.function(self, value)
            except Exception as exc:
                # The whole mapping meets the error again and reports it, beside the child's other errors.
                errors: dict[str, str] = {}
                collect_error(errors, entry.target, exc, entry.key)
                return None
        return _key(found, names)


def _key(values: Any, names: Iterable[str]) -> Key | None:
    """Return the key in a form in which a record's and a mapping's are equal: ids are text in Odoo."""
    parts = []
    for name in names:
        part = values[name] if isinstance(values, BaseModel) else values.get(name)
        if isinstance(part, BaseModel):
            part = part.id
        if part is None or part is False or part is MISSING or part == "":
            return None
        parts.append(str(part))
    return tuple(parts)


def _described(names: Iterable[str], key: Key) -> str:
    return ", ".join(f"{name} {part!r}" for name, part in zip(names, key, strict=True))
