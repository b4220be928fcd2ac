"""The dry run of an import or export: what it would do, without doing it.

The real code runs on the real cursor, in a *containment*: a savepoint that is always rolled back, in which nothing is
committed, mailed or sent. Meanwhile the *records* that the ORM creates, writes and deletes are noted, with the mapping
that each value came from; adapters read as ever, and note the *calls* that would change something in place of sending
them. ``docs/preview.md`` is the guide.
"""

from .calls import CallWatch, UnsentError
from .containment import Containment, is_contained
from .preview import Job, Preview
from .records import Record, Value, recorders
from .shown import shown

__all__ = [
    "CallWatch",
    "Containment",
    "Job",
    "Preview",
    "Record",
    "UnsentError",
    "Value",
    "is_contained",
    "recorders",
    "shown",
]
