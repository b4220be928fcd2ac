"""Exchanges: the calls of a transaction, collected in memory and written after its end, commit or rollback."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from odoo.tools import SQL

from ..text import clean

__all__ = ["Call", "collect"]

_logger = logging.getLogger(__name__)

#: Exchanges of one transaction that are kept in memory; when there are more they are written before its end.
MAX_PENDING = 500

_KEY = "connector_framework.exchanges"


@dataclass
class Call:
    """One call while it is made, for the adapter to fill in."""

    #: In the terms of the other system: an HTTP status, ``fault 102``.
    status: str = ""
    response: Any = None
    #: Whether the other system answered in its own protocol: then it is up, whatever exception the answer becomes.
    is_answered: bool = False


def collect(env: Any, values: dict[str, Any]) -> None:
    """Keep an exchange until the transaction of ``env`` has ended, by commit or by rollback."""
    cr = env.cr
    pending = cr.postcommit.data.get(_KEY)
    if pending is None:
        pending = cr.postcommit.data[_KEY] = []
        write = partial(_write, env.registry, cr, pending)
        # Odoo clears one of them when it runs the other.
        cr.postcommit.add(write)
        cr.postrollback.add(write)
    pending.append({name: clean(value, None) if isinstance(value, str) else value for name, value in values.items()})
    if len(pending) >= MAX_PENDING:
        _store(env.registry, pending)


def _write(registry: Any, cr: Any, pending: list[dict[str, Any]]) -> None:
    cr.postcommit.data.pop(_KEY, None)
    _store(registry, pending)


def _store(registry: Any, pending: list[dict[str, Any]]) -> None:
    rows = pending[:]
    pending.clear()
    try:
        with registry.cursor() as cr:
            cr.execute(_insert(rows))
    except Exception:
        # The work is committed, or was rolled back for a reason of its own: a failure here must not change that.
        _logger.warning("%s exchanges could not be written and are lost", len(rows), exc_info=True)


def _insert(rows: list[dict[str, Any]]) -> SQL:
    """Write exchanges in one statement, not flushed to disk: a crash of PostgreSQL may lose them."""
    columns = list(rows[0])
    return SQL(
        "SET LOCAL synchronous_commit = off; INSERT INTO connector_exchange (%s) VALUES %s",
        SQL(", ").join(map(SQL.identifier, columns)),
        SQL(", ").join(tuple(row[column] for column in columns) for row in rows),
    )
