"""What the ORM has to do for a model, given who listens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .event import resolved
from .records import on_record_change, on_record_create, on_record_unlink, on_record_write

__all__ = ["Listening", "listening"]


class Listening:
    """What somebody listens to on a model.

    :ivar tracks: whether anybody listens to changes of anything: a write may recompute a field of another model
    :ivar collects: whether this model's own changes are collected for ``on_record_change``
    :ivar bindings: the binding models that report what changes on it, with the path from them to it
    :ivar precomputed: the stored fields that a create computes before the INSERT
    """

    __slots__ = ("bindings", "collects", "creates", "precomputed", "tracks", "unlinks", "writes")

    def __init__(self, model: Any) -> None:
        env, name = model.env, model._name
        self.creates = on_record_create.has_consumers(env, name)
        self.writes = on_record_write.has_consumers(env, name)
        self.unlinks = on_record_unlink.has_consumers(env, name)
        self.tracks = bool(on_record_change._active(env))
        self.bindings: list[tuple[str, str]] = []
        self.collects = False
        self.precomputed: list[str] = []
        if self.tracks:
            self.bindings = [found for found in _bindings(model) if on_record_change.has_consumers(env, found[0])]
            self.collects = bool(self.bindings) or on_record_change.has_consumers(env, name)
        if self.collects:
            self.precomputed = [field.name for field in model._fields.values() if field.precompute and field.store]

    def __bool__(self) -> bool:
        return self.creates or self.writes or self.unlinks or self.tracks


def _bindings(model: Any) -> Iterator[tuple[str, str]]:
    """Yield the binding models that inherit from a model by ``_inherits``, over others too, and the path to it."""
    for child_name in sorted(model._inherits_children):
        child = model.env[child_name]
        link = child._inherits[model._name]
        if getattr(child, "_is_connector_binding", False) and not child._abstract:
            yield child_name, link
        for grandchild_name, path in _bindings(child):
            yield grandchild_name, f"{path}.{link}"


def listening(model: Any) -> Listening | None:
    """Return what to do for a model, None for nothing; also while the registry is being loaded.

    Every create, write and unlink asks: it must cost next to nothing.
    """
    registry = model.pool
    if not registry.ready:
        return None
    known = resolved(registry).hooks
    try:
        return known[model._name]
    except KeyError:
        found = known[model._name] = Listening(model) or None
        return found
