"""What a sample says about all."""

from __future__ import annotations

import math

__all__ = ["highest_share"]

#: Of the normal distribution, for 95 % on one side.
_Z = 1.645


def highest_share(found: int, looked_at: int) -> float:
    """Return the share of all that is out of step at most, with 95 % confidence.

    The upper bound of Wilson's score interval; of a sample without a finding the rule of three, which is stricter.

    :param found: records out of step in the sample
    :param looked_at: records in the sample, above 0
    """
    if not found:
        return min(1.0, 3 / looked_at)
    share, square = found / looked_at, _Z**2
    spread = _Z * math.sqrt(share * (1 - share) / looked_at + square / (4 * looked_at**2))
    return min(1.0, (share + square / (2 * looked_at) + spread) / (1 + square / looked_at))
