"""The arguments of a job as JSON, and back, exactly as they were.

What JSON has no type for is an object with the key ``$`` naming its type, and its value under ``v``; a dict that has a
key ``$`` itself is written as pairs. Nothing is ever pickled.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytz
from lxml import etree
from odoo import Command, api
from odoo.models import BaseModel

from ..masking import MASK, is_secret_name

__all__ = ["Caller", "decode", "dumps", "encode", "environment"]

#: Context keys that a job keeps of its caller's, beside the allowed companies.
KEPT_CONTEXT = ("lang", "tz", "active_test")

_TAG = "$"


def dumps(value: Any) -> str:
    """Write what :func:`encode` returned as compact JSON text."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class Caller:
    """The environment in which a job is enqueued, and what is kept of it.

    :param names: of context keys to keep, beside the usual ones
    """

    def __init__(self, env: Any, names: Iterable[str] = ()) -> None:
        self._env = env
        self._names = tuple(names)
        self._kept = self._keep(env)

    def call(self) -> dict[str, Any]:
        """Return what a stored call has beside records and arguments; :func:`environment` takes it."""
        return {name: value for name, value in self._kept.items() if name != "uid"}

    def other(self, env: Any) -> dict[str, Any]:
        """Return what is kept of the environment of an argument, under ``env``; nothing if it is the caller's."""
        if env is self._env:
            return {}
        kept = self._keep(env)
        return {} if kept == self._kept else {"env": kept}

    def _keep(self, env: Any) -> dict[str, Any]:
        context = {name: env.context[name] for name in KEPT_CONTEXT if name in env.context}
        companies = env.companies.ids
        context["allowed_company_ids"] = [env.company.id, *(c for c in companies if c != env.company.id)]
        kept = {"uid": env.uid, "su": env.su, "context": context}
        named = {n: encode(env.context[n], f"context key {n}") for n in self._names if n in env.context}
        return {**kept, "named": named} if named else kept


def environment(cr: Any, user_id: int, call: Mapping[str, Any]) -> Any:
    """Return the environment that :meth:`Caller.call` was made of."""
    env = api.Environment(cr, user_id, call["context"], call["su"])
    return env(context={**env.context, **decode(call["named"], env)}) if "named" in call else env


def encode(value: Any, name: object, caller: Caller | None = None) -> Any:
    """Return ``value`` as what JSON can hold.

    :param name: of the argument, as the error is to print it
    :param caller: whose environment records have on the other side; None: that is not kept
    :raises TypeError: for a type that would not come back exactly as it is, and for records that are not saved
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "v": repr(value)}
    if kind is list:
        return [encode(item, f"{name}[{i}]", caller) for i, item in enumerate(value)]
    if kind is tuple:
        return {_TAG: "tuple", "v": [encode(item, f"{name}[{i}]", caller) for i, item in enumerate(value)]}
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError(f"job argument {name}: the keys of a dict must be str, not {key!r}")
        items = {key: encode(item, f"{name}[{key!r}]", caller) for key, item in value.items()}
        return {_TAG: "dict", "v": list(items.items())} if _TAG in items else items
    if isinstance(value, BaseModel):
        if not all(value._ids):
            raise TypeError(f"job argument {name}: {value} is not saved, save it first")
        other = caller.other(value.env) if caller else {}
        return {_TAG: "records", "model": value._name, "v": list(value._ids), **other}
    if kind is datetime:
        return _encode_datetime(value, name)
    if kind is date:
        return {_TAG: "date", "v": value.isoformat()}
    if kind is timedelta:
        return {_TAG: "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    if kind is Decimal:
        return {_TAG: "decimal", "v": str(value)}
    if kind is Command:
        return {_TAG: "command", "v": int(value)}
    if kind is bytes:
        return {_TAG: "bytes", "v": base64.b64encode(value).decode()}
    if kind is etree._Element:
        if next(value.iter(etree.Entity), None) is not None:
            raise TypeError(f"job argument {name}: the element has an entity that is not resolved, resolve it first")
        text = etree.tostring(value, encoding="unicode", with_tail=False)
        return {_TAG: "xml", "v": text, "tail": value.tail}
    raise TypeError(
        f"job argument {name}: {kind.__module__}.{kind.__qualname__} cannot be stored; a job takes None, bool, int, "
        "float, str, list, tuple, dict, records, date, datetime, timedelta, Decimal, bytes and lxml elements"
    )


def _encode_datetime(value: datetime, name: object) -> dict[str, Any]:
    fold = {"fold": 1} if value.fold else {}
    zone = value.tzinfo
    if zone is None or (type(zone) is timezone and value.tzname() == timezone(zone.utcoffset(None)).tzname(None)):
        return {_TAG: "datetime", "v": value.isoformat(), **fold}
    if type(zone) is ZoneInfo and zone.key:
        return {_TAG: "datetime", "v": value.replace(tzinfo=None).isoformat(), "zone": zone.key, **fold}
    if isinstance(zone, pytz.tzinfo.BaseTzInfo) and zone.zone and not fold:
        stored = {_TAG: "datetime", "v": value.astimezone(pytz.utc).replace(tzinfo=None).isoformat(), "pytz": zone.zone}
        if decode(stored, None).tzinfo is zone:
            return stored
    raise TypeError(f"job argument {name}: {value!r} has a time zone that has no text form, pass naive UTC")


def _decode_datetime(value: Mapping[str, Any]) -> datetime:
    when = datetime.fromisoformat(value["v"])
    if "pytz" in value:
        return pytz.utc.localize(when).astimezone(pytz.timezone(value["pytz"]))
    if "zone" in value:
        when = when.replace(tzinfo=ZoneInfo(value["zone"]))
    return when.replace(fold=1) if "fold" in value else when


def decode(value: Any, env: Any) -> Any:
    """Return the argument that :func:`encode` was given; records are in ``env`` unless they had another one."""
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
            if "env" in value:
                env = environment(env.cr, value["env"]["uid"], value["env"])
            return env[value["model"]].browse(_ids(inner))
        case "datetime":
            return _decode_datetime(value)
        case "date":
            return date.fromisoformat(inner)
        case "timedelta":
            return timedelta(*inner)
        case "decimal":
            return Decimal(inner)
        case "command":
            return Command(inner)
        case "bytes":
            return base64.b64decode(inner)
        case "xml":
            # Written by ourselves, so its size is no attack.
            parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False, huge_tree=True)
            element = etree.fromstring(inner, parser)
            element.tail = value["tail"]
            return element
    raise ValueError(f"unknown type {value[_TAG]!r} in a job's arguments: it was written by a newer version")


def _ids(ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(ids)


def masked(text: str, parameter: Callable[[int], str]) -> str:
    """Return a stored call for people to read: indented, the values of what is named like a secret replaced.

    :param parameter: gives the name of the method's parameter at a position
    """
    try:
        call = json.loads(text)
    except ValueError:
        return "(it cannot be read)"
    if isinstance(call, dict) and isinstance(call.get("args"), list):
        call["args"] = [_mask_named(parameter(i), value) for i, value in enumerate(call["args"])]
    return json.dumps(_mask(call), indent=2, ensure_ascii=False)


def _mask(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask(item) for item in value]
    if isinstance(value, dict):
        if value.get(_TAG) == "dict":
            return {**value, "v": [[key, _mask_named(key, item)] for key, item in value["v"]]}
        return {key: _mask_named(key, item) for key, item in value.items()}
    return value


def _mask_named(name: str, value: Any) -> Any:
    return MASK if value and is_secret_name(name) else _mask(value)
