"""Whether a function takes the arguments that it will be called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["refusal"]


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return why a function cannot be called so, as Python says it; "" when it can, or when nothing is known.

    The signature is that of the function itself, not of one that it wraps.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return ""
