"""Serve `cataloginventory_stock_item.*`: quantities, where an argument is a sku before it is an id."""

from __future__ import annotations

from typing import Any

from ..scalars import mapping, sequence
from ..stocking import change_stock
from .base import Resource, api_method
from .product_lookup import find_stocked_product


class StockItemResource(Resource):
    """Serve the stock of products."""

    name = "cataloginventory_stock_item"

    @api_method("list", reads=True)
    def list_all(self, products: Any) -> list[dict[str, Any]]:
        """Return the stock of the products given by id or sku, by id; unknown ones are left out."""
        found = {p.product_id: p for p in (find_stocked_product(self.shop, one) for one in sequence(products)) if p}
        rows: list[dict[str, Any]] = []
        for product_id in sorted(found):
            product = found[product_id]
            rows.append(
                {
                    "product_id": product_id,
                    "sku": product.sku,
                    "qty": product.stock.qty if product.stock else None,
                    "is_in_stock": product.stock.is_in_stock if product.stock else True,
                }
            )
        return rows

    @api_method("update")
    def update(self, product: Any, data: Any) -> bool:
        """Change a product's stock, and its `updated_at` with it."""
        found = find_stocked_product(self.shop, product)
        if found is None:
            raise self.fault(101)
        change_stock(found, mapping(data))
        found.updated_at = self.shop.now()
        return True
