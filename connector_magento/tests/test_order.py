from odoo.tests import tagged

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestOrder(ShopCase):
    def first(self, condition):
        """Import the shop's first order that meets a condition; return it and its binding."""
        number = self.orders_where(condition)[0]
        order = self.shop.store.order_by_increment_id(number)
        return order, self.import_one("magento.sale.order", number)

    def test_dependencies_first(self):
        """Customer, addresses and products of an order are imported with it."""
        order, binding = self.first(lambda order: order["customer_id"])
        customer = self.bound("magento.res.partner", str(order["customer_id"]))
        self.assertEqual(binding.partner_id, customer.odoo_id)
        self.assertIn(binding.partner_invoice_id, customer.magento_address_ids.odoo_id)
        self.assertEqual(binding.client_order_ref, order["increment_id"])
        self.assertEqual(str(binding.date_order), order["created_at"])
        items = binding.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id)
        self.assertEqual(items.product_id, items.product_id.filtered("magento_bind_ids"))

    def test_configurable(self):
        """Of a configurable product the variant is sold, at the configurable's price."""
        order, _binding = self.first(
            lambda order: any(item["product_type"] == "configurable" for item in order["items"])
        )
        parent = next(item for item in order["items"] if item["product_type"] == "configurable")
        child = next(item for item in order["items"] if item["parent_item_id"] == parent["item_id"])
        line = self.bound("magento.sale.order.line", str(parent["item_id"]))
        self.assertEqual(line.product_id, self.bound("magento.product.product", str(child["product_id"])).odoo_id)
        self.assertEqual(line.price_unit, float(parent["price"]))
        self.assertFalse(self.bound("magento.sale.order.line", str(child["item_id"])))

    def test_guest(self):
        """A guest is nobody's account, even with the e-mail of one; his next order is his again."""
        guests = self.orders_where(lambda order: not order["customer_id"] and "shared" in order["customer_email"])
        order = self.shop.store.order_by_increment_id(guests[0])
        for customer in self.shop.store.customers.values():
            if customer.get("email") == order["customer_email"]:
                self.import_one("magento.res.partner", str(customer.customer_id))
        binding = self.import_one("magento.sale.order", guests[0])
        self.assertTrue(binding.is_guest)
        self.assertFalse(binding.partner_id.magento_bind_ids)
        self.assertEqual(binding.partner_id.email, order["customer_email"])

        second = next(n for n in self.orders_where(lambda row: row["store_id"] == order["store_id"]) if n != guests[0])
        row = self.shop.store.order_by_increment_id(second)
        row.update(customer_id=None, customer_is_guest=1, customer_email=order["customer_email"])
        self.assertEqual(self.import_one("magento.sale.order", second).partner_id, binding.partner_id)

    def test_account_deleted(self):
        """An order whose account the shop deleted is that account's partner's, if it was imported before."""
        order, first = self.first(lambda order: order["customer_id"] and order["state"] == "new")
        customer = order["customer_id"]
        second = next(
            number
            for number in self.orders_where(lambda row: row["store_id"] == order["store_id"])
            if number != order["increment_id"] and self.shop.store.order_by_increment_id(number)["customer_id"]
        )
        self.shop.store.order_by_increment_id(second).update(
            customer_id=customer, customer_email=order["customer_email"]
        )
        self.in_shop("customer.delete", customer)
        binding = self.import_one("magento.sale.order", second)
        self.assertEqual(binding.partner_id, first.partner_id)

    def test_account_deleted_before_it_came(self):
        """An order whose account was deleted before it was ever imported has a partner as a guest's has."""
        number = self.orders_where(lambda order: order["customer_id"])[0]
        order = self.shop.store.order_by_increment_id(number)
        self.in_shop("customer.delete", order["customer_id"])
        binding = self.import_one("magento.sale.order", number)
        self.assertEqual(binding.partner_id.email, order["customer_email"])
        self.assertFalse(binding.partner_id.magento_bind_ids)

    def test_discount(self):
        """Orders with a coupon come to the shop's total."""
        for number in self.orders_where(lambda order: order["coupon_code"]):
            binding = self.import_one("magento.sale.order", number)
            self.assertEqual(binding.coupon_code, "TEN")
            self.assertFalse(binding.total_difference)

    def test_currency(self):
        """An order in another currency than the company's has a pricelist of that currency, then the website's."""
        _order, binding = self.first(lambda order: order["order_currency_code"] == "EUR")
        self.assertEqual(binding.currency_id.name, "EUR")
        self.assertEqual(binding.pricelist_id, binding.magento_website_id.pricelist_id)

    def test_currency_of_the_order(self):
        """An order in another currency than its website's has the amounts that its customer saw."""
        number = self.orders_where(lambda order: order["order_currency_code"] == "USD")[0]
        row = self.shop.store.order_by_increment_id(number)
        row.update(order_currency_code="EUR", base_to_order_rate="0.9000")
        for name in ("base_grand_total", "base_subtotal", "base_tax_amount"):
            row[name] = f"{float(row[name]) / 0.9:.4f}"
        binding = self.import_one("magento.sale.order", number)
        self.assertEqual(binding.currency_id.name, "EUR")
        self.assertAlmostEqual(binding.amount_total, float(row["grand_total"]), 2)

    def test_virtual(self):
        """A virtual order is not delivered: it has no shipping address and no shipping."""
        _order, binding = self.first(lambda order: order["is_virtual"])
        self.assertEqual(binding.partner_shipping_id, binding.partner_invoice_id)
        self.assertFalse(binding.magento_order_line_ids.filtered(lambda line: "shipping" in line.external_id))

    def test_without_store_and_payment(self):
        """An order whose store view was deleted, or that says of no payment, is imported all the same."""
        number = self.orders_where(lambda order: not order["customer_id"])[0]
        row = self.shop.store.order_by_increment_id(number)
        row.update(store_id=None, payment=[], order_currency_code="EUR")
        binding = self.import_one("magento.sale.order", number)
        self.assertFalse(binding.storeview_id)
        self.assertFalse(binding.payment_method)
        self.assertFalse(binding.total_difference)

    def test_taxes(self):
        """A line has the tax that a person chose for its rate."""
        tax = self.env["account.tax"].create({"name": "Chosen", "amount": 20, "price_include_override": "tax_excluded"})
        self.env["magento.tax"].create({"backend_id": self.backend.id, "external_id": "20", "odoo_id": tax.id})
        order, _binding = self.first(lambda order: float(order["items"][0]["tax_percent"] or 0) == 20)
        line = self.bound("magento.sale.order.line", str(order["items"][0]["item_id"]))
        self.assertEqual(line.tax_ids, tax)

    def test_rounding(self):
        """Where Odoo rounds taxes by order and the shop by row, a line has the difference."""
        self.env.company.tax_calculation_rounding_method = "round_globally"
        found = self.env["magento.sale.order.line"]
        for number in self.orders_where(lambda order: len(order["items"]) > 3)[:12]:
            binding = self.import_one("magento.sale.order", number)
            self.assertFalse(binding.total_difference, number)
            found |= binding.magento_order_line_ids.filtered(lambda line: line.external_id.endswith(":rounding"))
        self.assertTrue(found)
        self.assertEqual(found.product_id, self.backend.rounding_product_id)

    def test_total_differs(self):
        """More than cents of difference is a note on the order, and no failure."""
        number = self.orders_where(lambda order: True)[0]
        row = self.shop.store.order_by_increment_id(number)
        row["grand_total"] = f"{float(row['grand_total']) + 5:.4f}"
        binding = self.import_one("magento.sale.order", number)
        self.assertEqual(binding.total_difference, -5)
        self.assertIn("The total here is", binding.odoo_id.message_ids[0].body)

    def test_draft_follows(self):
        """A quotation follows the order of the shop: changed, new and gone lines."""
        order, binding = self.first(
            lambda order: (
                order["state"] == "new" and len(order["items"]) > 1 and not order["items"][-1]["parent_item_id"]
            )
        )
        gone = self.bound("magento.sale.order.line", str(order["items"][-1]["item_id"])).odoo_id
        item = order["items"].pop()
        amount = float(item["row_total"]) - float(item["discount_amount"]) + float(item["tax_amount"])
        order["grand_total"] = f"{float(order['grand_total']) - amount:.4f}"
        self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual(self.outcome, "updated")
        self.assertFalse(gone.exists())
        self.assertFalse(binding.total_difference)

    def test_confirmed_stays(self):
        """A confirmed order stays as it was agreed on; its state in the shop is kept on the binding."""
        order, binding = self.first(lambda order: order["state"] == "new")
        binding.odoo_id.action_confirm()
        order.update(state="processing", status="processing", shipping_amount="99.0000", grand_total="1.0000")
        before = binding.amount_total
        self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual((self.outcome, binding.magento_state), ("updated", "processing"))
        self.assertEqual(binding.amount_total, before)

    def test_canceled(self):
        """An order that the shop canceled is cancelled here."""
        _order, binding = self.first(lambda order: order["state"] == "canceled")
        self.assertEqual(binding.state, "cancel")

    def test_product_deleted(self):
        """A line whose product the shop deleted has the backend's product for that; without one it says what to do."""
        number = self.orders_where(lambda order: order["items"][0]["product_type"] == "simple")[0]
        item = self.shop.store.order_by_increment_id(number)["items"][0]
        self.in_shop("catalog_product.delete", str(item["product_id"]))
        default, self.backend.unknown_product_id = self.backend.unknown_product_id, False
        with self.assertRaisesRegex(Exception, "choose a product for unknown products"):
            self.import_one("magento.sale.order", number)
        self.backend.unknown_product_id = default
        self.import_one("magento.sale.order", number)
        line = self.bound("magento.sale.order.line", str(item["item_id"]))
        self.assertEqual(line.product_id, self.env.ref("connector_magento.product_unknown"))
        self.assertEqual(line.name, item["name"])
