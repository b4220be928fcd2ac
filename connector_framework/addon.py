"""The full name of a class, the addon that it or a function belongs to, whether that is installed or a test's."""

from __future__ import annotations

import functools
import inspect
from typing import Any

__all__ = ["addon_of", "is_active", "is_of_tests", "path_of"]


def path_of(cls: type) -> str:
    """Return the name of a class with its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def addon_of(obj: object) -> str | None:
    """Return the name of the addon that defines ``obj``, None for what lives outside of ``odoo.addons``.

    Partials and methods are followed to their function; an addon's ``tests`` package belongs to the addon.
    """
    parts = _module_parts(obj)
    return parts[2] if parts[:2] == ["odoo", "addons"] and len(parts) > 2 else None


def is_of_tests(obj: object) -> bool:
    """Tell whether a ``tests`` package defines ``obj``."""
    return "tests" in _module_parts(obj)


def _module_parts(obj: object) -> list[str]:
    while isinstance(obj, functools.partial | functools.partialmethod):
        obj = obj.func
    if inspect.ismethod(obj):
        obj = obj.__func__
    module = getattr(obj, "__module__", None) or type(obj).__module__
    return module.split(".")


def is_active(obj: object, env: Any) -> bool:
    """Tell whether ``obj`` counts in the database of ``env``: its addon is installed there, or it has none."""
    addon = addon_of(obj)
    return addon is None or addon in env.registry._init_modules
