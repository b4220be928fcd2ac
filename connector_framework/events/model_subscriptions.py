"""The subscriptions of one model, as the ORM's hooks need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .event import on_record_change, on_record_create, on_record_unlink, on_record_write, resolved

__all__ = ["ModelSubscriptions", "model_subscriptions"]


class ModelSubscriptions:
    """What the ORM's hooks have to do for a model, given the consumers.

    :ivar tracks: whether any model's changes have a consumer: a write may recompute a field of another model
    :ivar collects: whether this model's own changes are collected for ``on_record_change``
    :ivar heirs: the models that report changes of this one as their own (``_reports_inherited_changes``), with the path
        from them to it
    :ivar precomputed: the stored fields that a create computes before the INSERT
    """

    __slots__ = ("collects", "creates", "heirs", "precomputed", "tracks", "unlinks", "writes")

    def __init__(self, model: Any) -> None:
        env, name = model.env, model._name
        self.creates = on_record_create.has_consumers(env, name)
        self.writes = on_record_write.has_consumers(env, name)
        self.unlinks = on_record_unlink.has_consumers(env, name)
        self.tracks = bool(on_record_change.active_subscriptions(env))
        self.heirs: list[tuple[str, str]] = []
        self.collects = False
        self.precomputed: list[str] = []
        if self.tracks:
            self.heirs = [heir for heir in heirs(model) if on_record_change.has_consumers(env, heir[0])]
            self.collects = bool(self.heirs) or on_record_change.has_consumers(env, name)
        if self.collects:
            self.precomputed = [field.name for field in model._fields.values() if field.precompute and field.store]

    def __bool__(self) -> bool:
        return self.creates or self.writes or self.unlinks or self.tracks


def heirs(model: Any) -> Iterator[tuple[str, str]]:
    """Yield the models that inherit from a model by ``_inherits`` and report its changes as their own.

    A model opts in by the attribute ``_reports_inherited_changes``. Each comes with the path to the model, which may
    lead over others.
    """
    for child_name in sorted(model._inherits_children):
        child = model.env[child_name]
        link = child._inherits[model._name]
        if getattr(child, "_reports_inherited_changes", False) and not child._abstract:
            yield child_name, link
        for grandchild_name, path in heirs(child):
            yield grandchild_name, f"{path}.{link}"


def model_subscriptions(model: Any) -> ModelSubscriptions | None:
    """Return the subscriptions of a model, None when there are none; also while the registry is being loaded.

    Every create, write and unlink calls this: it must cost next to nothing.
    """
    registry = model.pool
    if not registry.ready:
        return None
    known = resolved(registry).models
    try:
        return known[model._name]
    except KeyError:
        found = known[model._name] = ModelSubscriptions(model) or None
        return found
