from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .test_product_export import ProductExportCase


class StockCase(ProductExportCase):
    def qty_there(self, number):
        return float(self.there(number).stock.qty)

    def put(self, products, qty):
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.backend.company_id.id)], limit=1)
        for product in products:
            self.env["stock.quant"]._update_available_quantity(
                product.odoo_id, warehouse.lot_stock_id, qty - product.qty_available
            )


@tagged("post_install", "-at_install", "transaction")
class TestStock(StockCase):
    def imported(self, number):
        product = super().imported(number)
        product.stock_exported = True
        drain_jobs(self)
        return product

    def test_one_request(self):
        """The stock of all products that change together goes out in one request."""
        products = self.imported(2) | self.imported(3) | self.imported(4)
        before = len(self.shop.requests)
        self.put(products, 6)
        self.assertEqual(drain_jobs(self), 1)
        methods = [request.method for request in self.shop.requests[before:]]
        self.assertEqual(methods, ["multiCall"])
        self.assertEqual([float(self.there(number).stock.qty) for number in (2, 3, 4)], [6, 6, 6])

    def test_less_than_nothing(self):
        """A shop is told that there is none when more was promised than there is."""
        product = self.imported(2)
        self.put(product, -3)
        drain_jobs(self)
        self.assertEqual((float(self.there(2).stock.qty), self.there(2).stock.is_in_stock), (0, 0))

    def test_one_is_gone(self):
        """A product that the shop has deleted is marked, and the others' stock arrives."""
        products = self.imported(2) | self.imported(3)
        self.in_shop("catalog_product.delete", "2")
        self.put(products, 6)
        drain_jobs(self)
        self.assertEqual(products.mapped("sync_state"), ["gone", "synced"])
        self.assertEqual(float(self.there(3).stock.qty), 6)

    def test_other_sku(self):
        """A product that got another SKU in the shop is found by its id, and its stock arrives."""
        products = self.imported(2) | self.imported(3)
        self.in_shop("catalog_product.update", "2", {"sku": "OTHER"})
        self.put(products, 6)
        drain_jobs(self)
        self.assertEqual([float(self.there(number).stock.qty) for number in (2, 3)], [6, 6])
        self.assertEqual(products.mapped("sync_state"), ["synced", "synced"])
        self.assertEqual(products[0].sku, "OTHER")

    def test_export_again(self):
        """All of a product can be sent again, with another SKU too; its stock only where that is exported."""
        product = self.imported(2)
        product.stock_exported = False
        self.in_shop("cataloginventory_stock_item.update", self.there(2).sku, {"qty": 5})
        before = self.there(2).stock.qty
        product.default_code = "OTHER"
        product.action_export()
        drain_jobs(self)
        self.assertEqual((self.there(2).sku, self.there(2).stock.qty), ("OTHER", before))
        product.write({"stock_exported": True, "default_code": "ANOTHER"})
        product.action_export()
        drain_jobs(self)
        self.assertEqual((self.there(2).sku, float(self.there(2).stock.qty)), ("ANOTHER", 0))
        self.assertEqual(product.sync_state, "synced")

    def test_one_fails(self):
        """Where one of them fails for another reason, all are tried again."""
        products = self.imported(2) | self.imported(3)
        self.put(products, 6)
        self.shop.fail_next(1, "http_503", match="cataloginventory_stock_item.update")
        drain_jobs(self)
        job = self.env["connector.job"].search([("method_name", "=", "export_stock"), ("state", "!=", "done")])
        self.assertEqual(job.state, "pending")

    def test_warehouses(self):
        """The stock is what the warehouses of the product's websites have together."""
        product = self.imported(2)
        other = self.env["stock.warehouse"].create({"name": "Other", "code": "OTHER"})
        main = self.env["stock.warehouse"].search([("company_id", "=", self.backend.company_id.id)], limit=1)
        self.put(product, 6)
        self.env["stock.quant"]._update_available_quantity(product.odoo_id, other.lot_stock_id, 5)
        # Odoo itself keeps what it has computed until the next transaction.
        self.env.invalidate_all()
        self.assertEqual(product.magento_qty, 11)
        self.backend.warehouse_id = main
        self.env.invalidate_all()
        self.assertEqual(product.magento_qty, 6)
        product.website_ids[0].warehouse_id = other
        self.env.invalidate_all()
        self.assertEqual(product.magento_qty, 11)


@tagged("post_install", "-at_install", "transaction")
class TestFirstStock(StockCase):
    """Nothing is sent that was never known."""

    def take_over(self):
        self.backend.action_import_stock()
        drain_jobs(self)
        return self.env["connector.job"].search([("method_name", "=", "import_stock")], limit=1)

    def confirmed_order(self):
        """Import an order of product 2 and confirm it; the shop has taken it off its stock."""
        number = self.orders_where(
            lambda order: order["state"] == "new" and order["items"][0]["product_type"] == "simple"
        )[0]
        order = self.import_one("magento.sale.order", number)
        drain_jobs(self)
        order.odoo_id.action_confirm()
        return order.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id)[0]

    def test_not_taken_over(self):
        """The first delivery of a product whose stock nobody knows here leaves the shop's stock alone."""
        there = {number: self.qty_there(number) for number in (2, 3)}
        products = self.imported(2) | self.imported(3)
        self.put(products[0], -1)
        self.put(products[1], 6)
        with trap_jobs(self.env) as trap:
            self.env.cr.flush()
        trap.assert_not_enqueued("export_stock")
        drain_jobs(self)
        self.assertEqual({number: self.qty_there(number) for number in (2, 3)}, there)

    def test_delivery(self):
        """Nor does the first delivery of an order."""
        line = self.confirmed_order()
        number = int(self.env["magento.product.product"].search([("odoo_id", "=", line.product_id.id)]).external_id)
        before = self.qty_there(number)
        for move in line.odoo_id.move_ids:
            move.quantity = move.product_uom_qty
        line.order_id.picking_ids.with_context(skip_backorder=True).button_validate()
        self.backend.export_shipments = False
        drain_jobs(self)
        self.assertEqual(line.qty_delivered, line.product_uom_qty)
        self.assertEqual(self.qty_there(number), before)

    def test_taken_over(self):
        """The quantity that the shop has becomes the one here; nothing is sent before it changes."""
        products = self.imported(2) | self.imported(3)
        before = len(self.shop.requests)
        self.take_over()
        self.assertEqual(products.mapped("magento_qty"), [self.qty_there(2), self.qty_there(3)])
        self.assertEqual(products.mapped("stock_exported"), [True, True])
        self.assertFalse([call for call in self.calls(before) if "update" in call[0]])
        self.put(products[0], 4)
        drain_jobs(self)
        self.assertEqual(self.qty_there(2), 4)

    def test_sold(self):
        """What is sold and waits here is no more in the shop's stock, but on the shelf."""
        line = self.confirmed_order()
        product = self.env["magento.product.product"].search([("odoo_id", "=", line.product_id.id)])
        there = self.qty_there(product.external_id)
        before = len(self.shop.requests)
        self.take_over()
        self.assertEqual(product.qty_available, there + line.product_uom_qty)
        self.assertEqual(product.magento_qty, there)
        self.assertFalse([call for call in self.calls(before) if "update" in call[0]])

    def test_counted_here(self):
        """What was counted here stays, and whether it is sent is up to a person, who then sends it by that."""
        product = self.imported(2)
        self.put(product, 6)
        there = self.qty_there(2)
        job = self.take_over()
        self.assertIn("1 have stock or lots here", job.result)
        self.assertEqual((product.qty_available, product.stock_exported, self.qty_there(2)), (6, False, there))
        product.stock_exported = True
        drain_jobs(self)
        self.assertEqual(self.qty_there(2), 6)

    def test_chosen(self):
        """Several products are chosen at once, and sent at once."""
        products = self.imported(2) | self.imported(3)
        self.put(products, 6)
        drain_jobs(self)
        products.action_export_stock()
        self.assertEqual(drain_jobs(self), 1)
        self.assertEqual([self.qty_there(2), self.qty_there(3)], [6, 6])

    def test_serial_numbers(self):
        """A product with serial numbers has no quantity without them."""
        product = self.imported(2)
        product.odoo_id.tracking = "serial"
        self.take_over()
        self.assertEqual((product.qty_available, product.stock_exported), (0, False))

    def test_no_stock_item(self):
        """A product that the shop keeps no stock of gets none here."""
        product = self.imported(2)
        self.there(2).stock = None
        self.assertIn("1 have no stock there", self.take_over().result)
        self.assertFalse(product.stock_exported)

    def test_numeric_sku(self):
        """A product whose id is another one's SKU gets its own stock."""
        product = self.imported(2)
        self.there(3).sku = "2"
        self.take_over()
        self.assertEqual(product.magento_qty, self.qty_there(2))

    def test_option(self):
        """Where that is chosen, each new product comes with its stock."""
        self.backend.first_stock = True
        product = self.imported(2)
        self.assertEqual((product.magento_qty, product.stock_exported), (self.qty_there(2), True))

    def test_put_into_the_shop(self):
        """A product that is put into the shop from here comes with its stock, and its changes follow."""
        product = self.publish()
        self.put(product, 3)
        drain_jobs(self)
        self.assertEqual((self.qty_there(product.external_id), product.stock_exported), (3, True))
        self.put(product, 8)
        drain_jobs(self)
        self.assertEqual(self.qty_there(product.external_id), 8)

    def test_was_in_the_shop(self):
        """One that was there already, by its SKU, keeps the stock that it has there."""
        there = self.qty_there(2)
        product = self.publish(default_code=self.there(2).sku)
        drain_jobs(self)
        self.assertEqual((product.external_id, self.qty_there(2), product.stock_exported), ("2", there, False))

    def test_lost_answer(self):
        """One whose creation was answered and not heard is ours nevertheless."""
        self.shop.fail_next(1, "http_503", match="catalog_product.create", after_call=True)
        product = self.publish()
        drain_jobs(self)
        job = self.env["connector.job"].search([("method_name", "=", "export_record"), ("state", "=", "pending")])
        self.put(product, 5)
        job.action_cancel()
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual((product.stock_exported, self.qty_there(product.external_id)), (True, 5))
