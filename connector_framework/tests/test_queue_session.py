"""The session of a worker's own statements."""

from __future__ import annotations

import select

from odoo.tests import tagged
from odoo.tools import SQL

from ..queue.session import DatabaseSession
from ..queue.sql.schema import NOTIFY_CHANNEL
from .process_case import ProcessCase


@tagged("post_install", "-at_install", "concurrency")
class TestSession(ProcessCase):
    def session(self, *args) -> DatabaseSession:
        session = DatabaseSession(self.dbname, *args)
        self.addCleanup(session.close)
        return session

    def test_transaction(self):
        """A statement has a transaction of its own, in READ COMMITTED, with the statement that comes before it."""
        session = self.session()
        names = "coalesce(current_setting('connector.before', true), ''), current_setting('transaction_isolation')"
        ask = SQL(f"SELECT {names}")
        before = SQL("SELECT set_config('connector.before', %s, true)", "done")
        self.assertEqual(session.execute(ask, before=before), [("done", "read committed")])
        self.assertEqual(session.execute(ask), [("", "read committed")])

    def test_durable(self):
        """Only what is said to be durable waits for the disk."""
        self.sql(f"ALTER DATABASE \"{self.dbname}\" SET synchronous_commit = 'on'")
        self.addCleanup(self.sql, f'ALTER DATABASE "{self.dbname}" RESET synchronous_commit')
        session, ask = self.session(), SQL("SELECT current_setting('synchronous_commit')")
        self.assertEqual((session.execute(ask), session.execute(ask, durable=True)), ([("off",)], [("on",)]))

    def test_limits_of_people(self):
        """A limit that the database has for the statements of people does not end those of a worker."""
        self.sql(f"ALTER DATABASE \"{self.dbname}\" SET statement_timeout = '100ms'")
        self.addCleanup(self.sql, f'ALTER DATABASE "{self.dbname}" RESET statement_timeout')
        self.assertEqual(self.session().execute(SQL("SELECT 1 FROM pg_sleep(0.3)")), [(1,)])

    def test_notified(self):
        """One that listens hears what others send: when its socket is readable, or with the next statement."""
        heard = []
        session = self.session(heard.append)
        session.listen()
        self.sql("SELECT pg_notify(%s, 'first')", NOTIFY_CHANNEL)
        self.assertTrue(select.select([session], [], [], 10)[0], "nothing arrived")
        session.poll()
        self.assertEqual(heard, ["first"])
        self.sql("SELECT pg_notify(%s, 'second')", NOTIFY_CHANNEL)
        self.assertTrue(select.select([session], [], [], 10)[0], "nothing arrived")
        session.execute(SQL("SELECT 1"))
        self.assertEqual(heard, ["first", "second"])

    def test_behind_a_pooler(self):
        """Where a statement is not prepared any more, as on another session of a pooler, it runs all the same."""
        session, query = self.session(), SQL("SELECT %s::int", 1)
        for _ in range(2):
            self.assertEqual(session.execute(query, prepared=True), [(1,)])
            session.execute(SQL("DEALLOCATE ALL"))

    def test_closed(self):
        """Its connection ends with it."""
        session = self.session()
        self.assertFalse(session.closed)
        session.close()
        self.assertTrue(session.closed)
