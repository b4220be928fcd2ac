"""Make the documents of an order: invoices, shipments, credit memos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..columns import CREDITMEMO, SHIPMENT, SHIPMENT_ITEM, row
from ..faults import resource_fault
from ..scalars import cents, mapping, money, number
from ..shop import Shop
from .states import can_invoice, can_ship, left_to_invoice, left_to_ship, own_lines, settle

Quantities = dict[str, Any]

#: Columns that a credit memo has from its order.
_MEMO_OF_ORDER = (
    "store_id order_id shipping_address_id billing_address_id store_currency_code order_currency_code "
    "base_currency_code global_currency_code store_to_order_rate store_to_base_rate base_to_order_rate "
    "base_to_global_rate discount_description"
).split()


def _chosen(
    order: dict[str, Any], quantities: Quantities, left: Callable[[dict[str, Any]], Decimal]
) -> list[tuple[dict[str, Any], Decimal]]:
    """Return lines with how many pieces of each: all that is left, or what is asked for, **cut to what is left**.

    A quantity under the id of a configurable product's child counts for nothing.
    """
    chosen = []
    for item in own_lines(order):
        wanted = number(quantities.get(str(item["item_id"]), 0)) if quantities else left(item)
        qty = min(max(wanted, Decimal(0)), left(item))
        if qty > 0:
            chosen.append((item, qty))
    return chosen


def _share(item: dict[str, Any], name: str, done_name: str, qty: Decimal, rest: Decimal, of: str) -> Decimal:
    """Return the part of a row's amount that goes with `qty` pieces; the last pieces take what is left of it.

    :param of: the column that says how many pieces the whole amount is for.
    """
    if qty == rest:
        return number(item[name]) - number(item[done_name])
    return cents(number(item[name]) * qty / number(item[of]))


@dataclass(frozen=True)
class _Amounts:
    """What some pieces of an order's lines come to."""

    row_total: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)

    def __add__(self, other: _Amounts) -> _Amounts:
        return _Amounts(self.row_total + other.row_total, self.tax + other.tax, self.discount + other.discount)

    @property
    def total(self) -> Decimal:
        return self.row_total + self.tax - self.discount


@dataclass(frozen=True)
class _Counted:
    """How a document counts the pieces and amounts of an item: which columns it takes from, and which it adds to."""

    left: Callable[[dict[str, Any]], Decimal]
    #: how many pieces the whole amounts are for, and how many are done
    of: str
    qty: str
    #: of row total, tax and discount: the whole, and what is done
    amounts: tuple[tuple[str, str], ...]
    hidden_tax: str


def _left_to_refund(item: dict[str, Any]) -> Decimal:
    return number(item["qty_invoiced"]) - number(item["qty_refunded"])


_INVOICED = _Counted(
    left_to_invoice,
    "qty_ordered",
    "qty_invoiced",
    (("row_total", "row_invoiced"), ("tax_amount", "tax_invoiced"), ("discount_amount", "discount_invoiced")),
    "hidden_tax_invoiced",
)
_REFUNDED = _Counted(
    _left_to_refund,
    "qty_invoiced",
    "qty_refunded",
    (("row_invoiced", "amount_refunded"), ("tax_invoiced", "tax_refunded"), ("discount_invoiced", "discount_refunded")),
    "hidden_tax_refunded",
)


def _count(item: dict[str, Any], qty: Decimal, now: str, columns: _Counted) -> _Amounts:
    """Count pieces of an order's item as invoiced or refunded; return their amounts."""
    rest = columns.left(item)
    amounts = [_share(item, whole, done, qty, rest, columns.of) for whole, done in columns.amounts]
    item[columns.qty] = money(number(item[columns.qty]) + qty)
    item["updated_at"] = now
    for (_whole, done), amount in zip(columns.amounts, amounts, strict=True):
        _add(item, done, amount)
    _add(item, columns.hidden_tax, Decimal(0))
    return _Amounts(*amounts)


def _add(record: dict[str, Any], name: str, amount: Decimal) -> None:
    """Add to an amount in both currencies."""
    for key in (name, f"base_{name}"):
        record[key] = money(number(record[key]) + amount)


def comment_row(shop: Shop, parent_id: int, comment: str, notified: bool) -> dict[str, Any]:
    """Return a comment of a document."""
    return {
        "parent_id": parent_id,
        "is_customer_notified": int(notified),
        "is_visible_on_front": 0,
        "comment": comment,
        "created_at": shop.now(),
        "comment_id": shop.next_id("document_comment"),
    }


def _comments(shop: Shop, parent_id: int, comment: str | None, notify: bool) -> list[dict[str, Any]]:
    return [comment_row(shop, parent_id, comment, notify)] if comment else []


def invoice(
    shop: Shop, order: dict[str, Any], quantities: Quantities, comment: str | None = None, notify: bool = False
) -> dict[str, Any]:
    """Invoice lines and, the first time, the shipping; return the invoice, paid.

    Asked for nothing that is left (a child's line, say) it makes an invoice of nothing.

    :raises FaultError: `sales_order_invoice` 102, there is nothing left to invoice.
    """
    if not can_invoice(order):
        raise resource_fault("sales_order_invoice", 102, "Cannot do invoice for order.")
    invoice_id, now = shop.next_id("invoice"), shop.now()
    amounts, items = _Amounts(), []
    for item, qty in _chosen(order, quantities, left_to_invoice):
        of_item = _count(item, qty, now, _INVOICED)
        amounts += of_item
        items.append(_invoice_row(shop, invoice_id, item, qty, of_item))
    shipping = number(order["shipping_amount"]) - number(order["shipping_invoiced"])
    grand_total = amounts.total + shipping
    for name, amount in (
        ("subtotal_invoiced", amounts.row_total),
        ("tax_invoiced", amounts.tax),
        ("discount_invoiced", -amounts.discount),
        ("shipping_invoiced", shipping),
        ("total_invoiced", grand_total),
        ("total_paid", grand_total),
        ("hidden_tax_invoiced", Decimal(0)),
    ):
        _add(order, name, amount)
    for prefix in ("", "base_"):
        due = number(order[f"{prefix}grand_total"]) - number(order[f"{prefix}total_paid"])
        order[f"{prefix}total_due"] = money(due)
    order["base_total_invoiced_cost"] = "0.0000"
    _add(order["payment"], "amount_paid", grand_total)
    _add(order["payment"], "shipping_captured", shipping)
    document = {
        "order_id": order["order_id"],
        "increment_id": shop.next_increment_id("invoice", order["store_id"]),
        "created_at": now,
        "updated_at": now,
        "store_id": order["store_id"],
        "state": 2,
        "subtotal": money(amounts.row_total),
        "tax_amount": money(amounts.tax),
        "discount_amount": money(-amounts.discount),
        "shipping_amount": money(shipping),
        "grand_total": money(grand_total),
        "order_currency_code": order["order_currency_code"],
        "invoice_id": invoice_id,
        "items": items,
        "comments": _comments(shop, invoice_id, comment, notify),
    }
    shop.invoices[invoice_id] = document
    settle(shop, order, "invoice")
    return document


def _invoice_row(shop: Shop, invoice_id: int, item: dict[str, Any], qty: Decimal, amounts: _Amounts) -> dict[str, Any]:
    """Return the row of an invoice for pieces of an order's item."""
    return {
        "parent_id": invoice_id,
        "order_item_id": item["item_id"],
        "product_id": item["product_id"],
        "sku": item["sku"],
        "name": item["name"],
        "qty": money(qty),
        "price": item["price"],
        "row_total": money(amounts.row_total),
        "tax_amount": money(amounts.tax),
        "discount_amount": money(amounts.discount),
        "item_id": shop.next_id("invoice_item"),
    }


def ship(
    shop: Shop, order: dict[str, Any], quantities: Quantities, comment: str | None = None, notify: bool = False
) -> dict[str, Any]:
    """Ship lines; return the shipment.

    :raises FaultError: `sales_order_shipment` 102, there is nothing left to ship, or nothing of what is asked for.
    """
    if not can_ship(order):
        raise resource_fault("sales_order_shipment", 102, "Cannot do shipment for order.")
    chosen = _chosen(order, quantities, left_to_ship)
    if not chosen:
        raise resource_fault("sales_order_shipment", 102, "Cannot create an empty shipment.")
    shipment_id, now = shop.next_id("shipment"), shop.now()
    items = []
    for item, qty in chosen:
        item["qty_shipped"] = money(number(item["qty_shipped"]) + qty)
        item["updated_at"] = now
        items.append(
            row(
                SHIPMENT_ITEM,
                {
                    "parent_id": shipment_id,
                    "price": item["price"],
                    "weight": item["weight"],
                    "qty": money(qty),
                    "product_id": item["product_id"],
                    "order_item_id": item["item_id"],
                    "name": item["name"],
                    "sku": item["sku"],
                    "item_id": shop.next_id("shipment_item"),
                },
            )
        )
    document = row(
        SHIPMENT,
        {
            "store_id": order["store_id"],
            "total_qty": money(sum((qty for _item, qty in chosen), Decimal(0))),
            "order_id": order["order_id"],
            "customer_id": order["customer_id"],
            "shipping_address_id": order["shipping_address_id"],
            "billing_address_id": order["billing_address_id"],
            "increment_id": shop.next_increment_id("shipment", order["store_id"]),
            "created_at": now,
            "updated_at": now,
            "shipment_id": shipment_id,
        },
    )
    comments = _comments(shop, shipment_id, comment, notify)
    document.update({"items": items, "tracks": [], "comments": comments})
    shop.shipments[shipment_id] = document
    settle(shop, order, "shipment")
    return document


def refund(
    shop: Shop, order: dict[str, Any], data: dict[str, Any], comment: str | None = None, notify: bool = False
) -> dict[str, Any]:
    """Refund invoiced lines, offline; return the credit memo.

    :param data: `qtys` by line (all that is left without them), `shipping_amount` (all that is left without it),
        `adjustment_positive`, `adjustment_negative`.
    :raises FaultError: `sales_order_creditmemo` 106, nothing is paid and not refunded.
    """
    paid = number(order["total_paid"]) - number(order["total_refunded"])
    if order["state"] in ("holded", "canceled", "closed") or paid <= 0:
        raise resource_fault("sales_order_creditmemo", 106)
    memo_id, now = shop.next_id("creditmemo"), shop.now()
    amounts, incl_tax = _Amounts(), Decimal(0)
    for item, qty in _chosen(order, mapping(data.get("qtys")), _left_to_refund):
        amounts += _count(item, qty, now, _REFUNDED)
        incl_tax += cents(number(item["row_total_incl_tax"]) * qty / number(item["qty_ordered"]))
    left = number(order["shipping_invoiced"]) - number(order["shipping_refunded"])
    asked = data.get("shipping_amount")
    shipping = left if asked is None else min(number(asked), left)
    adjustment = number(data.get("adjustment_positive")) - number(data.get("adjustment_negative"))
    grand_total = amounts.total + shipping + adjustment
    for name, amount in (
        ("subtotal_refunded", amounts.row_total),
        ("tax_refunded", amounts.tax),
        ("discount_refunded", -amounts.discount),
        ("shipping_refunded", shipping),
        ("shipping_tax_refunded", Decimal(0)),
        ("hidden_tax_refunded", Decimal(0)),
        ("total_refunded", grand_total),
        ("total_offline_refunded", grand_total),
    ):
        _add(order, name, amount)
    _add(order["payment"], "amount_refunded", grand_total)
    _add(order["payment"], "shipping_refunded", shipping)
    columns = {
        "subtotal": amounts.row_total,
        "subtotal_incl_tax": incl_tax,
        "tax_amount": amounts.tax,
        "discount_amount": -amounts.discount,
        "shipping_amount": shipping,
        "shipping_incl_tax": shipping,
        "shipping_tax_amount": Decimal(0),
        "hidden_tax_amount": Decimal(0),
        "adjustment": adjustment,
        "grand_total": grand_total,
    }
    document = row(
        CREDITMEMO,
        {
            **{name: order[name] for name in _MEMO_OF_ORDER},
            **{f"{prefix}{name}": money(amount) for name, amount in columns.items() for prefix in ("", "base_")},
            "state": 2,
            "increment_id": shop.next_increment_id("creditmemo", order["store_id"]),
            "created_at": now,
            "updated_at": now,
            "creditmemo_id": memo_id,
        },
    )
    document["comments"] = _comments(shop, memo_id, comment, notify)
    shop.creditmemos[memo_id] = document
    settle(shop, order, "creditmemo")
    return document
