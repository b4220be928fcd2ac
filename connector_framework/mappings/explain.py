"""Where the value of each target comes from: for the preview, and for a puzzled developer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..addon import addon_of
from .errors import describe
from .record import Run
from .source import MISSING, listed
from .steps import Children, Direct, Method

if TYPE_CHECKING:
    from .mapper import Mapper
    from .record import MapRecord

__all__ = ["explain"]

Answer = dict[str, dict[str, Any]]


def explain(mapper: Mapper, source: Any, for_create: bool, options: dict[str, Any]) -> Answer:
    """Return the answer of :meth:`Mapper.explain`; each step runs by itself, so that one that fails spoils no other."""
    map_record = mapper.map_record(source)
    options = dict(options)
    binding = options.pop("binding", None)
    return _explain(mapper, map_record, for_create, binding, options)


def _explain(
    mapper: Mapper,
    map_record: MapRecord,
    for_create: bool,
    binding: Any,
    options: dict[str, Any],
    is_child: bool = False,
) -> Answer:
    answer: Answer = {}
    before = mapper._run
    mapper._run = Run(mapper, None, for_create, None, binding, options)
    mapper._run.source, mapper._run.made = map_record.source, map_record
    try:
        if is_child and mapper.skip_item(map_record):
            return {}
        for step in mapper._plan.selection(None, for_create).steps:
            if isinstance(step, Direct):
                _explain_direct(mapper, step, map_record, answer)
            elif isinstance(step, Method):
                _explain_method(mapper, step, map_record, answer)
            else:
                _explain_children(mapper, step, map_record, for_create, options, answer)
        _explain_hook(mapper, map_record, answer, "finalize")
        if is_child:
            _explain_hook(mapper, map_record, answer, "finalize_child")
    finally:
        mapper._run = before
    return answer


def _entry(owner: type, **known: Any) -> dict[str, Any]:
    entry = {
        "source": None,
        "modifier": None,
        "method": None,
        "class": owner.__qualname__,
        "addon": addon_of(owner),
        "value": None,
        "note": "",
    }
    return {**entry, **known}


def _explain_direct(mapper: Mapper, step: Direct, map_record: MapRecord, answer: Answer) -> None:
    entry = _entry(step.owner, source=step.key, modifier=repr(step.modifiers[-1]) if step.modifiers else None)
    try:
        value = step.value(mapper, map_record.source)
    except Exception as exc:
        entry["note"] = describe(exc)
    else:
        if value is MISSING:
            entry["note"] = "not in the source"
            if step.target in answer:
                return
        else:
            entry["value"] = mapper._empty if value is None else value
    answer[step.target] = entry


def _explain_method(mapper: Mapper, step: Method, map_record: MapRecord, answer: Answer) -> None:
    entry = _entry(step.owner, method=step.name, source=", ".join(step.keys) if step.keys else step.source)
    try:
        values = mapper._call(step.name, step.source, step.target, map_record.source)
    except Exception as exc:
        answer[step.name] = {**entry, "note": describe(exc)}
        return
    for target, value in values.items():
        answer[target] = {**entry, "value": value}


def _explain_children(
    mapper: Mapper, step: Children, map_record: MapRecord, for_create: bool, options: dict[str, Any], answer: Answer
) -> None:
    entry = _entry(step.owner, source=step.key, model=step.model_name, children=[])
    try:
        items = step.read(map_record.source)
        if items is MISSING:
            entry["note"] = "not in the source"
        else:
            child_mapper = mapper._child_mapper(step)
            for item in listed(items):
                child = child_mapper.map_record(item, parent=map_record)
                explained = _explain(child_mapper, child, for_create, None, options, is_child=True)
                if explained:
                    entry["children"].append(explained)
            entry["value"] = mapper._map_children(step, items)
    except Exception as exc:
        entry["note"] = describe(exc)
    answer[step.target] = entry


def _explain_hook(mapper: Mapper, map_record: MapRecord, answer: Answer, hook: str) -> None:
    """Tell what ``finalize``, or ``finalize_child``, changes."""
    owner = next(cls for cls in type(mapper).__mro__ if hook in vars(cls))
    if any(entry["note"] not in ("", "not in the source") for entry in answer.values()):
        return  # A mapping with errors does not get that far.
    before = {target: entry["value"] for target, entry in answer.items() if not entry["note"]}
    try:
        after = getattr(mapper, hook)(map_record, dict(before))
    except Exception as exc:
        answer[hook] = _entry(owner, method=hook, note=describe(exc))
        return
    for target, value in (after or {}).items():
        if target not in before or before[target] is not value:
            answer[target] = _entry(owner, method=hook, value=value)
    for target in before:
        if target not in (after or {}):
            answer[target]["note"] = f"taken out by {hook} of {owner.__qualname__}"
