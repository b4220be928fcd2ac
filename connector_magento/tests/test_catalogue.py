from collections import Counter

from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import ConfigurationError, PermanentError, SkipError
from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestCatalogue(ShopCase):
    def test_parents_first(self):
        """A category brings its parents with it, but not the root."""
        deepest = max(self.shop.store.categories, key=lambda number: len(self.shop.store.category_path(number)))
        binding = self.import_one("magento.product.category", str(deepest))
        path = self.shop.store.category_path(deepest)[2:]
        self.assertEqual(binding.complete_name.count(" / "), len(path) - 1)
        self.assertEqual(binding.magento_parent_id.external_id, str(path[-2]))

    def test_roots(self):
        """A root category is left out."""
        with self.assertRaises(SkipError):
            self.import_one("magento.product.category", "2")

    def test_product(self):
        """A simple product has a stock here, a virtual one is a service, a grouped one is not sold by itself."""
        products = self.shop.store.products.values()
        found = {
            kind: self.import_one(
                "magento.product.product", str(next(p.product_id for p in products if p.type_id == kind))
            )
            for kind in ("simple", "virtual", "grouped")
        }
        self.assertTrue(found["simple"].is_storable)
        self.assertEqual(found["virtual"].type, "service")
        self.assertEqual([found[kind].sale_ok for kind in found], [True, True, False])
        simple = self.shop.store.products[int(found["simple"].external_id)]
        self.assertEqual(found["simple"].default_code, simple.sku)
        self.assertEqual(found["simple"].list_price, float(simple.values.get("price")))
        self.assertEqual(found["simple"].magento_price, float(simple.values.get("price")))
        self.assertEqual(found["simple"].website_ids.mapped("external_id"), [str(n) for n in simple.website_ids])
        self.assertEqual(found["simple"].attribute_set_id.name, "Default")
        self.assertEqual(found["simple"].magento_attributes, {"manufacturer": str(simple.values.get("manufacturer"))})

    def test_grouped(self):
        """A grouped product brings its members, in their order; one that was taken out goes."""
        number = next(p.product_id for p in self.shop.store.products.values() if p.type_id == "grouped")
        group = self.import_one("magento.product.product", str(number))
        links = self.shop.store.products[number].links["grouped"]
        self.assertEqual(group.member_ids.mapped("product_id.external_id"), [str(member) for member in links])
        self.assertEqual(set(group.member_ids.mapped("qty")), {1.0})
        gone = str(next(iter(links)))
        self.in_shop("product_link.remove", "grouped", number, gone)
        self.import_one("magento.product.product", str(number))
        self.assertEqual(len(group.member_ids), len(links))
        self.assertTrue(self.bound("magento.product.product", gone))

    def test_request(self):
        """A product with its images, the texts of its views and the prices of its websites takes one request."""
        before = len(self.shop.requests)
        with self.backend.work_on("magento.product.product") as work:
            record = work.unit(Adapter).read("6")
        self.assertEqual([request.method for request in self.shop.requests[before:]], ["multiCall"])
        self.assertEqual(set(record["prices"]), {"1", "2"})
        with self.backend.work_on("magento.product.product") as work:
            self.assertEqual(work.unit(Adapter).read_many(["6"]), {"6": record})

    def test_website_prices(self):
        """The price of a website is kept on the binding where it is another one than that of all."""
        product = self.import_one("magento.product.product", "6")
        there = self.shop.store.products[6].values
        self.assertEqual(product.list_price, float(there.get("price")))
        self.assertEqual(product.website_prices, {"2": {"price": there.get("price", 2)}})
        self.assertIn(there.get("price", 2), product.website_prices_text)

    def test_tax_class(self):
        """A product gets the taxes that a person chose for its class, and keeps its own where he chose none."""
        goods = self.backend.tax_class_ids.filtered(lambda one: one.name == "Taxable Goods")
        before = self.import_one("magento.product.product", "3").taxes_id
        tax = self.env["magento.tax"]._find_or_create_tax(self.backend.company_id, "17")
        goods.tax_ids = tax
        product = self.import_one("magento.product.product", "4")
        self.assertEqual((product.tax_class_id, product.taxes_id), (goods, tax))
        self.assertEqual(self.bound("magento.product.product", "3").taxes_id, before)

    def test_moved_category(self):
        """A category that was moved moves here, with the position that it has there."""
        first, second = [c for c in self.shop.store.categories.values() if c.parent_id == 2][:2]
        child = self.shop.store.children_of(first.category_id)[0]
        binding = self.import_one("magento.product.category", str(child.category_id))
        self.in_shop("catalog_category.move", child.category_id, second.category_id)
        self.import_one("magento.product.category", str(child.category_id))
        self.assertEqual(binding.magento_parent_id.external_id, str(second.category_id))
        self.assertEqual(binding.parent_id, binding.magento_parent_id.odoo_id)
        self.assertEqual(binding.position, child.position)

    def test_one_operator(self):
        """Of two operators on a field the shop would take one alone: they are refused."""
        with self.backend.work_on("magento.product.product") as work:
            products = work.unit(Adapter)
            with self.assertRaisesRegex(ConfigurationError, "one operator a field"):
                products.search({"product_id": {"gt": 2, "lteq": 4}})
            self.assertEqual(
                products.search({"product_id": {"from": 2, "to": 4}, "updated_at": {"gt": ""}})[0], ["2", "3", "4"]
            )

    def test_deleted(self):
        """What the shop has deleted is marked and stays."""
        kept, product = self.import_one("magento.product.product", "3"), self.import_one("magento.product.product", "4")
        category = product.category_ids[0]
        self.in_shop("catalog_product.delete", "4")
        self.in_shop("catalog_category.delete", category.external_id)
        self.backend.action_find_deleted()
        drain_jobs(self)
        self.assertEqual((kept.sync_state, product.sync_state, product.active), ("synced", "gone", True))
        self.assertEqual((category.sync_state, kept.category_ids[0].sync_state), ("gone", "synced"))

    def test_empty_list(self):
        """A shop that lists nothing at all has not deleted all: nothing is marked, and the job asks a person."""
        product = self.import_one("magento.product.product", "6")
        self.shop.store.products.clear()
        with self.assertRaisesRegex(PermanentError, "an empty list is not taken for their deletion"):
            self.backend._mark_gone("magento.product.product")
        self.assertEqual(product.sync_state, "synced")

    def test_many_gone_at_once(self):
        """Products that an export does not find count as deletions, up to the limit of all of these."""
        numbers = [number for number, product in self.shop.store.products.items() if product.type_id == "simple"][:25]
        Product = self.env["magento.product.product"]
        Product.import_records(self.backend, list(map(str, numbers)))
        drain_jobs(self)
        products = Product.search([("external_id", "in", list(map(str, numbers)))])
        for number in numbers[:22]:
            del self.shop.store.products[number]
        for product in products:
            product.list_price = 77
        drain_jobs(self)
        self.assertEqual(Counter(products.mapped("sync_state")), {"gone": 20, "synced": 5})
        failed = self.env["connector.job"].search([("state", "=", "failed")])
        self.assertEqual(len(failed), 2)
        self.assertIn("are taken for deletions", failed[0].exc_message)

    def test_disabled(self):
        """A disabled product stays active here."""
        number = next(p.product_id for p in self.shop.store.products.values() if str(p.values.get("status")) == "2")
        binding = self.import_one("magento.product.product", str(number))
        self.assertEqual((binding.enabled, binding.active), (False, True))

    def test_versions(self):
        """Orders and products of a 1.7 shop are listed in smaller windows; all else is as in any version."""
        self.backend.version = "1.7"
        with self.backend.work_on("magento.sale.order") as work:
            orders = work.unit(Adapter)
            self.assertEqual(len(orders.search()[0]), 25)
            self.assertEqual(type(work.unit(Adapter, "magento.res.partner")).__name__, "PartnerAdapter")
            self.assertEqual(len(work.unit(Adapter, "magento.product.product").search()[0]), 100)
        self.backend.version = "1.9"
        with self.backend.work_on("magento.sale.order") as work:
            self.assertEqual(len(work.unit(Adapter).search()[0]), 100)
            self.assertGreater(len(work.unit(Adapter, "magento.product.product").search()[0]), 100)
