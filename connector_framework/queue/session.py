"""A worker's own database session: outside of Odoo's pool, in READ COMMITTED, each call a transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import psycopg2
import psycopg2.extensions
from odoo.sql_db import connection_info_for
from odoo.tools import SQL

from . import sql
from .prepared import UNPREPARED, Prepared

__all__ = ["DatabaseSession", "Session"]

# A host that is gone is noticed after some 20 s; a session that is idle for long is not dropped by a firewall.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Of the transaction, not of the session, which a pooler may hand to somebody else. The planner takes the statements of
# the queue for larger than they are: compiling one takes a hundred times as long as running it.
_SETTINGS = "SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_generic_plan; "
_ASYNC = "SET LOCAL synchronous_commit = off; "
# A limit that a role or a database has is meant for the statements of people.
_NO_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "


class Session(Protocol):
    """What the queue needs of a session."""

    def execute(
        self, query: SQL, *, first: SQL | None = None, durable: bool = False, often: bool = False
    ) -> list[tuple[Any, ...]]:
        """Run a statement in a transaction of its own and return its rows.

        :param first: a statement of the same transaction, and of a snapshot of its own
        :param durable: wait for the disk; a claim that a crash of PostgreSQL loses never happened, a failure is news
        :param often: it comes again and again with other values: let the server plan it once
        """

    def close(self) -> None: ...


class DatabaseSession:
    """A connection that several threads of a worker share, one statement at a time.

    Odoo's pool resets a connection on every borrow, which would drop the advisory lock; and its cursors are REPEATABLE
    READ, in which two claimers fail each other.
    """

    def __init__(self, dbname: str, on_notify: Callable[[str], None] | None = None) -> None:
        _, info = connection_info_for(dbname)
        self._connection = psycopg2.connect(**{**_KEEPALIVE, **info})
        self._connection.autocommit = True
        self._lock = threading.Lock()
        self._on_notify = on_notify
        #: What is prepared, by its text; None: this connection is not one server session, nothing can be.
        self._prepared: dict[str, Prepared] | None = {}
        self._settings = _SETTINGS
        limits = self.execute(SQL("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"))
        if limits != [("0", "0")]:
            self._settings += _NO_LIMITS

    def execute(
        self, query: SQL, *, first: SQL | None = None, durable: bool = False, often: bool = False
    ) -> list[tuple[Any, ...]]:
        prefix = SQL(self._settings if durable else self._settings + _ASYNC)
        if first:
            prefix = SQL("%s%s; ", prefix, first)
        params = [*prefix.params, *query.params] or None
        with self._lock, self._connection.cursor() as cursor:
            try:
                code = self._prepare(cursor, query) if often else query.code
                cursor.execute(prefix.code + code, params)
            except UNPREPARED:
                self._prepared = None
                cursor.execute(prefix.code + query.code, params)
            rows = cursor.fetchall() if cursor.description else []
        self._deliver()
        return rows

    def _prepare(self, cursor: Any, query: SQL) -> str:
        """Return what runs a statement that the server plans once, for any values."""
        if self._prepared is None:
            return query.code
        statement = self._prepared.get(query.code)
        if statement is None:
            statement = Prepared(f"connector_{len(self._prepared)}", query.code)
            cursor.execute(statement.preparation)
            self._prepared[query.code] = statement
        return statement.execution

    def listen(self) -> None:
        """Be told when jobs are there; through a pooler that swaps sessions it comes to nothing, and polling does."""
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {sql.NOTIFY_CHANNEL}")

    def poll(self) -> None:
        """Read what has come in; called when :meth:`fileno` is readable."""
        with self._lock:
            self._connection.poll()
        self._deliver()

    def _deliver(self) -> None:
        while self._connection.notifies:
            notify = self._connection.notifies.pop(0)
            if self._on_notify:
                self._on_notify(notify.payload)

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def closed(self) -> bool:
        return bool(self._connection.closed)

    def close(self) -> None:
        self._connection.close()
