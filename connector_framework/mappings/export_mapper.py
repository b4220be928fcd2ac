"""From Odoo to the external system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from odoo.models import BaseModel

from .context import Context
from .definition import Children
from .mapper import Mapper

__all__ = ["ExportMapper"]


class ExportMapper(Mapper):
    """Translate a record of Odoo, or a mapping, to the data that the external system takes.

    None stays None. An empty field of a record is exported as Odoo has it, as False; a modifier gets None for it. The
    value of ``children`` is a list of dicts.
    """

    _kind: ClassVar[str | None] = "export_mapper"

    def translations(self, record: BaseModel, langs: Iterable[str], **arguments: Any) -> dict[str, dict[str, Any]]:
        """Return what the record's translatable fields feed, per language.

        Methods without ``@changed_by`` run too, as always with a selection of fields.

        :param langs: codes of languages
        :param arguments: as for ``values()``
        """
        read = record._fields if self.undeclared_methods() else self.source_fields().intersection(record._fields)
        fed = [name for name in read if record._fields[name].translate]
        return {lang: self.map_record(record.with_context(lang=lang)).values(fields=fed, **arguments) for lang in langs}

    def map_children(self, context: Context, step: Children, items: Iterable[Any]) -> list[Any]:
        child = self._child_context(context, step)
        return child.mapper._map_each(child, items, step)

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], Any]]:
        return dict.fromkeys(self._definition.direct, _refuse_records)

    def _check_source(self, source: Any) -> None:
        if isinstance(source, BaseModel):
            source.ensure_one()
        elif not isinstance(source, Mapping):
            raise TypeError(f"{type(self).__name__} maps records and mappings, not {type(source).__name__}")


def _refuse_records(value: Any) -> Any:
    if isinstance(value, BaseModel):
        raise TypeError(f"{value} is a record: export a field of it by a dotted key, or use m2o_to_external")
    return value
