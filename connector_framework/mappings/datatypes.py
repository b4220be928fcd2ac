"""Times and numbers as other systems write them; for ``convert`` and for mapping methods."""

from __future__ import annotations

from datetime import date, datetime, time, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse

__all__ = ["to_decimal", "to_tz", "to_utc"]


def to_utc(value: str | float | date | None, tz: str | tzinfo = "UTC") -> datetime | None:
    """Return a point in time as Odoo stores it: a naive datetime in UTC.

    ::

        convert("created_at", to_utc)                                 # has an offset, or is UTC
        convert("created_at", partial(to_utc, tz="Europe/Paris"))     # Parisian where it has no offset

    :param value: an ISO 8601 text, seconds since the epoch, a datetime, or a date (its midnight); nothing (None, False
        or an empty text) gives None
    :param tz: the time zone of a value that does not say its own
    :raises ValueError: when a text is not ISO 8601 (``01/05/2026`` is January or May)
    """
    if value is None or value is False or value == "":
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

    :param value: a number, or its text with a decimal point and no group separators; nothing (None, False or an empty
        text) gives None
    :param digits: round half up to so many decimals; None keeps them all
    :raises ValueError: when it is not a finite number (``"1,5"`` is not)
    """
    if value is None or value is False or value == "":
        return None
    try:
        # A float's shortest text is what was meant by it; its binary value is not.
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number if digits is None else number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _zone(tz: str | tzinfo) -> tzinfo:
    return ZoneInfo(tz) if isinstance(tz, str) else tz
