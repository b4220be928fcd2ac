"""From Odoo to the other system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from odoo.models import BaseModel

from ..exceptions import MappingError
from .mapper import Mapper, collect_error
from .plan import Children
from .record import MapRecord

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

    def _child_mapper(self, step: Children) -> ExportMapper:
        return self.unit(ExportMapper, step.model_name)

    def _map_children(
        self, step: Children, map_record: MapRecord, items: Any, binding: Any, options: dict[str, Any]
    ) -> list[Any]:
        mapper = self._child_mapper(step)
        for_create = bool(self._current and self._current[1])
        result: list[Any] = []
        errors: dict[str, str] = {}
        cause = None
        before = mapper._current
        for index, item in enumerate(self._items(items)):
            where = f"{step.target}[{index}]"
            try:
                child = mapper.map_record(item, parent=map_record)
                mapper._current = (child, for_create, None, None, options)
                if mapper.skip_item(child):
                    continue
                values = mapper._values(child, for_create, None, None, options)
                result.append(mapper.finalize_child(child, values))
            except MappingError as exc:
                cause = exc
                errors.update((f"{where}.{name}" if name else where, text) for name, text in exc.field_errors.items())
            except Exception as exc:
                cause = collect_error(errors, where, exc)
            finally:
                mapper._current = before
        if errors:
            raise MappingError(errors) from cause
        return result
