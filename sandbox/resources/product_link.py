"""Serve `product_link.*` (grouped members, related products, up- and cross-sells) and `product_tier_price.*`."""

from __future__ import annotations

from typing import Any

from ..scalars import decimal4, integer, mapping, sequence, text
from .base import api_method
from .product_lookup import ProductBoundResource

LINK_TYPES = ("related", "up_sell", "cross_sell", "grouped")


class ProductLinkResource(ProductBoundResource):
    """Serve the links from one product to others."""

    name = "catalog_product_link"

    def _type(self, link_type: Any) -> str:
        if link_type not in LINK_TYPES:
            raise self.fault(100)
        return text(link_type)

    @api_method("types", reads=True)
    def types(self) -> list[str]:
        """Return the kinds of links."""
        return list(LINK_TYPES)

    @api_method("list", reads=True)
    def list_all(self, link_type: Any, product: Any, identifier_type: Any = None) -> list[dict[str, Any]]:
        """Return the products linked to one, by position; only members of a group have a quantity."""
        kind = self._type(link_type)
        links = self.product(product, identifier_type).links[kind]
        rows = []
        for product_id, link in sorted(links.items(), key=lambda item: (item[1]["position"], item[0])):
            linked = self.shop.products[product_id]
            entry = {
                "product_id": product_id,
                "type": linked.type_id,
                "set": linked.set_id,
                "sku": linked.sku,
                "position": link["position"],
            }
            rows.append({**entry, "qty": link["qty"]} if kind == "grouped" else entry)
        return rows

    def _link(self, data: Any, link: dict[str, Any]) -> dict[str, Any]:
        values = mapping(data)
        return {
            "position": integer(values.get("position", link.get("position", 0))),
            "qty": decimal4(values.get("qty", link.get("qty", 0))),
        }

    @api_method("assign")
    def assign(self, link_type: Any, product: Any, linked: Any, data: Any = None, identifier_type: Any = None) -> bool:
        """Link a product to another."""
        kind = self._type(link_type)
        owner, other = self.product(product, identifier_type), self.product(linked, identifier_type)
        owner.links[kind][other.product_id] = self._link(data, {})
        return True

    def _linked(self, link_type: Any, product: Any, linked: Any, identifier_type: Any) -> tuple[dict[int, Any], int]:
        kind = self._type(link_type)
        links = self.product(product, identifier_type).links[kind]
        product_id = self.product(linked, identifier_type).product_id
        if product_id not in links:
            raise self.fault(103)
        return links, product_id

    @api_method("update")
    def update(self, link_type: Any, product: Any, linked: Any, data: Any = None, identifier_type: Any = None) -> bool:
        """Change the position or quantity of a link."""
        links, product_id = self._linked(link_type, product, linked, identifier_type)
        links[product_id] = self._link(data, links[product_id])
        return True

    @api_method("remove")
    def remove(self, link_type: Any, product: Any, linked: Any, identifier_type: Any = None) -> bool:
        """Remove a link."""
        links, product_id = self._linked(link_type, product, linked, identifier_type)
        del links[product_id]
        return True


class ProductTierPriceResource(ProductBoundResource):
    """Serve the prices by quantity."""

    name = "catalog_product_attribute_tier_price"
    no_product = 100

    @api_method("info", reads=True)
    def info(self, product: Any, identifier_type: Any = None) -> list[dict[str, Any]]:
        """Return a product's prices by quantity."""
        return list(self.product(product, identifier_type).tier_prices)

    @api_method("update")
    def update(self, product: Any, prices: Any, identifier_type: Any = None) -> bool:
        """Set a product's prices by quantity, all of them."""
        found = self.product(product, identifier_type)
        found.tier_prices = [
            {
                "customer_group_id": text(price.get("customer_group_id", "all")),
                "website": text(price.get("website", "all")),
                "qty": decimal4(price.get("qty", 1)),
                "price": decimal4(price.get("price", 0)),
            }
            for price in map(mapping, sequence(prices))
        ]
        found.updated_at = self.shop.now()
        return True
