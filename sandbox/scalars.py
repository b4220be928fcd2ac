"""Cast values as the shop's PHP and MariaDB do: by their leading digits, silently, and never with an error.

In the store a Python type stands for a column type, and so decides what goes out (see `protocol.encode`):
`int` for ids, flags and options, `str` for text, dates and decimals (four digits, `"209.6700"`), `None` for null.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"

_LEADING_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)")
_ISO_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?)?")
_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_CENT = Decimal("0.01")


def number(value: Any) -> Decimal:
    """Return the number that `value` starts with, 0 when it starts with none: `"12,5"` is 12, `"abc"` is 0."""
    if isinstance(value, bool):
        return Decimal(int(value))
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    match = _LEADING_NUMBER.match(str(value)) if value is not None else None
    return Decimal(match.group(1)) if match else Decimal(0)


def integer(value: Any) -> int:
    """Return the whole number that `value` starts with, else 0."""
    return int(number(value))


def truth(value: Any) -> bool:
    """Return whether a flag is set: `true`, 1 and `"1"` are, `"0"` and nil are not."""
    return integer(value) != 0


def text(value: Any) -> str:
    """Return `value` as a string; characters beyond the BMP become `????`, as in three-byte UTF-8 tables."""
    if isinstance(value, bool):
        return "1" if value else ""
    return _BEYOND_BMP.sub("????", str(value)).replace("\r\n", "\n")


def decimal4(value: Any) -> str:
    """Return `value` as a decimal column holds it: `209.67` is `"209.6700"`, `"1,5"` is `"1.5000"`."""
    return f"{number(str(value).replace(',', '.') if isinstance(value, str) else value):.4f}"


def cents(value: Decimal) -> Decimal:
    """Round an amount to the cent, halves away from zero."""
    return value.quantize(_CENT, ROUND_HALF_UP)


def money(value: Decimal) -> str:
    """Return an amount as the shop sends it, with four digits and no negative zero."""
    return f"{value + 0:.4f}"


def date(value: Any) -> str | None:
    """Return a date as a datetime column holds it, None for an empty one.

    An offset is read over, a date alone is midnight and `01/05/2026` is the fifth of January.
    """
    if value is None or value == "":
        return None
    us = _US_DATE.match(str(value))
    if us:
        month, day, year = us.groups()
        return f"{year}-{int(month):02d}-{int(day):02d} 00:00:00"
    match = _ISO_DATE.match(str(value).strip())
    if not match:
        return "0000-00-00 00:00:00"
    year, month, day, hour, minute, second = (part or "00" for part in match.groups())
    return f"{year}-{month}-{day} {hour}:{minute}:{second}"


def iso_date(value: str | None, utc_offset_minutes: int) -> str | None:
    """Return a stored UTC date as ISO 8601 in the shop's own time zone: `2026-01-01T19:00:00-05:00`."""
    if value is None:
        return None
    zone = timezone(timedelta(minutes=utc_offset_minutes))
    moment = datetime.strptime(value, DATE_FORMAT).replace(tzinfo=timezone.utc)
    return moment.astimezone(zone).isoformat()


def mapping(value: Any) -> dict[str, Any]:
    """Return a struct as a dict; an array, which is how an empty struct may arrive, by its positions."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(position): item for position, item in enumerate(value)}
    return {}


def sequence(value: Any) -> list[Any]:
    """Return an array as a list, a struct by its values, and any other value alone in a list; None is empty."""
    if value is None:
        return []
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]
