"""What the look at one record finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..synchronizers import digest

__all__ = ["KINDS", "Finding"]

#: What can be out of step.
KINDS = ("missing_here", "missing_there", "different", "not_comparable")


@dataclass
class Finding:
    """How one record stands."""

    #: As the adapter takes it; None for a binding that was never exported.
    external_id: Any
    #: One of :data:`KINDS`; None: both sides are the same.
    kind: str | None
    #: (0..1)
    binding: Any
    #: By field, a dict of ``odoo`` and ``external``, both texts.
    differences: dict[str, dict[str, str]] = field(default_factory=dict)
    reason: str = ""
    #: Which side changed last, as far as is known: "odoo", "external", "both".
    changed_last: str | None = None
    #: By field, where the external value comes from: a dict of ``source``, ``method``, ``class`` and ``addon``.
    origins: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Id of the record of Odoo that a record without a binding seems to be.
    proposed_id: int | None = None
    #: What two looks have in common if nothing has changed between them; "": another look has to tell.
    fingerprint: str = ""

    def __post_init__(self) -> None:
        self.fingerprint = digest([self.kind, self.differences, self.reason])
