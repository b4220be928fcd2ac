"""Synchronizers: import, export and delete records, by means of adapter, mapper and binder.

Each is a template: ``run()`` calls small steps in a fixed order, and a connector overrides those that differ. Importer,
exporter and deleter work on every binding model without being registered. ``docs/synchronizers.md`` is the guide.
"""

from .agreement import Agreement
from .batch import BatchImporter, DelayedBatchImporter, DirectBatchImporter
from .consumers import delete_on_unlink, export_on_change
from .deleter import Deleter
from .exporter import Exporter
from .importer import Importer
from .outcomes import Outcomes
from .synchronizer import Synchronizer, digest

__all__ = [
    "Agreement",
    "BatchImporter",
    "DelayedBatchImporter",
    "Deleter",
    "DirectBatchImporter",
    "Exporter",
    "Importer",
    "Outcomes",
    "Synchronizer",
    "delete_on_unlink",
    "digest",
    "export_on_change",
]
