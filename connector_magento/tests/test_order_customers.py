"""Who ordered what, where the shop says little of it."""

from odoo.tests import tagged

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestOrdersOfNobody(ShopCase):
    def guests(self, count=2):
        rows = [o for o in self.shop.store.orders.values() if not o["customer_id"] and o["state"] == "new"]
        return [o for o in rows if o["store_id"] == rows[0]["store_id"]][:count]

    def test_without_email(self):
        """Two guests who gave no e-mail are two customers: not the first one who gave none."""
        for order, name in zip(self.guests(), ("Ann", "Bob"), strict=True):
            order["customer_email"] = None
            order["billing_address"].update(firstname=name, lastname="X")
        one, two = (self.import_one("magento.sale.order", order["increment_id"]).partner_id for order in self.guests())
        self.assertNotEqual(one, two)

    def test_email_case(self):
        """Ann@Example.com and ann@example.com are one guest."""
        for order, email in zip(self.guests(), ("Ann@Example.com", "ann@example.com"), strict=True):
            order["customer_email"] = email
        one, two = (self.import_one("magento.sale.order", order["increment_id"]).partner_id for order in self.guests())
        self.assertEqual(one, two)

    def test_item_without_sku(self):
        """An item of a deleted product that has no sku is the unknown product: not any product without a code."""
        self.env["product.product"].create({"name": "Something without a code"})
        unknown = self.env["product.product"].create({"name": "Unknown", "default_code": "?"})
        self.backend.unknown_product_id = unknown
        item = self.guests()[0]["items"][0]
        item.update(product_id=999999, sku=None)
        self.import_one("magento.sale.order", self.guests()[0]["increment_id"])
        self.assertEqual(self.bound("magento.sale.order.line", str(item["item_id"])).product_id, unknown)

    def test_other_case_of_an_account(self):
        """An account that the shop deleted is found by its e-mail in any case, and not by one that looks like it."""
        order = next(o for o in self.shop.store.orders.values() if o["customer_id"] and o["state"] == "new")
        account = self.import_one("magento.res.partner", str(order["customer_id"]))
        account.with_context(connector_origin=("magento.backend", self.backend.id)).email = "a_b@example.com"
        order.update(customer_id=None, customer_is_guest=0, customer_email=" A_B@Example.com")
        binding = self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual(binding.partner_id, account.odoo_id)
        other = next(
            o
            for o in self.shop.store.orders.values()
            if o["customer_id"] and o["store_id"] == order["store_id"] and o["state"] == "new"
        )
        other.update(customer_id=None, customer_is_guest=0, customer_email="axb@example.com")
        binding = self.import_one("magento.sale.order", other["increment_id"])
        self.assertNotEqual(binding.partner_id, account.odoo_id)

    def test_blank_email(self):
        """An e-mail of blanks is none."""
        for order in self.guests():
            order["customer_email"] = "  "
        one, two = (self.import_one("magento.sale.order", order["increment_id"]).partner_id for order in self.guests())
        self.assertNotEqual(one, two)

    def test_item_without_product(self):
        """An item whose product's id the shop does not know any more is known by its SKU, or is the unknown product."""
        known = self.env["product.product"].create({"name": "Known", "default_code": "S50"})
        first, second = (order["items"][0] for order in self.guests())
        first.update(product_id=None, sku="S50")
        second.update(product_id=None, sku=" ")
        for order in self.guests():
            self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual(self.bound("magento.sale.order.line", str(first["item_id"])).product_id, known)
        self.assertEqual(
            self.bound("magento.sale.order.line", str(second["item_id"])).product_id, self.backend.unknown_product_id
        )
