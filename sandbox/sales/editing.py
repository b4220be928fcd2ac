"""Edit orders as the shop's clerks do: the order is canceled, and a new one takes its place."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from ..scalars import money, number
from ..shop import Shop
from .states import cancel


def edit(shop: Shop, order: dict[str, Any], quantities: dict[str, int]) -> dict[str, Any]:
    """Replace an order by one with other quantities; return the new one, pending.

    The new order's number is that of the first one with a dash and a count. What depends on the quantities changes:
    rows, tax and totals; discounts and shipping stay.

    :param quantities: pieces by the id of a line that has amounts; 0 takes it out, those not named stay.
    :raises FaultError: `sales_order` 103, the order cannot be canceled.
    """
    cancel(shop, order)
    first = order["original_increment_id"] or order["increment_id"]
    count = int(order["edit_increment"] or 0) + 1
    now, order_id = shop.now(), shop.next_id("order")
    made = copy.deepcopy(order)
    made.update(
        {
            **{name: None for name in made if name.endswith("_canceled")},
            "order_id": order_id,
            "increment_id": f"{first}-{count}",
            "original_increment_id": first,
            "edit_increment": count,
            "relation_parent_id": order["order_id"],
            "relation_parent_real_id": order["increment_id"],
            "state": "new",
            "status": "pending",
            "created_at": now,
            "updated_at": now,
        }
    )
    order.update(relation_child_id=order_id, relation_child_real_id=made["increment_id"])
    ids: dict[Any, int] = {}
    items = []
    for item in made["items"]:
        qty = quantities.get(str(item["parent_item_id"] or item["item_id"]), int(number(item["qty_ordered"])))
        if not qty:
            continue
        share = qty / number(item["qty_ordered"])
        ids[item["item_id"]] = shop.next_id("order_item")
        item.update(
            item_id=ids[item["item_id"]],
            parent_item_id=ids.get(item["parent_item_id"]),
            order_id=order_id,
            qty_ordered=money(number(qty)),
            qty_canceled="0.0000",
            tax_canceled=None,
            hidden_tax_canceled=None,
        )
        for name in ("row_total", "tax_amount", "row_total_incl_tax"):
            for key in (name, f"base_{name}"):
                item[key] = item[key] and money(number(item[key]) * share)
        items.append(item)
    made["items"] = items
    for prefix in ("", "base_"):
        subtotal = sum((number(item[f"{prefix}row_total"]) for item in items), Decimal())
        tax = sum((number(item[f"{prefix}tax_amount"]) for item in items), Decimal())
        rest = number(made[f"{prefix}discount_amount"]) + number(made[f"{prefix}shipping_amount"])
        made.update({f"{prefix}subtotal": money(subtotal), f"{prefix}tax_amount": money(tax)})
        made[f"{prefix}grand_total"] = money(subtotal + tax + rest)
    made["status_history"] = [{**made["status_history"][-1], "parent_id": order_id, "created_at": now}]
    made["payment"].update(parent_id=order_id, payment_id=order_id)
    shop.orders[order_id] = made
    return made
