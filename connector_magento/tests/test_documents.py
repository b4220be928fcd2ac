from odoo import fields
from odoo.tests import tagged

from odoo.addons.connector_framework.exceptions import PermanentError, RetryableError, SkipError
from odoo.addons.connector_framework.synchronizers import Exporter
from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


class DocumentCase(ShopCase):
    """An order that is confirmed here."""

    def setUp(self):
        super().setUp()
        self.env["magento.payment.method"].create(
            {"backend_id": self.backend.id, "external_id": "checkmo", "confirm": True}
        )
        self.take(
            lambda order: (
                order["state"] == "new" and not order["is_virtual"] and float(order["items"][0]["qty_ordered"]) > 1
            )
        )

    def take(self, condition):
        """Import the shop's first order that meets a condition."""
        self.number = self.orders_where(condition)[0]
        self.row = self.shop.store.order_by_increment_id(self.number)
        self.order = self.import_one("magento.sale.order", self.number)
        self.assertEqual(self.order.state, "sale")
        drain_jobs(self)

    def deliver(self, quantities=None, tracking=None):
        """Deliver all that is left, or by item id; what is left over is a backorder. Return the delivery."""
        picking = self.order.picking_ids.filtered(lambda picking: picking.state not in ("done", "cancel"))
        by_item = {line.external_id: line.odoo_id for line in self.order.magento_order_line_ids}
        for move in picking.move_ids:
            wanted = move.product_uom_qty
            if quantities is not None:
                wanted = sum(qty for item_id, qty in quantities.items() if by_item[item_id] == move.sale_line_id)
            move.quantity = wanted
            move.picked = bool(wanted)
        picking.carrier_tracking_ref = tracking
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        return picking

    def there(self, table="shipments"):
        """Return the order's documents in the shop, as quantities by item id."""
        documents = getattr(self.shop.store, table).values()
        return [
            {str(item["order_item_id"]): float(item["qty"]) for item in document["items"]}
            for document in documents
            if document["order_id"] == self.row["order_id"]
        ]

    def ordered(self):
        return {
            str(item["item_id"]): float(item["qty_ordered"])
            for item in self.row["items"]
            if not item["parent_item_id"] and not item["is_virtual"]
        }

    def calls(self, path):
        return [request.args for request in self.shop.requests if request.path == path]

    def run_again(self, method_name="export_record"):
        """Run the waiting jobs of a method now."""
        jobs = self.env["connector.job"].search([("method_name", "=", method_name), ("state", "=", "pending")])
        self.assertTrue(jobs)
        jobs.action_cancel()
        jobs.action_requeue()
        drain_jobs(self)
        return jobs


@tagged("post_install", "-at_install", "transaction")
class TestShipment(DocumentCase):
    def test_all_of_it(self):
        """A delivery that is done is a shipment of the same quantities, with its tracking number."""
        self.row["shipping_method"] = "ups_GND"
        self.import_one("magento.sale.order", self.number)
        picking = self.deliver(tracking="1Z999")
        drain_jobs(self)
        self.assertEqual(self.there(), [self.ordered()])
        shipment = next(iter(reversed(self.shop.store.shipments.values())))
        self.assertEqual(picking.magento_bind_ids.external_id, shipment["increment_id"])
        self.assertEqual(
            [(track["carrier_code"], track["track_number"]) for track in shipment["tracks"]], [("ups", "1Z999")]
        )

    def test_configurable(self):
        """Of a configurable product the quantity goes by the parent's item."""
        self.take(
            lambda order: (
                order["state"] == "new"
                and order["increment_id"] != self.number
                and any(item["product_type"] == "configurable" for item in order["items"])
            )
        )
        self.deliver()
        drain_jobs(self)
        self.assertEqual(self.there(), [self.ordered()])

    def test_backorder(self):
        """A delivery in part is a shipment in part, its backorder another one."""
        first = str(self.row["items"][0]["item_id"])
        self.deliver({first: 1})
        drain_jobs(self)
        self.assertEqual(self.there(), [{first: 1}])
        self.deliver()
        drain_jobs(self)
        rest = {item_id: qty - (item_id == first) for item_id, qty in self.ordered().items()}
        self.assertEqual(self.there(), [{first: 1}, rest])

    def test_answer_lost(self):
        """A shipment whose answer got lost is found again and not made twice, nor is its tracking number."""
        for path, kind in (("create", "drop"), ("create", "truncated"), ("addTrack", "http_503")):
            self.shop.fail_next(1, kind, match=f"sales_order_shipment.{path}", after_call=True)
        self.deliver(tracking="1Z999")
        drain_jobs(self)
        self.run_again()
        self.assertEqual(self.there(), [self.ordered()])
        self.run_again()
        shipment = next(iter(reversed(self.shop.store.shipments.values())))
        self.assertEqual(self.order.magento_shipment_ids.external_id, shipment["increment_id"])
        self.assertEqual([track["track_number"] for track in shipment["tracks"]], ["1Z999"])
        self.assertFalse(self.env["connector.job"].search([("state", "not in", ("done", "cancelled"))]))

    def test_two_deliveries_alike(self):
        """Two deliveries of the same quantities are two shipments: one that is bound is not taken for another."""
        first = str(self.row["items"][0]["item_id"])
        for _each in range(2):
            self.deliver({first: 1})
            drain_jobs(self)
        self.assertEqual(self.there(), [{first: 1}, {first: 1}])
        self.assertEqual(len(set(self.order.magento_shipment_ids.mapped("external_id"))), 2)

    def test_shipped_there(self):
        """What was shipped in the shop as well is bound to that; what was shipped otherwise needs nothing."""
        self.in_shop("sales_order_shipment.create", self.number, {})
        picking = self.deliver()
        drain_jobs(self)
        self.assertEqual(len(self.there()), 1)
        self.assertTrue(picking.magento_bind_ids.external_id)

    def test_shipped_there_otherwise(self):
        """Where the shop has all of it in other pieces there is nothing to do, and that is no failure."""
        first = str(self.row["items"][0]["item_id"])
        self.in_shop("sales_order_shipment.create", self.number, {first: 1})
        self.in_shop("sales_order_shipment.create", self.number, {})
        picking = self.deliver()
        drain_jobs(self)
        job = self.env["connector.job"].search([("model_name", "=", "magento.stock.picking")])
        self.assertEqual(job.state, "done", job.exc_info)
        self.assertIn("all of it already", job.result)
        self.assertFalse(picking.magento_bind_ids.external_id)

    def test_shipped_there_in_part(self):
        """Of what was shipped in the shop in part the rest is sent, and not more."""
        first = str(self.row["items"][0]["item_id"])
        self.in_shop("sales_order_shipment.create", self.number, {first: 1})
        self.deliver()
        drain_jobs(self)
        rest = {item_id: qty - (item_id == first) for item_id, qty in self.ordered().items()}
        self.assertEqual(self.there()[1:], [rest])

    def test_more_than_ordered(self):
        """More than was ordered is not sent, as the shop would cut it without a word; the delivery says so."""
        first = str(self.row["items"][0]["item_id"])
        picking = self.deliver({first: 9})
        drain_jobs(self)
        self.assertEqual(self.there(), [{first: self.ordered()[first]}])
        self.assertIn("took less", " ".join(picking.message_ids.mapped("body")))

    def test_canceled_there(self):
        """A delivery of what the shop has canceled fails with a message, as nobody knows who is right."""
        with trap_jobs(self.env):
            self.deliver()
        self.in_shop("sales_order.cancel", self.number)
        with self.assertRaisesRegex(PermanentError, "nothing left"):
            self.order.magento_shipment_ids.export_record()

    def test_on_hold(self):
        """A delivery of an order on hold waits until it is released."""
        with trap_jobs(self.env):
            self.deliver()
        self.in_shop("sales_order.hold", self.number)
        with self.assertRaisesRegex(RetryableError, "on hold") as caught:
            self.order.magento_shipment_ids.export_record()
        self.assertFalse(caught.exception.count_attempt)
        self.in_shop("sales_order.unhold", self.number)
        self.assertEqual(self.order.magento_shipment_ids.export_record(), "created")

    def test_tracking_afterwards(self):
        """A tracking number that comes, or is corrected, after the delivery is sent; those from the shop stay."""
        picking = self.deliver()
        drain_jobs(self)
        number = picking.magento_bind_ids.external_id
        shipment = next(s for s in self.shop.store.shipments.values() if s["increment_id"] == number)
        self.in_shop("sales_order_shipment.addTrack", number, "custom", "Clerk", "FROM-SHOP")
        for tracking in ("WRONG", "RIGHT,SECOND"):
            picking.carrier_tracking_ref = tracking
            drain_jobs(self)
        self.assertEqual([track["track_number"] for track in shipment["tracks"]], ["FROM-SHOP", "RIGHT", "SECOND"])
        self.assertEqual(len(self.there()), 1)

    def test_carrier(self):
        """The carrier of a method is that of the order, its line and its delivery, and its code that of the number."""
        product = self.env["product.product"].create({"name": "By truck", "type": "service"})
        carrier = self.env["delivery.carrier"].create({"name": "Truck", "product_id": product.id})
        method = self.backend.shipping_method_ids
        self.assertEqual(method.external_id, "flatrate_flatrate")
        method.write({"carrier_id": carrier.id, "tracking_code": "fedex"})
        self.take(lambda order: order["state"] == "new" and order["increment_id"] != self.number)
        line = self.bound("magento.sale.order.line", f"{self.number}:shipping")
        self.assertEqual((line.product_id, line.is_delivery, self.order.carrier_id), (product, True, carrier))
        self.assertFalse(self.order.total_difference)
        picking = self.deliver(tracking="1")
        self.assertEqual(picking.carrier_id, carrier)
        drain_jobs(self)
        self.assertEqual(self.calls("sales_order_shipment.addTrack")[0][1:], ["fedex", "Truck", "1"])

    def test_unknown_carrier(self):
        """A code that the shop does not know fails with those that it knows; the shipment is made once all the same."""
        self.backend.shipping_method_ids.tracking_code = "nosuch"
        self.deliver(tracking="1")
        drain_jobs(self)
        job = self.env["connector.job"].search([("state", "=", "failed")])
        self.assertIn("no carrier 'nosuch'; it has: custom, dhl", job.exc_message)
        self.backend.shipping_method_ids.tracking_code = "dhl"
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual((job.state, len(self.there())), ("done", 1), job.exc_info)
        self.assertEqual(self.calls("sales_order_shipment.addTrack")[0][1:], ["dhl", "DHL (Deprecated)", "1"])

    def test_notify(self):
        """The shop writes to the customer if the backend says so."""
        self.backend.notify_shipments = True
        self.deliver()
        drain_jobs(self)
        self.assertEqual(self.calls("sales_order_shipment.create")[0][2:], ["", True, False])

    def test_not_exported(self):
        """Nothing is exported where the backend says so, nor is what comes back from a customer."""
        self.backend.export_shipments = False
        with trap_jobs(self.env):
            picking = self.deliver()
        self.assertFalse(picking.magento_bind_ids)
        self.backend.export_shipments = True
        wizard = self.env["stock.return.picking"].with_context(active_id=picking.id, active_model="stock.picking")
        wizard = wizard.create({"picking_id": picking.id})
        for line in wizard.product_return_moves:
            line.quantity = 1
        back = self.env["stock.picking"].browse(wizard.action_create_returns()["res_id"])
        back.move_ids.picked = True
        with trap_jobs(self.env):
            back.button_validate()
        self.assertEqual(back.state, "done")
        self.assertFalse(back.magento_bind_ids)

    def test_bundle(self):
        """A bundle that leaves in one piece is shipped by itself, when all of its parts are delivered."""
        bundle, part = self.row["items"][0], dict(self.row["items"][0])
        options = 'a:1:{s:13:"shipment_type";s:1:"0";}'
        with trap_jobs(self.env):
            self.deliver({str(part["item_id"]): 1})
        shipment = self.order.magento_shipment_ids
        with self.backend.work_on("magento.stock.picking") as work:
            exporter = work.unit(Exporter)
            exporter.binding = shipment
            record = {
                "increment_id": self.number,
                "items": [
                    {**bundle, "item_id": "900", "product_type": "bundle", "product_options": options},
                    {**part, "parent_item_id": "900"},
                ],
            }
            record["items"][0]["qty_ordered"] = "1.0000"
            wanted = {str(part["item_id"]): 1.0}
            with self.assertRaisesRegex(SkipError, "rest of the bundle"):
                exporter._for_shop(record, wanted)
            record["items"][1]["qty_ordered"] = "1.0000"
            self.assertEqual(exporter._for_shop(record, wanted), {"900": 1})
            record["items"][0]["product_options"] = options.replace('"0"', '"1"')
            self.assertEqual(exporter._for_shop(record, wanted), wanted)


@tagged("post_install", "-at_install", "transaction")
class TestInvoice(DocumentCase):
    def setUp(self):
        super().setUp()
        if not self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", self.backend.company_id.id)], limit=1
        ):
            self.env["account.journal"].create({"name": "Sales", "type": "sale", "code": "SALX"})
        self.order.odoo_id.order_line.product_id.invoice_policy = "order"

    def invoice(self, post=True):
        invoice = self.order.odoo_id._create_invoices()
        invoice.invoice_date = fields.Date.today()
        if post:
            invoice.action_post()
        return invoice

    def test_posted(self):
        """A posted invoice is made in the shop too, by the same items, where the backend says so."""
        self.backend.export_invoices = "posted"
        invoice = self.invoice()
        drain_jobs(self)
        self.assertEqual(self.there("invoices"), [self.ordered()])
        self.assertEqual(float(self.row["total_paid"]), float(self.row["grand_total"]))
        made = next(iter(reversed(self.shop.store.invoices.values())))
        self.assertEqual(invoice.magento_bind_ids.external_id, made["increment_id"])

    def test_paid(self):
        """Where the backend says so it is made when it is paid, and by default never."""
        with trap_jobs(self.env) as trap:
            invoice = self.invoice()
        self.assertFalse(trap.jobs)
        self.backend.export_invoices = "paid"
        wizard = self.env["account.payment.register"]
        wizard = wizard.with_context(active_model="account.move", active_ids=invoice.ids)
        wizard.create({}).action_create_payments()
        self.assertIn(invoice.payment_state, ("paid", "in_payment"))
        drain_jobs(self)
        self.assertEqual(self.there("invoices"), [self.ordered()])

    def test_answer_lost(self):
        """An invoice whose answer got lost is found again and not made twice."""
        self.backend.export_invoices = "posted"
        self.shop.fail_next(1, "drop", match="sales_order_invoice.create", after_call=True)
        self.invoice()
        drain_jobs(self)
        self.run_again()
        self.assertEqual(len(self.there("invoices")), 1)
        self.assertTrue(self.order.magento_invoice_ids.external_id)

    def test_invoiced_there(self):
        """What the shop has invoiced already, as it does what is paid online, needs nothing."""
        self.backend.export_invoices = "posted"
        first = str(self.row["items"][0]["item_id"])
        self.in_shop("sales_order_invoice.create", self.number, {first: 1})
        self.in_shop("sales_order_invoice.create", self.number, {})
        self.invoice()
        drain_jobs(self)
        job = self.env["connector.job"].search([("model_name", "=", "magento.account.move")])
        self.assertEqual(job.state, "done", job.exc_info)
        self.assertIn("all of it already", job.result)
