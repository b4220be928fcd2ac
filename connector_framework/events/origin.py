"""The origin of a change: the record, as a model's name and an id, on whose behalf it was written."""

from __future__ import annotations

from typing import Any

__all__ = ["origin_of"]


def origin_of(env: Any) -> Any:
    """Return the context's ``connector_origin``, a pair (model name, record id); None without.

    A list, which is what a tuple becomes over RPC, is the same.

    :raises ValueError: when it is no such pair
    """
    origin = env.context.get("connector_origin")
    if not origin:
        return None
    if isinstance(origin, list):
        origin = tuple(origin)
    try:
        hash(origin)
        is_pair = isinstance(origin, tuple) and len(origin) == 2
    except TypeError:
        is_pair = False
    if not is_pair:
        raise ValueError(f"connector_origin in the context is a pair (model name, record id), not {origin!r}")
    return origin
