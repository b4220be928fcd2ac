"""The demo shop: how many records, and that all amounts add up."""

from __future__ import annotations

import unittest
from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

from sandbox import Sandbox
from sandbox.scalars import number
from sandbox.seed import ADDRESS_COUNT, CATEGORY_COUNT, CUSTOMER_COUNT, ORDER_COUNT, PRODUCT_COUNT, build, fill
from sandbox.shop import Shop


class Seed(unittest.TestCase):
    """Look at the data of a shop that nobody has changed."""

    shop: ClassVar[Shop]
    orders: ClassVar[list[dict[str, Any]]]

    @classmethod
    def setUpClass(cls) -> None:
        """Fill a shop."""
        cls.shop = fill(Shop())
        cls.orders = list(cls.shop.orders.values())

    def test_counts(self) -> None:
        """The numbers of records are the documented ones."""
        self.assertEqual((CATEGORY_COUNT, PRODUCT_COUNT, CUSTOMER_COUNT, ORDER_COUNT), (30, 200, 300, 100))
        below = [one for one in self.shop.categories if len(self.shop.category_path(one)) > 2]
        self.assertEqual(len(below), CATEGORY_COUNT)
        self.assertEqual(len(self.shop.categories), CATEGORY_COUNT + 3)
        self.assertEqual(len(self.shop.products), PRODUCT_COUNT)
        self.assertEqual(len(self.shop.customers), CUSTOMER_COUNT)
        self.assertEqual(len(self.shop.addresses), ADDRESS_COUNT)
        self.assertEqual(len(self.orders), ORDER_COUNT)

    def test_websites(self) -> None:
        """Two websites in two currencies have three views."""
        self.assertEqual({w.code: w.currency for w in self.shop.websites.values()}, {"base": "USD", "b2b": "EUR"})
        views = {store.code: store.website_id for store in self.shop.stores.values()}
        self.assertEqual(views, {"default": 1, "fr": 1, "b2b_en": 2})

    def test_products(self) -> None:
        """There are products of four types; each configurable has six variants, each group three members."""
        products = self.shop.products.values()
        self.assertEqual(
            Counter(product.type_id for product in products),
            {"simple": 184, "virtual": 6, "configurable": 5, "grouped": 5},
        )
        self.assertEqual(sum(product.values.get("status") == 2 for product in products), 8)
        self.assertEqual(sum(bool(product.media) for product in products), 37)
        self.assertEqual(sum("name" in product.values.overrides(3) for product in products), 45)
        self.assertEqual(sum("price" in product.values.overrides(2) for product in products), 26)
        for product in products:
            if product.type_id == "configurable":
                self.assertEqual(len(product.variant_ids), 6)
            if product.type_id == "grouped":
                self.assertEqual(len(product.links["grouped"]), 3)
            if product.type_id == "virtual":
                self.assertIsNone(product.values.get("weight"))

    def test_customers(self) -> None:
        """Customers have no, one or two addresses, and thirty e-mails an account on either website."""
        counts = Counter(len(self.shop.addresses_of(one)) for one in self.shop.customers)
        self.assertEqual(counts, {0: 20, 1: 236, 2: 44})
        emails = Counter(customer.get("email") for customer in self.shop.customers.values())
        shared = [email for email, count in emails.items() if count == 2]
        self.assertEqual(len(shared), 30)
        self.assertEqual(max(emails.values()), 2)

    def test_order_kinds(self) -> None:
        """Orders are in every state and of every kind."""
        self.assertEqual(
            Counter(order["state"] for order in self.orders),
            {"new": 73, "processing": 14, "complete": 4, "canceled": 5, "holded": 3, "closed": 1},
        )
        self.assertEqual(sum(order["customer_id"] is None for order in self.orders), 10)
        self.assertEqual(sum(order["coupon_code"] == "TEN" for order in self.orders), 2)
        self.assertEqual(sum(order["is_virtual"] for order in self.orders), 1)
        kinds = Counter(item["product_type"] for order in self.orders for item in order["items"])
        self.assertEqual(kinds["configurable"], 19)
        self.assertEqual(kinds["grouped"], 12)
        self.assertEqual(kinds["virtual"], 3)

    def test_header_adds_up(self) -> None:
        """The grand total is subtotal, discount, shipping and tax; each of these is the sum of the lines'."""
        for order in self.orders:
            with self.subTest(order["increment_id"]):
                parts = ("subtotal", "discount_amount", "shipping_amount", "tax_amount")
                self.assertEqual(number(order["grand_total"]), sum(number(order[name]) for name in parts))
                for total, column, sign in (
                    ("subtotal", "row_total", 1),
                    ("tax_amount", "tax_amount", 1),
                    ("discount_amount", "discount_amount", -1),
                    ("total_qty_ordered", "qty_ordered", 1),
                ):
                    rows = (item for item in order["items"] if item["parent_item_id"] is None)
                    self.assertEqual(number(order[total]), sign * sum(number(item[column]) for item in rows), total)

    def test_rows_add_up(self) -> None:
        """A row is price times quantity; its tax is the rate on what the discount leaves, rounded per row."""
        cent = Decimal("0.01")
        for order in self.orders:
            for item in order["items"]:
                if item["parent_item_id"] is not None:
                    continue
                row_total = number(item["price"]) * number(item["qty_ordered"])
                self.assertEqual(number(item["row_total"]), row_total)
                taxed = row_total - number(item["discount_amount"])
                tax = (taxed * number(item["tax_percent"]) / 100).quantize(cent, "ROUND_HALF_UP")
                self.assertEqual(number(item["tax_amount"]), tax)

    def test_configurable_lines(self) -> None:
        """A configurable product is two lines: amounts on the parent, the real product on the child."""
        for order in self.orders:
            by_id = {item["item_id"]: item for item in order["items"]}
            for child in order["items"]:
                if child["parent_item_id"] is None:
                    continue
                parent = by_id[child["parent_item_id"]]
                self.assertEqual(parent["product_type"], "configurable")
                self.assertIs(parent["has_children"], True)
                self.assertEqual((child["sku"], child["price"]), (parent["sku"], "0.0000"))
                self.assertIn(child["product_id"], self.shop.products[parent["product_id"]].variant_ids)

    def test_always_the_same(self) -> None:
        """Two shops are equal to the last date, and no date is the clock's."""
        other = build()
        self.assertEqual(self.shop.orders, other.orders)
        self.assertEqual(self.shop.addresses, other.addresses)
        self.assertEqual(self.shop.files, other.files)
        dates = [order["updated_at"] for order in self.orders]
        dates += [product.updated_at for product in self.shop.products.values()]
        dates += [customer.updated_at for customer in self.shop.customers.values()]
        self.assertLess(max(dates), "2026-04-01")

    def test_summary(self) -> None:
        """The summary says the same as the data."""
        summary = Sandbox().summary()
        self.assertEqual(summary["categories"], CATEGORY_COUNT)
        self.assertEqual(summary["products"], PRODUCT_COUNT)
        self.assertEqual(summary["customers"], CUSTOMER_COUNT)
        self.assertEqual(summary["addresses"], ADDRESS_COUNT)
        self.assertEqual(summary["orders"], ORDER_COUNT)
        self.assertEqual(summary["order_lines"], 280)
        self.assertEqual(summary["order_lines_with_children"], 299)
        by_currency = {"EUR": "83658.41", "USD": "148648.94"}
        self.assertEqual(summary["grand_total_by_currency"], by_currency)
        self.assertEqual(summary["grand_total"], "232307.35")
