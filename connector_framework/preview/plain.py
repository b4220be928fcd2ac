"""Values as JSON, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from odoo.fields import Date, Datetime
from odoo.models import BaseModel

from ..masking import MASK, Masker, is_secret_name

__all__ = ["plain"]


def plain(value: Any, masker: Masker, name: str = "") -> Any:
    """Return a value as JSON: records as lists of [id or None, name], dates as text, binary data by its size.

    :param name: of the field or key; what the name of a secret leads to is masked
    """
    if value and name and is_secret_name(name):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return masker.text(str(value))  # plain text, markup as well
    if isinstance(value, datetime):
        return Datetime.to_string(value.replace(tzinfo=None, microsecond=0))
    if isinstance(value, date):
        return Date.to_string(value)
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseModel):
        return [[record.id or None, masker.text(record.display_name or "")] for record in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item, masker, str(key)) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item, masker) for item in value]
    return masker.text(str(value))
