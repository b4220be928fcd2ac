"""From the other system to Odoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from odoo.fields import Command

from .errors import FieldErrors
from .lines import Key, KnownLines, external_key
from .mapper import Mapper
from .plan import Children
from .record import MapRecord

__all__ = ["ImportMapper"]

CREATE = Command.CREATE


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

    @classmethod
    def _direction(cls) -> type[ImportMapper]:
        return ImportMapper

    def _map_children(self, step: Children, map_record: MapRecord, items: Any) -> list[Any]:
        _, _, _, binding, options = self._current  # type: ignore[misc]
        mapper = cast(ImportMapper, self._child_mapper(step))  # of this direction
        known = _known_lines(binding, step.target, mapper.model) if binding else None
        commands: list[Any] = []
        errors: FieldErrors | None = None
        hooked, merges = mapper._has_child_hooks, mapper._merges
        line = None
        before = mapper._current
        try:
            for index, item in enumerate(self._items(items)):
                try:
                    if type(item) is dict and not merges:
                        child = MapRecord(mapper, item, map_record)
                    else:
                        child = mapper.map_record(item, map_record)
                    mapper._current = (child, known is None, None, None, options)
                    if hooked and mapper.skip_item(child):
                        continue
                    if known is not None:
                        line = known.take(mapper._child_key(child, known.names, options))
                        mapper._current = (child, line is None, None, line, options)
                    values = mapper._run(mapper._complete[line is None], child)
                    if hooked:
                        values = mapper.finalize_child(child, values)
                    commands.append((CREATE, 0, values) if line is None else Command.update(line.id, values))
                except Exception as exc:
                    errors = (errors or FieldErrors()).add_within(f"{step.target}[{index}]", exc)
        finally:
            mapper._current = before
        if errors:
            errors.throw()
        return commands + [Command.delete(line.id) for line in known.gone()] if known is not None else commands

    def _child_key(self, child: MapRecord, names: tuple[str, ...], options: dict[str, Any]) -> Key | None:
        """Return the external key that a child maps to, None if that is not complete."""
        entries = self._plan.key_entries(names)
        if entries is None:
            # A method or finalize() makes the key: only the whole mapping tells.
            key = external_key(self._values(child, False, None, None, options), names)
            return key or external_key(self._values(child, True, None, None, options), names)
        found: dict[str, Any] = {}
        for entry in entries:
            try:
                value = entry.read(child.source)
                found[entry.target] = value if entry.function is None else entry.function(self, value)
            except Exception as exc:
                # Unless it is to be raised as it is, the mapping of the child meets it again, beside the other errors.
                FieldErrors().add(entry.target, exc)
                return None
        return external_key(found, names)


def _known_lines(binding: Any, target: str, model: Any) -> KnownLines | None:
    """Return the lines at ``target`` of a record, or of the record of a split mapper's target."""
    part, _, name = target.rpartition(".")
    if part and isinstance(binding, Mapping):
        binding = binding.get(part)
    return KnownLines(binding, name, model) if binding else None
