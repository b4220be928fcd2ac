"""The models of a registry that have bindings as their records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["binding_classes", "binding_models"]


def binding_classes(registry: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the class of each binding model of a registry, abstract ones included."""
    for name, cls in registry.items():
        if getattr(cls, "_is_connector_binding", False):
            yield name, cls


def binding_models(registry: Any, backend_model: str) -> list[str]:
    """Return the names of the binding models of a kind of backend, without abstract ones."""
    return [
        name
        for name, cls in binding_classes(registry)
        if not cls._abstract and "backend_id" in cls._fields and cls._fields["backend_id"].comodel_name == backend_model
    ]
