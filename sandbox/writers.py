"""Let writers of products meet: the shop's index tables stand one at a time, and the database ends the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

#: The calls that write to the index tables.
_PRODUCT_WRITES = frozenset(("catalog_product.create", "catalog_product.update", "cataloginventory_stock_item.update"))


def is_product_write(path: str) -> bool:
    """Return whether a resource's method changes a product."""
    return path in _PRODUCT_WRITES


def never(_path: str) -> bool:
    """Return False."""
    return False


class Writers:
    """The requests that write products at the moment.

    :param write_s: seconds that a write takes; 0: nothing meets.
    :ivar met: how many writers met another one.
    """

    def __init__(self, write_s: float = 0.0) -> None:
        self.write_s = write_s
        self.met = 0
        self._lock = threading.Lock()
        self._writing = 0

    @contextmanager
    def writing(self, names: Iterable[str]) -> Iterator[bool]:
        """Take as long as the calls of these names do; give whether another request writes at the same time."""
        if not self.write_s or not _PRODUCT_WRITES.intersection(names):
            yield False
            return
        with self._lock:
            met = bool(self._writing)
            self.met += met
            self._writing += 1
        try:
            time.sleep(self.write_s)
            yield met
        finally:
            with self._lock:
                self._writing -= 1
