"""Customers and their addresses: what is checked, which is little."""

from __future__ import annotations

from .support import SandboxCase
from .test_updated_at import ADDRESS

DUPLICATE = "This customer email already exists"


class Customers(SandboxCase):
    """`customer.*`."""

    def test_hardly_anything_is_checked(self) -> None:
        """An e-mail that is none makes a customer of website 0."""
        info = self.client("customer.info", self.client("customer.create", {"email": "bad"}))
        self.assertEqual((info["website_id"], info["store_id"], info["firstname"]), ("0", "0", None))

    def test_one_account_a_website(self) -> None:
        """An e-mail is one account on each website; what it is refused with depends on the call."""
        data = {"email": "Customer1@example.com", "website_id": 1}
        self.assert_fault(100, DUPLICATE, "customer.create", data)
        other = self.client("customer.create", {**data, "website_id": 2, "store_id": 2})
        self.assertEqual(self.client("customer.info", other)["created_in"], "B2B English")
        self.assert_fault(1, DUPLICATE, "customer.update", 2, {"email": "customer1@example.com"})
        self.assertTrue(self.client("customer.update", 1, {"email": "customer1@example.com"}))

    def test_lists_leave_out_what_is_empty(self) -> None:
        """A list has no key for what is empty, info has nil; a list's `created_at` has no offset."""
        listed = self.client("customer.list", {"customer_id": 1})[0]
        info = self.client("customer.info", 1)
        self.assertNotIn("dob", listed)
        self.assertIsNone(info["dob"])
        self.assertEqual(listed["created_at"], "2026-01-01 06:00:00")
        self.assertEqual(info["created_at"], "2026-01-01T06:00:00+00:00")

    def test_secrets_are_sent(self) -> None:
        """The shop sends hashes that a client has to drop: they are there, and of no password."""
        hashes = {self.client("customer.info", customer)["password_hash"] for customer in (1, 2)}
        self.assertEqual({len(one) for one in hashes}, {97})
        self.assertEqual(len(hashes), 2)

    def test_delete(self) -> None:
        """The addresses go with the customer; the orders stay, without one."""
        order = next(one for one in self.client("sales_order.list") if one["customer_id"])
        self.client("customer.delete", order["customer_id"])
        self.assert_fault(102, "Customer not exists.", "customer.info", order["customer_id"])
        self.assert_fault(101, "Customer not exists.", "customer_address.list", order["customer_id"])
        info = self.client("sales_order.info", order["increment_id"])
        self.assertIsNone(info["customer_id"])
        self.assertEqual(info["customer_email"], order["customer_email"])


class Addresses(SandboxCase):
    """`customer_address.*`."""

    def test_default_flags(self) -> None:
        """The flags are booleans, and one address takes them from another."""
        self.client("customer_address.create", 15, {**ADDRESS, "is_default_billing": 1, "is_default_shipping": 0})
        flags = [
            (one["customer_address_id"], one["is_default_billing"], one["is_default_shipping"])
            for one in self.client("customer_address.list", 15)
        ]
        self.assertEqual(flags, [("325", True, False), ("17", False, True), ("16", False, False)])

    def test_street_and_region(self) -> None:
        """Street lines are joined; a region has its name from its id."""
        address = self.client("customer_address.create", 15, {**ADDRESS, "region_id": "257"})
        info = self.client("customer_address.info", address)
        self.assertEqual((info["street"], info["region"], info["region_id"]), ("Line 1\nLine 2", "Paris", "257"))

    def test_all_that_is_missing_is_named(self) -> None:
        """What is missing is named line by line, on update too."""
        message = "Please enter the street.\nPlease enter the country."
        data = {name: value for name, value in ADDRESS.items() if name not in ("street", "country_id")}
        self.assert_fault(100, message, "customer_address.create", 15, data)
        self.assert_fault(100, "Please enter the city.", "customer_address.update", 17, {"city": ""})
        self.assertEqual(self.client("customer_address.info", 17)["city"], "Paris")

    def test_delete_a_default(self) -> None:
        """A customer whose default address is deleted has none."""
        self.client("customer_address.delete", 17)
        self.assertIsNone(self.client("customer.info", 15)["default_shipping"])
        self.assert_fault(102, "Address not exists.", "customer_address.delete", 17)
