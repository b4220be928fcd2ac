"""The throttle of backends in tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from odoo.sql_db import db_connect

from ...adapters import Adapter
from ...adapters.throttle import Throttle

__all__ = ["read_throttle", "throttle_apart"]


class _Connections:
    """Stands for a registry that is not in test mode."""

    def __init__(self, dbname: str) -> None:
        self._dbname = dbname

    def cursor(self) -> Any:
        return db_connect(self._dbname).cursor()


@contextlib.contextmanager
def throttle_apart(dbname: str) -> Iterator[None]:
    """Keep token buckets and circuit breakers on connections of their own, as outside of tests; forget them at the end.

    In test mode they would be in the test's transaction, and the rollback of a job would undo that a circuit opened.
    """
    connections, keys = _Connections(dbname), set()

    def throttle(adapter: Adapter) -> Throttle:
        key = (adapter.backend._name, adapter.backend.id)
        keys.add(key)
        return Throttle(connections, *key)

    with patch.object(Adapter, "_throttle", throttle):
        yield
    if keys:
        with connections.cursor() as cr:
            cr.execute(
                "DELETE FROM connector_adapter_state WHERE (backend_model, backend_id) IN %s", [tuple(sorted(keys))]
            )


def read_throttle(dbname: str, backend: Any) -> str:
    """Return all that is kept of a backend, as text."""
    with _Connections(dbname).cursor() as cr:
        cr.execute(
            "SELECT row_to_json(s)::text FROM connector_adapter_state s WHERE backend_model = %s AND backend_id = %s",
            [backend._name, backend.id],
        )
        return "\n".join(text for (text,) in cr.fetchall())
