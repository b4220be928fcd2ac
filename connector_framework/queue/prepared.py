"""Statements that are planned once a connection: planning takes several times as long as running them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odoo.tools import SQL
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName

from .sql.schema import Bound

__all__ = ["UNPREPARED", "PreparedStatements"]

#: The errors of a pooler that swaps server sessions: the connection does without prepared statements from then on.
UNPREPARED = (DuplicatePreparedStatement, InvalidSqlStatementName)


class PreparedStatements:
    """The statements that one connection has prepared, by their text.

    Each parameter of a statement has a cast, ``%s::int[]``, or stands beside a column that gives its type.
    """

    def __init__(self) -> None:
        #: False: the connection is not one server session.
        self.possible = True
        self._executions: dict[str, str] = {}

    def execution(self, query: SQL | Bound, execute: Callable[[str], Any]) -> str:
        """Return the text that runs a statement; its parameters stay the same.

        :param execute: runs a text on the connection, when the statement has to be prepared first
        """
        if not self.possible:
            return query.code
        execution = self._executions.get(query.code)
        if execution is None:
            name = f"connector_{len(self._executions)}"
            numbers = range(1, len(query.params) + 1)
            text = query.code % tuple(f"${number}" for number in numbers)
            execution = f"EXECUTE {name}" + (f" ({', '.join('%s' for _ in numbers)})" if numbers else "")
            execute(f"PREPARE {name} AS {text}")
            self._executions[query.code] = execution
        return execution

    def give_up(self) -> None:
        """Prepare nothing more, after one of :data:`UNPREPARED`."""
        self.possible = False
