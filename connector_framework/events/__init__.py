"""Events: observer registries that the ORM's create, write and unlink fire.

An *event* is something that happens to records; a *consumer* is a function that is called when it happens. Consumers
subscribe at import, once for the process, and run only in the databases where their addon is installed. The package
knows nothing of connectors.
"""

from .event import Event, describe, on_record_change, on_record_create, on_record_unlink, on_record_write
from .origin import origin_of

__all__ = [
    "Event",
    "describe",
    "on_record_change",
    "on_record_create",
    "on_record_unlink",
    "on_record_write",
    "origin_of",
]
