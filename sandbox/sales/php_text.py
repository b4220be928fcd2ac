"""Write PHP's serialised text: some columns of an order line hold it, and a client had better not read it."""

from __future__ import annotations


def serialize(value: object) -> str:
    """Return a dict, list, string or number as PHP's `serialize` writes it; lengths count bytes."""
    if isinstance(value, dict):
        return f"a:{len(value)}:{{{''.join(serialize(key) + serialize(item) for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return serialize(dict(enumerate(value)))
    if isinstance(value, bool):
        return f"b:{int(value)};"
    if isinstance(value, int):
        return f"i:{value};"
    text = str(value)
    return f's:{len(text.encode())}:"{text}";'
