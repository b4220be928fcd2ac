"""Read the recordings of a running shop, and tell the shape of an answer: keys, XML-RPC types, forms of text."""

from __future__ import annotations

import http.client
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_FOLDER = Path(__file__).parent / "recordings"

#: Forms of text that a client relies on; any other is `text`.
_FORMS = (
    ("decimal", re.compile(r"-?\d+\.\d{4}")),
    ("date", re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")),
    ("iso date", re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}")),
    ("digits", re.compile(r"\d+")),
    ("empty", re.compile("")),
)


@dataclass(frozen=True)
class Recording:
    """A call and the answer of the running shop. `SESSION` stands where a session stood."""

    label: str
    method: str | None
    params: Any
    http_status: int
    request: str
    response: str
    #: how many entries the list really had, if the recording has fewer
    trimmed_from: int | None = None

    @cached_property
    def reply(self) -> Reply:
        """What the running shop answered."""
        return Reply(self.http_status, "", self.response.encode())


@cache
def recordings(scalar_types: str) -> tuple[Recording, ...]:
    """Return the recordings of the shop with these scalar types, in the order of the calls."""
    data = json.loads((_FOLDER / f"{scalar_types}.json").read_text(encoding="utf-8"))
    return tuple(Recording(**one) for one in data["recordings"])


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes

    @cached_property
    def value(self) -> ElementTree.Element | None:
        """The value of a method's response, None for a fault and for what is no response."""
        return self._find("params/param/value")

    @cached_property
    def fault(self) -> tuple[int, str] | None:
        """Code and message of a fault, None for anything else."""
        element = self._find("fault/value")
        if element is None:
            return None
        fault = plain(element)
        return fault["faultCode"], fault["faultString"]

    def _find(self, path: str) -> ElementTree.Element | None:
        return ElementTree.fromstring(self.body).find(path) if self.body.startswith(b"<?xml") else None


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    """Send a body and return the answer, whatever its status."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    try:
        connection.request("POST", address.path, body, {"Content-Type": "text/xml", **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, response.headers.get("Content-Type", ""), response.read())
    finally:
        connection.close()


def plain(value: ElementTree.Element) -> Any:
    """Return a value in Python's types, an `<int>` as int."""
    typed = value[0]
    match typed.tag:
        case "struct":
            return {member.findtext("name"): plain(member[1]) for member in typed}
        case "array":
            return [plain(item) for item in typed[0]]
        case "nil":
            return None
        case "int":
            return int(typed.text or "")
        case "boolean":
            return typed.text == "1"
    return typed.text or ""


def types(value: ElementTree.Element, path: str = "") -> dict[str, set[str]]:
    """Return every path in a value with the types that stand there; `items[].sku` is a path, entries are merged."""
    typed = value[0]
    found: dict[str, set[str]] = {}
    if typed.tag == "struct":
        found[path] = {"struct"}
        parts = [types(member[1], f"{path}.{member.findtext('name')}".lstrip(".")) for member in typed]
    elif typed.tag == "array":
        found[path] = {"array"}
        parts = [types(item, f"{path}[]") for item in typed[0]]
    else:
        found[path] = {_form(typed)}
        parts = []
    for part in parts:
        for name, kinds in part.items():
            found.setdefault(name, set()).update(kinds)
    return found


def _form(typed: ElementTree.Element) -> str:
    if typed.tag != "string":
        return typed.tag
    text = typed.text or ""
    return "string: " + next((name for name, pattern in _FORMS if pattern.fullmatch(text)), "text")


def structs(value: ElementTree.Element, path: str = "") -> list[tuple[str, frozenset[str]]]:
    """Return every struct in a value: its path and its keys."""
    typed = value[0]
    if typed.tag == "struct":
        keys = frozenset(member.findtext("name") or "" for member in typed)
        found = [(path, keys)]
        for member in typed:
            found += structs(member[1], f"{path}.{member.findtext('name')}".lstrip("."))
        return found
    return [one for item in typed[0] for one in structs(item, f"{path}[]")] if typed.tag == "array" else []
