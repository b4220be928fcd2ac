"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return a question that names the closest of the known names, "" when none is close."""
    close = difflib.get_close_matches(str(name), [one for one in known if isinstance(one, str)], n=2)
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else ""
