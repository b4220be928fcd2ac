"""What the shop made after the metadata came."""

from dataclasses import replace

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, make_due, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestNewMetadata(ShopCase):
    def forget(self, model_name, external_id=None):
        rows = self.env[model_name].search([("backend_id", "=", self.backend.id)])
        rows.filtered(lambda row: external_id in (None, row.external_id)).unlink()

    def test_product(self):
        """The scheduled action alone imports a product of a new attribute set."""
        self.env["magento.attribute.set"].search([("backend_id", "=", self.backend.id)]).unlink()
        self.backend.state = "connected"
        number = str(next(p.product_id for p in self.shop.store.products.values() if p.type_id == "simple"))
        job = self.env["magento.product.product"].as_job().import_record(self.backend, number)
        for _attempt in range(6):
            drain_jobs(self, limit=1)
            make_due(job)
        self.env["magento.backend"]._cron_import()
        drain_jobs(self)
        self.assertTrue(self.bound("magento.product.product", number))

    def test_product_of_a_new_website(self):
        """A product brings the websites and the tax class that are new."""
        self.forget("magento.tax.class")
        self.forget("magento.website", "2")
        product = self.import_one("magento.product.product", "6")
        self.assertIn("2", product.website_ids.mapped("external_id"))
        self.assertTrue(product.tax_class_id)

    def test_customer_of_a_new_website(self):
        """A customer brings the website, the store view and the group that are new."""
        for model_name in ("magento.storeview", "magento.store", "magento.website", "magento.customer.group"):
            self.forget(model_name)
        number = next(str(one.customer_id) for one in self.shop.store.customers.values() if one.get("website_id") == 2)
        account = self.import_one("magento.res.partner", number)
        self.assertEqual((account.website_id.external_id, account.storeview_id.website_id), ("2", account.website_id))
        self.assertTrue(account.group_id)

    def test_order_of_a_new_store(self):
        """An order brings its store view, with the store and the website of that."""
        order = next(o for o in self.shop.store.orders.values() if not o["customer_id"])
        for model_name in ("magento.storeview", "magento.store", "magento.website"):
            self.forget(model_name)
        binding = self.import_one("magento.sale.order", order["increment_id"])
        website = self.shop.store.stores[order["store_id"]].website_id
        self.assertEqual(binding.storeview_id.external_id, str(order["store_id"]))
        self.assertEqual(binding.storeview_id.store_id.website_id.external_id, str(website))

    def test_chunk(self):
        """So it is for records that are imported together."""
        self.forget("magento.attribute.set")
        self.forget("magento.tax.class")
        result = self.env["magento.product.product"].import_records(self.backend, ["2", "3", "4"])
        self.assertEqual(dict(result), {"created": 3})

    def test_names(self):
        """The schedule brings new names of them, before the records."""
        store = self.shop.store.stores[1]
        self.shop.store.stores[1] = replace(store, name="Renamed")
        self.backend.state = "connected"
        with trap_jobs(self.env) as trap:
            self.env["magento.backend"]._cron_import()
        metadata, *batches = trap.jobs
        self.assertEqual(metadata.method_name, "_import_metadata")
        self.assertLess(metadata.options["priority"], min(job.options["priority"] for job in batches))
        metadata.run()
        self.assertEqual(self.bound("magento.storeview", "1").name, "Renamed")
