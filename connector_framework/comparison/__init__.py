"""Comparison: are both sides of a model the same, record by record?

It reads all records of the other system, by the adapter, the importer, the mapper and the binder that a connector has
anyway, and tells what an import would change: nothing is changed. ``docs/comparison.md`` is the guide.
"""

from .comparer import Comparer
from .finding import KINDS, Finding
from .run import PRIORITY, Run
from .sample import highest_share

__all__ = ["KINDS", "PRIORITY", "Comparer", "Finding", "Run", "highest_share"]
