"""From Odoo to the other system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from odoo.models import BaseModel

from .mapper import Mapper
from .record import Run
from .source import listed
from .steps import Children

__all__ = ["ExportMapper"]


class ExportMapper(Mapper):
    """Translate a record of Odoo, or a mapping, to the data that the other system takes.

    None stays None. An empty field of a record is exported as Odoo has it, as False; a modifier gets None for it. The
    value of ``children`` is a list of dicts.
    """

    _kind: ClassVar[str | None] = "export_mapper"
    _checks_records: ClassVar[bool] = True

    def translations(self, record: BaseModel, langs: Iterable[str], **arguments: Any) -> dict[str, dict[str, Any]]:
        """Return what the record's translatable fields feed, per language.

        Methods without ``@changed_by`` run too, as always with a selection of fields.

        :param langs: codes of languages
        :param arguments: as for ``values()``
        """
        fed = [name for name in self.source_fields() if name in record._fields and record._fields[name].translate]
        return {lang: self.map_record(record.with_context(lang=lang)).values(fields=fed, **arguments) for lang in langs}

    def _check_source(self, source: Any) -> None:
        if isinstance(source, BaseModel):
            source.ensure_one()
        elif not isinstance(source, Mapping):
            raise TypeError(f"{type(self).__name__} maps records and mappings, not {type(source).__name__}")

    @classmethod
    def _direction(cls) -> type[ExportMapper]:
        return ExportMapper

    def _map_children(self, step: Children, items: Any) -> list[Any]:
        parent: Run = self._run  # type: ignore[assignment]
        run = parent.children.get(step) or parent.of_children(step, parent.for_create)
        return run.mapper._map_all(run, listed(items), step)
