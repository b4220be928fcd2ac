"""Place orders: lines, addresses, payment, and totals that add up to the cent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..attributes import OPTIONS, PRODUCT_ATTRIBUTES
from ..columns import HISTORY, ORDER, ORDER_ADDRESS, ORDER_ITEM, PAYMENT, row
from ..scalars import cents, money, number
from ..shop import Product, Shop
from .php_text import serialize

#: Tax in per cent by the country that the goods go to; elsewhere there is none.
TAX_RATES = {"US": Decimal("8.375"), "FR": Decimal(20), "DE": Decimal(19)}

#: Flat rate per piece, in the website's currency.
SHIPPING_PER_PIECE = Decimal(5)

COUPON = "TEN"
COUPON_PERCENT = Decimal(10)

_HUNDRED = Decimal(100)
_ZERO = "0.0000"


@dataclass(frozen=True)
class OrderLine:
    """A line of a purchase: of a configurable product with the `variant`, of a group each member by itself."""

    product: Product
    qty: int
    variant: Product | None = None
    #: the member was bought on the page of a grouped product
    grouped: bool = False
    #: custom options: label, value, and what that adds to the SKU
    options: tuple[tuple[str, str, str], ...] = ()
    gift_message: str | None = None

    @property
    def sku(self) -> str:
        """Tell the SKU on the order: that of the variant, with what options add to it."""
        return "-".join([(self.variant or self.product).sku, *(f"-{sku}" for _label, _value, sku in self.options)])


@dataclass(frozen=True)
class Buyer:
    """The customer of a purchase: an account's id or, without one, a guest; `address` has an address book's columns."""

    email: str
    firstname: str
    lastname: str
    address: dict[str, Any]
    customer_id: int | None = None
    group_id: int = 0
    taxvat: str | None = None
    dob: str | None = None
    prefix: str | None = None
    #: where the goods go, if not to `address`
    shipping_address: dict[str, Any] | None = field(default=None)


def _pair(name: str, value: Any) -> dict[str, Any]:
    """Return an amount in the order's and the website's currency, which are one in this shop."""
    return {name: value, f"base_{name}": value}


def _options(line: OrderLine) -> tuple[str, str]:
    """Return the serialised options of a line, and of its child where it is a configurable product's."""
    if line.variant is None:
        bought: dict[str, Any] = {"info_buyRequest": {"qty": line.qty}}
        if line.options:
            bought["options"] = [
                {"label": label, "value": value, "print_value": value, "option_type": "field", "custom_view": False}
                for label, value, _sku in line.options
            ]
        options = serialize(bought)
        return options, options
    chosen: dict[int, int] = {}
    shown = []
    for code in ("color", "size"):
        option_id = line.variant.values.get(code)
        chosen[PRODUCT_ATTRIBUTES[code].attribute_id] = option_id
        shown.append({"label": code.capitalize(), "value": dict(OPTIONS[code]).get(option_id, "")})
    request = {"qty": line.qty, "super_attribute": chosen}
    parent = {
        "info_buyRequest": request,
        "attributes_info": shown,
        "simple_name": line.variant.values.get("name"),
        "simple_sku": line.variant.sku,
        "product_calculations": 1,
        "shipment_type": 0,
    }
    return serialize(parent), serialize({"info_buyRequest": request})


def _items(
    shop: Shop, order: dict[str, Any], line: OrderLine, rate: Decimal, discount: Decimal
) -> list[dict[str, Any]]:
    """Return the row of a line, and after it the child's row where the product is configurable."""
    store_id, product = order["store_id"], line.product
    options, child_options = _options(line)
    item_id = shop.next_id("order_item")
    same = _common_columns(shop, order, line)
    item = row(
        ORDER_ITEM,
        {
            **same,
            **_amount_columns(line, store_id, rate, discount),
            "item_id": item_id,
            "quote_item_id": item_id,
            "product_id": product.product_id,
            "product_type": "grouped" if line.grouped else product.type_id,
            "product_options": options,
            "sku": line.sku,
            "gift_message_id": shop.next_id("gift_message") if line.gift_message else None,
            "name": product.values.get("name", store_id),
            "applied_rule_ids": "1" if discount else None,
            "base_cost": product.values.get("cost"),
        },
    )
    if line.gift_message:
        item["gift_message"] = line.gift_message
    if line.variant is None:
        return [item]
    item["has_children"] = True
    child_id = shop.next_id("order_item")
    child = row(
        ORDER_ITEM,
        {
            **same,
            "item_id": child_id,
            "quote_item_id": child_id,
            "parent_item_id": item_id,
            "product_id": line.variant.product_id,
            "product_type": line.variant.type_id,
            "product_options": child_options,
            "sku": line.variant.sku,
            "name": line.variant.values.get("name", store_id),
            **_pair("price", _ZERO),
            "original_price": _ZERO,
            "discount_percent": _ZERO,
            **_pair("discount_amount", _ZERO),
            **_pair("row_total", _ZERO),
        },
    )
    return [item, child]


def _common_columns(shop: Shop, order: dict[str, Any], line: OrderLine) -> dict[str, Any]:
    """Return the columns that a row and the row of its child have in common."""
    now = shop.now()
    return {
        "order_id": order["order_id"],
        "store_id": order["store_id"],
        "created_at": now,
        "updated_at": now,
        "is_virtual": int(line.product.type_id == "virtual"),
        "free_shipping": 0,
        "is_qty_decimal": 0,
        "no_discount": 0,
        "is_nominal": 0,
        "qty_ordered": money(Decimal(line.qty)),
        **dict.fromkeys(("qty_canceled", "qty_invoiced", "qty_refunded", "qty_shipped"), _ZERO),
        **dict.fromkeys(("tax_invoiced", "base_tax_invoiced", "discount_invoiced", "base_discount_invoiced"), _ZERO),
        **dict.fromkeys(("amount_refunded", "base_amount_refunded", "row_invoiced", "base_row_invoiced"), _ZERO),
        **{name: _ZERO for name in ORDER_ITEM if "weee_tax" in name},
        "weee_tax_applied": "a:0:{}",
    }


def _amount_columns(line: OrderLine, store_id: int, rate: Decimal, discount: Decimal) -> dict[str, Any]:
    """Return weight and amounts of a row; the tax is that of the amount less the discount."""
    product, qty = line.product, Decimal(line.qty)
    price = number(product.values.get("price", store_id))
    weight = number(product.values.get("weight")) if product.type_id == "simple" else Decimal(0)
    row_total = price * qty
    row_discount = cents(row_total * discount / _HUNDRED)
    return {
        "weight": money(weight) if weight else None,
        "row_weight": None if product.type_id == "virtual" else money(weight * qty),
        **_pair("price", money(price)),
        **_pair("original_price", money(price)),
        "tax_percent": money(rate),
        **_pair("tax_amount", money(cents((row_total - row_discount) * rate / _HUNDRED))),
        "discount_percent": money(discount),
        **_pair("discount_amount", money(row_discount)),
        **_pair("row_total", money(row_total)),
        **_pair("price_incl_tax", money(cents(price * (1 + rate / _HUNDRED)))),
        **_pair("row_total_incl_tax", money(row_total + cents(row_total * rate / _HUNDRED))),
        **_pair("hidden_tax_amount", _ZERO),
    }


def _address(shop: Shop, order_id: int, buyer: Buyer, kind: str) -> dict[str, Any]:
    """Return the copy of an address that the order keeps. A guest's e-mail is on the billing address alone."""
    source = buyer.address if kind == "billing" else buyer.shipping_address or buyer.address
    copied = {name: source.get(name) for name in ORDER_ADDRESS if name in source}
    return row(
        ORDER_ADDRESS,
        {
            **copied,
            "parent_id": order_id,
            "customer_address_id": source.get("customer_address_id") if buyer.customer_id else None,
            "customer_id": buyer.customer_id,
            "email": buyer.email if buyer.customer_id or kind == "billing" else None,
            "address_type": kind,
            "address_id": shop.next_id("order_address"),
        },
    )


def place(
    shop: Shop,
    store_id: int,
    buyer: Buyer,
    lines: list[OrderLine],
    coupon: str | None = None,
    gift_message: str | None = None,
) -> dict[str, Any]:
    """Place an order at the shop's time; return it, pending.

    :param coupon: `COUPON` takes `COUPON_PERCENT` off each row; any other code is None.
    :param gift_message: of the order; its lines may have others.
    """
    order_id, now = shop.next_id("order"), shop.now()
    virtual = all(line.product.type_id == "virtual" for line in lines)
    discount = COUPON_PERCENT if coupon == COUPON else Decimal(0)
    destination = buyer.address if virtual else buyer.shipping_address or buyer.address
    rate = TAX_RATES.get(destination["country_id"], Decimal(0))
    order: dict[str, Any] = {"order_id": order_id, "store_id": store_id}
    items = [item for line in lines for item in _items(shop, order, line, rate, discount)]
    billing = _address(shop, order_id, buyer, "billing")
    shipped_to = {} if virtual else _address(shop, order_id, buyer, "shipping")
    header = {
        "state": "new",
        "status": "pending",
        "coupon_code": COUPON if discount else None,
        "coupon_rule_name": "Ten percent" if discount else None,
        "discount_description": COUPON if discount else None,
        "applied_rule_ids": "1" if discount else None,
        "protect_code": hashlib.sha256(f"order {order_id}".encode()).hexdigest()[:6],
        "shipping_description": None if virtual else "Flat Rate - Fixed",
        "shipping_method": None if virtual else "flatrate_flatrate",
        "is_virtual": int(virtual),
        **_buyer_columns(buyer),
        **_total_columns(lines, items, virtual),
        **_store_columns(shop, store_id),
        "billing_address_id": billing["address_id"],
        "shipping_address_id": shipped_to.get("address_id"),
        "quote_id": order_id,
        "increment_id": shop.next_increment_id("order", store_id),
        "gift_message_id": shop.next_id("gift_message") if gift_message else None,
        "paypal_ipn_customer_notified": 0,
        "created_at": now,
        "updated_at": now,
    }
    order.update(row(ORDER, header))
    order["billing_address"] = billing
    order["shipping_address"] = shipped_to
    order["items"] = items
    order["payment"] = _payment(order)
    if gift_message:
        # In clear, beside its id.
        order["gift_message"] = gift_message
    order["status_history"] = [_first_status(order)]
    shop.orders[order_id] = order
    return order


def _buyer_columns(buyer: Buyer) -> dict[str, Any]:
    """Return an order's columns about its customer."""
    return {
        "customer_id": buyer.customer_id,
        "customer_is_guest": None if buyer.customer_id else 1,
        "customer_group_id": buyer.group_id,
        "customer_email": buyer.email,
        "customer_firstname": buyer.firstname,
        "customer_lastname": buyer.lastname,
        "customer_taxvat": buyer.taxvat,
        "customer_dob": buyer.dob,
        "customer_prefix": buyer.prefix,
    }


def _total_columns(lines: list[OrderLine], items: list[dict[str, Any]], virtual: bool) -> dict[str, Any]:
    """Return an order's totals: the sums of its rows, and the shipping by piece."""

    def total(name: str) -> Decimal:
        return sum((number(item[name]) for item in items), Decimal(0))

    pieces = sum(line.qty for line in lines)
    shipping = Decimal(0) if virtual else SHIPPING_PER_PIECE * pieces
    subtotal, tax, off = total("row_total"), total("tax_amount"), total("discount_amount")
    return {
        **_pair("discount_amount", money(-off)),
        **_pair("grand_total", money(subtotal - off + shipping + tax)),
        **_pair("shipping_amount", money(shipping)),
        **_pair("shipping_incl_tax", money(shipping)),
        **_pair("shipping_tax_amount", _ZERO),
        **_pair("shipping_discount_amount", _ZERO),
        **_pair("subtotal", money(subtotal)),
        **_pair("subtotal_incl_tax", money(total("row_total_incl_tax"))),
        **_pair("tax_amount", money(tax)),
        **_pair("hidden_tax_amount", _ZERO),
        "shipping_hidden_tax_amount": _ZERO,
        "base_shipping_hidden_tax_amnt": _ZERO,
        "base_shipping_hidden_tax_amount": _ZERO,
        "total_qty_ordered": money(Decimal(pieces)),
        "total_item_count": len(lines),
        "weight": money(total("row_weight")),
    }


def _store_columns(shop: Shop, store_id: int) -> dict[str, Any]:
    """Return an order's columns about the store view that it was placed in, and its currencies."""
    website = shop.website_of(store_id)
    return {
        "store_id": store_id,
        "store_name": f"{website.name}\n{website.group_name}\n{shop.stores[store_id].name}",
        "base_to_global_rate": website.rate,
        "base_to_order_rate": "1.0000",
        "store_to_base_rate": website.rate,
        "store_to_order_rate": website.rate,
        "base_currency_code": website.currency,
        "order_currency_code": website.currency,
        "store_currency_code": website.currency,
        "global_currency_code": shop.websites[1].currency,
    }


def _payment(order: dict[str, Any]) -> dict[str, Any]:
    """Return the payment of a new order, by check."""
    return row(
        PAYMENT,
        {
            "parent_id": order["order_id"],
            "payment_id": order["order_id"],
            "method": "checkmo",
            "additional_information": [],
            **_pair("shipping_amount", order["shipping_amount"]),
            **_pair("amount_ordered", order["grand_total"]),
        },
    )


def _first_status(order: dict[str, Any]) -> dict[str, Any]:
    """Return the first row of an order's history."""
    return row(
        HISTORY,
        {
            "parent_id": order["order_id"],
            "is_customer_notified": 2,
            "is_visible_on_front": 0,
            "status": order["status"],
            "created_at": order["created_at"],
            "entity_name": "order",
            "store_id": order["store_id"],
        },
    )
