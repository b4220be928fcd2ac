"""Where the values of a dry run come from: the traces of the mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..mappings import ImportMapper
from ..mappings.explain import Trace

__all__ = ["NOWHERE", "Provenance"]

#: Of a value that no mapper has made.
NOWHERE = {"source": None, "method": None, "class": None, "addon": None}


class Provenance:
    """Keeps the traces of the import mappings that run, to tell where the value of a field comes from."""

    def __init__(self) -> None:
        #: By model and field, the entries of the traces that made a value of it, in order.
        self._entries: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def watch(self, unit: Any) -> None:
        """Trace what an import mapper maps; what it does and raises is the same."""
        if not isinstance(unit, ImportMapper):
            return
        map_in = unit.map_in

        def traced(context: Any, record: Any) -> Any:
            if context.trace is not None:
                return map_in(context, record)
            context.trace = Trace(explains=False)
            try:
                return map_in(context, record)
            finally:
                self._add(unit, context.trace.answer)

        vars(unit)["map_in"] = traced

    def of(self, model_name: str, field_name: str, value: Any) -> dict[str, Any]:
        """Return where the value of a field comes from: the mapping that made it, or else the last one of the field."""
        entries = self._entries.get((model_name, field_name))
        if not entries:
            return dict(NOWHERE)
        entry = next((entry for entry in reversed(entries) if _same(entry["value"], value)), entries[-1])
        return {name: entry[name] for name in NOWHERE}

    def _add(self, mapper: Any, answer: Mapping[str, dict[str, Any]]) -> None:
        for target, entry in answer.items():
            model_name, name = mapper.work.model_name, target
            if mapper.targets:
                part, _, name = target.partition(".")
                model_name = mapper.targets.get(part) if isinstance(mapper.targets, Mapping) else model_name
            for place in _places(mapper.env, model_name, name):
                self._entries.setdefault(place, []).append(entry)
            if entry.get("children"):
                child = mapper.unit(ImportMapper, entry["model"])
                for answers in entry["children"]:
                    self._add(child, answers)


def _places(env: Any, model_name: str | None, field_name: str) -> Iterator[tuple[str, str]]:
    """Yield the models, with the name of the field, that a value is written on: a binding, and its record."""
    while model_name and model_name in env and field_name in env[model_name]._fields:
        yield model_name, field_name
        known = env[model_name]._fields[field_name]
        if not known.inherited:
            return
        link, _, field_name = known.related.partition(".")
        model_name = env[model_name]._fields[link].comodel_name


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and one == other)
