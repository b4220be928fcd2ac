"""From the other system to Odoo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from odoo.fields import Command

from .lines import KnownLines
from .mapper import Mapper
from .record import Run
from .source import listed
from .steps import Children

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

    def _map_children(self, step: Children, items: Any) -> list[Any]:
        parent: Run = self._run  # type: ignore[assignment]
        known = _known_lines(parent.binding, step, self) if parent.binding else None
        if known is None:
            run = parent.children.get(step) or parent.of_children(step, True)
            return [(CREATE, 0, values) for values in run.mapper._map_all(run, listed(items), step)]
        run = Run(self._child_mapper(step), parent, False, None, None, parent.options)
        return known.commands(run.mapper._map_all(run, listed(items), step, known))


def _known_lines(binding: Any, step: Children, mapper: Mapper) -> KnownLines | None:
    """Return the lines at the target of a record, or of the record of a split mapper's target."""
    part, _, name = step.target.rpartition(".")
    if part and isinstance(binding, Mapping):
        binding = binding.get(part)
    return KnownLines(binding, name, mapper._child_mapper(step).model) if binding else None
