"""The four events that the ORM fires."""

from __future__ import annotations

from typing import Any

from .event import Event

__all__ = ["on_record_change", "on_record_create", "on_record_unlink", "on_record_write"]


class RecordEvent(Event):
    """An event that the ORM fires, for the records of any model.

    "Every model" leaves out transient models and the framework's own bookkeeping (``_connector_bookkeeping``).

    :param changed: the part of the payload that holds the names of the fields
    """

    def __init__(self, name: str, changed: str | None = None) -> None:
        super().__init__(name)
        self._changed = changed

    def _in_every_model(self, env: Any, model_name: str) -> bool:
        model = env.registry.models.get(model_name)
        return not (model is not None and (model._transient or getattr(model, "_connector_bookkeeping", False)))


#: ``(records, vals_list)``: when the ORM's own create has returned.
on_record_create = RecordEvent("on_record_create")
#: ``(records, vals)``: when the ORM's own write has returned.
on_record_write = RecordEvent("on_record_write", changed="vals")
#: ``(records)``: before the records are deleted.
on_record_unlink = RecordEvent("on_record_unlink")
#: ``(records, fields)``: before the commit, with all that was created and written since.
on_record_change = RecordEvent("on_record_change", changed="fields")
