from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestVariants(ShopCase):
    def setUp(self):
        super().setUp()
        self.configurable = next(p for p in self.shop.store.products.values() if p.type_id == "configurable")
        self.variants = [str(number) for number in self.configurable.variant_ids]

    def template(self):
        return self.import_one("magento.product.template", str(self.configurable.product_id))

    def variant(self, number=None):
        return self.import_one("magento.product.product", number or self.variants[0])

    def add_variant(self, sku, **values):
        data = {"name": sku, "price": 21, "visibility": 1, "status": 1, "websites": [1], **values}
        return self.in_shop("catalog_product.create", "simple", 4, sku, data)

    def test_variants(self):
        """A configurable product has the attributes that its variants differ in, and these are its variants."""
        template = self.template()
        bindings = self.env["magento.product.product"].union(*map(self.variant, self.variants))
        self.assertEqual(template.attribute_ids.mapped("external_id"), ["color", "size"])
        self.assertEqual(template.product_variant_ids, bindings.odoo_id)
        self.assertEqual(template.variant_ids, bindings)
        red_small = self.shop.store.products[int(self.variants[0])]
        self.assertEqual(bindings[0].default_code, red_small.sku)
        self.assertEqual(set(bindings[0].product_template_attribute_value_ids.mapped("name")), {"Red", "S"})
        self.assertEqual((template.name, template.list_price), ("T-shirt 1", 21.0))
        self.assertEqual(bindings[0].name, "T-shirt 1")
        self.assertEqual(bindings[0].magento_name, "T-shirt 1 Red S")
        self.assertTrue(template.is_storable)

    def test_variant_first(self):
        """A variant that comes first, with an order, brings its configurable product with it."""
        variant = self.variant()
        self.assertEqual(variant.magento_template_id.external_id, str(self.configurable.product_id))
        self.assertEqual(variant.product_tmpl_id.product_variant_count, 1)

    def test_twice(self):
        """Imported again, neither the product nor its variants are written."""
        self.template()
        self.variant()
        self.template()
        self.assertEqual(self.outcome, "unchanged")
        self.variant()
        self.assertEqual(self.outcome, "unchanged")
        self.assertEqual(len(self.variant().magento_template_id.attribute_line_ids.value_ids), 5)

    def test_plain_product_asks_nobody(self):
        """A product that the shop shows by itself is not looked up among the variants."""
        before = len(self.shop.requests)
        self.import_one("magento.product.product", "3")
        self.assertNotIn("catalog_product.list", [request.path for request in self.shop.requests[before:]])

    def test_new_value(self):
        """A variant with a value that the product had none with before adds it; the others stay what they are."""
        first = self.variant()
        before = first.odoo_id
        with self.with_option("color", 9, "Green"):
            number = self.add_variant("TSHIRT-1-Green-S", color=9, size=3)
            green = self.variant(number)
        self.assertEqual(green.product_tmpl_id, first.product_tmpl_id)
        self.assertEqual(set(green.product_template_attribute_value_ids.mapped("name")), {"Green", "S"})
        self.assertEqual((first.odoo_id, first.active), (before, True))

    def test_same_values(self):
        """What has the same values as another variant is a product of its own."""
        self.variant()
        twin = self.variant(self.add_variant("TSHIRT-1-Red-S-2", color=7, size=3))
        self.assertFalse(twin.magento_template_id)
        self.assertEqual(twin.name, "TSHIRT-1-Red-S-2")

    def test_lacking_value(self):
        """What lacks a value of one of the attributes is a product of its own."""
        self.variant()
        self.assertFalse(self.variant(self.add_variant("TSHIRT-1-Red", color=7)).magento_template_id)

    def test_lost_value(self):
        """A variant that lost a value in the shop stays the variant that it was, with the name of all."""
        variant = self.variant()
        product, combination = variant.odoo_id, variant.product_template_attribute_value_ids
        self.in_shop("catalog_product.update", variant.external_id, {"color": "", "name": "Of no colour"})
        self.variant()
        self.assertEqual((variant.odoo_id, variant.product_template_attribute_value_ids), (product, combination))
        self.assertEqual((product.name, variant.magento_name), ("T-shirt 1", "Of no colour"))

    def test_changed_value(self):
        """A variant that got another value is the variant with that one."""
        variant = self.variant()
        product = variant.odoo_id
        self.in_shop("catalog_product.delete", self.variants[1])
        self.in_shop("catalog_product.update", variant.external_id, {"size": 4})
        self.variant()
        self.assertEqual(variant.odoo_id, product)
        self.assertEqual(set(product.product_template_attribute_value_ids.mapped("name")), {"Red", "M"})

    def test_other_configurable(self):
        """A variant belongs to the configurable product whose SKU has most of its own."""
        red = self.in_shop("catalog_product.create", "configurable", 4, "TSHIRT-1-Red", {"name": "Red ones"})
        with self.backend.work_on("magento.product.template") as work:
            adapter = work.unit(Adapter)
            self.assertEqual(len(adapter.read(red)["variants"]), 3)
            self.assertEqual(len(adapter.read(str(self.configurable.product_id))["variants"]), 3)
            self.assertEqual(adapter.configurable_of({"sku": "TSHIRT-1-Red-M"}), red)

    def test_similar_sku(self):
        """TSHIRT-10-X is no variant of TSHIRT-1."""
        self.add_variant("TSHIRT-10-Red-S", color=7, size=3)
        with self.backend.work_on("magento.product.template") as work:
            variants = work.unit(Adapter).read(str(self.configurable.product_id))["variants"]
        self.assertEqual(sorted(variants), sorted(self.variants))

    def test_stray(self):
        """A product that was imported alone, when its configurable one was not known, becomes its variant then."""
        self.backend.variant_rule = "none"
        variant = self.variant()
        product, alone = variant.odoo_id, variant.product_tmpl_id
        self.assertEqual(variant.name, "T-shirt 1 Red S")
        self.backend.variant_rule = "sku"
        template = self.template()
        drain_jobs(self)
        self.assertEqual(variant.magento_template_id, template)
        self.assertEqual((variant.odoo_id, product.product_tmpl_id), (product, template.odoo_id))
        self.assertEqual(product.name, "T-shirt 1")
        self.assertFalse(alone.active)

    def test_no_rule(self):
        """Where variants are not looked for, all simple products stand alone, and the configurable one is not sold."""
        self.backend.variant_rule = "none"
        self.assertFalse(self.variant().magento_template_id)
        template = self.template()
        self.assertEqual((template.sale_ok, template.attribute_line_ids), (False, template.attribute_line_ids.browse()))

    def test_order(self):
        """A line of an order has the variant that was sold."""
        number = self.orders_where(
            lambda order: any(item["product_type"] == "configurable" for item in order["items"])
        )[0]
        order = self.import_one("magento.sale.order", number)
        line = order.magento_order_line_ids.filtered("product_id.product_template_attribute_value_ids")
        there = next(o for o in self.shop.store.orders.values() if o["increment_id"] == number)
        child = next(item for item in there["items"] if item.get("parent_item_id"))
        self.assertEqual(line.product_id.default_code, child["sku"])

    def test_translated_values(self):
        """The options of an attribute, and the attribute itself, have the names of the store views."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.backend.storeview_ids.filtered(lambda view: view.code == "fr").lang_id = self.env.ref("base.lang_fr")
        attributes = self.template().attribute_ids.with_context(lang="fr_FR")
        self.assertEqual(attributes.mapped("name"), ["Couleur", "Taille"])
        self.assertEqual(attributes[0].option_ids.mapped("name"), ["Rouge", "Bleu"])
        self.assertEqual(attributes[0].with_context(lang="en_US").option_ids.mapped("name"), ["Red", "Blue"])

    def with_option(self, code, number, label):
        from sandbox.attributes import OPTIONS

        return patch.dict(OPTIONS, {code: (*OPTIONS[code], (number, label))})
