"""The retry policy: which errors are tried again, and when.

- At once, up to 5 times, as no attempt: serialization failures, deadlocks, unique violations of
  :data:`retried_constraints`.
- Later, as long as attempts are left: :class:`RetryableError`, a lost database session, a shortage of connections.
- The pause after the n-th attempt: what the error says, else the method's ``retry_pattern``, else 10 s * 2^(n-1), at
  most 1 h, +-20 %: 10 s, 20 s, 40 s, 80 s, ...
"""

from __future__ import annotations

import logging
import math
import random
from typing import Any

import psycopg2
from psycopg2.errors import UniqueViolation
from psycopg2.pool import PoolError

from ..exceptions import RetryableError
from ..text import clean
from .claimed import Claimed
from .options import MAX_WAIT_S, method_options

__all__ = ["MAX_TRIES", "is_shortage", "retried_constraints", "retry_delay"]

_logger = logging.getLogger(__name__)

#: How often a job is run again at once.
MAX_TRIES = 5
RETRY_BASE_S, RETRY_MAX_S, RETRY_JITTER = 10, 3600, 0.2

#: Endings of the names of unique indexes: of two jobs that meet in one, the second is run again at once and finds the
#: first one's record.
retried_constraints: list[str] = []


def is_retried_constraint(error: object) -> bool:
    """Tell whether an error is a unique violation of one of :data:`retried_constraints`."""
    if not isinstance(error, UniqueViolation):
        return False
    return (error.diag.constraint_name or "").endswith(tuple(retried_constraints))


def is_shortage(error: BaseException) -> bool:
    """Tell whether a database error is a momentary lack of connections.

    A full pool; an error of the client, which has no code; classes 08 (connection), 53 (resources) and 57P (shutdown,
    start) of PostgreSQL manual, Appendix A.
    """
    if isinstance(error, PoolError):
        return True
    if not isinstance(error, psycopg2.OperationalError):
        return False
    return error.pgcode is None or error.pgcode.startswith(("08", "53", "57P"))


def retry_delay(job: Claimed, registry: Any, error: BaseException | None = None) -> float:
    """Return the seconds to wait after this attempt.

    :param registry: None when it could not be loaded: the method's pattern is not known
    :param error: whose ``retry_after_s`` counts, if it is a number of seconds
    """
    asked = getattr(error, "retry_after_s", None) if isinstance(error, RetryableError) else None
    if asked is not None:
        try:
            if math.isfinite(asked):
                return min(max(0.0, float(asked)), MAX_WAIT_S)
        except (TypeError, ValueError, OverflowError):
            _logger.warning("%s: retry_after_s is no number of seconds: %s", job, clean(asked, 100))
    pattern = None
    if registry is not None and job.model_name in registry:
        pattern = method_options(registry[job.model_name], job.method_name).retry_pattern
    steps = [attempt for attempt in pattern or {} if attempt <= job.attempt]
    if pattern and steps:
        return float(pattern[max(steps)])
    delay = min(RETRY_MAX_S, RETRY_BASE_S * 2 ** (max(1, min(job.attempt, 30)) - 1))
    return delay * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)
