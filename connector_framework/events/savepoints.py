"""Notice the savepoints of a cursor while changes are pending."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Protocol

__all__ = ["SavepointWatch"]


class _Log(Protocol):
    def savepoint(self, name: str) -> None: ...
    def release(self, name: str) -> None: ...
    def rollback_to(self, name: str) -> None: ...


class SavepointWatch:
    """Tell a log where savepoints begin and end.

    Odoo clears ``cr.precommit`` when a flushing savepoint is rolled back, but not for ``cr.savepoint(flush=False)``
    nor for SQL of one's own. Both pass through ``Cursor.execute``, which calls the hooks in its thread's
    ``query_hooks``; a hook costs no query, and is there only while something is pending.
    """

    def __init__(self, log: _Log, cr: Any) -> None:
        self._log = weakref.ref(log)
        # A cursor of tests passes its statements on to the real one, and that calls the hooks.
        self._cursor = weakref.ref(getattr(cr, "_cursor", cr))
        self._thread = threading.current_thread()
        self._thread.query_hooks = [*getattr(self._thread, "query_hooks", ()), self]  # type: ignore[attr-defined]

    def __call__(self, cr: Any, query: Any, params: Any, start: float, delay: float) -> None:
        log = self._log()
        if log is None:  # committed, rolled back, or a cursor that is gone
            self.stop()
            return
        if (
            not isinstance(query, str)
            or query[:9] not in ("SAVEPOINT", "RELEASE S", "ROLLBACK ")
            or cr is not self._cursor()
        ):
            return
        name = query.split()[-1].strip('";')
        if query.startswith("SAVEPOINT"):
            log.savepoint(name)
        elif query.startswith("RELEASE"):
            log.release(name)
        else:
            log.rollback_to(name)

    def stop(self) -> None:
        # A new list: this one may be in the middle of being walked through.
        hooks = getattr(self._thread, "query_hooks", ())
        self._thread.query_hooks = [hook for hook in hooks if hook is not self]  # type: ignore[attr-defined]
