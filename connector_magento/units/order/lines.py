"""What an order of the shop sells: its items, shipping and discounts as a plain list of lines.

Each line is a dict: ``external_id``, ``kind`` (item, shipping, discount), ``method`` (shipping), ``name``, ``qty``,
``price`` (of one, untaxed) and ``discount`` (percent), all ``Decimal``, and ``tax_rates`` (``["20"]``). An item has
``product_id`` and ``sku`` (None where the shop does not know), ``options`` (label, value), ``gift_message``, and
``qty_shipped`` and ``qty_left``, how many are still to be shipped.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from odoo.addons.connector_framework.mappings import to_decimal

from ..texts import plain_text
from .php import unserialize

_logger = logging.getLogger(__name__)

HUNDRED = Decimal(100)
CENT = Decimal("0.01")


def order_lines(order: dict[str, Any], known_rates: Iterable[Decimal] = ()) -> list[dict[str, Any]]:
    """Return the lines of an order as ``sales_order.info`` returns it, without what was canceled of it.

    :param known_rates: of taxes, in percent, that the shipping may have beside those of the items
    """
    if order.get("state") != "canceled":
        order = _without_canceled(order)
    lines = [line for item in _sold_items(order["items"]) for line in _item_lines(item)]
    lines += _shipping_lines(order, set(known_rates))
    # The header's discount is negative, that of an item or of the shipping is positive. The rest belongs to none.
    rest = -_number(order["discount_amount"]) - _number(order.get("shipping_discount_amount"))
    rest -= sum(_number(item.get("discount_amount")) for item in order["items"])
    if rest:
        lines.append(
            _line(f"{order['increment_id']}:discount", "discount", order.get("discount_description"), price=-rest)
        )
    return lines


#: Amounts of an item that are less by what was canceled of it.
_ITEM_AMOUNTS = ("row_total", "tax_amount", "discount_amount", "hidden_tax_amount")
_SHIPPING_AMOUNTS = (
    "shipping_amount",
    "shipping_tax_amount",
    "shipping_discount_amount",
    "shipping_hidden_tax_amount",
)


def _without_canceled(order: dict[str, Any]) -> dict[str, Any]:
    """Return an order with the quantities and amounts that are left of it: the shop cancels what is not invoiced."""
    left_of = {str(item["item_id"]): _share_left(item) for item in order["items"]}
    items = []
    for item in order["items"]:
        # The parts of a composed item may have their own count, or follow the whole.
        share = min(left_of[str(item["item_id"])], left_of.get(str(item.get("parent_item_id")), Decimal(1)))
        if share < 1:
            qty = str(_number(item["qty_ordered"]) * share)
            item = {**item, **_shares(item, _ITEM_AMOUNTS, share), "qty_ordered": qty, "qty_canceled": "0"}
        items.append(item)
    shipping, canceled = _number(order["shipping_amount"]), _number(order.get("shipping_canceled"))
    left = _shares(order, _SHIPPING_AMOUNTS, max(shipping - canceled, Decimal(0)) / shipping) if canceled else {}
    if left or items != order["items"]:
        rest = _number(order["discount_amount"]) + _number(order.get("discount_canceled"))
        order = {**order, **left, "items": items, "discount_amount": str(rest)}
    return order


def _share_left(item: dict[str, Any]) -> Decimal:
    """Return the share of an item that is not canceled."""
    ordered = _number(item.get("qty_ordered"))
    return max(ordered - _number(item.get("qty_canceled")), Decimal(0)) / ordered if ordered else Decimal(1)


def _shares(record: dict[str, Any], names: Iterable[str], share: Decimal) -> dict[str, str]:
    return {name: str(_cents(_number(record.get(name)) * share)) for name in names}


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
        if inside and item["product_type"] == "bundle":
            for part in inside:
                _ship_with(part, item)
        if not _number(item.get("qty_ordered")):
            continue
        if item["product_type"] == "configurable" and inside:
            variants.add(inside[0]["item_id"])
            yield {**item, "product_id": inside[0]["product_id"], "sku": inside[0]["sku"]}
        elif item["item_id"] not in variants and not any(_number(part.get("row_total")) for part in inside):
            yield item


def _ship_with(part: dict[str, Any], bundle: dict[str, Any]) -> None:
    """Give a part of a bundle that leaves in one piece its share of what was shipped and refunded of the bundle."""
    for name in ("qty_shipped", "qty_refunded"):
        if not _number(part.get(name)) and _number(bundle.get(name)):
            share = _number(bundle[name]) / (_number(bundle.get("qty_ordered")) or 1)
            part[name] = str(share * _number(part.get("qty_ordered")))


def _item_options(item: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the customer chose or wrote for an item: (label, value); none where the shop's text is unreadable."""
    try:
        found = unserialize(item.get("product_options") or "N;")
    except (ValueError, RecursionError) as error:
        _logger.debug("options of item %s: %s", item.get("item_id"), error)
        return []
    options = []
    for kind in ("options", "additional_options"):
        rows = found.get(kind) if isinstance(found, dict) else None
        for row in rows.values() if isinstance(rows, dict) else ():
            value = row.get("print_value") or row.get("value") if isinstance(row, dict) else None
            if value:
                value = ", ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
                options.append((str(row.get("label") or ""), plain_text(value)))
    return options


def _item_lines(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the line of an item, and one for its discount where a percentage does not give it to the cent."""
    qty, price, row_total = (_number(item.get(key)) for key in ("qty_ordered", "price", "row_total"))
    if qty and _cents(qty * price) != _cents(row_total):
        # Where the shop's prices include tax, the untaxed price of one is rounded, the row is right.
        price = row_total / qty
    amount = _Amount(
        net=row_total,
        tax=_number(item.get("tax_amount")),
        discount=_number(item.get("discount_amount")) - _number(item.get("hidden_tax_amount")),
    )
    rate = _number(item.get("tax_percent"))
    percent = _cents(amount.discount / row_total * HUNDRED) if row_total else Decimal(0)
    is_exact = amount.is_taxed_after_discount(rate) and (
        _cents(row_total * (1 - percent / HUNDRED)) == _cents(row_total - amount.discount)
    )
    line = _line(str(item["item_id"]), "item", item["name"], qty=qty, price=price, rate=rate)
    line.update(
        product_id=str(item["product_id"]) if item.get("product_id") else None,
        sku=(item.get("sku") or "").strip() or None,
        discount=percent if is_exact else Decimal(0),
        options=_item_options(item),
        gift_message=item.get("gift_message"),
        qty_shipped=_number(item.get("qty_shipped")),
        qty_left=max(qty - _number(item.get("qty_shipped")) - _number(item.get("qty_refunded")), Decimal(0)),
    )
    yield line
    if amount.discount and not is_exact:
        yield _discount_line(f"{item['item_id']}:discount", item["name"], amount, rate)


def _shipping_lines(order: dict[str, Any], known_rates: set[Decimal]) -> Iterator[dict[str, Any]]:
    """Yield the line of the shipping, and one for what is off it."""
    amount = _Amount(
        net=_number(order["shipping_amount"]),
        tax=_number(order.get("shipping_tax_amount")),
        discount=_number(order.get("shipping_discount_amount")) - _number(order.get("shipping_hidden_tax_amount")),
    )
    if not amount.net:
        return
    number, name = order["increment_id"], order.get("shipping_description") or order.get("shipping_method")
    rate = amount.rate({_number(item.get("tax_percent")) for item in order["items"]}, known_rates)
    line = _line(f"{number}:shipping", "shipping", name, price=amount.net, rate=rate)
    yield {**line, "method": order.get("shipping_method")}
    if amount.discount:
        yield _discount_line(f"{number}:shipping-discount", name, amount, rate)


@dataclass(frozen=True)
class _Amount:
    """What an item or the shipping comes to: before the discount, its tax, and the discount, both without tax.

    A shop whose prices include tax takes the discount off the taxed price. What it then calls the hidden tax is the
    tax in the discount.
    """

    net: Decimal
    tax: Decimal
    discount: Decimal

    def is_taxed_after_discount(self, rate: Decimal) -> bool:
        """Tell whether the tax is that of the amount less the discount, and not that of all of it."""
        before, after = (abs(self.tax - base * rate / HUNDRED) for base in (self.net, self.net - self.discount))
        return after <= before

    def rate(self, *groups: set[Decimal]) -> Decimal:
        """Return the rate that gives the tax, or comes within a cent of it: the nearest one of the first group that
        has one. 0 if there is none: a rate is never made up from a quotient, which has the cents' rounding in it.
        """
        if not self.tax:
            return Decimal(0)
        for rates in groups:
            found = sorted(
                (abs(_cents(base * rate / HUNDRED) - _cents(self.tax)), abs(base * rate / HUNDRED - self.tax), rate)
                for rate in rates
                if rate
                for base in (self.net - self.discount, self.net)
            )
            if found and found[0][0] <= CENT:
                return found[0][2]
        return Decimal(0)


def _discount_line(external_id: str, name: str | None, amount: _Amount, rate: Decimal) -> dict[str, Any]:
    """Return the line of a discount, with the tax of what it is on unless that is taxed as if there were none."""
    rate = rate if amount.is_taxed_after_discount(rate) else Decimal(0)
    return _line(external_id, "discount", name, price=-amount.discount, rate=rate)


def _line(
    external_id: str,
    kind: str,
    name: str | None,
    *,
    price: Decimal,
    qty: Decimal = Decimal(1),
    rate: Decimal = Decimal(0),
) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "kind": kind,
        "name": name,
        "qty": qty,
        "price": price,
        "discount": Decimal(0),
        "tax_rates": _rates(rate),
    }


def _rates(percent: Decimal) -> list[str]:
    """Return the external ids of the taxes, as ``magento.tax`` has them."""
    return [f"{percent:.4f}".rstrip("0").rstrip(".")] if percent else []


def _number(value: Any) -> Decimal:
    return to_decimal(value) or Decimal(0)


def _cents(value: Decimal) -> Decimal:
    return to_decimal(value, 2) or Decimal(0)
