"""A mistake in the code of a connector, found before it makes a job fail."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Mistake"]


class Mistake(NamedTuple):
    """What is wrong with a class, and what to do.

    :param is_certain: it fails as soon as it is used; else it may be meant
    """

    text: str
    is_certain: bool = True
