"""A dry run as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..text import model_label
from .preview import Preview
from .records import Record, Value

__all__ = ["shown"]

#: Characters of a value that are shown.
LENGTH = 300


def shown(preview: Preview) -> dict[str, Any]:
    """Return what the template ``connector_framework.preview_body`` shows of a dry run."""
    env = preview.env
    return {
        "outcome": preview.outcome,
        "is_failed": preview.outcome.startswith("failed"),
        "errors": [(target, message) for target, message in preview.errors.items() if target],
        "records": [
            {
                "label": model_label(env, record.model),
                "name": record.name,
                "is_new": record.id is None,
                "is_deleted": record.is_deleted,
                "values": [_value(value) for value in _own_values(env, record)],
            }
            for record in preview.records
        ],
        "calls": [
            {
                "operation": call["operation"],
                "external_id": "" if call["external_id"] is None else str(call["external_id"]),
                "lines": [(key, _cut(text)) for key, text in _lines(call["data"])],
            }
            for call in preview.calls
        ],
        "jobs": [job.name for job in preview.jobs],
    }


def _own_values(env: Any, record: Record) -> Iterator[Value]:
    """Yield the values that are shown: those of a binding's record are shown there."""
    fields = env[record.model]._fields
    for value in record.values:
        if not (record.is_deleted or (record.is_binding and fields[value.field.partition("@")[0]].inherited)):
            yield value


def _value(value: Value) -> dict[str, Any]:
    origin = value.provenance
    method = f"{origin['method']}()" if origin["method"] else ""
    return {
        "label": value.label,
        "old": _cut(value.shown_old),
        "new": _cut(value.shown_new),
        "source": " → ".join(filter(None, (origin["source"], method))),
        "mapper": f"{origin['class']}, {origin['addon']}" if origin["class"] else "",
    }


def _lines(data: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what is sent, one value a line, each with its path: ``lines[0].qty``."""
    if isinstance(data, dict) and data:
        for key, item in data.items():
            yield from _lines(item, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list) and data:
        for index, item in enumerate(data):
            yield from _lines(item, f"{path}[{index}]")
    elif data is not None or path:
        yield path, "" if data is None or data is False or data in ([], {}) else str(data)


def _cut(text: str) -> str:
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"
