"""The steps of a mapping as one function without loops.

Looping over steps costs as much as what the steps do. As ``dataclasses`` does for ``__init__``, the code that one would
write by hand is put together once and compiled. For ``("name", "name")``, ``(convert("id", str), "external_id")`` and a
method ``kind``, it is ::

    def run(self, source):
        values = {}
        errors = None
        if 'name' in source:
            value = source['name']
            values['name'] = False if value is None else value
        try:
            if 'id' in source:
                value = source['id']
                value = None if value is None else argument_4(value)
                values['external_id'] = False if value is None else value
        except Exception as exc:
            errors = (errors or FieldErrors()).add('external_id', exc, 'id')
        try:
            values |= self.kind(source) or NOTHING
        except Exception as exc:
            errors = (errors or FieldErrors()).add('kind', exc)
        if errors:
            errors.throw()
        return values

That is for sources that are dicts; for all others there is a function that reads keys with the readers of ``source``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .errors import FieldErrors
from .source import MISSING
from .steps import Children, Direct, Method, Step, refuse_records

if TYPE_CHECKING:
    from .mapper import Mapper
    from .modifiers import Function, Modifier

__all__ = ["Unrolled", "unroll"]

#: (mapper, source) -> values; raises MappingError with the errors of all steps
Unrolled = Callable[[Any, Any], dict[str, Any]]


def unroll(cls: type[Mapper], steps: Iterable[Step], for_dicts: bool) -> Unrolled:
    """Return the function for steps of a mapper class, in their order."""
    code = _Code(cls, for_dicts)
    for step in steps:
        code.add(step)
    return code.compiled()


class _Code:
    """The text of the function. All that comes from definitions is quoted in it, or is the name of a method."""

    def __init__(self, cls: type[Mapper], for_dicts: bool) -> None:
        self.cls = cls
        self.for_dicts = for_dicts
        self.lines = ["def run(self, source):", "    values = {}", "    errors = None"]
        #: What the text names.
        self.names: dict[str, Any] = {
            "MISSING": MISSING,
            "NOTHING": {},
            "FieldErrors": FieldErrors,
            "refuse_records": refuse_records,
        }

    def add(self, step: Step) -> None:
        if isinstance(step, Direct):
            self._add_direct(step)
        elif isinstance(step, Method):
            self._add_method(step)
        else:
            self._add_children(step)

    def compiled(self) -> Unrolled:
        self._append(["if errors:", "    errors.throw()", "return values"])
        exec(compile("\n".join(self.lines), f"<mapping of {self.cls.__qualname__}>", "exec"), self.names)
        return self.names["run"]

    def _add_direct(self, entry: Direct) -> None:
        # What fills in for a missing key works before it is asked whether there is a value, the rest after.
        filling = max((i for i, one in enumerate(entry.modifiers, 1) if one.fills_missing), default=0)
        modified = [f"value = {self._modified(*one)}" for one in zip(entry.modifiers, entry.functions, strict=True)]
        for i, modifier in enumerate(entry.modifiers[:filling]):
            if not modifier.fills_missing:
                modified[i] = f"if value is not MISSING: {modified[i]}"
        stored = "value" if self.cls._empty is None else f"{self.cls._empty!r} if value is None else value"
        lines = [
            *self._read("value", entry, modified[:filling]),
            *(f"    {line}" for line in modified[filling:]),
            *(["    refuse_records(value)"] if self.cls._checks_records else ()),
            f"    values[{entry.target!r}] = {stored}",
        ]
        if self._is_plain(entry) and not modified and not self.cls._checks_records:
            self._append(lines)  # Nothing can go wrong.
        else:
            self._try(lines, entry.target, entry.key)

    def _add_children(self, step: Children) -> None:
        items = f"self._map_children({self._named('step', step)}, items)"
        self._try([*self._read("items", step), f"    values[{step.target!r}] = {items}"], step.target, step.key)

    def _add_method(self, method: Method) -> None:
        call = f"self.{method.name}(source)"
        if method.source is not None or method.target is not None:
            call = f"self._call({method.name!r}, {method.source!r}, {method.target!r}, source)"
        self._try([f"values |= {call} or NOTHING"], method.name)

    def _read(self, name: str, step: Children | Direct, fill: Sequence[str] = ()) -> list[str]:
        """Return the lines that read a step's source key; indented ones that follow are for when there is a value.

        :param fill: lines that may find a value where there is none
        """
        if self._is_plain(step) and not fill:
            return [f"if {step.key!r} in source:", f"    {name} = source[{step.key!r}]"]
        read = f"{self._named('read', step.read)}(source)"
        return [f"{name} = {read}", *fill, f"if {name} is not MISSING:"]

    def _modified(self, modifier: Modifier, function: Function) -> str:
        if modifier.expression is None:
            return f"{self._named('function', function)}(self, value)"
        return modifier.expression.format(argument=self._named("argument", modifier.argument))

    def _is_plain(self, step: Children | Direct) -> bool:
        return self.for_dicts and "." not in step.key

    def _named(self, kind: str, thing: Any) -> str:
        """Return a name for something, in the text."""
        name = f"{kind}_{len(self.names)}"
        self.names[name] = thing
        return name

    def _append(self, lines: Iterable[str]) -> None:
        self.lines += [f"    {line}" for line in lines]

    def _try(self, lines: Iterable[str], name: str, key: str | None = None) -> None:
        """Append lines whose exception is collected as the error of a target or a method."""
        arguments = f"{name!r}, exc, {key!r}" if key else f"{name!r}, exc"
        self._append(["try:", *(f"    {line}" for line in lines)])
        self._append(["except Exception as exc:", f"    errors = (errors or FieldErrors()).add({arguments})"])
