"""Read XML-RPC requests and write answers byte for byte as the shop does.

The reader takes whatever a client may send (untyped values, `i4`, `i8`, `ex:nil`, dates, base64, any encoding that
expat knows); the writer sends the few types that the shop sends. Python types decide what goes out:

| Python | strings shop (PHP before 8.1) | native shop (PHP 8.1 and later) |
|---|---|---|
| `int` | `<string>` | `<int>` |
| `AlwaysInt` | `<int>` | `<int>` |
| `str` | `<string>` | `<string>` |
| `bool` | `<boolean>` | `<boolean>` |
| `None` | `<nil/>` | `<nil/>` |
| `list`, empty `dict` | `<array>` | `<array>` |
| `dict` | `<struct>` | `<struct>` |
"""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any, Literal
from xml.parsers import expat

from .faults import UNREADABLE, FaultError

ScalarTypes = Literal["strings", "native"]

#: Nesting beyond which a request is refused; real requests nest about ten elements deep for each level of data.
MAX_DEPTH = 200

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class AlwaysInt:
    """A number that goes out as `<int>` from either kind of shop."""

    value: int


@dataclass(frozen=True)
class Struct:
    """The members of a struct that arrived where the shop asks for an array."""

    members: dict[str, Any]


@dataclass(frozen=True)
class MethodCall:
    """A request: the method's name and its parameters."""

    method: str
    params: list[Any]


_BEYOND_BMP = re.compile(r"[\U00010000-\U0010ffff]")


def escape(value: str) -> str:
    """Return text for an XML element, with quotes escaped too, as the shop has it."""
    return (
        _CONTROLS.sub("", value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def stored(text: str) -> str:
    """Return a text as the shop's tables take it: they have three bytes for a character, an emoji has four."""
    return _BEYOND_BMP.sub("????", text)


def _encode(value: Any, native: bool, out: list[str]) -> None:
    if value is None:
        out.append("<value><nil/></value>")
    elif isinstance(value, bool):
        out.append(f"<value><boolean>{int(value)}</boolean></value>")
    elif isinstance(value, AlwaysInt):
        out.append(f"<value><int>{value.value}</int></value>")
    elif isinstance(value, int):
        kind = "int" if native else "string"
        out.append(f"<value><{kind}>{value}</{kind}></value>")
    elif isinstance(value, str):
        out.append(f"<value><string>{escape(value)}</string></value>")
    elif isinstance(value, dict) and value:
        out.append("<value><struct>")
        for name, member in value.items():
            out.append(f"<member><name>{escape(str(name))}</name>")
            _encode(member, native, out)
            out.append("</member>")
        out.append("</struct></value>")
    elif isinstance(value, (list, tuple, dict)):
        out.append("<value><array><data>")
        for item in value:
            _encode(item, native, out)
        out.append("</data></array></value>")
    else:
        raise TypeError(f"the shop has no value like {value!r}")


def encode(value: Any, scalar_types: ScalarTypes = "strings") -> bytes:
    """Return a method response with `value`.

    :raises TypeError: a value of another type than in the table above.
    """
    out = [_PROLOGUE, "<methodResponse><params><param>"]
    _encode(value, scalar_types == "native", out)
    out.append("</param></params></methodResponse>")
    return "".join(out).encode()


def encode_fault(code: int, message: str) -> bytes:
    """Return a fault; its code is an `<int>` in either kind of shop."""
    out = [_PROLOGUE, "<methodResponse><fault>"]
    _encode({"faultCode": AlwaysInt(code), "faultString": message}, False, out)
    out.append("</fault></methodResponse>")
    return "".join(out).encode()


def _refuse_doctype(*_args: Any) -> None:
    raise ValueError("a request has no business with a DOCTYPE")


def _tree(body: bytes) -> ElementTree.Element:
    """Return the request's root element, refusing what could blow up in memory: a DOCTYPE, bottomless nesting."""
    parser = expat.ParserCreate(namespace_separator=None)
    builder = ElementTree.TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("a request nested too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.buffer_text = True
    parser.Parse(body, True)
    return builder.close()


def decode(body: bytes) -> MethodCall:
    """Return the call in a request's body.

    A struct decodes to a dict, or to `Struct` where it stands directly in the parameters, so that `call` can tell
    it from the array that it wants there.

    :raises FaultError: 632, the body is no XML or names no method. The shop gives that answer to everything that it
        cannot read, control characters included.
    """
    try:
        root = _tree(body)
        name = root.findtext("methodName")
        if root.tag != "methodCall" or not name or not name.strip():
            raise ValueError("no methodName")
        params = [_param(param.find("value")) for param in root.findall("params/param")]
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise FaultError(*UNREADABLE) from error
    return MethodCall(name.strip(), params)


def _param(element: ElementTree.Element | None) -> Any:
    value = _decode(element)
    return Struct(value) if isinstance(value, dict) else value


def _decode(element: ElementTree.Element | None) -> Any:
    if element is None:
        raise ValueError("a parameter without a value")
    if len(element) == 0:
        return stored(element.text or "")
    typed = element[0]
    content = typed.text or ""
    match typed.tag:
        case "string" | "dateTime.iso8601":
            return stored(content)
        case "int" | "i4" | "i8" | "ex:i8" | "i1" | "i2":
            return int(content)
        case "boolean":
            return content.strip() in ("1", "true")
        case "double" | "float":
            # A PHP float that is whole prints without its fraction: 10.0 is "10".
            amount = float(content)
            return int(amount) if amount.is_integer() else repr(amount)
        case "nil" | "ex:nil":
            return None
        case "base64":
            try:
                return base64.b64decode(content).decode("utf-8", "replace")
            except binascii.Error as error:
                raise ValueError("unreadable base64") from error
        case "array":
            return [_decode(item) for item in typed.findall("data/value")]
        case "struct":
            members = {}
            for member in typed.findall("member"):
                members[member.findtext("name") or ""] = _decode(member.find("value"))
            return members
    raise ValueError(f"no such type: {typed.tag}")
