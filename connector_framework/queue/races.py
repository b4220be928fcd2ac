"""Keep the database's refusals of a job that is run again by them out of the log of errors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from .retry import is_retried_constraint

__all__ = ["handled_races"]

_thread = threading.local()
_sql_logger = logging.getLogger("odoo.sql_db")


@contextmanager
def handled_races() -> Iterator[None]:
    """Log at DEBUG what Odoo's cursors call a bad query in this thread, where the runner makes the attempt again.

    Serialization failures, deadlocks, locks that are not free, and two that store the same: when one is not solved by
    that, the runner says so.
    """
    _thread.handles = True
    try:
        yield
    finally:
        _thread.handles = False


class _Races(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not (getattr(_thread, "handles", False) and _is_race(record)):
            return True
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return _sql_logger.isEnabledFor(logging.DEBUG)


def _is_race(record: logging.LogRecord) -> bool:
    error = record.args[-1] if isinstance(record.args, tuple) and record.args else None
    return isinstance(error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY) or is_retried_constraint(error)


_sql_logger.addFilter(_Races())
