"""The database sessions of a worker: its own, in READ COMMITTED, and those of its jobs' work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import psycopg2
import psycopg2.extensions
from odoo.modules.registry import Registry
from odoo.sql_db import Cursor, connection_info_for
from odoo.tools import SQL

from .prepared import UNPREPARED, PreparedStatements
from .sql.schema import NOTIFY_CHANNEL, Bound

__all__ = ["DatabaseSession", "Session", "commit_together", "execute_prepared", "work_cursor"]

# A lost host is noticed after some 20 s; a session that is idle for long is not dropped by a firewall.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Of the transaction, not of the session, which a pooler may hand on. The planner takes the statements of the queue for
# larger than they are: compiling one takes a hundred times as long as running it.
_SETTINGS = "SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_generic_plan; "
_ASYNC = "SET LOCAL synchronous_commit = off; "
# A limit that a role or a database has is meant for the statements of people.
_NO_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "


class Session(Protocol):
    """A session on which the statements of a worker run."""

    def execute(
        self, query: SQL, *, before: SQL | None = None, durable: bool = False, prepared: bool = False
    ) -> list[tuple[Any, ...]]:
        """Run a statement in a transaction of its own and return its rows.

        :param before: a statement of the same transaction, and of a snapshot of its own
        :param durable: wait for the disk; a claim that a crash of PostgreSQL loses never happened, a failure is news
        :param prepared: it comes again and again with other values: let the server plan it once
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
        self._prepared = PreparedStatements()
        self._settings = _SETTINGS
        limits = self.execute(SQL("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"))
        if limits != [("0", "0")]:
            self._settings += _NO_LIMITS

    def execute(
        self, query: SQL, *, before: SQL | None = None, durable: bool = False, prepared: bool = False
    ) -> list[tuple[Any, ...]]:
        prefix = SQL(self._settings if durable else self._settings + _ASYNC)
        if before:
            prefix = SQL("%s%s; ", prefix, before)
        params = [*prefix.params, *query.params] or None
        with self._lock, self._connection.cursor() as cursor:
            try:
                code = self._prepared.execution(query, cursor.execute) if prepared else query.code
                cursor.execute(prefix.code + code, params)
            except UNPREPARED:
                self._prepared.give_up()
                cursor.execute(prefix.code + query.code, params)
            rows = cursor.fetchall() if cursor.description else []
        self._deliver()
        return rows

    def listen(self) -> None:
        """Be told when jobs are there; through a pooler that swaps sessions nothing arrives, and polling finds them."""
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {NOTIFY_CHANNEL}")

    def poll(self) -> None:
        """Read notifications; called when :meth:`fileno` is readable."""
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


# -- the sessions of the work ------------------------------------------------------------------------------------------

_PREPARED = "_connector_prepared"
_CLEANING = "_connector_cleaning"


def work_cursor(dbname: str) -> Any:
    """Return a cursor for the work of jobs, with its session set up.

    Its prepared statements are planned once for all parameters, which PostgreSQL by itself would not do for these.
    A job may wait for another system, and a thread for a job, longer than a role's sessions may be idle. From
    PostgreSQL 14 on, a server that is busy for a client which has died notices: its locks do not last as long as its
    query.
    """
    cr = Registry(dbname).cursor()
    connection = cr.connection
    settings = ["plan_cache_mode = force_generic_plan", "idle_in_transaction_session_timeout = 0"]
    if connection.server_version >= 140_000:
        settings += ["idle_session_timeout = 0", "client_connection_check_interval = 500"]
    text = "; ".join(f"SET {setting}" for setting in settings)
    # The state that a job leaves on the session must not reach the next job. Takes 20 microseconds of PostgreSQL.
    connection.__dict__[_CLEANING] = (
        "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all();"
        f" DISCARD TEMP; {text}"
    )
    connection.__dict__[_PREPARED] = PreparedStatements()
    cr.execute("DEALLOCATE ALL; " + text)  # pylint: disable=sql-injection  # the literals above
    cr.commit()  # pylint: disable=invalid-commit  # settings of the session, on a cursor for jobs alone
    return cr


def clean_session(cr: Any) -> None:
    """Clean the session after a rollback: settings, session locks, temporary tables, LISTEN."""
    cleaning = cr.connection.__dict__.get(_CLEANING)
    if cleaning and isinstance(cr, Cursor):
        cr.execute(cleaning, log_exceptions=False)
        cr.connection.commit()


def execute_prepared(cr: Any, query: SQL | Bound, then: str = "") -> None:
    """Execute a statement on a work cursor, prepared once.

    :param then: statements that go with it in one trip, each after the one before has succeeded
    :raises DuplicatePreparedStatement, InvalidSqlStatementName: where the connection is not one server session; roll
        back and run it again
    """
    prepared = cr.connection.__dict__.setdefault(_PREPARED, PreparedStatements())
    try:
        code = prepared.execution(query, lambda text: cr.execute(text, log_exceptions=False))
        cr.execute(code + then, query.params, log_exceptions=False)
    except UNPREPARED:
        prepared.give_up()
        raise


def commit_together(cr: Any, statement: SQL | Bound, committed: Callable[[], None]) -> None:
    """Run a last statement, commit, and clean the session, in one trip; Odoo's hooks run as ever.

    Nothing is committed if the statement fails. The connection is in a new transaction then, without a snapshot yet,
    which psycopg2 knows as that of its own BEGIN.

    :param committed: called right after the commit, before Odoo's postcommit hooks
    """
    cr.flush()
    if not isinstance(cr, Cursor):  # one that shares a connection, in which a commit is a savepoint
        execute_prepared(cr, statement)
        cr.commit()  # pylint: disable=invalid-commit  # the job's end
        committed()
        return
    transaction = cr.transaction
    if not cr.postcommit:
        # No code reads the caches any more: to drop them is cheaper than to empty them.
        cr.transaction = None
    connection = cr.connection

    def commit() -> None:
        cleaning = connection.__dict__[_CLEANING]
        execute_prepared(cr, statement, f"; COMMIT; BEGIN; {cleaning}; COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ")
        committed()

    connection.commit = commit
    try:
        cr.commit()  # pylint: disable=invalid-commit  # the job's end
    except BaseException:
        cr.transaction = transaction
        raise
    finally:
        del connection.commit
