"""The steps of a mapping as one function without loops, for sources that are dicts.

Looping over steps costs as much as what the steps do. As ``dataclasses`` does for ``__init__``, the code that one would
write by hand is put together once and compiled: for ``("firstname", "name")`` ::

    if 'firstname' in source:
        value = source['firstname']
        values['name'] = empty if value is None else value

It does what :meth:`Mapper._run` does in its loops for other sources; a test holds them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .errors import FieldErrors
from .source import MISSING

if TYPE_CHECKING:
    from .plan import Direct, Method

__all__ = ["Unrolled", "unroll"]

#: (mapper, source, values, errors so far, what None becomes) -> errors
Unrolled = Callable[[Any, dict, dict[str, Any], FieldErrors | None, Any], FieldErrors | None]


def unroll(name: str, entries: Iterable[Direct], methods: Iterable[Method]) -> Unrolled:
    """Return the function for these steps, in this order.

    :param name: of the mapper class, for tracebacks
    """
    names: dict[str, Any] = {"MISSING": MISSING, "FieldErrors": FieldErrors}
    lines = ["def run(self, source, values, errors, empty):"]
    for number, entry in enumerate(entries):
        if entry.function is None and "." not in entry.key:
            lines += [
                f"    if {entry.key!r} in source:",
                f"        value = source[{entry.key!r}]",
                f"        values[{entry.target!r}] = empty if value is None else value",
            ]
            continue
        value = f"source.get({entry.key!r}, MISSING)"
        if "." in entry.key:
            names[f"read_{number}"] = entry.read
            value = f"read_{number}(source)"
        if entry.function is not None:
            names[f"function_{number}"] = entry.function
            value = f"function_{number}(self, {value})"
        lines += [
            "    try:",
            f"        value = {value}",
            "        if value is not MISSING:",
            f"            values[{entry.target!r}] = empty if value is None else value",
            "    except Exception as exc:",
            f"        errors = (errors or FieldErrors()).add({entry.target!r}, exc, {entry.key!r})",
        ]
    for method in methods:
        call = f"self._call({method.name!r}, {method.source!r}, {method.target!r}, source)"
        if method.source is None and method.target is None:
            call = f"self.{method.name}(source)"
        lines += [
            "    try:",
            f"        result = {call}",
            "        if result:",
            "            values |= result",
            "    except Exception as exc:",
            f"        errors = (errors or FieldErrors()).add({method.name!r}, exc)",
        ]
    lines.append("    return errors")
    # All that comes from the definitions is quoted, or is the name of a method.
    exec(compile("\n".join(lines), f"<mapping of {name}>", "exec"), names)
    return names["run"]
