"""Fill a shop with the demo data: always the same, by arithmetic alone, with dates in early 2026.

The numbers of records are constants, for demos and tests to count on. Ids run without gaps from 1 in every table.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from ..shop import Shop, Store, Website
from .catalogue import fill_catalogue
from .customers import fill_customers
from .orders import fill_orders

#: Categories below the two roots, that is without id 1 (above all) and ids 2 and 3 (one root per website).
CATEGORY_COUNT = 30
PRODUCT_COUNT = 200
CUSTOMER_COUNT = 300
ADDRESS_COUNT = 324
ORDER_COUNT = 100

__all__ = [
    "ADDRESS_COUNT",
    "CATEGORY_COUNT",
    "CUSTOMER_COUNT",
    "ORDER_COUNT",
    "PRODUCT_COUNT",
    "build",
    "fill",
    "moment",
]

_START = datetime(2026, 1, 1)


def moment(number: int) -> datetime:
    """Return when the record with this number was made, naive UTC: six hours after the one before."""
    return _START + timedelta(hours=6 * number)


def build() -> Shop:
    """Make a shop with the demo data, from nothing."""
    shop = Shop()
    shop.websites = {
        1: Website(1, "base", "Main Website", "USD", "Main Website Store", 2, "1.0000"),
        2: Website(2, "b2b", "B2B Website", "EUR", "B2B Store", 3, "1.1000"),
    }
    shop.stores = {
        1: Store(1, "default", 1, "Default Store View", 0),
        2: Store(2, "b2b_en", 2, "B2B English", 0),
        3: Store(3, "fr", 1, "French", 5),
    }
    shop.customer_groups = {0: "NOT LOGGED IN", 1: "General", 2: "Wholesale", 3: "Retailer"}
    fill_catalogue(shop, moment)
    fill_customers(shop, moment)
    fill_orders(shop, moment)
    return shop


@cache
def _snapshot() -> bytes:
    # Ten times as fast as to build the shop anew, which tests do all the time.
    return build().snapshot()


def fill(shop: Shop) -> Shop:
    """Put the demo data into a shop, in place of what it had, and return it."""
    shop.restore(_snapshot())
    return shop
