"""What an order of the shop sells: its items, shipping and discounts as a plain list of lines.

Each line is a dict: ``external_id``, ``kind`` (item, shipping, discount), ``product_id`` and ``sku`` (items), ``name``,
``qty``, ``price`` (of one, untaxed) and ``discount`` (percent), all ``Decimal``, and ``tax_rates`` (``["20"]``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from odoo.addons.connector_framework.mappings import to_decimal

HUNDRED = Decimal(100)


def order_lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of an order as ``sales_order.info`` returns it."""
    lines = [line for item in _sold_items(order["items"]) for line in _item_lines(item)]
    rates = {_number(item.get("tax_percent")) for item in order["items"]}
    number = order["increment_id"]
    shipping, shipping_tax = _number(order["shipping_amount"]), _number(order.get("shipping_tax_amount"))
    if shipping:
        lines.append(
            {
                "external_id": f"{number}:shipping",
                "kind": "shipping",
                "name": order.get("shipping_description") or order.get("shipping_method"),
                "qty": Decimal(1),
                "price": shipping,
                "discount": Decimal(0),
                "tax_rates": _rates(_rate(shipping, shipping_tax, rates)),
            }
        )
    # The header's discount is negative, an item's is positive. The rest belongs to no item.
    rest = -_number(order["discount_amount"]) - sum(_number(item.get("discount_amount")) for item in order["items"])
    if rest:
        lines.append(_discount(f"{number}:discount", order.get("discount_description"), rest, Decimal(0)))
    return lines


def _sold_items(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the items that are sold: of a composed product the one that has the price, with the product that leaves.

    A configurable product is two items: the parent has the amounts, the child is the variant. A bundle's parts are
    items of their own; where they have the prices, the bundle's own amounts are their sum.
    """
    parts = defaultdict(list)
    for item in items:
        if item.get("parent_item_id"):
            parts[str(item["parent_item_id"])].append(item)
    variants = set()
    for item in items:
        inside = parts[str(item["item_id"])]
        if item["product_type"] == "configurable" and inside:
            variants.add(inside[0]["item_id"])
            yield {**item, "product_id": inside[0]["product_id"], "sku": inside[0]["sku"]}
        elif item["item_id"] not in variants and not any(_number(part.get("row_total")) for part in inside):
            yield item


def _item_lines(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the line of an item, and one for its discount where a percentage does not give it to the cent."""
    qty, price, row_total = (_number(item.get(key)) for key in ("qty_ordered", "price", "row_total"))
    discount, tax_percent = _number(item.get("discount_amount")), _number(item.get("tax_percent"))
    if qty and _cents(qty * price) != _cents(row_total):
        # Where the shop's prices include tax, the untaxed price of one is rounded, the row is right.
        price = row_total / qty
    percent = _cents(discount / row_total * HUNDRED) if row_total else Decimal(0)
    is_exact = _cents(row_total * (1 - percent / HUNDRED)) == _cents(row_total - discount)
    yield {
        "external_id": str(item["item_id"]),
        "kind": "item",
        "product_id": str(item["product_id"]),
        "sku": item["sku"],
        "name": item["name"],
        "qty": qty,
        "price": price,
        "discount": percent if is_exact else Decimal(0),
        "tax_rates": _rates(tax_percent),
    }
    if discount and not is_exact:
        yield _discount(f"{item['item_id']}:discount", item["name"], discount, tax_percent)


def _discount(external_id: str, name: str | None, amount: Decimal, tax_percent: Decimal) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "kind": "discount",
        "name": name,
        "qty": Decimal(1),
        "price": -amount,
        "discount": Decimal(0),
        "tax_rates": _rates(tax_percent),
    }


def _rate(amount: Decimal, tax: Decimal, rates: set[Decimal]) -> Decimal:
    """Return the rate that gives a tax: one of the order's own if one does, else the quotient."""
    if not tax:
        return Decimal(0)
    fitting = [rate for rate in sorted(rates) if _cents(amount * rate / HUNDRED) == _cents(tax)]
    return fitting[0] if fitting else _cents(tax / amount * HUNDRED)


def _rates(percent: Decimal) -> list[str]:
    """Return the external ids of the taxes, as ``magento.tax`` has them."""
    return [f"{percent:.4f}".rstrip("0").rstrip(".")] if percent else []


def _number(value: Any) -> Decimal:
    return to_decimal(value) or Decimal(0)


def _cents(value: Decimal) -> Decimal:
    return to_decimal(value, 2) or Decimal(0)
