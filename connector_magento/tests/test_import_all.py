from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase

TABLES = (
    "magento.res.partner",
    "magento.address",
    "magento.product.category",
    "magento.product.template",
    "magento.product.product",
    "magento.sale.order",
    "magento.sale.order.line",
)


@tagged("post_install", "-at_install", "transaction")
class TestImportAll(ShopCase):
    def test_all_of_it(self):
        """One button brings the whole shop by jobs, to the cent; pressed again it writes nothing."""
        self.backend.action_import_all()
        drain_jobs(self)
        self.assertNothingFailed()

        there = self.shop.summary()
        here = {model_name: self.count(model_name) for model_name in TABLES}
        self.assertEqual(here["magento.res.partner"], there["customers"])
        self.assertEqual(here["magento.address"], there["addresses"])
        self.assertEqual(here["magento.product.category"], there["categories"])
        self.assertEqual(here["magento.product.template"] + here["magento.product.product"], there["products"])
        self.assertEqual(here["magento.sale.order"], there["orders"])
        orders = self.env["magento.sale.order"].search([("backend_id", "=", self.backend.id)])
        items = orders.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id)
        self.assertEqual(len(items), there["order_lines"])
        for currency, of_currency in orders.grouped("currency_id").items():
            total = sum(of_currency.mapped("amount_total"))
            self.assertEqual(f"{total:.2f}", there["grand_total_by_currency"][currency.name])
        for order in self.shop.store.orders.values():
            binding = self.bound("magento.sale.order", order["increment_id"])
            self.assertAlmostEqual(binding.amount_total, float(order["grand_total"]), 2, order["increment_id"])

        before = {
            model_name: self.rows(model_name)
            for model_name in (*TABLES, "res.partner", "sale.order", "sale.order.line")
        }
        # Even if every record is read again.
        self.env["connector.stream"].search([]).unlink()
        self.backend.action_import_all()
        first = self.env["connector.job"].search([], limit=1).id
        drain_jobs(self)
        chunks = self.env["connector.job"].search([("id", ">", first), ("method_name", "=", "import_records")])
        results = [dict(part.split(" ", 1)[::-1] for part in job.result.split(", ")) for job in chunks]
        self.assertGreater(sum(int(counts.get("unchanged", 0)) for counts in results), 600)
        self.assertNothingFailed()
        for model_name, rows in before.items():
            self.assertEqual(self.rows(model_name), rows, f"the second import wrote {model_name}")

    def test_only_what_changed(self):
        """The second run asks for what has changed since the first one, and enqueues that alone."""
        with trap_jobs(self.env) as trap:
            self.env["magento.res.partner"].import_batch(self.backend)
            # The page after the first one, and so on, until the stream has advanced.
            pages = [job for job in trap.jobs if job.method_name == "_import_page"]
            while pages:
                pages.pop().run()
                pages = [job for job in trap.jobs if job.method_name == "_import_page" and not job.ran]
        self.assertEqual(sum(len(job.args[1]) for job in trap.enqueued("import_records")), 300)

        self.in_shop("customer.update", 7, {"lastname": "Changed"})
        with trap_jobs(self.env) as trap:
            self.env["magento.res.partner"].import_batch(self.backend)
        self.assertEqual([job.args[1] for job in trap.jobs], [["7"]])

    def test_metadata_first(self):
        """Nothing is enqueued for a backend whose metadata was not imported."""
        backend = self.backend.copy({"url": self.shop.url})
        with trap_jobs(self.env) as trap, self.assertRaisesRegex(Exception, "import websites and groups first"):
            backend.action_import_orders()
        self.assertFalse(trap.jobs)

    def count(self, model_name):
        return self.env[model_name].search_count([])

    def rows(self, model_name):
        """Return id and version of each row: PostgreSQL gives a row a new place with each update."""
        self.env.flush_all()
        self.env.cr.execute(f'SELECT id, ctid::text FROM "{self.env[model_name]._table}"')
        return dict(self.env.cr.fetchall())

    def assertNothingFailed(self):
        jobs = self.env["connector.job"].search([("state", "!=", "done")])
        self.assertFalse(jobs, jobs.mapped(lambda job: (job.name, job.state, job.exc_message)))


@tagged("post_install", "-at_install", "transaction")
class TestNativeTypes(ShopCase):
    """A shop on PHP 8.1 or later sends ids and flags as numbers."""

    scalar_types = "native"

    def test_order(self):
        """An order, with all that it refers to, is imported as from a shop that sends text."""
        number = self.orders_where(
            lambda order: any(item["product_type"] == "configurable" for item in order["items"])
        )[0]
        order = self.import_one("magento.sale.order", number)
        self.assertFalse(order.total_difference)
        self.assertTrue(order.magento_order_line_ids.mapped("external_id"))
        self.assertEqual(self.import_one("magento.sale.order", number), order)
        self.assertEqual(self.outcome, "unchanged")

    def test_product(self):
        """So are a variant with its configurable product, a grouped product with its members, and an image."""
        configurable = next(p for p in self.shop.store.products.values() if p.type_id == "configurable")
        variant = self.import_one("magento.product.product", str(configurable.variant_ids[0]))
        self.assertEqual(set(variant.product_template_attribute_value_ids.mapped("name")), {"Red", "S"})
        grouped = next(p for p in self.shop.store.products.values() if p.type_id == "grouped")
        group = self.import_one("magento.product.product", str(grouped.product_id))
        self.assertEqual(len(group.member_ids), 3)
        self.assertEqual(group.member_ids.product_id[0].import_image(force=True), "unchanged")
        self.assertEqual(self.import_one("magento.product.product", "2").import_image(), "imported")
