from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, make_due, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestCategoryExport(ShopCase):
    def imported(self, name):
        number = next(n for n, c in self.shop.store.categories.items() if c.values.get("name") == name)
        return self.import_one("magento.product.category", str(number))

    def there(self, binding):
        return self.shop.store.categories[int(binding.external_id)]

    def publish(self, **values):
        category = self.env["product.category"].create({"name": "Lamps", **values})
        return self.env["magento.product.category"].create({"backend_id": self.backend.id, "odoo_id": category.id})

    def test_created(self):
        """A new category goes below that of its parent, which goes first where it is new as well."""
        furniture = self.imported("Furniture")
        parent = self.publish(name="Lights", parent_id=furniture.odoo_id.id)
        child = self.publish(parent_id=parent.odoo_id.id)
        drain_jobs(self)
        self.assertEqual(self.there(parent).parent_id, int(furniture.external_id))
        self.assertEqual(self.there(child).parent_id, int(parent.external_id))
        self.assertEqual((child.magento_parent_id, self.there(child).values.get("is_active")), (parent, 1))
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.category", child.external_id)
        self.assertFalse(trap.jobs)
        self.assertEqual(child.name, "Lamps")

    def test_without_parent(self):
        """One without a parent goes below the first root."""
        binding = self.publish()
        drain_jobs(self)
        self.assertEqual(self.there(binding).parent_id, 2)

    def test_lost_answer(self):
        """When the answer to the creation is lost, the next attempt finds the category by its place and name."""
        self.shop.fail_next(1, "drop", match="catalog_category.create", after_call=True)
        binding = self.publish()
        drain_jobs(self)
        make_due(self.env["connector.job"].search([("method_name", "=", "export_record")]))
        drain_jobs(self)
        named = [n for n, c in self.shop.store.categories.items() if c.values.get("name") == "Lamps"]
        self.assertEqual([str(number) for number in named], [binding.external_id])

    def test_changed(self):
        """Name, description, and whether it is shown go out when they change, and nothing else."""
        binding = self.imported("Books")
        binding.write({"name": "Reading", "description": "To read", "enabled": False})
        drain_jobs(self)
        values = self.there(binding).values
        self.assertEqual((values.get("name"), values.get("description")), ("Reading", "To read"))
        self.assertEqual((values.get("is_active"), values.get("include_in_menu")), (0, 1))
        self.assertNotIn("catalog_category.move", [request.path for request in self.shop.requests])

    def test_moved(self):
        """A category that is moved here moves there."""
        child, parent = self.imported("Books Sub 1"), self.imported("Apparel")
        child.odoo_id.parent_id = parent.odoo_id
        drain_jobs(self)
        self.assertEqual(self.there(child).parent_id, int(parent.external_id))
        self.assertEqual(child.magento_parent_id, parent)

    def test_deleted_there(self):
        """A change of a category that the shop has deleted marks it."""
        binding = self.imported("Books Sub 1")
        self.in_shop("catalog_category.delete", binding.external_id)
        binding.name = "Renamed"
        drain_jobs(self)
        self.assertEqual(binding.sync_state, "gone")
