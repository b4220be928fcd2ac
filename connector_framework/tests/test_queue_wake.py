"""Workers are woken by what is committed, by the shortest way."""

from __future__ import annotations

from unittest.mock import patch

import psycopg2
from odoo.tests import TransactionCase, tagged

from ..queue import wake
from ..queue.sql.schema import NOTIFY_CHANNEL


@tagged("post_install", "-at_install", "transaction")
class TestWake(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})
        self.env.cr.postcommit.clear()
        connect = self.startPatcher(patch.object(wake, "db_connect"))
        self.execute = connect.return_value.cursor.return_value.__enter__.return_value.execute
        self.woken = []

    def serve(self, *, is_alone):
        """Have a dispatcher of this process serve the database."""
        local = {self.env.cr.dbname: wake.Local(self.woken.append, is_alone)}
        self.startPatcher(patch.dict(wake.local, local))

    def test_once_after_the_commit(self):
        """However many jobs a transaction stores, the workers are woken once, and not before they can see the jobs."""
        for _ in range(3):
            self.partner.as_job().write({})
        self.execute.assert_not_called()
        self.env.cr.postcommit.run()
        self.execute.assert_called_once()
        self.assertEqual(self.execute.call_args.args[1], [NOTIFY_CHANNEL, ""])

    def test_waiting(self):
        """Where a job waits for another one, which may end before the commit, the workers look after waiting jobs."""
        self.partner.as_job(after=self.partner.as_job().write({})).write({})
        self.env.cr.postcommit.run()
        self.assertEqual([call.args[1][1] for call in self.execute.call_args_list], ["", wake.MAINTENANCE])

    def test_own_dispatcher(self):
        """A dispatcher that is alone is woken without the database."""
        self.serve(is_alone=True)
        self.partner.as_job(after=self.partner.as_job().write({})).write({})
        self.env.cr.postcommit.run()
        self.assertEqual(self.woken, ["", wake.MAINTENANCE])
        self.execute.assert_not_called()

    def test_one_of_several(self):
        """One of several processes is woken at once, and the others, that they get their share."""
        self.serve(is_alone=False)
        self.partner.as_job().write({})
        self.env.cr.postcommit.run()
        self.assertEqual(self.woken, [""])
        self.execute.assert_called_once()

    def test_no_connection(self):
        """A wake that gets lost is no error of the caller, whose jobs are committed."""
        self.execute.side_effect = psycopg2.OperationalError("gone")
        self.partner.as_job().write({})
        self.env.cr.postcommit.run()
        self.execute.assert_called_once()
