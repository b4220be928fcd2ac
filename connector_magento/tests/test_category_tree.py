"""What the shop changes about categories without changing the date of anything."""

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


class CategoryTreeCase(ShopCase):
    def setUp(self):
        super().setUp()
        self.backend.images_imported = False
        for model_name in ("magento.product.category", "magento.product.template"):
            self.env[model_name].import_batch(self.backend)
        self.products = self.import_one("magento.product.product", "2") | self.import_one(
            "magento.product.product", "3"
        )
        drain_jobs(self)
        self.products.invalidate_recordset()
        # The next run asks again for changes within its overlap.
        for table in (self.shop.store.categories, self.shop.store.products):
            for row in table.values():
                row.updated_at = "2026-01-01 00:00:00"

    def category(self, number):
        return self.bound("magento.product.category", str(number))

    def run_stream(self):
        self.env["magento.product.category"].import_batch(self.backend)
        drain_jobs(self)
        self.env.invalidate_all()

    def numbers(self, product):
        return {int(one) for one in product.category_ids.mapped("external_id")}

    def there(self, number):
        store = self.shop.store
        return {one for one in store.categories_of(store.products[number]) if len(store.category_path(one)) > 2}


@tagged("post_install", "-at_install", "transaction")
class TestCategoryTree(CategoryTreeCase):
    def leaves(self):
        store = self.shop.store
        return [one for one in store.categories if len(store.category_path(one)) > 3 and not store.children_of(one)]

    def test_moved(self):
        """A category that was moved moves by the next run of the stream, though its date stays."""
        leaf = self.leaves()[0]
        old = self.category(leaf).magento_parent_id
        other = next(
            one
            for one in self.shop.store.categories
            if len(self.shop.store.category_path(one)) == 3 and str(one) != old.external_id
        )
        self.in_shop("catalog_category.move", leaf, other)
        self.assertEqual(self.shop.store.categories[leaf].updated_at, "2026-01-01 00:00:00")
        self.run_stream()
        self.assertEqual(self.category(leaf).magento_parent_id, self.category(other))
        self.assertEqual(self.category(leaf).parent_id, self.category(other).odoo_id)
        self.assertEqual(self.category(leaf).position, self.shop.store.categories[leaf].position)

    def test_moved_up(self):
        """One that was moved below the root has no parent any more."""
        leaf = self.leaves()[0]
        self.in_shop("catalog_category.move", leaf, self.shop.store.category_path(leaf)[1])
        self.run_stream()
        self.assertFalse(self.category(leaf).magento_parent_id)
        self.assertFalse(self.category(leaf).parent_id)

    def test_sorted(self):
        """Categories that changed places among themselves do so here."""
        first, second = self.shop.store.children_of(self.shop.store.category_path(self.leaves()[0])[-2])[:2]
        first.position, second.position = second.position, first.position
        self.run_stream()
        self.assertEqual(self.category(first.category_id).position, first.position)
        self.assertEqual(self.category(second.category_id).position, second.position)

    def test_nothing_moved(self):
        """Where nothing moved, nothing is imported."""
        with trap_jobs(self.env) as trap:
            self.env["magento.product.category"].import_batch(self.backend)
        self.assertFalse(trap.jobs)


@tagged("post_install", "-at_install", "transaction")
class TestAssignedProducts(CategoryTreeCase):
    def test_put_into(self):
        """A product that was put into a category in that category's screen is in it by the next run."""
        new = next(one for one in self.shop.store.categories if one > 3 and one not in self.there(2))
        self.shop.store.categories[new].products[2] = 1
        self.run_stream()
        self.assertIn(new, self.numbers(self.products[0]))
        self.assertEqual(self.numbers(self.products[0]), self.there(2))

    def test_taken_out(self):
        """One that was taken out of all is in none."""
        self.assertTrue(self.numbers(self.products[1]))
        for category in self.shop.store.categories.values():
            category.products.pop(3, None)
        self.run_stream()
        self.assertFalse(self.numbers(self.products[1]))

    def test_configurable(self):
        """So it is for a configurable product."""
        template = self.bound("magento.product.template", "188")
        new = next(one for one in self.shop.store.categories if one > 3 and one not in self.there(188))
        self.in_shop("catalog_category.assignProduct", new, 188)
        self.run_stream()
        self.assertIn(new, self.numbers(template))

    def test_only_these(self):
        """Only what differs is imported, and what is not here is left to its own stream."""
        new = next(one for one in self.shop.store.categories if one > 3 and one not in self.there(2) | self.there(3))
        for number in (2, 4):
            self.shop.store.categories[new].products[number] = 1
        with trap_jobs(self.env) as trap:
            self.env["magento.product.category"].import_batch(self.backend)
        self.assertEqual([job.args[1] for job in trap.enqueued("import_records")], [["2"]])
