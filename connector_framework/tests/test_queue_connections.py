"""The threads of a process and the connections of its pool."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import BaseCase, tagged
from odoo.tools import config

from ..queue.supervisor import Supervisor
from ..settings import Settings


@tagged("post_install", "-at_install", "plain")
class TestConnections(BaseCase):
    def threads(self, wanted, maxconn):
        with patch.dict(config.options, {"db_maxconn": maxconn}):
            return Supervisor(Settings(threads=wanted), list).settings.threads

    def test_enough(self):
        """``threads * 3 + 2 < db_maxconn``: all threads are started, and nothing is said."""
        with self.assertNoLogs("odoo.addons.connector_framework.queue.supervisor"):
            self.assertEqual(self.threads(4, 64), 4)
            self.assertEqual(self.threads(20, 63), 20)

    def test_too_few(self):
        """Otherwise as many are started as there are connections for, at least one, and an error says what to do."""
        for wanted, maxconn, expected in ((20, 62, 19), (30, 64, 20), (4, 4, 1)):
            with self.subTest(wanted=wanted, maxconn=maxconn):
                with self.assertLogs("odoo.addons.connector_framework.queue.supervisor", "ERROR") as logs:
                    self.assertEqual(self.threads(wanted, maxconn), expected)
                self.assertIn(f"{wanted} threads of the queue need db_maxconn > {wanted * 3 + 2}", logs.output[0])
