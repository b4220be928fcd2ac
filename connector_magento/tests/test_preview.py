"""Dry runs of what is done to the shop by other calls than those of an adapter's common interface."""

from lxml import html
from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase
from .test_stock import StockCase


class PreviewCase(ShopCase):
    def tried(self, job):
        """Return the text of the dry run of a job, which has sent nothing that changes the shop."""
        before = len(self.shop.requests)
        action = job.action_preview()
        body = self.env[action["res_model"]].browse(action["res_id"]).body
        # The path of a multiCall is empty; what is asserted of the shop tells what was in it.
        sent = [request.path.rpartition(".")[2] for request in self.shop.requests[before:] if request.path]
        self.assertLessEqual(set(sent), {"info", "list", "tree", "level", "options", "getCarriers"})
        return " ".join(html.fromstring(body).text_content().split())


@tagged("post_install", "-at_install", "transaction")
class TestOrderPreview(PreviewCase):
    def test_order(self):
        """What a person asks for on an order is told, and done to nobody."""
        number = self.orders_where(lambda order: order["state"] == "new")[0]
        row = self.shop.store.order_by_increment_id(number)
        order = self.import_one("magento.sale.order", number)
        drain_jobs(self)
        text = self.tried(order.as_job().export_action("hold"))
        self.assertIn("Outcome: done", text)
        self.assertIn(f"change_state {number} action hold", text)
        self.assertEqual(row["state"], "new")
        text = self.tried(order.as_job().export_comment("Ready on Monday", True))
        self.assertIn(f"add_comment {number} text Ready on Monday notify True", text)
        self.assertNotIn("Ready on Monday", order.magento_history or "")


@tagged("post_install", "-at_install", "transaction")
class TestStockPreview(StockCase, PreviewCase):
    def test_stock(self):
        """The stock of many products is told, which goes out by a method of the adapter's own."""
        product = self.imported(2)
        product.stock_exported = True
        drain_jobs(self)
        self.put(product, 41)
        self.env.cr.flush()
        job = self.env["connector.job"].search([("method_name", "=", "export_stock"), ("state", "=", "pending")])
        text = self.tried(job)
        self.assertIn("Outcome: 1 sent", text)
        self.assertIn("write_stocks", text)
        self.assertIn("qty 41", text)
        self.assertNotEqual(self.qty_there(2), 41)
