import logging

import psycopg2
from odoo.tests import TransactionCase, tagged
from psycopg2.errors import DivisionByZero

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
