"""The trace of a mapping: where the value of each target comes from, for the preview and for developers."""

from __future__ import annotations

from typing import Any

from ..addon import addon_of
from .definition import Direct, Method, Step
from .errors import describe
from .source import MISSING

__all__ = ["Trace"]

NOT_IN_SOURCE = "not in the source"


class Trace:
    """Records what the steps and hooks of a mapping return, for one record.

    :param explains: typed errors are part of the answer, too, and are not raised
    """

    def __init__(self, explains: bool = True) -> None:
        self.explains = explains
        #: By target, as :meth:`.Mapper.explain` returns it.
        self.answer: dict[str, dict[str, Any]] = {}
        self._children: list[Trace] = []

    def child(self) -> Trace:
        """Return the trace of the next child of the record."""
        self._children.append(Trace(self.explains))
        return self._children[-1]

    def add(self, step: Step, value: Any) -> None:
        """Add what a step returned."""
        if isinstance(step, Method):
            for target, one in value.items():
                self.answer[target] = self._entry(step, value=one)
        elif value is not MISSING:
            self.answer[step.target] = self._entry(step, value=value)
        elif step.target not in self.answer:
            self.answer[step.target] = self._entry(step, note=NOT_IN_SOURCE)

    def add_error(self, step: Step, exc: Exception) -> None:
        """Add the error of a step."""
        self.answer[step.name] = self._entry(step, note=describe(exc))

    def add_hook(self, cls: type, hook: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Add what ``finalize`` or ``finalize_child`` of a mapper class changed."""
        owner = next(base for base in cls.__mro__ if hook in vars(base))
        for target, value in after.items():
            if target not in before or before[target] is not value:
                self.answer[target] = _entry(owner, method=hook, value=value)
        for target in before.keys() - after.keys():
            self.answer[target]["note"] = f"taken out by {hook} of {owner.__qualname__}"

    def add_forced(self, cls: type, values: dict[str, Any]) -> None:
        """Add the values that a method of a mapper class forced by ``self.current.update()``."""
        self.answer.update((target, _entry(cls, method="update", value=value)) for target, value in values.items())

    def _entry(self, step: Step, **known: Any) -> dict[str, Any]:
        if isinstance(step, Direct):
            modifier = repr(step.modifiers[-1]) if step.modifiers else None
            return _entry(step.owner, source=step.key, modifier=modifier, **known)
        if isinstance(step, Method):
            source = ", ".join(step.keys) if step.keys else step.source
            return _entry(step.owner, source=source, method=step.name, **known)
        children = [trace.answer for trace in self._children if trace.answer]
        self._children = []
        model_name = step.model_name  # type: ignore[attr-defined]
        return _entry(step.owner, source=step.key, model=model_name, children=children, **known)


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
