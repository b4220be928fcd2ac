"""Values that Odoo refuses to write, named by the field and by what in the mapper gives them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..exceptions import MappingError
from ..mappings.mistakes import followed
from ..near import did_you_mean

__all__ = ["refused_values"]


def refused_values(
    importer: Any, record: Any, binding: Any, values: Mapping[str, Any], error: Exception
) -> MappingError | None:
    """Return the error that names which values the ORM refused; None where none of them is to blame.

    :param record: that was mapped
    :param binding: (0..1) that the values were for
    :param error: of the ORM
    """
    model = importer.model
    refused: dict[str, str] = {}
    for name, value in values.items():
        field = model._fields.get(name)
        if field is None:
            if repr(name) not in str(error):  # A connector's own key, which its ``_create`` takes out.
                continue
            refused[name] = f"{error}. {did_you_mean(name, model._fields)}".rstrip(". ")
        elif field.type not in ("one2many", "many2many"):
            field = followed(field)  # It knows the values of a selection.
            try:
                field.convert_to_cache(value, model.env[field.model_name].new())
            except (ValueError, TypeError, KeyError) as reason:
                refused[name] = f"{type(reason).__name__}: {reason}"
    if not refused:
        return None
    answer: Mapping[str, Any] = {}
    with suppress(Exception):  # It is not this that has failed.
        answer = importer.mapper.explain(record, for_create=not binding, binding=binding)
    places = {name: _place(importer.mapper, answer[name]) for name in refused if name in answer}
    return MappingError(
        {name: f"{message} ({places[name]})" if name in places else message for name, message in refused.items()},
        source_keys={name: answer[name]["source"] for name in places if answer[name]["source"]},
    )


def _place(mapper: Any, entry: Mapping[str, Any]) -> str:
    """Return the name of the entry of a mapper that gives a value."""
    return f"{entry['addon'] or type(mapper).__module__}: {entry['class']}.{entry['method'] or 'direct'}"
