"""What became of the records of a chunk."""

from __future__ import annotations

from collections import Counter

__all__ = ["Outcomes"]


class Outcomes(Counter[str]):
    """Counts by outcome: created, updated, unchanged, gone, skipped, conflict, "own job", postponed."""

    def __str__(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in self.items() if count) or "nothing to do"
