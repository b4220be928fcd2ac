"""Reading a source: a mapping, or a record on export, by a key that may be dotted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from odoo.models import BaseModel

__all__ = ["MISSING", "Reader", "feeds", "listed", "reader", "root"]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


#: The source does not have the key, which is not the same as having None there.
MISSING: Final = _Missing()

Reader = Callable[[Any], Any]


def feeds(field: str, key: str) -> bool:
    """Tell whether a change of the source field ``field`` touches what is read at ``key``.

    It does when they are the same or one lies inside the other: ``billing`` and ``billing.city`` feed each other,
    ``billing.city`` and ``billing.street`` do not.
    """
    return field == key or key.startswith(f"{field}.") or field.startswith(f"{key}.")


def reader(key: str, *, strict_empty: bool = False) -> Reader:
    """Return the function that reads ``key`` from a source: the value, or ``MISSING``.

    :param key: dotted; each step goes through a mapping or a record
    :param strict_empty: read an empty field of a record as None; as Odoo's own False otherwise
    """
    path = tuple(key.split("."))

    def read(source: Any) -> Any:
        value = source
        for name in path:
            if isinstance(value, Mapping):
                value = value.get(name, MISSING)
                if value is MISSING:
                    return MISSING
            elif isinstance(value, BaseModel):
                if not value:
                    return None if strict_empty else False
                value = _field(value, name, strict_empty)
            elif not value:
                # An object that is known to be empty (PHP sends [] for it) has nothing in it.
                return None
            else:
                raise TypeError(f"cannot read {name!r} of {type(value).__name__}: neither a mapping nor a record")
        return value

    def read_one(source: Any) -> Any:
        if type(source) is not dict and isinstance(source, BaseModel):
            return _field(source, key, strict_empty)
        return source.get(key, MISSING)

    first, second = path[0], path[-1]

    def read_two(source: Any) -> Any:
        if type(source) is dict:
            inner = source.get(first, MISSING)
            if type(inner) is dict:
                return inner.get(second, MISSING)
        return read(source)

    return {1: read_one, 2: read_two}.get(len(path), read)


def _field(record: BaseModel, name: str, strict_empty: bool) -> Any:
    field = record._fields.get(name)
    if field is None:
        raise KeyError(f"{record._name} has no field {name!r}")
    value = record[name]
    return None if strict_empty and value is False and field.type != "boolean" else value


def root(key: str, parts: Iterable[str] = ()) -> str:
    """Return the field of the source that ``key`` starts at; of a merged source, with the name of its part."""
    steps = key.split(".")
    return ".".join(steps[: 2 if steps[0] in parts else 1])


def listed(items: Any) -> Iterable[Any]:
    """Return children as something to go through: nothing at all is no children.

    :raises TypeError: when it is neither
    """
    if type(items) is list:
        return items
    if items is None or items is False or items == "":
        return ()
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise TypeError(f"a list of children was expected, not {type(items).__name__}")
    return items
