"""The job that runs on a cursor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["current_job", "set_current_job", "standing_in"]

_ATTRIBUTE = "_connector_running_job"


def current_job(cr: Any) -> Any:
    """Return the job (:class:`~.runner.RunningJob`) that runs on this cursor, None without.

    Never taken from the context, which clients can set.
    """
    return cr.__dict__.get(_ATTRIBUTE)


def set_current_job(cr: Any, job: Any) -> None:
    """Make a job the one that runs on a cursor; None: none does."""
    cr.__dict__[_ATTRIBUTE] = job


@contextmanager
def standing_in(cr: Any, job: Any) -> Iterator[None]:
    """Have the code on a cursor find another job as the one that runs, inside.

    :param job: with the attributes that code sees of a :class:`~.runner.RunningJob`
    """
    before = current_job(cr)
    set_current_job(cr, job)
    try:
        yield
    finally:
        set_current_job(cr, before)
