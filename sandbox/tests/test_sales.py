"""Orders on their way: hold, cancel, invoices, shipments, refunds, and amounts that add up on all of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox import sales

from .support import SandboxCase

INVOICE = "sales_order_invoice.create"
SHIPMENT = "sales_order_shipment.create"


class Orders(SandboxCase):
    """Take orders of the demo shop on. 300000001 has one line of three, 300000003 a configurable product."""

    def order(self, increment_id: str = "300000001") -> dict[str, Any]:
        """Return an order."""
        order: dict[str, Any] = self.client("sales_order.info", increment_id)
        return order

    def lines(self, increment_id: str) -> dict[str, dict[str, Any]]:
        """Return the lines of an order by kind of product; a configurable's child as `child`."""
        return {
            "child" if item["parent_item_id"] else item["product_type"]: item
            for item in self.order(increment_id)["items"]
        }

    def test_increment_ids_only(self) -> None:
        """An order is not found by its entity id."""
        self.assert_fault(100, "Requested order not exists.", "sales_order.info", 1)

    def test_any_status_is_taken(self) -> None:
        """A comment sets whatever status comes with it, nil too; the state stays."""
        for status in ("nosuchstatus", "complete", None):
            self.client("sales_order.addComment", "300000001", status, "?")
            order = self.order()
            self.assertEqual((order["state"], order["status"]), ("new", status))
            self.assertEqual(
                (order["status_history"][0]["comment"], order["status_history"][0]["status"]), ("?", status)
            )

    def test_hold(self) -> None:
        """An order on hold can do nothing but be taken off, back to where it was."""
        self.client("sales_order.hold", "300000001")
        self.assertEqual(self.order()["hold_before_status"], "pending")
        self.assert_fault(103, "Hold action is not available.", "sales_order.hold", "300000001")
        self.assert_fault(102, "Cannot do invoice for order.", INVOICE, "300000001", {})
        self.assert_fault(102, "Cannot do shipment for order.", SHIPMENT, "300000001", {})
        message = "Order status not changed. Details in error message."
        self.assert_fault(103, message, "sales_order.cancel", "300000001")
        self.client("sales_order.unhold", "300000001")
        order = self.order()
        self.assertEqual((order["state"], order["status"], order["hold_before_state"]), ("new", "pending", None))
        self.assert_fault(103, "Unhold action is not available.", "sales_order.unhold", "300000001")

    def test_cancel(self) -> None:
        """A canceled order has all amounts canceled, and nothing can be made of it."""
        self.client("sales_order.cancel", "300000001")
        order = self.order()
        self.assertEqual((order["state"], order["total_canceled"]), ("canceled", order["grand_total"]))
        self.assertEqual(order["items"][0]["qty_canceled"], "3.0000")
        self.assert_fault(102, "Cannot do shipment for order.", SHIPMENT, "300000001", {})

    def test_complete(self) -> None:
        """Invoice makes it processing, invoice and shipment complete, in either order."""
        for increment_id, calls in (("300000001", (INVOICE, SHIPMENT)), ("300000002", (SHIPMENT, INVOICE))):
            states = []
            for call in calls:
                self.client(call, increment_id, {})
                states.append(self.order(increment_id)["state"])
            self.assertEqual(states, ["processing", "complete"])
        self.assertEqual(self.order()["total_due"], "0.0000")

    def test_partial_invoices(self) -> None:
        """Invoices of parts have all of the shipping on the first, and add up to the order to the cent."""
        order = self.order("300000003")
        total = Decimal(0)
        while (state := self.order("300000003"))["total_due"] in (None,) or Decimal(state["total_due"]):
            item = next(one for one in state["items"] if Decimal(one["qty_invoiced"]) < Decimal(one["qty_ordered"]))
            number = self.client(INVOICE, "300000003", {item["item_id"]: 1})
            total += Decimal(self.client("sales_order_invoice.info", number)["grand_total"])
        self.assertEqual(total, Decimal(order["grand_total"]))
        done = self.order("300000003")
        for name in ("subtotal", "tax", "shipping", "total"):
            whole = {"total": "grand_total", "tax": "tax_amount", "shipping": "shipping_amount"}.get(name, name)
            self.assertEqual(done[f"{name}_invoiced"], order[whole], name)

    def test_discount_is_invoiced(self) -> None:
        """The discount of an invoiced order is negative, as the order's."""
        order = self.client("sales_order.list", {"coupon_code": "TEN"})[0]
        self.client(INVOICE, order["increment_id"], {})
        done = self.order(order["increment_id"])
        self.assertLess(Decimal(done["discount_amount"]), 0)
        self.assertEqual(done["discount_invoiced"], done["discount_amount"])
        self.assertEqual(done["total_paid"], order["grand_total"])

    def test_too_many_are_cut(self) -> None:
        """Shipping 999 of 3 ships 3, silently."""
        item = self.order()["items"][0]["item_id"]
        shipment = self.client(SHIPMENT, "300000001", {item: 999})
        self.assertEqual(self.client("sales_order_shipment.info", shipment)["total_qty"], "3.0000")

    def test_unknown_lines(self) -> None:
        """An unknown line ships nothing, which is refused."""
        self.assert_fault(102, "Cannot create an empty shipment.", SHIPMENT, "300000001", {"999999": 1})

    def test_configurable_lines(self) -> None:
        """The quantity goes on the parent; on the child it ships nothing, and invoices nothing without complaint."""
        lines = self.lines("300000003")
        child, parent = lines["child"]["item_id"], lines["configurable"]["item_id"]
        self.assert_fault(102, "Cannot create an empty shipment.", SHIPMENT, "300000003", {child: 1})
        number = self.client(INVOICE, "300000003", {child: 1})
        self.assertEqual(self.client("sales_order_invoice.info", number)["items"], [])
        shipment = self.client(SHIPMENT, "300000003", {parent: 1})
        items = self.client("sales_order_shipment.info", shipment)["items"]
        self.assertEqual([(one["order_item_id"], one["qty"]) for one in items], [(parent, "1.0000")])

    def test_virtual(self) -> None:
        """A virtual order needs no shipment to be complete, and its shipping address is an empty array."""
        order = next(one for one in self.client("sales_order.list") if one["is_virtual"] == "1")
        info = self.order(order["increment_id"])
        self.assertEqual(
            (info["shipping_address"], info["shipping_method"], info["shipping_amount"]), ([], None, "0.0000")
        )
        self.assert_fault(102, "Cannot do shipment for order.", SHIPMENT, order["increment_id"], {})
        self.client(INVOICE, order["increment_id"], {})
        self.assertEqual(self.order(order["increment_id"])["state"], "complete")

    def test_guest(self) -> None:
        """A guest's order has no customer, and group 0."""
        order = self.order("300000006")
        self.assertEqual(
            (order["customer_id"], order["customer_is_guest"], order["customer_group_id"]), (None, "1", "0")
        )
        self.assertEqual(order["shipping_address"]["email"], None)
        self.assertEqual(order["billing_address"]["email"], order["customer_email"])

    def test_tracks(self) -> None:
        """A track has a known carrier, and can be removed by its id."""
        shipment = self.client(SHIPMENT, "300000001", {})
        self.assertIn("ups", self.client("sales_order_shipment.getCarriers", "300000001"))
        add = "sales_order_shipment.addTrack"
        self.assert_fault(102, "Invalid carrier specified.", add, shipment, "nobody", "X", "1")
        track = self.client(add, shipment, "ups", "UPS", "1Z999")
        tracks = self.client("sales_order_shipment.info", shipment)["tracks"]
        self.assertEqual([(one["track_number"], one["track_id"]) for one in tracks], [("1Z999", track)])
        self.client("sales_order_shipment.removeTrack", shipment, track)
        message = "Requested tracking not exists."
        self.assert_fault(104, message, "sales_order_shipment.removeTrack", shipment, track)

    def test_comments_of_documents(self) -> None:
        """The comment of a shipment is the shipment's, and not in the order's history."""
        shipment = self.client(SHIPMENT, "300000001", {}, "Left at noon")
        comments = self.client("sales_order_shipment.info", shipment)["comments"]
        self.assertEqual([one["comment"] for one in comments], ["Left at noon"])
        self.assertNotIn("Left at noon", [one["comment"] for one in self.order()["status_history"]])

    def test_refund(self) -> None:
        """A refund of part leaves the order as it is, of all closes it; then nothing is left to refund."""
        create, order = "sales_order_creditmemo.create", self.order()
        self.assert_fault(106, "Can not create credit memo for order", create, "300000001")
        self.client(INVOICE, "300000001", {})
        self.client(SHIPMENT, "300000001", {})
        item = order["items"][0]["item_id"]
        self.client(create, "300000001", {"qtys": {item: 1}, "shipping_amount": 0})
        self.assertEqual(self.order()["state"], "complete")
        self.client(create, "300000001")
        done = self.order()
        self.assertEqual((done["state"], done["total_refunded"]), ("closed", order["grand_total"]))
        self.assert_fault(106, "Can not create credit memo for order", create, "300000001")

    def test_refunds_add_up(self) -> None:
        """Refunds piece by piece add up to what was paid, and the last one closes the order."""
        coupon = self.client("sales_order.list", {"coupon_code": "TEN"})[0]["increment_id"]
        for increment_id in ("300000003", coupon):
            self.client(INVOICE, increment_id, {})
            self.client(SHIPMENT, increment_id, {})
            while (order := self.order(increment_id))["state"] != "closed":
                item = next(
                    one for one in order["items"] if Decimal(one["qty_refunded"]) < Decimal(one["qty_invoiced"])
                )
                self.client("sales_order_creditmemo.create", increment_id, {"qtys": {item["item_id"]: 1}})
            self.assertEqual(order["total_refunded"], order["grand_total"])

    def test_newest_first(self) -> None:
        """The history begins with the latest entry."""
        self.client("sales_order.addComment", "300000001", "pending", "one")
        self.client("sales_order.addComment", "300000001", "pending", "two")
        self.assertEqual([one["comment"] for one in self.order()["status_history"]][:2], ["two", "one"])

    def test_edit(self) -> None:
        """An edited order is canceled, and one that refers to it has what is left of it, with totals that add up."""
        old = self.shop.store.order_by_increment_id("300000001")
        assert old is not None
        line = self.order()["items"][0]
        new = sales.edit(self.shop.store, old, {line["item_id"]: 1})
        order, first = self.order(new["increment_id"]), self.order()
        self.assertEqual((order["increment_id"], order["relation_parent_real_id"]), ("300000001-1", "300000001"))
        self.assertEqual((first["state"], first["relation_child_real_id"]), ("canceled", "300000001-1"))
        self.assertEqual(order["items"][0]["qty_ordered"], "1.0000")
        names = ("subtotal", "discount_amount", "shipping_amount", "tax_amount")
        self.assertEqual(sum(Decimal(order[name]) for name in names), Decimal(order["grand_total"]))
        again = sales.edit(self.shop.store, new, {})
        self.assertEqual(again["increment_id"], "300000001-2")
