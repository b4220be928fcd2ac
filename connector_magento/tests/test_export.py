from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestExport(ShopCase):
    def setUp(self):
        super().setUp()
        self.binding = self.import_one("magento.product.product", "2")
        self.binding.stock_exported = True
        # What the import itself did is over.
        drain_jobs(self)

    def there(self, number=2):
        return self.shop.store.products[number]

    def set_stock(self, qty, binding=None):
        product = (binding or self.binding).odoo_id
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.backend.company_id.id)], limit=1)
        self.env["stock.quant"]._update_available_quantity(product, warehouse.lot_stock_id, qty - product.qty_available)

    def test_name(self):
        """A new name of the product goes out, by a job, whoever writes it and on which record."""
        with trap_jobs(self.env) as trap:
            self.binding.odoo_id.product_tmpl_id.name = "Renamed"
        trap.assert_enqueued(
            "export_record", identity_key=f"connector.export:magento.product.product:{self.binding.id}:name"
        )
        trap.run()
        self.assertEqual(self.there().values.get("name"), "Renamed")
        self.assertEqual(self.there().values.get("price"), f"{self.binding.list_price:.4f}")

    def test_stock(self):
        """A changed quantity goes out with whether there is any, in one request."""
        self.set_stock(7)
        self.assertEqual(drain_jobs(self), 1)
        self.assertEqual((float(self.there().stock.qty), self.there().stock.is_in_stock), (7, 1))
        self.set_stock(0)
        drain_jobs(self)
        self.assertEqual((float(self.there().stock.qty), self.there().stock.is_in_stock), (0, 0))
        self.set_stock(3)
        drain_jobs(self)
        self.assertEqual((float(self.there().stock.qty), self.there().stock.is_in_stock), (3, 1))

    def test_same_quantity(self):
        """What the shop was told already is not sent again, and several changes are one export."""
        self.set_stock(7)
        self.set_stock(9)
        self.set_stock(7)
        self.assertEqual(drain_jobs(self), 1)
        requests = len(self.shop.requests)
        self.assertEqual(self.binding.export_record(fields=["magento_qty"]), "unchanged")
        self.assertEqual(len(self.shop.requests), requests)

    def test_numeric_sku(self):
        """The stock goes to the product itself, even if another one's sku is its id."""
        other = self.there(3)
        other.sku = "2"
        before = other.stock.qty
        self.set_stock(5)
        drain_jobs(self)
        self.assertEqual(float(self.there().stock.qty), 5)
        self.assertEqual(other.stock.qty, before)

    def test_not_exported(self):
        """The stock of a product that is exempted stays here."""
        self.binding.stock_exported = False
        with trap_jobs(self.env) as trap:
            self.set_stock(7)
        self.assertFalse(trap.jobs)

    def test_no_echo(self):
        """What was imported is not exported, and what was exported does not come back as a change."""
        self.in_shop("catalog_product.update", "2", {"name": "From the shop"})
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.product", "2")
        self.assertEqual((self.outcome, self.binding.name), ("updated", "From the shop"))
        trap.assert_not_enqueued("export_record")

        self.set_stock(7)
        drain_jobs(self)
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.product", "2")
        self.assertEqual(self.outcome, "unchanged")
        self.assertFalse(trap.jobs)

    def test_anybody(self):
        """Who moves the stock needs no right on the shop."""
        user = self.env["res.users"].create(
            {
                "name": "Stock",
                "login": "stock",
                "group_ids": [(6, 0, [self.ref("base.group_user"), self.ref("stock.group_stock_user")])],
            }
        )
        self.env["stock.quant"].with_user(user).with_context(inventory_mode=True).create(
            {
                "product_id": self.binding.odoo_id.id,
                "location_id": self.env["stock.warehouse"].search([], limit=1).lot_stock_id.id,
                "inventory_quantity": 4,
            }
        ).action_apply_inventory()
        drain_jobs(self)
        self.assertEqual(float(self.there().stock.qty), 4)
        self.assertFalse(self.env["connector.job"].search([("state", "=", "failed")]))
