from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.connector_framework.exceptions import MappingError
from odoo.addons.connector_framework.tests.common import drain_jobs, make_due, trap_jobs

from .common import ShopCase


class ProductExportCase(ShopCase):
    def there(self, number):
        return self.shop.store.products[int(number)]

    def value(self, number, code, store_id=0):
        return self.there(number).values.get(code, store_id)

    def calls(self, before=0):
        """Return the calls that were made since, those of a multiCall one by one."""
        for request in self.shop.requests[before:]:
            yield from request.args if request.method == "multiCall" else [[request.path, request.args]]

    def imported(self, number):
        product = self.import_one("magento.product.product", str(number))
        drain_jobs(self)
        return product

    def publish(self, **values):
        product = self.env["product.product"].create(
            {"name": "Lamp", "default_code": "LAMP", "list_price": 12.5, "weight": 2, "is_storable": True, **values}
        )
        wizard = self.env["magento.product.publish"].with_context(
            active_model="product.product", active_ids=product.ids
        )
        wizard = wizard.create({"website_ids": [Command.set(self.backend.website_ids.ids)]})
        wizard.action_publish()
        return product.magento_bind_ids


@tagged("post_install", "-at_install", "transaction")
class TestProductUpdate(ProductExportCase):
    def test_price(self):
        """A new price goes out, and nothing with it; that of a website that has its own stays."""
        product = self.imported(6)
        special = self.value(6, "price", 2)
        before = len(self.shop.requests)
        product.list_price = 99.9
        drain_jobs(self)
        self.assertEqual(self.value(6, "price"), "99.9000")
        self.assertEqual(self.value(6, "price", 2), special)
        self.assertEqual(
            [call for call in self.calls(before) if "update" in call[0]],
            [["catalog_product.update", ["6", {"price": "99.9"}]]],
        )

    def test_prices_together(self):
        """Prices that one transaction changes of many products go out in one job and one request."""
        products = self.env["magento.product.product"].browse(self.imported(number).id for number in (6, 7, 8))
        before = len(self.shop.requests)
        for number, product in enumerate(products, 1):
            product.list_price = 90 + number
        drain_jobs(self)
        self.assertEqual([self.value(number, "price") for number in (6, 7, 8)], ["91.0000", "92.0000", "93.0000"])
        together = [request.args for request in self.shop.requests[before:] if request.method == "multiCall"]
        self.assertEqual([len(calls) for calls in together], [3])
        job = self.env["connector.job"].search([("method_name", "=", "export_record")])
        self.assertEqual((len(job), job.result), (1, "3 updated"))

    def test_one_of_many_is_refused(self):
        """A product that the shop refuses gets a job of its own; the others are sent."""
        products = self.env["magento.product.product"].browse(self.imported(number).id for number in (6, 7, 8))
        del self.shop.store.products[7]
        for product in products:
            product.list_price = 77
        drain_jobs(self)
        self.assertEqual([self.value(number, "price") for number in (6, 8)], ["77.0000", "77.0000"])
        jobs = self.env["connector.job"].search([("method_name", "=", "export_record")], order="id")
        self.assertEqual(jobs.mapped("result"), ["2 updated, 1 own job", "no longer exists"])
        self.assertEqual(products.mapped("sync_state"), ["synced", "gone", "synced"])

    def test_website_price(self):
        """A website that wants it gets the price of its pricelist, also when a rule of that changes."""
        product = self.imported(6)
        site = product.website_ids.filtered(lambda site: site.external_id == "2")
        site.pricelist_id = self.env["product.pricelist"].create({"name": "B2B"})
        rule = self.env["product.pricelist.item"].create(
            {
                "pricelist_id": site.pricelist_id.id,
                "applied_on": "1_product",
                "product_tmpl_id": product.product_tmpl_id.id,
                "compute_price": "fixed",
                "fixed_price": 70,
            }
        )
        drain_jobs(self)
        self.assertNotEqual(self.value(6, "price", 2), "70.0000")
        site.price_exported = True
        rule.fixed_price = 71
        drain_jobs(self)
        self.assertEqual((self.value(6, "price", 2), self.value(6, "price", 1)), ("71.0000", self.value(6, "price")))
        rule.unlink()
        drain_jobs(self)
        self.assertEqual(self.value(6, "price", 2), f"{product.list_price:.4f}")

    def test_values(self):
        """Description, weight, websites, whether it is shown, and its SKU go out when they change."""
        product = self.imported(2)
        product.write(
            {
                "description_sale": "Fine",
                "weight": 3,
                "enabled": False,
                "default_code": "SKU-new",
                "website_ids": [Command.set(self.backend.website_ids[:1].ids)],
            }
        )
        drain_jobs(self)
        self.assertEqual((self.value(2, "description"), self.value(2, "weight")), ("Fine", "3.0000"))
        self.assertEqual((str(self.value(2, "status")), self.there(2).website_ids), ("2", [1]))
        self.assertEqual((self.there(2).sku, product.sku), ("SKU-new", "SKU-new"))

    def test_archived(self):
        """A product that is archived here is disabled there."""
        product = self.imported(2)
        product.odoo_id.action_archive()
        drain_jobs(self)
        self.assertEqual(str(self.value(2, "status")), "2")

    def test_tax_class(self):
        """A product whose taxes are those of another class goes into that class."""
        product = self.imported(2)
        classes = {one.name: one for one in self.backend.tax_class_ids}
        for rate, name in (("7", "Taxable Goods"), ("17", "Shipping")):
            classes[name].tax_ids = self.env["magento.tax"]._find_or_create_tax(self.backend.company_id, rate)
        product.taxes_id = classes["Shipping"].tax_ids
        drain_jobs(self)
        self.assertEqual(str(self.value(2, "tax_class_id")), classes["Shipping"].external_id)

    def test_not_wanted(self):
        """A backend that does not want the changes of products gets none, the stock apart."""
        product = self.imported(2)
        self.backend.products_exported = False
        with trap_jobs(self.env) as trap:
            product.name = "Renamed"
        trap.assert_not_enqueued("export_record")

    def test_what_no_shop_should_get(self):
        """An amount that is none and a name that is empty are refused here: the shop would take them."""
        product = self.imported(2)
        before = len(self.shop.requests)
        product.list_price = -1
        with self.assertRaises(MappingError) as raised:
            product.export_record(fields=["list_price"])
        self.assertEqual(list(raised.exception.field_errors), ["price"])
        self.assertEqual(len(self.shop.requests), before)

    def test_deleted_there(self):
        """A change of a product that the shop has deleted marks it; further ones are not sent."""
        product = self.imported(2)
        self.in_shop("catalog_product.delete", "2")
        product.name = "Renamed"
        drain_jobs(self)
        self.assertEqual(product.sync_state, "gone")
        with trap_jobs(self.env) as trap:
            product.name = "Renamed again"
        self.assertFalse(trap.jobs)

    def test_variant(self):
        """A variant sends what is its own; what all have in common goes to the configurable product."""
        configurable = next(p for p in self.shop.store.products.values() if p.type_id == "configurable")
        variant = self.imported(configurable.variant_ids[0])
        name = self.value(variant.external_id, "name")
        variant.product_tmpl_id.write({"name": "Shirt", "list_price": 30})
        variant.odoo_id.weight = 5
        drain_jobs(self)
        self.assertEqual(self.value(configurable.product_id, "name"), "Shirt")
        self.assertEqual(self.value(configurable.product_id, "price"), "30.0000")
        self.assertEqual(self.value(variant.external_id, "name"), name)
        self.assertEqual(self.value(variant.external_id, "price"), "21.0000")
        self.assertEqual(self.value(variant.external_id, "weight"), "5.0000")


@tagged("post_install", "-at_install", "transaction")
class TestProductCreation(ProductExportCase):
    def test_published(self):
        """A product that is put into the shop is created there once, whole, and bound at once."""
        binding = self.publish(description_sale="Bright")
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.backend.company_id.id)], limit=1)
        self.env["stock.quant"]._update_available_quantity(binding.odoo_id, warehouse.lot_stock_id, 4)
        drain_jobs(self)
        there = self.shop.store.product_by_sku("LAMP")
        self.assertEqual((binding.external_id, binding.sku), (str(there.product_id), "LAMP"))
        self.assertEqual((there.type_id, there.website_ids), ("simple", [1, 2]))
        self.assertEqual((there.values.get("name"), there.values.get("price")), ("Lamp", "12.5000"))
        self.assertEqual((there.values.get("description"), there.values.get("weight")), ("Bright", "2.0000"))
        self.assertEqual((float(there.stock.qty), there.stock.is_in_stock), (4, 1))
        creations = [call for call in self.calls() if call[0] == "catalog_product.create"]
        self.assertEqual(len(creations), 1)

    def test_back_again(self):
        """Imported, what was created from here is the same product, and is not exported again."""
        binding = self.publish()
        drain_jobs(self)
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.product", binding.external_id)
        self.assertEqual(self.bound("magento.product.product", binding.external_id), binding)
        trap.assert_not_enqueued("export_record")

    def test_lost_answer(self):
        """When the answer to the creation is lost, the next attempt finds the product by its SKU."""
        self.shop.fail_next(1, "drop", match="catalog_product.create", after_call=True)
        binding = self.publish()
        drain_jobs(self)
        job = self.env["connector.job"].search([("method_name", "=", "export_record")])
        self.assertEqual((job.state, job.attempt), ("pending", 1))
        make_due(job)
        drain_jobs(self)
        there = [one for one in self.shop.store.products.values() if one.sku == "LAMP"]
        self.assertEqual([str(one.product_id) for one in there], [binding.external_id])
        self.assertEqual(job.state, "done")

    def test_numeric_sku(self):
        """A SKU that looks like an id is one all the same."""
        other = self.in_shop("catalog_product.create", "simple", 4, "4", {"name": "There already"})
        binding = self.publish(default_code="4")
        drain_jobs(self)
        self.assertEqual(binding.external_id, other)
        self.assertEqual((self.value(other, "name"), self.value(4, "name")), ("Lamp", "Product 4"))

    def test_translations(self):
        """The translations of a new product go to their store views."""
        self.env["res.lang"]._activate_lang("fr_FR")
        french = self.backend.storeview_ids.filtered(lambda view: view.code == "fr")
        french.lang_id = self.env.ref("base.lang_fr")
        binding = self.publish()
        binding.with_context(lang="fr_FR").name = "Lampe"
        drain_jobs(self)
        self.assertEqual(self.value(binding.external_id, "name"), "Lamp")
        self.assertEqual(self.value(binding.external_id, "name", int(french.external_id)), "Lampe")

    def test_twice(self):
        """What is in the shop already is not put there again."""
        binding = self.publish()
        wizard = self.env["magento.product.publish"].with_context(
            active_model="product.template", active_ids=binding.product_tmpl_id.ids
        )
        form = Form(wizard)
        self.assertEqual(form.attribute_set_id.name, "Default")
        form.save().action_publish()
        self.assertEqual(binding.odoo_id.magento_bind_ids, binding)

    def test_variants(self):
        """The variants of a product of Odoo are simple products there, with their prices; name and price are ours."""
        attribute = self.env["product.attribute"].create(
            {"name": "Shade", "value_ids": [Command.create({"name": name}) for name in ("Dark", "Light")]}
        )
        attribute.value_ids[0].default_extra_price = 2
        template = self.env["product.template"].create(
            {
                "name": "Lamp",
                "list_price": 10,
                "attribute_line_ids": [
                    Command.create({"attribute_id": attribute.id, "value_ids": [Command.set(attribute.value_ids.ids)]})
                ],
            }
        )
        for product in template.product_variant_ids:
            product.default_code = f"LAMP-{product.product_template_attribute_value_ids.name}"
        wizard = self.env["magento.product.publish"].with_context(
            active_model="product.template", active_ids=template.ids
        )
        wizard.create({}).action_publish()
        drain_jobs(self)
        dark = self.shop.store.product_by_sku("LAMP-Dark")
        self.assertEqual(dark.values.get("price"), "12.0000")
        self.in_shop("catalog_product.update", dark.product_id, {"name": "Dark lamp", "price": 13})
        binding = self.import_one("magento.product.product", str(dark.product_id))
        self.assertEqual((template.name, template.list_price), ("Lamp", 10))
        self.assertEqual((binding.magento_name, binding.magento_price), ("Dark lamp", 13))

    def test_no_reference(self):
        """Without an internal reference a product cannot be put into the shop."""
        with self.assertRaisesRegex(UserError, "internal reference"):
            self.publish(default_code=False)

    def test_rights(self):
        """Who is no connector manager puts nothing into a shop."""
        user = new_test_user(self.env, "seller", groups="product.group_product_manager,sales_team.group_sale_manager")
        with self.assertRaises(AccessError):
            self.env["magento.product.publish"].with_user(user).create({"backend_id": self.backend.id})
