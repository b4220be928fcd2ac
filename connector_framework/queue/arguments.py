"""The arguments of a job as JSON, and back, exactly as they were.

What JSON has no type for is an object with the one key ``$`` naming its type, and its value under ``v``; a dict that
has a key ``$`` itself is written as pairs. Nothing is ever pickled.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from lxml import etree
from odoo.models import BaseModel

__all__ = ["decode", "dumps", "encode"]

_TAG = "$"


def dumps(value: Any) -> str:
    """Write what :func:`encode` returned as compact JSON text."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def encode(value: Any, name: object) -> Any:
    """Return ``value`` as what JSON can hold.

    :param name: of the argument, as the error is to print it
    :raises TypeError: for a type that would not come back exactly as it is, and for records that are not saved
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "v": repr(value)}
    if kind is list:
        return [encode(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if kind is tuple:
        return {_TAG: "tuple", "v": [encode(item, f"{name}[{i}]") for i, item in enumerate(value)]}
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"job argument {name}: the keys of a dict must be str, not {key!r}")
        items = {key: encode(item, f"{name}[{key!r}]") for key, item in value.items()}
        return {_TAG: "dict", "v": list(items.items())} if _TAG in items else items
    if isinstance(value, BaseModel):
        if not all(value._ids):
            raise TypeError(f"job argument {name}: {value} is not saved, save it first")
        return {_TAG: "records", "model": value._name, "v": list(value._ids)}
    if kind is datetime:
        if value.tzinfo is not None and type(value.tzinfo) is not timezone:
            raise TypeError(f"job argument {name}: {value!r} has a time zone that has no text form, pass naive UTC")
        return {_TAG: "datetime", "v": value.isoformat()}
    if kind is date:
        return {_TAG: "date", "v": value.isoformat()}
    if kind is timedelta:
        return {_TAG: "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    if kind is Decimal:
        return {_TAG: "decimal", "v": str(value)}
    if kind is bytes:
        return {_TAG: "bytes", "v": base64.b64encode(value).decode()}
    if isinstance(value, etree._Element):
        text = etree.tostring(value, encoding="unicode", with_tail=False)
        return {_TAG: "xml", "v": text, "tail": value.tail}
    raise TypeError(
        f"job argument {name}: {kind.__module__}.{kind.__qualname__} cannot be stored; a job takes None, bool, int, "
        "float, str, list, tuple, dict, records, date, datetime, timedelta, Decimal, bytes and lxml elements"
    )


def decode(value: Any, env: Any) -> Any:
    """Return the argument that :func:`encode` was given; records are in ``env``."""
    if isinstance(value, list):
        return [decode(item, env) for item in value]
    if not isinstance(value, Mapping):
        return value
    if _TAG not in value:
        return {key: decode(item, env) for key, item in value.items()}
    inner = value["v"]
    match value[_TAG]:
        case "float":
            return float(inner)
        case "tuple":
            return tuple(decode(inner, env))
        case "dict":
            return {key: decode(item, env) for key, item in inner}
        case "records":
            return env[value["model"]].browse(_ids(inner))
        case "datetime":
            return datetime.fromisoformat(inner)
        case "date":
            return date.fromisoformat(inner)
        case "timedelta":
            return timedelta(*inner)
        case "decimal":
            return Decimal(inner)
        case "bytes":
            return base64.b64decode(inner)
        case "xml":
            element = etree.fromstring(inner, etree.XMLParser(resolve_entities=False, no_network=True))
            element.tail = value["tail"]
            return element
    raise ValueError(f"unknown type {value[_TAG]!r} in a job's arguments: it was written by a newer version")


def _ids(ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(ids)


_SECRET = ("password", "passwd", "secret", "token", "api_key", "apikey", "private_key", "authorization", "credential")


def masked(text: str) -> str:
    """Return a stored call for people to read: indented, the values of what is named like a secret replaced."""
    try:
        call = json.loads(text)
    except ValueError:
        return text
    return json.dumps(_mask(call), indent=2, ensure_ascii=False)


def _mask(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask(item) for item in value]
    if isinstance(value, dict):
        return {
            key: "***" if any(word in key.lower() for word in _SECRET) and item else _mask(item)
            for key, item in value.items()
        }
    return value
