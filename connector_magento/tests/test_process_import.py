"""The import of a whole shop by a real server that is killed in the middle of it."""

import os
import signal
import unittest

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import wait_until
from odoo.addons.connector_framework.tests.process_case import PROBE, ProcessCase

from .common import Sandbox

#: Table -> what the shop's summary calls it.
TABLES = {
    "magento_product_category": "categories",
    "magento_product_product": "products",
    "magento_res_partner": "customers",
    "magento_address": "addresses",
    "magento_sale_order": "orders",
}


class ImportCase(ProcessCase):
    modules = (PROBE, "connector_magento")

    @classmethod
    def setUpClass(cls):
        if Sandbox is None:
            raise unittest.SkipTest("there is no folder sandbox beside the addon: run the tests in a checkout")
        super().setUpClass()

    def counts(self):
        return {table: self.sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}

    def begin(self):
        """Enqueue the import of a shop; return what it has."""
        shop = self.enterContext(Sandbox())
        with self.environment() as env:
            backend = env["magento.backend"].create(
                {"name": "Shop", "url": shop.url, "api_user": shop.user, "api_key": shop.key}
            )
            backend.action_import_all()
        return shop.summary()

    def wait_for_share(self, summary, share):
        wanted = share * sum(summary[name] for name in TABLES.values())
        wait_until(lambda: sum(self.counts().values()) >= wanted, 240, lambda: f"{self.states()}; {self.logs()}")

    def busy(self):
        """Return the pids of processes that run a job, or have died while they did."""
        return {
            pid
            for (pid,) in self.sql(
                "SELECT w.pid FROM connector_worker w JOIN connector_job j ON j.worker_id = w.id"
                " WHERE j.state = 'running'"
            )
        }

    def check_all_is_there(self, summary):
        """Wait for the end of the import, and check that each record is there once."""
        unfinished = {"waiting", "pending", "running"}
        wait_until(lambda: not unfinished & set(self.states()), 300, lambda: f"{self.states()}; {self.logs()}")
        self.assertEqual(set(self.states()), {"done"}, self.failed())
        counts = self.counts()
        counts["magento_product_product"] += self.sql("SELECT count(*) FROM magento_product_template")[0][0]
        self.assertEqual(counts, {table: summary[name] for table, name in TABLES.items()})
        for table in TABLES:
            twice = self.sql(f"SELECT external_id FROM {table} GROUP BY backend_id, external_id HAVING count(*) > 1")
            self.assertEqual(twice, [], table)
        # Each binding stands for a record of its own: none was created twice and left behind.
        created = "SELECT count(*) FROM res_partner WHERE id IN (SELECT odoo_id FROM magento_res_partner)"
        self.assertLessEqual(self.sql(created)[0][0], summary["customers"])
        contacts = self.sql(
            "SELECT parent_id, name, email, street, city FROM res_partner WHERE email LIKE '%@example.com'"
            " OR parent_id IN (SELECT partner_id FROM sale_order) GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1"
        )
        self.assertEqual(contacts, [])
        orders = self.sql("SELECT count(*), count(DISTINCT name) FROM sale_order")[0]
        self.assertEqual(orders, (summary["orders"], summary["orders"]))
        skus = self.sql(
            "SELECT count(*), count(DISTINCT default_code) FROM product_product WHERE default_code IS NOT NULL"
        )[0]
        self.assertEqual(skus[0], skus[1])
        totals = self.sql(
            "SELECT sum(amount_total) FROM sale_order WHERE id IN (SELECT odoo_id FROM magento_sale_order)"
        )
        self.assertEqual(f"{totals[0][0]:.2f}", f"{float(summary['grand_total']):.2f}")
        self.assertGreater(self.sql("SELECT count(*) FROM connector_job WHERE crashes > 0")[0][0], 0)

    def failed(self):
        return self.sql("SELECT name, exc_message FROM connector_job WHERE state = 'failed' LIMIT 3")


@tagged("post_install", "-at_install", "process")
class TestProcessImport(ImportCase):
    def test_killed_in_the_middle(self):
        """Killed with SIGKILL in the middle and started again, twice: all of the shop is there, once."""
        summary = self.begin()
        for share in (0.2, 0.6):
            server = self.start_server()
            self.wait_for_share(summary, share)
            server.kill()
            self.assertGreater(self.states().get("pending", 0) + self.states().get("running", 0), 0)
        self.start_server()
        self.check_all_is_there(summary)


@tagged("post_install", "-at_install", "process")
class TestTwoProcesses(ImportCase):
    def test_two_processes(self):
        """Of two processes one is killed with SIGKILL while it works, three times: all of the shop is there, once."""
        summary, killed = self.begin(), set()
        self.start_server("--workers=1", processes=2)
        for share in (0.1, 0.3, 0.5):
            self.wait_for_share(summary, share)
            found: list[int] = []
            wait_until(lambda found=found: found.extend(self.busy() - killed) or found, 60, self.logs)
            os.kill(found[0], signal.SIGKILL)
            killed.add(found[0])
        self.check_all_is_there(summary)
