"""Change the stock of a product by the shop's rules."""

from __future__ import annotations

from typing import Any

from .scalars import decimal4, number, truth
from .shop import Product, StockItem

#: Composite products have no stock of their own: theirs is their parts'.
COMPOSITE_TYPES = ("configurable", "grouped", "bundle")


def change_stock(product: Product, data: dict[str, Any]) -> None:
    """Set `qty`, `is_in_stock`, `manage_stock` and `use_config_manage_stock` as far as they are given.

    A quantity of nothing clears `is_in_stock`, whatever was asked for; a later quantity does not set it again.
    """
    stock = product.stock = product.stock or StockItem()
    if data.get("qty") is not None:
        stock.qty = decimal4(data["qty"])
    for name in ("is_in_stock", "manage_stock", "use_config_manage_stock"):
        if data.get(name) is not None:
            setattr(stock, name, int(truth(data[name])))
    managed = stock.use_config_manage_stock or stock.manage_stock
    if managed and product.type_id not in COMPOSITE_TYPES and number(stock.qty) <= 0:
        stock.is_in_stock = 0
