"""Customers and orders of the website "Admin", whose id is 0."""

from odoo.tests import tagged

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestAdminCustomer(ShopCase):
    def admin(self, number):
        self.shop.store.customers[number].values.put({"website_id": 0, "store_id": 0})

    def test_order(self):
        """The order of a customer whom the admin made without a website is imported, with him."""
        order = next(o for o in self.shop.store.orders.values() if o["customer_id"] and o["state"] == "new")
        self.shop.store.customers[order["customer_id"]].values.put({"website_id": 0})
        binding = self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual(binding.partner_id, self.bound("magento.res.partner", str(order["customer_id"])).odoo_id)

    def test_chunk(self):
        """Such customers come with the others of a chunk, and again without a change."""
        self.admin(2)
        self.admin(3)
        for outcome in ("created", "unchanged"):
            result = self.env["magento.res.partner"].import_records(self.backend, ["1", "2", "3"])
            self.assertEqual(dict(result), {outcome: 3})
        admins = self.bound("magento.res.partner", "2") | self.bound("magento.res.partner", "3")
        self.assertEqual(admins.website_id.mapped(lambda site: (site.external_id, site.name)), [("0", "Admin")])
        self.assertFalse(admins.storeview_id)

    def test_no_such_website(self):
        """The website is there only where a customer needs it."""
        self.assertEqual(sorted(self.backend.website_ids.mapped("external_id")), ["1", "2"])

    def test_export(self):
        """A change of such a customer goes out as any other."""
        self.admin(2)
        self.backend.customers_exported = True
        account = self.import_one("magento.res.partner", "2")
        account.name = "Ada Lovelace"
        self.assertEqual(account.export_record(), "updated")
        self.assertEqual(self.shop.store.customers[2].get("lastname"), "Lovelace")


@tagged("post_install", "-at_install", "transaction")
class TestCountries(ShopCase):
    def test_lower_case(self):
        """A country in lower case is the country, on addresses and on orders."""
        number = next(a["customer_id"] for a in self.shop.store.addresses.values() if a["country_id"] == "FR")
        for address in self.shop.store.addresses_of(number):
            address["country_id"] = " fr"
        account = self.import_one("magento.res.partner", str(number))
        self.assertEqual(set(account.magento_address_ids.mapped("country_id.code")), {"FR"})
        order = next(o for o in self.shop.store.orders.values() if not o["customer_id"])
        code = order["billing_address"]["country_id"]
        order["billing_address"]["country_id"] = code.lower()
        binding = self.import_one("magento.sale.order", order["increment_id"])
        self.assertEqual(binding.partner_id.country_id.code, code)
