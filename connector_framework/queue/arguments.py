"""The arguments of a job as JSON, and back, exactly as they were.

What JSON has no type for is an object with the key ``$`` naming its type, and its value under ``v``; a dict that has a
key ``$`` itself is written as pairs. Nothing is ever pickled.
"""

from __future__ import annotations

import base64
import functools
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytz
from lxml import etree
from odoo import Command, api
from odoo.models import BaseModel

from ..addon import path_of
from ..masking import MASK, is_secret_name
from ..near import did_you_mean

__all__ = [
    "Caller",
    "check_arguments",
    "decode",
    "decode_call",
    "dumps",
    "encode",
    "encode_call",
    "environment",
    "parameter_name",
]

#: Context keys that a job keeps of its caller's, beside the allowed companies.
KEPT_CONTEXT = ("lang", "tz", "active_test")

_TAG = "$"


def dumps(value: Any) -> str:
    """Write an encoded value as compact JSON text."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class Caller:
    """The environment in which a job is enqueued, and the part of it that the job keeps.

    :param names: of context keys to keep, beside the usual ones
    """

    def __init__(self, env: Any, names: Iterable[str] = ()) -> None:
        self._env = env
        self._names = tuple(names)
        self._kept = self._keep(env)

    def call(self) -> dict[str, Any]:
        """Return the environment's part of a stored call, as :func:`environment` takes it."""
        return {name: value for name, value in self._kept.items() if name != "uid"}

    def other(self, env: Any) -> dict[str, Any]:
        """Return the kept part of an argument's environment, under ``env``; empty if it is the caller's."""
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


def encode_call(
    method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], caller: Caller
) -> dict[str, Any]:
    """Return the arguments of a call as JSON values.

    :raises TypeError: as :func:`encode`, naming the parameter
    """
    encoded = []
    for position, value in enumerate(args):
        try:
            encoded.append(_encode(value, caller))
        except _RefusedError as error:
            raise error.of(parameter_name(method, position)) from None
    return {"args": encoded, "kwargs": {name: encode(value, name, caller) for name, value in kwargs.items()}}


def parameter_name(method: Callable[..., Any] | None, position: int) -> str:
    """Return a positional parameter's name, "number 1" where the method has none or is gone."""
    try:
        parameters = list(inspect.signature(method).parameters.values())[1:]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if position < len(names):
        return names[position]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    return f"{rest}[{position - len(names)}]" if rest else f"number {position + 1}"


def arguments_by_name(method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by the names of the method's parameters; where they do not fit, ``kwargs``."""
    names = _parameters(method)
    return dict(kwargs) if len(args) > len(names) else {**dict(zip(names, args, strict=False)), **kwargs}


def check_arguments(records: Any, method_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse a call that the method does not take, before anything is made of its arguments.

    :raises TypeError: naming the method, what is missing or too much, and what it takes
    """
    method = getattr(type(records), method_name)
    signature, least, most = _shape(method)
    if signature is None or (not kwargs and least <= len(args) <= most):
        return
    try:
        signature.bind(records, *args, **kwargs)
    except TypeError as error:
        if isinstance(inspect.getattr_static(type(records), method_name), staticmethod | classmethod):
            return
        takes = signature.replace(
            parameters=[
                parameter.replace(annotation=parameter.empty) for parameter in [*signature.parameters.values()][1:]
            ],
            return_annotation=signature.empty,
        )
        close = did_you_mean(next((name for name in kwargs if name not in takes.parameters), ""), takes.parameters)
        raise TypeError(
            f"{records._name}.{method_name}() cannot be called by the job: {error}; it takes {takes}. {close}".rstrip(
                ". "
            )
        ) from None


@functools.lru_cache(maxsize=1024)
def _shape(method: Callable[..., Any]) -> tuple[inspect.Signature | None, float, float]:
    """Return a method's signature, and how many positional arguments alone it takes, at least and at most."""
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return None, 0, math.inf
    parameters = list(signature.parameters.values())[1:]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least: float = sum(p.default is p.empty for p in positional)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        least = math.inf
    return signature, least, math.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional)


@functools.lru_cache(maxsize=1024)
def _parameters(method: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters behind ``self`` that take positional arguments."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(method).parameters.values() if p.kind in positional][1:]


def encode(value: Any, name: str, caller: Caller | None = None) -> Any:
    """Return ``value`` as a JSON value.

    :param name: of the argument, for the error
    :param caller: whose environment the job has; None: that of records is not kept
    :raises TypeError: for a type that would not come back exactly as it is, and for records that are not saved
    """
    try:
        return _encode(value, caller)
    except _RefusedError as error:
        raise error.of(name) from None


def decode_call(call: Mapping[str, Any], env: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a stored call, and those by name, under ``env``."""
    return decode(call["args"], env), {name: decode(value, env) for name, value in call["kwargs"].items()}


def decode(value: Any, env: Any) -> Any:
    """Return the argument that :func:`encode` was given; records are in ``env`` unless they had another one."""
    if isinstance(value, list):
        return [decode(item, env) for item in value]
    if not isinstance(value, Mapping):
        return value
    if _TAG not in value:
        return {key: decode(item, env) for key, item in value.items()}
    codec = _BY_TAG.get(value[_TAG])
    if codec is None:
        raise ValueError(f"unknown type {value[_TAG]!r} in a job's arguments: it was written by a newer version")
    return codec.decode(value, env)


class _RefusedError(Exception):
    """A value that cannot be stored, and where in the argument it is."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def within(self, step: object) -> _RefusedError:
        return _RefusedError(self.problem, f"[{step!r}]{self.path}")

    def of(self, name: str) -> TypeError:
        return TypeError(f"job argument {name}{self.path}: {self.problem}")


def _encode(value: Any, caller: Caller | None) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float and math.isfinite(value):
        return value
    if kind is list:
        return _encode_items(value, caller)
    codec = _BY_TYPE.get(BaseModel if isinstance(value, BaseModel) else kind)
    if codec is None:
        raise _RefusedError(
            f"{path_of(kind)} cannot be stored; a job takes None, bool, int, "
            "float, str, list, tuple, dict, records, date, datetime, timedelta, Decimal, bytes and lxml elements"
        )
    stored = codec.encode(value, caller)
    return {_TAG: codec.tag, **stored} if codec.tag != "dict" or _TAG in value else stored


def _encode_items(values: Iterable[Any], caller: Caller | None) -> list[Any]:
    encoded = []
    for position, item in enumerate(values):
        try:
            encoded.append(_encode(item, caller))
        except _RefusedError as error:
            raise error.within(position) from None
    return encoded


def _encode_dict(value: dict[Any, Any], caller: Caller | None) -> dict[str, Any]:
    items = {}
    for key, item in value.items():
        if type(key) is not str:
            raise _RefusedError(f"the keys of a dict must be str, not {key!r}")
        try:
            items[key] = _encode(item, caller)
        except _RefusedError as error:
            raise error.within(key) from None
    return {"v": list(items.items())} if _TAG in items else items


def _encode_records(value: BaseModel, caller: Caller | None) -> dict[str, Any]:
    if not all(value._ids):
        raise _RefusedError(f"{value} is not saved, save it first")
    other = caller.other(value.env) if caller else {}
    return {"model": value._name, "v": list(value._ids), **other}


def _decode_records(stored: Mapping[str, Any], env: Any) -> Any:
    if "env" in stored:
        env = environment(env.cr, stored["env"]["uid"], stored["env"])
    return env[stored["model"]].browse(stored["v"])


def _encode_datetime(value: datetime, caller: Caller | None) -> dict[str, Any]:
    fold = {"fold": 1} if value.fold else {}
    zone = value.tzinfo
    if zone is None or (type(zone) is timezone and value.tzname() == timezone(zone.utcoffset(None)).tzname(None)):
        return {"v": value.isoformat(), **fold}
    if type(zone) is ZoneInfo and zone.key:
        return {"v": value.replace(tzinfo=None).isoformat(), "zone": zone.key, **fold}
    if isinstance(zone, pytz.tzinfo.BaseTzInfo) and zone.zone and not fold:
        stored = {"v": value.astimezone(pytz.utc).replace(tzinfo=None).isoformat(), "pytz": zone.zone}
        if _decode_datetime(stored, None).tzinfo is zone:
            return stored
    raise _RefusedError(f"{value!r} has a time zone that has no text form, pass naive UTC")


def _decode_datetime(stored: Mapping[str, Any], env: Any) -> datetime:
    when = datetime.fromisoformat(stored["v"])
    if "pytz" in stored:
        return pytz.utc.localize(when).astimezone(pytz.timezone(stored["pytz"]))
    if "zone" in stored:
        when = when.replace(tzinfo=ZoneInfo(stored["zone"]))
    return when.replace(fold=1) if "fold" in stored else when


def _encode_element(value: Any, caller: Caller | None) -> dict[str, Any]:
    if next(value.iter(etree.Entity), None) is not None:
        raise _RefusedError("the element has an entity that is not resolved, resolve it first")
    return {"v": etree.tostring(value, encoding="unicode", with_tail=False), "tail": value.tail}


def _decode_element(stored: Mapping[str, Any], env: Any) -> Any:
    # Written by encode, so its size is no attack.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False, huge_tree=True)
    element = etree.fromstring(stored["v"], parser)
    element.tail = stored["tail"]
    return element


class _Codec(NamedTuple):
    """The stored form of one type: an object with the tag and the keys that ``encode`` returns."""

    tag: str
    kind: Any
    encode: Callable[[Any, Caller | None], dict[str, Any]]
    decode: Callable[[Mapping[str, Any], Any], Any]


def _plain(tag: str, kind: Any, to_json: Callable[[Any], Any], from_json: Callable[[Any], Any]) -> _Codec:
    """Return the codec of a type that one JSON value stands for."""
    return _Codec(tag, kind, lambda value, caller: {"v": to_json(value)}, lambda stored, env: from_json(stored["v"]))


_CODECS = (
    _plain("float", float, repr, float),  # those that JSON has no number for
    _Codec(
        "tuple",
        tuple,
        lambda value, caller: {"v": _encode_items(value, caller)},
        lambda stored, env: tuple(decode(stored["v"], env)),
    ),
    _Codec("dict", dict, _encode_dict, lambda stored, env: {key: decode(item, env) for key, item in stored["v"]}),
    _Codec("records", BaseModel, _encode_records, _decode_records),
    _Codec("datetime", datetime, _encode_datetime, _decode_datetime),
    _plain("date", date, date.isoformat, date.fromisoformat),
    _plain(
        "timedelta", timedelta, lambda value: [value.days, value.seconds, value.microseconds], lambda v: timedelta(*v)
    ),
    _plain("decimal", Decimal, str, Decimal),
    _plain("command", Command, int, Command),
    _plain("bytes", bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    _Codec("xml", etree._Element, _encode_element, _decode_element),
)
_BY_TAG = {codec.tag: codec for codec in _CODECS}
_BY_TYPE = {codec.kind: codec for codec in _CODECS}


def masked(text: str, parameter: Callable[[int], str]) -> str:
    """Return a stored call for people to read: indented, values with the name of a secret replaced.

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
