"""Statements that are planned once a connection: planning takes several times as long as running them."""

from __future__ import annotations

from typing import Any

from odoo.tools import SQL
from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName

__all__ = ["UNPREPARED", "Prepared", "forget"]

#: What a pooler that swaps server sessions makes of prepared statements: the connection does without them from then on.
UNPREPARED = (DuplicatePreparedStatement, InvalidSqlStatementName)

_ATTRIBUTE = "_connector_prepared"


class Prepared:
    """A statement with a name; ``%s`` stands for each parameter, in order.

    :param text: each parameter with a cast, ``%s::int[]``, or beside a column that gives its type
    """

    def __init__(self, name: str, text: str) -> None:
        self.text = text
        count = text.count("%s")
        numbered = text % tuple(f"${number}" for number in range(1, count + 1))
        self.preparation = f"PREPARE {name} AS {numbered}"
        self.execution = f"EXECUTE {name}" + (f" ({', '.join(['%s'] * count)})" if count else "")
        self._name = name

    def query(self, *params: Any) -> SQL:
        """Return the statement for a session on which it is not prepared."""
        return SQL(self.text, *params)

    def run(self, cr: Any, *params: Any, then: str = "") -> None:
        """Execute it on a cursor of Odoo's.

        :param then: statements that go with it in one trip, each after the one before has succeeded
        :raises DuplicatePreparedStatement, InvalidSqlStatementName: where the connection is not one session; roll back
            and run it again
        """
        known = cr.connection.__dict__.setdefault(_ATTRIBUTE, set())
        try:
            if None not in known and self._name not in known:
                cr.execute(self.preparation, log_exceptions=False)
                known.add(self._name)
            cr.execute((self.text if None in known else self.execution) + then, params, log_exceptions=False)
        except UNPREPARED:
            known.add(None)
            raise


def forget(cr: Any) -> None:
    """Forget what is prepared on the connection of a cursor: the pool resets it whenever it is borrowed."""
    cr.connection.__dict__.pop(_ATTRIBUTE, None)
