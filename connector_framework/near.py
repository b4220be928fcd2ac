"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["close_to", "did_you_mean"]

#: How alike two names are when one is taken for the other misspelt, without a sign beside.
_ALIKE = 0.87


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return a question that names the closest of the known names, "" when none is close."""
    close = difflib.get_close_matches(str(name), [one for one in known if isinstance(one, str)], n=2)
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else ""


def close_to(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a name seems to be meant for: nearly the same, or with other underscores around it."""
    known = list(known)
    bare = {one.strip("_"): one for one in known}
    return bare.get(name.strip("_")) or next(iter(difflib.get_close_matches(name, known, 1, _ALIKE)), None)
