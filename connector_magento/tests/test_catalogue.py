from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import SkipError

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
        """A simple product has a stock here, a virtual one is a service, a composed one is not sold by itself."""
        products = self.shop.store.products.values()
        found = {
            kind: self.import_one(
                "magento.product.product", str(next(p.product_id for p in products if p.type_id == kind))
            )
            for kind in ("simple", "virtual", "configurable", "grouped")
        }
        self.assertTrue(found["simple"].is_storable)
        self.assertEqual(found["virtual"].type, "service")
        self.assertEqual([found[kind].sale_ok for kind in found], [True, True, False, False])
        simple = self.shop.store.products[int(found["simple"].external_id)]
        self.assertEqual(found["simple"].default_code, simple.sku)
        self.assertEqual(found["simple"].list_price, float(simple.values.get("price")))
        self.assertEqual(found["simple"].website_ids.mapped("external_id"), [str(n) for n in simple.website_ids])

    def test_disabled(self):
        """A disabled product stays active here."""
        number = next(p.product_id for p in self.shop.store.products.values() if str(p.values.get("status")) == "2")
        binding = self.import_one("magento.product.product", str(number))
        self.assertEqual((binding.enabled, binding.active), (False, True))

    def test_versions(self):
        """Orders of a 1.7 shop are listed in smaller windows; all else is as in any version."""
        self.backend.version = "1.7"
        with self.backend.work_on("magento.sale.order") as work:
            orders = work.unit(Adapter)
            self.assertEqual(len(orders.search()[0]), 25)
            self.assertEqual(type(work.unit(Adapter, "magento.res.partner")).__name__, "PartnerAdapter")
        self.backend.version = "1.9"
        with self.backend.work_on("magento.sale.order") as work:
            self.assertEqual(len(work.unit(Adapter).search()[0]), 100)
