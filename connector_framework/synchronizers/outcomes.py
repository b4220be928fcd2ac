"""What became of the records of a chunk."""

from __future__ import annotations

from collections import Counter

__all__ = ["Outcomes"]


#: Outcomes that are told in other words.
_TOLD = {"own job": "in a job of its own"}


class Outcomes(Counter[str]):
    """Counts by outcome: created, updated, unchanged, gone, skipped, conflict, "own job", postponed."""

    def __str__(self) -> str:
        told = (f"{count} {_TOLD.get(outcome, outcome)}" for outcome, count in self.items() if count)
        return ", ".join(told) or "nothing to do"
