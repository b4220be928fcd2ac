from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.connector_framework.exceptions import RetryableError, SkipError
from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestOrderRules(ShopCase):
    """Which orders are imported, and when."""

    def setUp(self):
        super().setUp()
        self.number = self.orders_where(lambda order: order["state"] == "new")[0]
        self.order = self.shop.store.order_by_increment_id(self.number)

    def pay_by(self, rule, **values):
        self.order["payment"]["method"] = "paypal"
        return self.env["magento.payment.method"].create(
            {"backend_id": self.backend.id, "external_id": "paypal", "import_rule": rule, **values}
        )

    def test_method_is_noted(self):
        """A way to pay that is not known yet gets a row, and its orders are imported."""
        order = self.import_one("magento.sale.order", self.number)
        self.assertEqual(self.backend.payment_method_ids.mapped("external_id"), ["checkmo"])
        self.assertEqual((order.payment_method, order.state), ("checkmo", "draft"))

    def test_never(self):
        """Orders whose way to pay is exempted are left out."""
        self.pay_by("never")
        with self.assertRaisesRegex(SkipError, "paypal"):
            self.import_one("magento.sale.order", self.number)

    def test_not_paid_yet(self):
        """An order that is not paid yet waits without losing attempts, and comes once it is."""
        self.pay_by("paid", give_up_days=0)
        job = self.env["magento.sale.order"].as_job(max_attempts=1).import_record(self.backend, self.number)
        drain_jobs(self)
        self.assertEqual((job.state, job.attempt), ("pending", 0), job.exc_info)
        self.assertIn("not paid yet", job.exc_message)
        self.assertGreater(job.eta, fields.Datetime.now() + timedelta(minutes=30))

        self.in_shop("sales_order_invoice.create", self.number, {})
        job.action_cancel()
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual(job.state, "done", job.exc_info)
        self.assertEqual(self.bound("magento.sale.order", self.number).magento_state, "processing")

    def test_paid_in_part(self):
        """An order of which a part is invoiced is not paid."""
        self.pay_by("paid", give_up_days=0)
        several = next(item for item in self.order["items"] if float(item["qty_ordered"]) > 1)
        self.in_shop("sales_order_invoice.create", self.number, {str(several["item_id"]): 1})
        with self.assertRaisesRegex(RetryableError, "not paid yet"):
            self.import_one("magento.sale.order", self.number)

    def test_too_old(self):
        """An order that is not paid for longer than that is given up."""
        self.pay_by("paid", give_up_days=5)
        self.order["created_at"] = fields.Datetime.to_string(fields.Datetime.now() - timedelta(days=6))
        with self.assertRaisesRegex(SkipError, "has not been paid in 5 days"):
            self.import_one("magento.sale.order", self.number)

    def test_canceled_before_paid(self):
        """An order that was canceled before it was paid is not waited for."""
        self.pay_by("paid", give_up_days=0)
        self.in_shop("sales_order.cancel", self.number)
        with self.assertRaises(SkipError):
            self.import_one("magento.sale.order", self.number)

    def test_placed_before(self):
        """Orders from before the date on the backend are left out."""
        self.backend.orders_since = fields.Date.to_date(self.order["created_at"][:10]) + timedelta(days=1)
        with self.assertRaisesRegex(SkipError, "was placed before"):
            self.import_one("magento.sale.order", self.number)
        self.backend.orders_since = self.order["created_at"][:10]
        self.assertTrue(self.import_one("magento.sale.order", self.number))

    def test_canceled(self):
        """An order that was canceled before it came here is left out if the backend says so."""
        self.backend.import_canceled = False
        self.in_shop("sales_order.cancel", self.number)
        with self.assertRaisesRegex(SkipError, "is canceled"):
            self.import_one("magento.sale.order", self.number)

    def test_rules_are_for_new_orders(self):
        """What is here follows the shop, whatever the rules say by now."""
        order = self.import_one("magento.sale.order", self.number)
        self.backend.payment_method_ids.import_rule = "never"
        self.backend.import_canceled = False
        self.in_shop("sales_order.cancel", self.number)
        self.import_one("magento.sale.order", self.number)
        self.assertEqual((self.outcome, order.state), ("updated", "cancel"))


@tagged("post_install", "-at_install", "transaction")
class TestOrderStates(ShopCase):
    """What becomes of an order here by what becomes of it in the shop."""

    def setUp(self):
        super().setUp()
        self.number = self.orders_where(lambda order: order["state"] == "new" and order["customer_id"])[0]
        self.method = self.env["magento.payment.method"].create(
            {"backend_id": self.backend.id, "external_id": "checkmo", "confirm": True}
        )

    def again(self):
        return self.import_one("magento.sale.order", self.number)

    def notes(self, order):
        return " ".join(order.odoo_id.message_ids.mapped("body"))

    def test_confirmed(self):
        """An order is confirmed on import where the way to pay says so."""
        self.assertEqual(self.again().state, "sale")
        self.method.confirm = False
        other = self.orders_where(lambda order: order["state"] == "new")[-1]
        self.assertEqual(self.import_one("magento.sale.order", other).state, "draft")

    def test_not_confirmed(self):
        """Neither what is on hold, nor what is delivered already, nor what differs in its total is confirmed."""
        for state in ("holded", "complete", "closed"):
            number = self.orders_where(lambda order, state=state: order["state"] == state)[0]
            self.assertEqual(self.import_one("magento.sale.order", number).state, "draft", state)
        row = self.shop.store.order_by_increment_id(self.number)
        row["grand_total"] = f"{float(row['grand_total']) + 5:.4f}"
        self.assertEqual(self.again().state, "draft")

    def test_confirmed_after_hold(self):
        """An order that is released in the shop is confirmed then."""
        self.in_shop("sales_order.hold", self.number)
        order = self.again()
        self.assertEqual(order.state, "draft")
        self.in_shop("sales_order.unhold", self.number)
        self.again()
        self.assertEqual(order.state, "sale")

    def test_cannot_be_confirmed(self):
        """An order that Odoo does not let be confirmed is a quotation with the reason in its chatter."""
        self.patch(type(self.env["sale.order"]), "_confirmation_error_message", lambda order: "Ask the boss")
        order = self.again()
        self.assertEqual(order.state, "draft")
        self.assertIn("Ask the boss", self.notes(order))

    def test_canceled_after_confirmation(self):
        """A confirmed order that the shop cancels is cancelled, its delivery too."""
        order = self.again()
        self.assertTrue(order.picking_ids)
        self.in_shop("sales_order.cancel", self.number)
        self.again()
        self.assertEqual(order.state, "cancel")
        self.assertEqual(set(order.picking_ids.mapped("state")), {"cancel"})

    def test_canceled_after_delivery(self):
        """An order that is delivered here stays, and says that the shop has canceled it."""
        order = self.again()
        for move in order.picking_ids.move_ids:
            move.quantity = move.product_uom_qty
        order.picking_ids.move_ids.picked = True
        order.picking_ids.button_validate()
        self.assertEqual(order.picking_ids[0].state, "done")
        self.in_shop("sales_order.cancel", self.number)
        self.again()
        self.assertEqual((order.state, order.magento_state), ("sale", "canceled"))
        self.assertIn("was canceled in Magento", self.notes(order))

    def test_held_after_confirmation(self):
        """A confirmed order that the shop puts on hold says so, once."""
        order = self.again()
        self.in_shop("sales_order.hold", self.number)
        self.again()
        self.in_shop("sales_order.addComment", self.number, "holded", "Waiting")
        self.again()
        self.assertEqual(self.notes(order).count("on hold"), 1)

    def test_changed_after_confirmation(self):
        """A confirmed order whose lines changed in the shop keeps its own, and says so."""
        order = self.again()
        before = order.odoo_id.order_line.mapped("product_uom_qty")
        self.shop.store.order_by_increment_id(self.number)["items"][0]["qty_ordered"] = "9.0000"
        self.again()
        self.assertEqual(order.odoo_id.order_line.mapped("product_uom_qty"), before)
        self.assertIn("was changed in Magento", self.notes(order))

    def test_address_changed(self):
        """A quotation follows a changed address of the order; a confirmed order says that it was changed."""
        self.method.confirm = False
        order = self.again()
        row = self.shop.store.order_by_increment_id(self.number)
        row["shipping_address"]["city"] = "Elsewhere"
        self.again()
        self.assertEqual(order.partner_shipping_id.city, "Elsewhere")
        self.assertEqual(order.partner_shipping_id.parent_id, order.partner_id)
        chosen = order.partner_id.create({"name": "Chosen here", "parent_id": order.partner_id.id})
        order.partner_shipping_id = chosen
        self.in_shop("sales_order.addComment", self.number, "pending", "Hello")
        self.again()
        self.assertEqual((self.outcome, order.partner_shipping_id), ("updated", chosen))
        order.odoo_id.action_confirm()
        row["shipping_address"]["city"] = "Farther"
        self.again()
        self.assertEqual(order.partner_shipping_id, chosen)
        self.assertIn("An address of the order was changed", self.notes(order))

    def test_comment_is_no_change(self):
        """A comment in the shop is seen here, and is no reason to compare a confirmed order."""
        order = self.again()
        self.in_shop("sales_order.addComment", self.number, "pending", "Call me")
        self.again()
        self.assertIn("pending  Call me", order.magento_history)
        self.assertNotIn("was changed in Magento", self.notes(order))

    def test_edited(self):
        """An order that was edited in the shop is a new one here, which names the first and has it cancelled."""
        from sandbox import sales

        first = self.again()
        row = self.shop.store.order_by_increment_id(self.number)
        new = sales.edit(self.shop.store, row, {str(row["items"][0]["item_id"]): 1})
        order = self.import_one("magento.sale.order", new["increment_id"])
        self.assertEqual((order.magento_parent_id, first.state), (first, "cancel"))
        self.assertEqual((order.state, order.partner_id), ("sale", first.partner_id))
        self.assertFalse(order.total_difference)

    def test_edited_before_it_came(self):
        """Of an edited order of which the first is not here the new one comes alone."""
        from sandbox import sales

        row = self.shop.store.order_by_increment_id(self.number)
        new = sales.edit(self.shop.store, row, {})
        order = self.import_one("magento.sale.order", new["increment_id"])
        self.assertFalse(order.magento_parent_id)
        self.assertFalse(self.bound("magento.sale.order", self.number))
