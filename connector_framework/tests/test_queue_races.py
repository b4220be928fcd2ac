"""What the runner tries again by itself is no error in the log."""

from __future__ import annotations

import logging
import threading
from unittest.mock import patch

import psycopg2
from odoo.tests import TransactionCase, tagged
from psycopg2.errors import DivisionByZero, SerializationFailure

from ..queue import races
from ..queue.races import handled_races

#: Codes of PostgreSQL manual, Appendix A: serialization failure, deadlock, a lock that is not free.
RACES = ("40001", "40P01", "55P03")


@tagged("post_install", "-at_install", "transaction")
class TestHandledRaces(TransactionCase):
    def refuse(self, code):
        """Have the database refuse a statement with this code."""
        with self.assertRaises(psycopg2.Error), self.env.cr.savepoint():
            self.env.cr.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")

    def test_handled(self):
        """What makes the runner try again is no error in the log of its thread."""
        with handled_races(), self.assertNoLogs("odoo.sql_db", logging.INFO):
            for code in RACES:
                self.refuse(code)

    def test_others(self):
        """Any other bad query is one, of the runner's thread too; so is a race of any other thread."""
        with handled_races(), self.assertLogs("odoo.sql_db", logging.ERROR) as logs:
            with self.assertRaises(DivisionByZero), self.env.cr.savepoint():
                self.env.cr.execute("SELECT 1 / 0")
            self.refuse("23505")
        self.assertEqual(len(logs.output), 2)
        with self.assertLogs("odoo.sql_db", logging.ERROR):
            self.refuse(RACES[0])

    def test_at_debug(self):
        """A handled race is logged at DEBUG."""
        with handled_races(), self.assertLogs("odoo.sql_db", logging.DEBUG) as logs:
            self.refuse(RACES[0])
        levels = [record.levelname for record in logs.records if record.getMessage().startswith("bad query")]
        self.assertEqual(levels, ["DEBUG"])

    def test_stored_by_another(self):
        """So it is with two that store the same, where a constraint is known for that."""
        with (
            handled_races(),
            patch.object(races, "is_retried_constraint", return_value=True),
            self.assertNoLogs("odoo.sql_db", logging.INFO),
        ):
            self.refuse("23505")

    def test_new_thread(self):
        """A thread that has never run a job logs as ever."""
        thread = threading.Thread(target=self.refuse_in_a_thread)
        with handled_races(), self.assertLogs("odoo.sql_db", logging.ERROR):
            thread.start()
            thread.join()

    def refuse_in_a_thread(self):
        logging.getLogger("odoo.sql_db").error("bad query: %s", SerializationFailure())

    def test_other_messages(self):
        """What is logged without an error of the database is no business of the runner."""
        logger = logging.getLogger("odoo.sql_db")
        with handled_races(), self.assertLogs(logger, logging.ERROR) as logs:
            logger.error("without arguments")
            logger.error("%(one)s", {"one": SerializationFailure()})
        self.assertEqual(len(logs.output), 2)
