"""Screens hear that jobs have ended, by Odoo's bus."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..queue.news import send
from .process_case import ProcessCase, wait_until

NEWS = "SELECT count(*) FROM bus_bus WHERE message LIKE '%connector.queue%'"


@tagged("post_install", "-at_install", "process")
class TestNews(ProcessCase):
    def test_sent_to_the_group(self):
        """A worker tells the members of the group, at most every 2 seconds however many jobs end."""
        self.start_worker("--threads=2")
        self.enqueue("tiny", [(f"k{n}",) for n in range(300)])
        self.wait_states(60, done=300)
        wait_until(lambda: self.sql(NEWS)[0][0] >= 1, 20, self.logs)
        self.assertLessEqual(self.sql(NEWS)[0][0], 30)
        [(channel,)] = self.sql("SELECT DISTINCT channel FROM bus_bus WHERE message LIKE '%connector.queue%'")
        [(group_id,)] = self.sql("SELECT res_id FROM ir_model_data WHERE name = 'group_connector_user'")
        self.assertIn(f'"res.groups",{group_id}', channel)


@tagged("post_install", "-at_install", "transaction")
class TestSend(TransactionCase):
    def test_without_the_group(self):
        """A deleted group is no error: the notification has no recipient."""
        with patch.object(self.registry["bus.bus"], "_sendone") as sendone:
            send(self.env)
            sendone.assert_called_once_with(
                self.env.ref("connector_framework.group_connector_user"), "connector.queue", {}
            )
            self.env["ir.model.data"].search([("name", "=", "group_connector_user")]).unlink()
            send(self.env)
            sendone.assert_called_once()
