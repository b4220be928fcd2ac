"""Reading what PHP wrote with ``serialize()``: numbers, texts and arrays; objects are refused, nothing is executed."""

from __future__ import annotations

from typing import Any

#: Arrays inside arrays.
MAX_DEPTH = 30


def unserialize(text: str) -> Any:
    """Return a value as PHP wrote it, arrays as dicts.

    :raises ValueError: when it is no such text, or has an object in it
    """
    data = text.encode()
    value, end = _value(data, 0, 0)
    if data[end:].strip():
        raise ValueError(f"more than one value: {data[end : end + 20]!r}")
    return value


def _value(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    """Return the value that begins at ``start``, and where it ends."""
    kind = data[start : start + 2]
    if kind == b"N;":
        return None, start + 2
    if kind in (b"b:", b"i:", b"d:"):
        end = data.index(b";", start)
        number = data[start + 2 : end].decode()
        return {b"b:": lambda: number == "1", b"i:": lambda: int(number), b"d:": lambda: float(number)}[kind](), end + 1
    if kind not in (b"s:", b"a:") or depth > MAX_DEPTH:
        raise ValueError(f"nothing that is read: {data[start : start + 20]!r}")
    colon = data.index(b":", start + 2)
    count, at = int(data[start + 2 : colon]), colon + 2
    if kind == b"s:":
        # The length is that of the bytes.
        if count < 0 or data[at - 1 : at] != b'"' or data[at + count : at + count + 2] != b'";':
            raise ValueError(f"a text of another length: {data[start : start + 20]!r}")
        return data[at : at + count].decode(errors="replace"), at + count + 2
    if data[at - 1 : at] != b"{":
        raise ValueError(f"an array without its beginning: {data[start : start + 20]!r}")
    result = {}
    for _item in range(count):
        key, at = _value(data, at, depth + 1)
        result[key], at = _value(data, at, depth + 1)
    if data[at : at + 1] != b"}":
        raise ValueError(f"an array without its end: {data[at : at + 20]!r}")
    return result, at + 1
