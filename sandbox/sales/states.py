"""Move orders between their states, and keep their history: comment, hold, unhold, cancel.

`state` is the machine's (`new processing complete closed canceled holded`), `status` the merchant's label.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..columns import HISTORY, row
from ..faults import resource_fault
from ..scalars import money, number
from ..shop import Shop

#: The status that goes with a state when the machine moves on.
STATUS = {
    "new": "pending",
    "processing": "processing",
    "complete": "complete",
    "closed": "closed",
    "canceled": "canceled",
    "holded": "holded",
}


def own_lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines that have amounts: those that are no configurable product's child."""
    return [item for item in order["items"] if item["parent_item_id"] is None]


def left_to_invoice(item: dict[str, Any]) -> Decimal:
    """Return how many pieces of a line are neither invoiced nor canceled."""
    return number(item["qty_ordered"]) - number(item["qty_invoiced"]) - number(item["qty_canceled"])


def left_to_ship(item: dict[str, Any]) -> Decimal:
    """Return how many pieces of a line are still to be shipped; what needs no shipping never is."""
    if item["is_virtual"]:
        return Decimal(0)
    gone = number(item["qty_shipped"]) + number(item["qty_refunded"]) + number(item["qty_canceled"])
    return max(number(item["qty_ordered"]) - gone, Decimal(0))


def can_invoice(order: dict[str, Any]) -> bool:
    """Return whether an invoice can be made."""
    return order["state"] in ("new", "processing") and any(left_to_invoice(item) > 0 for item in own_lines(order))


def can_ship(order: dict[str, Any]) -> bool:
    """Return whether a shipment can be made."""
    open_state = order["state"] not in ("holded", "canceled", "closed")
    return open_state and any(left_to_ship(item) > 0 for item in own_lines(order))


def add_to_history(
    shop: Shop, order: dict[str, Any], comment: str | None = None, notified: int = 2, source: str = "order"
) -> None:
    """Put an entry with the present status on top of an order's history.

    :param notified: 0 or 1 as the buyer got an e-mail, 2 where none was thought of.
    """
    entry = row(
        HISTORY,
        {
            "parent_id": order["order_id"],
            "is_customer_notified": notified,
            "is_visible_on_front": 0,
            "comment": comment,
            "status": order["status"],
            "created_at": shop.now(),
            "entity_name": source,
            "store_id": order["store_id"],
        },
    )
    order["status_history"].insert(0, entry)
    order["updated_at"] = shop.now()


def set_state(shop: Shop, order: dict[str, Any], state: str, source: str = "order") -> None:
    """Set the state with its status, and note it in the history."""
    order["state"], order["status"] = state, STATUS[state]
    add_to_history(shop, order, source=source)


def settle(shop: Shop, order: dict[str, Any], source: str) -> None:
    """Move an order on after a document was made: to processing, complete or closed. Moves `updated_at`."""
    order["updated_at"] = shop.now()
    state = "processing"
    if not can_invoice(order) and not can_ship(order):
        refunded = number(order["total_refunded"])
        state = "closed" if refunded and refunded >= number(order["total_paid"]) else "complete"
    if order["state"] == "complete" and state == "processing":
        return
    if state != order["state"]:
        set_state(shop, order, state, source)


def add_comment(shop: Shop, order: dict[str, Any], status: str | None, comment: str, notify: bool) -> None:
    """Add a comment. The status given is set whatever it is, and the state stays."""
    order["status"] = status
    add_to_history(shop, order, comment, int(notify))


def hold(shop: Shop, order: dict[str, Any]) -> None:
    """Put an order on hold.

    :raises FaultError: `sales_order` 103, it is on hold already, or over.
    """
    if order["state"] in ("holded", "canceled", "complete", "closed"):
        raise resource_fault("sales_order", 103, "Hold action is not available.")
    order["hold_before_state"], order["hold_before_status"] = order["state"], order["status"]
    set_state(shop, order, "holded")


def unhold(shop: Shop, order: dict[str, Any]) -> None:
    """Take an order off hold, back to the state it had.

    :raises FaultError: `sales_order` 103, it is not on hold.
    """
    if order["state"] != "holded":
        raise resource_fault("sales_order", 103, "Unhold action is not available.")
    order["state"], order["status"] = order["hold_before_state"], order["hold_before_status"]
    order["hold_before_state"] = order["hold_before_status"] = None
    add_to_history(shop, order)


def cancel(shop: Shop, order: dict[str, Any]) -> None:
    """Cancel what is not invoiced.

    :raises FaultError: `sales_order` 103, it is on hold, over, or invoiced in full.
    """
    if not can_invoice(order):
        raise resource_fault("sales_order", 103)
    state = "canceled"
    for item in own_lines(order):
        if state != "processing" and number(item["qty_invoiced"]) > number(item["qty_refunded"]):
            # Something was sold of it: the order goes on with that.
            state = "processing" if left_to_ship(item) > left_to_invoice(item) else "complete"
        item["qty_canceled"] = money(number(item["qty_canceled"]) + left_to_invoice(item))
        item["tax_canceled"] = money(number(item["tax_amount"]) - number(item["tax_invoiced"]))
        item["hidden_tax_canceled"] = "0.0000"
    for name, amount in (
        ("discount", "discount_amount"),
        ("shipping", "shipping_amount"),
        ("subtotal", "subtotal"),
        ("tax", "tax_amount"),
        ("total", "grand_total"),
    ):
        for prefix in ("", "base_"):
            rest = number(order[f"{prefix}{amount}"]) - number(order[f"{prefix}{name}_invoiced"])
            order[f"{prefix}{name}_canceled"] = money(abs(rest) if name == "discount" else rest)
    set_state(shop, order, state)
