"""The containment: code runs on a cursor, and nothing of it stays."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..queue.current import standing_in

__all__ = ["Containment", "is_contained"]

_ATTRIBUTE = "_connector_contained"


def is_contained(cr: Any) -> bool:
    """Tell whether what runs on this cursor is contained: it must reach nobody outside."""
    return _ATTRIBUTE in cr.__dict__


class Containment:
    """A savepoint around code that believes to be in a transaction, or in a job, of its own.

    What was pending before is flushed first. Inside, ``cr.commit()`` and a job's checkpoint keep what was done so far
    from a later :meth:`rollback`, as they would, and commit nothing. At the end all is rolled back; caches of records
    and of the registry that the code has filled are emptied, and the hooks that it left for the end of the transaction
    are dropped. What PostgreSQL does not roll back stays: the numbers that were taken from sequences.

    Code that opens a cursor of its own and commits that is beyond it.

    :param env: its cursor is the one that is contained
    :param job_id: of the job that the code would run in; None: of none that is known
    """

    def __init__(self, env: Any, job_id: int | None = None) -> None:
        self._registry = env.registry
        self._cr = env.cr
        self._job = _RehearsedJob(self._cr, job_id)
        self._stack = ExitStack()
        self._kept: Any = None

    def __enter__(self) -> Containment:
        if is_contained(self._cr):
            raise RuntimeError("a dry run is going on already on this cursor: it cannot contain another one")
        self._cr.flush()
        with ExitStack() as stack:
            stack.enter_context(_registry_caches_reset(self._registry))
            stack.enter_context(_hooks_dropped(self._cr))
            savepoint = self._cr.savepoint()
            stack.callback(savepoint.close, rollback=True)
            # What follows ends before the savepoint does.
            stack.enter_context(_replaced(self._cr, commit=self._commit, rollback=self.rollback, **{_ATTRIBUTE: True}))
            stack.enter_context(standing_in(self._cr, self._job))
            self._kept = self._cr.savepoint()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._stack.close()

    def rollback(self) -> None:
        """Take back what was done since the last commit inside."""
        self._kept.rollback()

    def _commit(self) -> None:
        self._kept.close(rollback=False)
        self._kept = self._cr.savepoint()
        # As after a commit.
        self._cr.clear()


class _RehearsedJob:
    """Stands in for the running job."""

    #: A race with another process is not run again.
    reruns_left = 0

    def __init__(self, cr: Any, job_id: int | None) -> None:
        self.id = job_id
        self._cr = cr
        self._state: Any = None

    def report_progress(self, done: float, total: float) -> None:
        pass

    def checkpoint(self, state: Any) -> None:
        self._state = json.loads(json.dumps(state, allow_nan=False))
        self._cr.commit()  # pylint: disable=invalid-commit  # contained

    def checkpoint_state(self) -> Any:
        return self._state


@contextmanager
def _replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Set attributes of an instance inside."""
    before = {name: owner.__dict__[name] for name in attributes if name in owner.__dict__}
    owner.__dict__.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del owner.__dict__[name]
        owner.__dict__.update(before)


@contextmanager
def _hooks_dropped(cr: Any) -> Iterator[None]:
    """Drop the hooks for the end of the transaction that are added inside."""
    hooks = (cr.postcommit, cr.prerollback, cr.postrollback)
    before = [(deque(callbacks._funcs), dict(callbacks.data)) for callbacks in hooks]
    try:
        yield
    finally:
        for callbacks, (functions, data) in zip(hooks, before, strict=True):
            callbacks.clear()
            callbacks._funcs.extend(functions)
            callbacks.data.update(data)


@contextmanager
def _registry_caches_reset(registry: Any) -> Iterator[None]:
    """Empty at the end what was invalidated inside: it may hold what has been rolled back."""
    flags, is_changed = set(registry.cache_invalidated), registry.registry_invalidated
    registry.cache_invalidated.clear()
    registry.registry_invalidated = False
    try:
        yield
    finally:
        registry.reset_changes()
        registry.cache_invalidated.update(flags)
        registry.registry_invalidated = is_changed
