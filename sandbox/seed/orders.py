"""Make the orders of the demo shop: placed six hours apart, and half an hour later taken to their state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from .. import sales
from ..sales.placing import COUPON
from ..scalars import number
from ..shop import Customer, Product, Shop
from .customers import postal_address

Moment = Callable[[int], datetime]

#: Orders of all kinds; after them come two with the coupon and one of virtual products alone.
PLAIN_ORDERS = 97
COUPON_ORDERS = (98, 99)
VIRTUAL_ORDER = 100

HELD = (17, 47, 77)
GROUPED = (7, 22, 57, 82)
#: with a virtual product beside the others
MIXED = (26, 66)
GUESTS = (11, 21, 31, 41, 51, 61, 71, 81, 91, 97)

#: The store views in turn: French, default, French, B2B.
_STORES = (2, 3, 1, 3)


class _Market:
    """The customers of each store view, and the products that each website sells by themselves."""

    def __init__(self, shop: Shop) -> None:
        self.customers: dict[int, list[Customer]] = defaultdict(list)
        for customer in shop.customers.values():
            if customer.get("default_billing"):
                self.customers[customer.get("store_id")].append(customer)
        self.sold: dict[tuple[int, str], list[Product]] = defaultdict(list)
        for product in shop.products.values():
            if product.values.get("status") == 1 and product.values.get("visibility") == 4:
                for website_id in product.website_ids:
                    self.sold[website_id, product.type_id].append(product)


def _buyer(shop: Shop, market: _Market, n: int, store_id: int) -> sales.Buyer:
    if n in GUESTS:
        # Some guests have an account too, on the other website: their order is not that account's.
        email = f"shared{n % 30 + 1}@example.com" if n % 4 == 1 else f"guest{n}@example.com"
        address = {**postal_address(3000 + n), "firstname": "Guest", "lastname": f"Number {n}"}
        return sales.Buyer(email, "Guest", f"Number {n}", address)
    mine = market.customers[store_id]
    customer = mine[n * 13 % len(mine)]
    return sales.Buyer(
        email=customer.get("email"),
        firstname=customer.get("firstname"),
        lastname=customer.get("lastname"),
        address=shop.addresses[customer.get("default_billing")],
        shipping_address=shop.addresses[customer.get("default_shipping")],
        customer_id=customer.customer_id,
        group_id=customer.get("group_id"),
        taxvat=customer.get("taxvat"),
        dob=customer.get("dob"),
        prefix=customer.get("prefix"),
    )


def _lines(shop: Shop, market: _Market, n: int, store_id: int) -> list[sales.OrderLine]:
    website_id = shop.stores[store_id].website_id
    if n == VIRTUAL_ORDER:
        return [sales.OrderLine(market.sold[website_id, "virtual"][0], 1)]
    simple = market.sold[website_id, "simple"]
    picked = {(n * 37 + k * 11) % len(simple): 1 + (n + 1 + 2 * k) % 5 for k in range(1 + (n + 3) % 4)}
    lines = [sales.OrderLine(simple[index], qty) for index, qty in picked.items()]
    if n % 5 == 0:
        turn = n // 5
        configurables = market.sold[website_id, "configurable"]
        product = configurables[turn % len(configurables)]
        variant = shop.products[product.variant_ids[turn % len(product.variant_ids)]]
        lines.append(sales.OrderLine(product, 2, variant))
    if n in GROUPED:
        group = shop.product_by_sku(f"GROUP-{n % 5 + 1}")
        members = group.links["grouped"] if group else {}
        lines += [sales.OrderLine(shop.products[member], 1, grouped=True) for member in members]
    if n in MIXED:
        virtual = market.sold[website_id, "virtual"]
        lines.append(sales.OrderLine(virtual[n % len(virtual)], 1))
    return lines


def _take_on(shop: Shop, n: int, order: dict[str, Any]) -> None:
    """Take an order to the state that its number has: most stay pending."""
    if n in HELD:
        sales.hold(shop, order)
    elif n % 20 == 15:
        sales.cancel(shop, order)
    elif n % 9 in (4, 8):
        sales.invoice(shop, order, {})
        if n % 27 == 4:
            sales.ship(shop, order, {})
        elif n % 27 == 8 and number(order["items"][0]["qty_ordered"]) > 1:
            sales.ship(shop, order, {str(order["items"][0]["item_id"]): 1})
        elif n == 44:
            sales.refund(shop, order, {})


def fill_orders(shop: Shop, moment: Moment) -> None:
    """Make the orders."""
    market = _Market(shop)
    for n in range(1, VIRTUAL_ORDER + 1):
        store_id = 1 if n == VIRTUAL_ORDER else _STORES[n % len(_STORES)]
        with shop.at(moment(n)):
            buyer, lines = _buyer(shop, market, n, store_id), _lines(shop, market, n, store_id)
            order = sales.place(shop, store_id, buyer, lines, COUPON if n in COUPON_ORDERS else None)
        with shop.at(moment(n) + timedelta(minutes=30)):
            if n <= PLAIN_ORDERS:
                _take_on(shop, n, order)
            order["updated_at"] = shop.now()
