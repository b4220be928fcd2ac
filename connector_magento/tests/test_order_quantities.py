"""What was shipped, refunded or canceled in the shop is not delivered from here again, and what was written comes."""

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import Sandbox, ShopCase

if Sandbox:
    from sandbox import sales


class OrderCase(ShopCase):
    def setUp(self):
        super().setUp()
        self.number = self.orders_where(
            lambda order: (
                order["state"] == "new"
                and len(order["items"]) == 1
                and float(order["items"][0]["qty_ordered"]) >= 3
                and order["items"][0]["product_type"] == "simple"
            )
        )[0]
        self.row = self.shop.store.order_by_increment_id(self.number)
        self.item = self.row["items"][0]
        self.ordered = float(self.item["qty_ordered"])

    def again(self):
        return self.import_one("magento.sale.order", self.number)

    def confirmed(self):
        order = self.again()
        order.odoo_id.action_confirm()
        return order

    def open_qty(self, order):
        moves = order.picking_ids.move_ids.filtered(lambda move: move.state not in ("done", "cancel"))
        return sum(moves.mapped("product_uom_qty"))

    def notes(self, order):
        return " ".join(order.odoo_id.message_ids.mapped("body"))

    def ship(self, qty):
        self.in_shop("sales_order_shipment.create", self.number, {str(self.item["item_id"]): qty})


@tagged("post_install", "-at_install", "transaction")
class TestOrderQuantities(OrderCase):
    def test_shipped_before(self):
        """An order that came when a part was shipped there is delivered without that part."""
        self.ship(1)
        order = self.confirmed()
        self.assertEqual(self.open_qty(order), self.ordered - 1)
        self.assertEqual(order.order_line[0].product_uom_qty, self.ordered)
        self.assertFalse(order.total_difference)
        self.assertIn("no longer to be delivered from here: 1 ", self.notes(order))

    def test_shipped_before_and_confirmed_on_import(self):
        """So is one that is confirmed as it comes."""
        self.env["magento.payment.method"].create(
            {"backend_id": self.backend.id, "external_id": "checkmo", "confirm": True}
        )
        self.ship(1)
        order = self.again()
        self.assertEqual((order.state, self.open_qty(order)), ("sale", self.ordered - 1))

    def test_shipped_after(self):
        """What the shop ships of a confirmed order is taken out of its delivery, all of it in the end."""
        order = self.confirmed()
        self.assertEqual(self.open_qty(order), self.ordered)
        self.ship(2)
        self.again()
        self.assertEqual(self.open_qty(order), self.ordered - 2)
        self.ship(self.ordered)
        self.again()
        self.assertEqual(self.open_qty(order), 0)
        self.assertEqual(order.picking_ids.mapped("state"), ["cancel"])
        self.again()
        self.assertEqual(self.notes(order).count("no longer to be delivered"), 2)

    def test_shipped_from_here(self):
        """What was delivered here, and is a shipment there by that, cuts nothing off what is left."""
        order = self.confirmed()
        move = order.picking_ids.move_ids
        move.quantity, move.picked = 1, True
        order.picking_ids._action_done()
        self.again()
        self.assertEqual(self.open_qty(order), self.ordered - 1)
        drain_jobs(self)
        self.assertEqual(float(self.item["qty_shipped"]), 1)
        self.again()
        self.assertEqual(self.open_qty(order), self.ordered - 1)
        self.assertNotIn("no longer to be delivered", self.notes(order))

    def test_both_ship(self):
        """What is delivered here while the shop ships the rest leaves nothing to deliver."""
        order = self.confirmed()
        move = order.picking_ids.move_ids
        move.quantity, move.picked = 1, True
        order.picking_ids._action_done()
        self.ship(self.ordered - 1)
        self.again()
        self.assertEqual(self.open_qty(order), 0)

    def test_refunded_before(self):
        """What was paid and refunded before it was shipped is not delivered."""
        self.in_shop("sales_order_invoice.create", self.number, {})
        sales.refund(self.shop.store, self.row, {"qtys": {str(self.item["item_id"]): 2}})
        order = self.confirmed()
        self.assertEqual(self.open_qty(order), self.ordered - 2)

    def test_refunded_after(self):
        """So it is for a refund after the order was confirmed, in part or of all of it."""
        order = self.confirmed()
        self.in_shop("sales_order_invoice.create", self.number, {})
        sales.refund(self.shop.store, self.row, {"qtys": {str(self.item["item_id"]): 1}})
        self.again()
        self.assertEqual(self.open_qty(order), self.ordered - 1)
        sales.refund(self.shop.store, self.row, {})
        self.again()
        self.assertEqual((self.row["state"], self.open_qty(order)), ("closed", 0))

    def test_returned(self):
        """A refund of what was shipped cuts nothing."""
        self.in_shop("sales_order_invoice.create", self.number, {})
        self.ship(1)
        order = self.confirmed()
        self.assertEqual(self.open_qty(order), self.ordered - 1)

    def test_canceled_in_part_before(self):
        """An order of which the rest was canceled comes with what is left, and the total of that."""
        self.in_shop("sales_order_invoice.create", self.number, {str(self.item["item_id"]): 1})
        self.in_shop("sales_order.cancel", self.number)
        self.assertNotEqual(self.row["state"], "canceled")
        order = self.confirmed()
        line = order.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id)
        self.assertEqual((line.product_uom_qty, self.open_qty(order)), (1, 1))
        self.assertFalse(order.total_difference)
        self.assertAlmostEqual(order.amount_total, float(self.row["total_invoiced"]), 2)

    def test_canceled_in_part_after(self):
        """A quotation follows; a confirmed order is not delivered further, and says that it was changed."""
        order = self.again()
        self.in_shop("sales_order_invoice.create", self.number, {str(self.item["item_id"]): 2})
        self.again()
        order.odoo_id.action_confirm()
        self.in_shop("sales_order.cancel", self.number)
        self.again()
        self.assertEqual((order.state, self.open_qty(order)), ("sale", 2))
        self.assertIn("was changed in Magento", self.notes(order))

    def test_line_canceled_after(self):
        """A line that is canceled as a whole is not delivered from a confirmed order."""
        self.number = self.orders_where(
            lambda order: (
                order["state"] == "new"
                and len(order["items"]) > 1
                and {item["product_type"] for item in order["items"]} == {"simple"}
            )
        )[0]
        row = self.shop.store.order_by_increment_id(self.number)
        kept = row["items"][0]
        order = self.confirmed()
        self.in_shop("sales_order_invoice.create", self.number, {str(kept["item_id"]): float(kept["qty_ordered"])})
        self.in_shop("sales_order.cancel", self.number)
        self.again()
        self.assertEqual(self.open_qty(order), float(kept["qty_ordered"]))

    def test_several_steps(self):
        """Where deliveries have several steps, each is cut."""
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.backend.company_id.id)], limit=1)
        warehouse.delivery_steps = "pick_ship"
        order = self.confirmed()
        before = self.open_qty(order)
        self.ship(1)
        self.again()
        steps = len(order.picking_ids)
        self.assertEqual(self.open_qty(order), before - steps)


@tagged("post_install", "-at_install", "transaction")
class TestWhatTheCustomerWrote(OrderCase):
    def place(self, **values):
        """Place an order of a guest with one product, and import it."""
        shop = self.shop.store
        address = {**self.row["billing_address"], "firstname": "Ann", "lastname": "X"}
        buyer = sales.Buyer("ann@example.com", "Ann", "X", address)
        message = values.pop("order_message", None)
        line = sales.OrderLine(shop.products[2], 1, **values)
        row = sales.place(shop, 1, buyer, [line], gift_message=message)
        order = self.import_one("magento.sale.order", row["increment_id"])
        return order, order.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id)

    def test_options(self):
        """The custom options of an item are on its line; its product is the one that the shop has, whatever the SKU."""
        order, line = self.place(options=(("Engraving", "For Zoë ☃", "GRAV"), ("Wrapping", "Red", "RED")))
        product = self.bound("magento.product.product", "2")
        self.assertEqual(line.name, f"{product.name}\nEngraving: For Zoë ☃\nWrapping: Red")
        self.assertEqual(line.product_id, product.odoo_id)
        self.assertFalse(order.total_difference)

    def test_gift_message_of_an_item(self):
        """The gift message of an item is on its line."""
        _order, line = self.place(gift_message="Happy birthday")
        self.assertIn("\nGift message: Happy birthday", line.name)

    def test_gift_message_of_the_order(self):
        """That of the order is on it and in its chatter, once."""
        order, line = self.place(order_message="With love\nBob")
        self.assertEqual(order.gift_message, "With love\nBob")
        self.in_shop("sales_order.addComment", order.external_id, "pending", "x")
        self.import_one("magento.sale.order", order.external_id)
        self.assertEqual(self.notes(order).count("With love"), 1)
        self.assertNotIn("With love", line.name)

    def test_nothing(self):
        """An order without any of it has the plain names."""
        order, line = self.place()
        self.assertEqual((line.name, order.gift_message), (self.bound("magento.product.product", "2").name, False))


@tagged("post_install", "-at_install", "transaction")
class TestTaxRates(OrderCase):
    def test_no_made_up_rate(self):
        """A cent of rounding in the tax of the shipping makes no tax; the total is the shop's."""
        self.item.update(tax_percent="8.1000")
        net = float(self.item["row_total"])
        self.item["tax_amount"] = f"{round(net * 0.081, 2):.4f}"
        tax = round(4.95 * 0.081, 2) + 0.01
        self.row.update(shipping_amount="4.9500", shipping_tax_amount=f"{tax:.4f}", discount_amount="0.0000")
        self.row["grand_total"] = f"{net + float(self.item['tax_amount']) + 4.95 + tax:.4f}"
        order = self.again()
        self.assertEqual(self.backend.tax_ids.mapped("external_id"), ["8.1"])
        self.assertEqual(set(order.order_line.tax_ids.mapped("amount")), {8.1})
        self.assertFalse(order.total_difference)

    def test_unknown_rate(self):
        """A tax of the shipping that no rate gives is a difference that a person sees, and no tax."""
        before = self.env["account.tax"].search_count([])
        self.item.update(tax_percent="0.0000", tax_amount="0.0000")
        self.row.update(shipping_amount="10.0000", shipping_tax_amount="3.3300")
        self.row["grand_total"] = f"{float(self.item['row_total']) + 13.33:.4f}"
        order = self.again()
        self.assertEqual(self.env["account.tax"].search_count([]), before)
        self.assertAlmostEqual(order.total_difference, -3.33)
        self.assertIn("Compare the lines and their taxes", self.notes(order))

    def test_groups(self):
        """Each rate has a tax group of its own, by which documents sum them up."""
        rates = self.env["magento.tax"]
        taxes = [rates._create_for_rate(self.backend, rate).odoo_id for rate in ("7.7", "8.1")]
        self.assertNotEqual(taxes[0].tax_group_id, taxes[1].tax_group_id)
        self.assertEqual([tax.tax_group_id.name for tax in taxes], ["Tax 7.7 %", "Tax 8.1 %"])
        other = self.backend.copy({"url": "https://other.example.com"})
        self.assertEqual(rates._create_for_rate(other, "8.1").odoo_id, taxes[1])
