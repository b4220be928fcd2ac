"""`updated_at`: what moves it, and what does not."""

from __future__ import annotations

from typing import Any

from .support import SandboxCase

ADDRESS = {
    "firstname": "A",
    "lastname": "B",
    "street": ["Line 1", "Line 2"],
    "city": "Paris",
    "country_id": "FR",
    "postcode": "75001",
    "telephone": "1",
}
PIXEL = {"file": {"content": "iVBORw0KGgo=", "mime": "image/png"}}


class UpdatedAt(SandboxCase):
    """Read `updated_at` before and after a call, with a clock that moves in between."""

    def check(self, moves: bool, read: tuple[str, Any], call: str, *arguments: Any) -> None:
        """Expect whether a call moves the `updated_at` of a record."""
        with self.subTest(call, arguments=arguments):
            before = self.client(*read)["updated_at"]
            now = self.clock.tick()
            self.client(call, *arguments)
            self.assertEqual(self.client(*read)["updated_at"], now if moves else before)

    def test_product(self) -> None:
        """Moves with any update, stock and media; not with categories."""
        product = ("catalog_product.info", 4)
        self.check(True, product, "catalog_product.update", 4, {"name": "x"})
        self.check(True, product, "catalog_product.update", 4, {})
        self.check(True, product, "catalog_product.update", 4, {"name": "y"}, "fr")
        self.check(True, product, "cataloginventory_stock_item.update", 4, {"qty": 1})
        self.check(True, product, "product_media.create", 4, PIXEL)
        self.check(True, product, "product_tier_price.update", 4, [])
        self.check(False, product, "catalog_category.assignProduct", 33, 4)
        self.check(False, product, "catalog_category.removeProduct", 33, 4)
        self.check(False, product, "catalog_product.update", 5, {"name": "x"})

    def test_category(self) -> None:
        """Moves with update; not when it is moved, and not with its products."""
        category = ("catalog_category.info", 5)
        self.check(True, category, "catalog_category.update", 5, {"name": "x"})
        self.check(False, category, "catalog_category.move", 5, 9)
        self.check(False, category, "catalog_category.assignProduct", 5, 3)

    def test_customer(self) -> None:
        """Moves with update and with an address that becomes a default; not with any other address."""
        customer = ("customer.info", 15)
        self.check(True, customer, "customer.update", 15, {"firstname": "x"})
        self.check(False, customer, "customer_address.create", 15, ADDRESS)
        self.check(True, customer, "customer_address.create", 15, {**ADDRESS, "is_default_billing": True})
        self.check(False, customer, "customer_address.update", 17, {"city": "Lyon"})
        self.check(True, ("customer_address.info", 17), "customer_address.update", 17, {"city": "Nice"})

    def test_order(self) -> None:
        """Moves with comment, hold, invoice, shipment and refund; not with a track."""
        order = ("sales_order.info", "300000001")
        self.check(True, order, "sales_order.addComment", "300000001", "pending", "Hello")
        self.check(True, order, "sales_order.hold", "300000001")
        self.check(True, order, "sales_order.unhold", "300000001")
        self.check(True, order, "sales_order_invoice.create", "300000001", {})
        self.check(True, order, "sales_order_shipment.create", "300000001", {})
        shipment = self.client("sales_order_shipment.list", {"order_id": 1})[0]["increment_id"]
        self.check(False, order, "sales_order_shipment.addTrack", shipment, "ups", "UPS", "1Z")
        self.check(True, order, "sales_order_creditmemo.create", "300000001")
        self.check(True, ("sales_order.info", "300000002"), "sales_order.cancel", "300000002")

    def test_windows(self) -> None:
        """A changed record turns up in a window that begins at the time of the change."""
        now = self.clock.tick()
        self.client("cataloginventory_stock_item.update", 4, {"qty": 1})
        found = self.client("catalog_product.list", {"updated_at": {"from": now}})
        self.assertEqual([product["product_id"] for product in found], ["4"])
