"""References: a service and its version (``Magento 1.7``) that know the classes to use for a model.

A reference may have a parent to fall back on, usually the version before or the service itself. Classes (*units*:
mappers, synchronizers, adapters, binders) are registered on a reference; asked for the class of a kind for a model, it
looks at its own first, then at its parent's. A version that differs in one point registers one class.
"""

from .reference import Reference, all_references, get_reference
from .resolution import Entry
from .unit import ConnectorUnit, WorkSession, watching_units

__all__ = [
    "ConnectorUnit",
    "Entry",
    "Reference",
    "WorkSession",
    "all_references",
    "get_reference",
    "watching_units",
]
