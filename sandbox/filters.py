"""Choose records by the filters of a `*.list` call, with every trap that a running shop has.

Fields are ANDed. A condition is a value (equals), a struct with an operator, or a list of those (ORed). Of several
operators in one struct **one** counts, silently: `from` and `to` if either is there, else the first. Comparison is
the database's: text without regard to case or trailing spaces, numbers by their leading digits, dates as UTC with
the offset read over, and null matches nothing but `null`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from .scalars import date, number, sequence, text

Kind = Literal["number", "text", "date"]

OPERATORS = "eq neq like nlike in nin is notnull null moreq gt lt gteq lteq finset regexp from to seq sneq".split()

_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_DECIMAL = re.compile(r"-?\d+\.\d{4}")


def kind_of(value: Any) -> Kind:
    """Return how the database compares the column that `value` comes from."""
    if isinstance(value, int):
        return "number"
    if isinstance(value, str):
        if _DATE.fullmatch(value):
            return "date"
        if _DECIMAL.fullmatch(value):
            return "number"
    return "text"


def _key(value: Any, kind: Kind) -> Any:
    if kind == "number":
        return number(value)
    if kind == "date":
        return date(text(value)) or ""
    return text(value).rstrip(" ").casefold()


def _like(pattern: Any) -> re.Pattern[str]:
    parts = (".*" if char == "%" else "." if char == "_" else re.escape(char) for char in text(pattern))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _compare(value: Any, operator: str, operand: Any, kind: Kind) -> bool:
    """Return whether one operator holds for a value that is not null."""
    match operator:
        case "like":
            return bool(_like(operand).fullmatch(text(value)))
        case "nlike":
            return not _like(operand).fullmatch(text(value))
        case "in":
            return any(_key(value, kind) == _key(one, kind) for one in sequence(operand))
        case "nin":
            return all(_key(value, kind) != _key(one, kind) for one in sequence(operand))
        case "finset":
            return text(operand) in text(value).split(",")
        case "regexp":
            return bool(re.search(text(operand), text(value), re.IGNORECASE))
    mine, theirs = _key(value, kind), _key(operand, kind)
    match operator:
        case "eq" | "seq" | "is":
            return bool(mine == theirs)
        case "neq" | "sneq":
            return bool(mine != theirs)
        case "gt":
            return bool(mine > theirs)
        case "lt":
            return bool(mine < theirs)
        case "gteq" | "moreq" | "from":
            return bool(mine >= theirs)
    return bool(mine <= theirs)


def matches(value: Any, condition: Any, kind: Kind | None = None) -> bool:
    """Return whether a record's `value` meets the `condition` of its field.

    `kind` is how to compare; by default what `value` looks like.
    """
    kind = kind or kind_of(value)
    if isinstance(condition, list):
        return any(matches(value, one, kind) for one in condition)
    if not isinstance(condition, dict):
        return value is not None and condition is not None and _compare(value, "eq", condition, kind)
    if "from" in condition or "to" in condition:
        bounds = [name for name in ("from", "to") if condition.get(name) is not None]
        return value is not None and all(_compare(value, name, condition[name], kind) for name in bounds)
    operator = next((name for name in condition if name in OPERATORS), None)
    if operator is None:
        # The shop takes a struct without an operator that it knows for a list of values.
        return any(matches(value, one, kind) for one in condition.values())
    if operator == "null":
        return value is None
    if operator == "notnull":
        return value is not None
    operand = condition[operator]
    if value is None or operand is None:
        return False
    return _compare(value, operator, operand, kind)


def select(
    records: Iterable[Any],
    filters: Any,
    read: Callable[[Any, str], Any],
) -> list[Any]:
    """Return those `records` that meet all `filters`, in their order.

    :param filters: what the client sent: a struct, or nothing. Anything else filters nothing.
    :param read: gives a record's value of a field. Whether there is such a field the caller has checked already.
    """
    if not isinstance(filters, dict) or not filters:
        return list(records)
    return [
        record
        for record in records
        if all(matches(read(record, field), condition) for field, condition in filters.items())
    ]
