"""What comes back from the shop is not always what it was here, or what it looks like there."""

from odoo.fields import Command
from odoo.tests import BaseCase, tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from ..units.texts import is_echo, plain_text
from .test_product_export import ProductExportCase

HTML = "<p>Fine <b>lamp</b> &amp; bulb</p>\n<ul><li>warm</li></ul>"


@tagged("post_install", "-at_install", "plain")
class TestTexts(BaseCase):
    def test_plain_text(self):
        """HTML is taken off, and a text that only looks a little like it stays."""
        self.assertEqual(plain_text("<p>Fine&nbsp;lamp</p>").split(), ["Fine", "lamp"])
        for text in ("", None, "a < b > c", "3 <4> 5", "Tom & Jerry", "<3 you", "x<y"):
            self.assertEqual(plain_text(text), text)

    def test_echo(self):
        """Only a text with an emoji comes back in another form."""
        self.assertTrue(is_echo("Lamp ????", "Lamp 💡"))
        self.assertTrue(is_echo("???????? Lamp?", "💡💡 Lamp?"))
        for there, here in (
            ("Lamp ????", "Lamp ?"),
            ("Lamp", "Lamp 💡"),
            ("Lump ????", "Lamp 💡"),
            (None, "💡"),
            (1, "1"),
        ):
            self.assertFalse(is_echo(there, here), (there, here))


@tagged("post_install", "-at_install", "transaction")
class TestComingBack(ProductExportCase):
    def come_back(self, product):
        drain_jobs(self)
        self.import_one(product._name, product.external_id, force=True)
        self.assertFalse(self.env["connector.job"].search([("state", "in", ["pending", "failed"])]))

    def test_emoji(self):
        """A name whose emoji the shop cannot hold stays when it comes back; a new one of the shop's does not."""
        product = self.imported(2)
        product.name = "Lamp 💡"
        self.come_back(product)
        self.assertEqual((self.value(2, "name"), product.name), ("Lamp ????", "Lamp 💡"))
        requests = len(self.shop.requests)
        self.assertEqual(product.export_record(fields=["name"]), "unchanged")
        self.assertEqual(len(self.shop.requests), requests)
        self.in_shop("catalog_product.update", "2", {"name": "Lump ????"})
        self.come_back(product)
        self.assertEqual(product.name, "Lump ????")

    def test_emoji_in_a_chunk(self):
        """So it is for products that are imported together, in their descriptions too."""
        product = self.imported(2)
        product.description_sale = "Bright 💡\nand warm"
        drain_jobs(self)
        self.env["magento.product.product"].import_records(self.backend, ["2", "3"], force=True)
        self.assertEqual(product.description_sale, "Bright 💡\nand warm")

    def test_emoji_of_a_category(self):
        """So it is for categories."""
        category = self.import_one("magento.product.category", "4")
        category.name = "Lamps 💡"
        self.come_back(category)
        self.assertEqual(category.name, "Lamps 💡")

    def test_emoji_in_a_language(self):
        """And for a translation."""
        self.env["res.lang"]._activate_lang("fr_FR")
        view = self.backend.storeview_ids.filtered(lambda one: one.code == "fr")
        view.lang_id = self.env.ref("base.lang_fr")
        product = self.imported(2)
        product.with_context(lang="fr_FR").name = "Lampe 💡"
        self.come_back(product)
        self.assertEqual(self.value(2, "name", int(view.external_id)), "Lampe ????")
        self.assertEqual(product.with_context(lang="fr_FR").name, "Lampe 💡")

    def test_emoji_of_a_customer(self):
        """And for a customer with an address."""
        self.backend.customers_exported = True
        account = self.import_one("magento.res.partner", "15")
        account.odoo_id.name = "Ada Lovelace🌷"
        self.come_back(account)
        self.assertEqual(account.name, "Ada Lovelace🌷")

    def test_html(self):
        """Quotations have the text of a description, the shop keeps its HTML; a text of here replaces it."""
        self.in_shop("catalog_product.update", "2", {"description": HTML})
        product = self.imported(2)
        self.assertEqual(product.magento_description, HTML)
        self.assertNotIn("<", product.description_sale)
        self.assertIn("lamp", product.description_sale)
        product.action_export()
        drain_jobs(self)
        self.assertEqual(self.value(2, "description"), HTML)
        order = self.env["sale.order"].create(
            {
                "partner_id": self.env.user.partner_id.id,
                "order_line": [Command.create({"product_id": product.odoo_id.id})],
            }
        )
        self.assertNotIn("<", order.order_line.name)
        product.description_sale = "Plain"
        drain_jobs(self)
        self.assertEqual(self.value(2, "description"), "Plain")

    def test_weight(self):
        """A weight keeps the digits that it has there, until it is changed here."""
        self.in_shop("catalog_product.update", "2", {"weight": "0.1234"})
        product = self.imported(2)
        self.assertEqual(product.magento_weight, 0.1234)
        product.action_export()
        drain_jobs(self)
        self.assertEqual(self.value(2, "weight"), "0.1234")
        product.weight = 0.5
        drain_jobs(self)
        self.assertEqual(self.value(2, "weight"), "0.5000")

    def test_price(self):
        """So does a price."""
        self.in_shop("catalog_product.update", "2", {"price": "0.0375"})
        product = self.imported(2)
        self.assertEqual((product.magento_price, product.list_price), (0.0375, 0.0375))
        product.action_export()
        drain_jobs(self)
        self.assertEqual(self.value(2, "price"), "0.0375")
        product.list_price = 0.05
        drain_jobs(self)
        self.assertEqual(self.value(2, "price"), "0.0500")

    def test_grouped(self):
        """A grouped product has no price, here and there."""
        number = next(p.product_id for p in self.shop.store.products.values() if p.type_id == "grouped")
        self.there(number).values.put({"price": None})
        group = self.imported(number)
        self.assertEqual(group.list_price, 0)
        group.action_export()
        drain_jobs(self)
        self.assertIsNone(self.value(number, "price"))


@tagged("post_install", "-at_install", "transaction")
class TestChangedEmail(ProductExportCase):
    def setUp(self):
        super().setUp()
        self.backend.customers_exported = True
        self.account = self.import_one("magento.res.partner", "15")
        drain_jobs(self)

    def email_there(self, number=15):
        return self.shop.store.customers[number].get("email")

    def test_partner(self):
        """A new e-mail of the partner is the account's and goes out."""
        self.account.odoo_id.email = "new@example.com"
        drain_jobs(self)
        self.assertEqual((self.account.email, self.email_there()), ("new@example.com", "new@example.com"))

    def test_own_email(self):
        """Of several accounts of a partner the one that has another e-mail keeps it."""
        second = self.env["magento.res.partner"].create(
            {
                "backend_id": self.backend.id,
                "website_id": self.account.website_id.id,
                "odoo_id": self.account.odoo_id.id,
                "external_id": "16",
                "email": "second@example.com",
            }
        )
        self.account.odoo_id.email = "office@example.com"
        self.assertEqual((self.account.email, second.email), ("office@example.com", "second@example.com"))

    def test_removed(self):
        """A partner who has no e-mail any more leaves the account its own: it needs one."""
        before = self.account.email
        self.account.odoo_id.email = False
        drain_jobs(self)
        self.assertEqual((self.account.email, self.email_there()), (before, before))

    def test_no_echo(self):
        """An e-mail that comes from the shop is not sent back."""
        self.in_shop("customer.update", 15, {"email": "there@example.com"})
        self.import_one("magento.res.partner", "15")
        self.assertEqual(self.account.odoo_id.email, "there@example.com")
        self.assertEqual(drain_jobs(self), 0)
