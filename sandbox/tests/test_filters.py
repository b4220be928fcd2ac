"""Filters: every operator and every trap."""

from __future__ import annotations

import unittest

from sandbox.filters import OPERATORS, matches

from .recorded import post
from .support import SandboxCase


class Conditions(unittest.TestCase):
    """One value against one condition."""

    def check(self, value: object, condition: object, expected: bool) -> None:
        """Expect whether the value meets the condition."""
        with self.subTest(value=value, condition=condition):
            self.assertIs(matches(value, condition), expected)

    def test_operators(self) -> None:
        """Each operator holds where it should, and not beside it."""
        cases = {
            "eq": ("b", "B", "c"),
            "neq": ("b", "c", "B"),
            "like": ("SKU-0001", "sku-000%", "000%"),
            "nlike": ("SKU-0001", "000%", "SKU%"),
            "in": (5, [4, 5], [4, 6]),
            "nin": (5, [4, 6], [4, 5]),
            "gt": (5, 4, 5),
            "lt": (5, 6, 5),
            "gteq": (5, 5, 6),
            "moreq": (5, 5, 6),
            "lteq": (5, 5, 4),
            "from": (5, 5, 6),
            "to": (5, 5, 4),
            "is": (1, 1, 0),
            "seq": ("a", "a", "b"),
            "sneq": ("a", "b", "a"),
            "finset": ("1,2,3", "2", "4"),
            "regexp": ("abc", "^a.c$", "^b"),
        }
        for operator, (value, good, bad) in cases.items():
            self.check(value, {operator: good}, True)
            self.check(value, {operator: bad}, False)
        self.check(None, {"null": 1}, True)
        self.check(5, {"null": 1}, False)
        self.check(5, {"notnull": 1}, True)
        self.check(None, {"notnull": 1}, False)
        self.assertEqual(set(OPERATORS) - set(cases), {"null", "notnull"})

    def test_null_matches_nothing_else(self) -> None:
        """Null meets no condition, a negative one neither."""
        for operator in ("eq", "neq", "nlike", "nin", "gt", "lteq", "from"):
            self.check(None, {operator: "1"}, False)

    def test_one_operator_counts(self) -> None:
        """Of two operators the first counts, in the order in which the client sent them."""
        self.check(300, {"gt": 290, "lteq": 292}, True)
        self.check(300, {"lteq": 292, "gt": 290}, False)

    def test_from_to_go_together(self) -> None:
        """The pair of from and to works, both ends included, and puts any other operator aside."""
        for value, expected in ((9, False), (10, True), (12, True), (13, False)):
            self.check(value, {"from": 10, "to": 12}, expected)
        self.check(13, {"eq": 13, "from": 10, "to": 12}, False)

    def test_in_with_text(self) -> None:
        """Text in place of an array is one value: of an id the leading number, of a sku all of it."""
        self.check(10, {"in": "10,12"}, True)
        self.check(12, {"in": "10,12"}, False)
        self.check("A", {"in": "A,B"}, False)

    def test_in_with_nothing(self) -> None:
        """An empty array matches nothing."""
        self.check(10, {"in": []}, False)

    def test_list_is_or(self) -> None:
        """A list of conditions is ORed."""
        self.check("A", [{"eq": "A"}, {"eq": "B"}], True)
        self.check("C", [{"eq": "A"}, {"eq": "B"}], False)
        self.check("C", ["A", "C"], True)

    def test_dates(self) -> None:
        """An offset is read over; a date alone is midnight, also as an end."""
        stored = "2026-01-04 00:30:00"
        self.check(stored, {"eq": "2026-01-04T00:30:00+05:00"}, True)
        self.check(stored, {"eq": "20260104T00:30:00"}, True)
        self.check(stored, {"from": "2026-01-04"}, True)
        self.check(stored, {"to": "2026-01-04"}, False)

    def test_numbers_as_text(self) -> None:
        """Ids and decimals are compared as numbers, however they are sent."""
        self.check(9, {"lt": "10"}, True)
        self.check("9.5000", {"lt": "10"}, True)
        self.check("10.0000", "10", True)

    def test_text_without_case(self) -> None:
        """Case and trailing spaces do not count; a percent sign in `eq` is a percent sign."""
        self.check("SKU-0001", "sku-0001 ", True)
        self.check("SKU-0001", "SKU-%", False)


class Lists(SandboxCase):
    """Filters of the calls that take them."""

    def skus(self, filters: object) -> list[str]:
        """Return the skus of the products that meet the filters."""
        return [product["sku"] for product in self.client("catalog_product.list", filters)]

    def test_fields_are_anded(self) -> None:
        """Several fields hold all."""
        found = self.client("catalog_product.list", {"type": "virtual", "product_id": {"gt": 100}})
        self.assertEqual([product["product_id"] for product in found], ["125", "150"])

    def test_aliases(self) -> None:
        """The names of the answer work beside those of the columns."""
        for name in ("product_id", "entity_id"):
            self.assertEqual(self.skus({name: 4}), ["SKU-0004"])
        self.assertEqual(len(self.skus({"type": "grouped", "set": 4})), 5)
        self.assertEqual(len(self.skus({"type_id": "grouped", "attribute_set_id": 4})), 5)
        for name in ("customer_id", "entity_id"):
            self.assertEqual(len(self.client("customer.list", {name: 4})), 1)
        for name in ("order_id", "entity_id"):
            self.assertEqual(len(self.client("sales_order.list", {name: 4})), 1)

    def test_any_attribute(self) -> None:
        """Products are filtered by attributes that the list does not have."""
        self.assertEqual(len(self.skus({"status": 2})), 8)
        self.assertEqual(len(self.skus({"visibility": {"neq": 4}})), 30)
        self.assertEqual(len(self.skus({"price": {"from": "21.00", "to": "21.00"}})), 7)

    def test_store_view(self) -> None:
        """A filter by a translated attribute looks at the values of the view."""
        filters = {"name": {"like": "Produit%"}}
        self.assertEqual(self.skus(filters), [])
        self.assertEqual(len(self.client("catalog_product.list", filters, "fr")), 40)

    def test_no_paging(self) -> None:
        """Everything comes, in the order of ids, and more arguments change nothing."""
        found = self.client("customer.list", {}, 1, 10, {"order": "desc"})
        self.assertEqual([int(customer["customer_id"]) for customer in found], list(range(1, 301)))

    def test_empty_filters(self) -> None:
        """Nil, an empty struct and no argument at all give everything."""
        self.assertEqual(len(self.client("catalog_product.list")), 200)
        self.assertEqual(len(self.client("catalog_product.list", None)), 200)
        self.assertEqual(len(self.client("catalog_product.list", {})), 200)

    def test_unknown_fields(self) -> None:
        """Each resource refuses them in its own way, even where nothing is left to filter."""
        nothing = {"product_id": -1}
        self.assert_fault(0, "Unknown Error", "catalog_product.list", {**nothing, "nosuch": 1})
        self.assert_fault(0, "Unknown Error", "catalog_product.list", {"website_ids": 2})
        self.assert_fault(101, "Invalid attribute name: nosuch", "customer.list", {"nosuch": 1})
        message = "SQLSTATE[42S22]: Column not found: 1054 Unknown column 'nosuch' in 'WHERE', query was: "
        message += "SELECT `main_table`.* FROM `sales_flat_order` AS `main_table` WHERE (`nosuch` = '1')"
        self.assert_fault(1, message, "sales_order.list", {"nosuch": 1})

    def test_category_ids(self) -> None:
        """A filter by category is answered with an HTML page and HTTP 503."""
        body = f"""<?xml version="1.0"?><methodCall><methodName>call</methodName><params>
            <param><value><string>{self.client.session}</string></value></param>
            <param><value>catalog_product.list</value></param>
            <param><value><array><data><value><struct><member><name>category_ids</name>
            <value><int>4</int></value></member></struct></value></data></array></value></param>
            </params></methodCall>"""
        reply = post(self.shop.url, body.encode())
        self.assertEqual((reply.status, reply.content_type), (503, "text/html; charset=UTF-8"))
        self.assertIn(b"<html>", reply.body)
