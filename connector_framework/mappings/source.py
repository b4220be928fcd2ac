"""What a source says: its values by key, and nothing, times and numbers as other systems write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse
from odoo.models import BaseModel

__all__ = [
    "MISSING",
    "Reader",
    "feeds",
    "is_no_time",
    "is_nothing",
    "listed",
    "reader",
    "root",
    "to_decimal",
    "to_tz",
    "to_utc",
]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


#: The source does not have the key, which is not the same as having None there.
MISSING: Final = _Missing()

Reader = Callable[[Any], Any]

# -- by key ------------------------------------------------------------------------------------------------------------


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
    path = key.split(".")

    def read(source: Any) -> Any:
        value = source
        for name in path:
            if type(value) is dict or isinstance(value, Mapping):
                value = value.get(name, MISSING)
                if value is MISSING:
                    return MISSING
            elif isinstance(value, BaseModel):
                if not value:
                    return None if strict_empty else False
                value = _field(value, name, strict_empty)
            elif not value:
                # Where an object is expected, any empty value (PHP sends []) is an object without values.
                return None
            else:
                raise TypeError(f"cannot read {name!r} of {type(value).__name__}: neither a mapping nor a record")
        return value

    if len(path) > 1:
        return read
    # The usual case, without a loop.
    return lambda source: source.get(key, MISSING) if type(source) is dict else read(source)


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
    """Return the children to iterate over; nothing is no children.

    :raises TypeError: when it is neither
    """
    if type(items) is list:
        return items
    if is_nothing(items):
        return ()
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise TypeError(f"a list of children was expected, not {type(items).__name__}")
    return items


# -- nothing -----------------------------------------------------------------------------------------------------------

EMPTY_TYPES = (str, list, tuple, dict)
#: How texts of dates begin that are none: MySQL's zero date, what PHP makes of it, and the first day of .NET.
ZERO_DATES = ("0000-00-00", "-0001-11-30", "0001-01-01")


def is_nothing(value: Any) -> bool:
    """Tell whether a value is nothing for every type: None, False, an empty text, an empty list or object; 0 is not."""
    return value is None or value is False or (isinstance(value, EMPTY_TYPES) and not value)


def is_no_time(value: Any) -> bool:
    """Tell whether a value is nothing where a date or a time is expected: 0, "0" and zero dates, too."""
    if isinstance(value, str):
        text = value.strip()
        return text in ("", "0") or text.startswith(ZERO_DATES)
    return is_nothing(value) or (isinstance(value, int | float) and value == 0)


# -- times and numbers -------------------------------------------------------------------------------------------------


def to_utc(value: str | float | date | None, tz: str | tzinfo = "UTC") -> datetime | None:
    """Return a point in time as Odoo stores it: a naive datetime in UTC.

    ::

        convert("created_at", to_utc)                                 # has an offset, or is UTC
        convert("created_at", partial(to_utc, tz="Europe/Paris"))     # Parisian where it has no offset

    :param value: an ISO 8601 text, seconds since the epoch, a datetime, or a date (its midnight); None for what is no
        time (:func:`is_no_time`), 0 seconds included
    :param tz: the time zone of a value that does not say its own
    :raises ValueError: when a text is not ISO 8601 (``01/05/2026`` is January or May)
    """
    if is_no_time(value):
        return None
    if isinstance(value, str):
        moment = isoparse(value.strip())
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif isinstance(value, int | float) and value is not True:
        moment = datetime.fromtimestamp(value, timezone.utc)
    else:
        raise ValueError(f"{value!r} is not a point in time")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(tz))
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def to_tz(value: str | date | None, tz: str | tzinfo = "UTC") -> datetime | None:
    """Return a point in time of Odoo's (naive UTC, or its text) as an aware datetime in a time zone.

    :param value: as :func:`to_utc` takes it; without an offset it is UTC
    """
    moment = to_utc(value)
    return None if moment is None else moment.replace(tzinfo=timezone.utc).astimezone(_zone(tz))


def to_decimal(value: str | int | float | Decimal | None, digits: int | None = None) -> Decimal | None:
    """Return an exact number: ``"19.99"`` and the float ``19.99`` are both ``Decimal("19.99")``.

    :param value: a number, or its text with a decimal point and no group separators; None for nothing
        (:func:`is_nothing`), which 0 is not
    :param digits: round half up to so many decimals; None keeps them all
    :raises ValueError: when it is not a finite number (``"1,5"`` is not)
    """
    if is_nothing(value):
        return None
    try:
        # repr() gives the shortest text that reads back as the same float: 0.1, not its binary expansion.
        number = Decimal(repr(value) if isinstance(value, float) else value)  # type: ignore[arg-type]
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number if digits is None else number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _zone(tz: str | tzinfo) -> tzinfo:
    return ZoneInfo(tz) if isinstance(tz, str) else tz
