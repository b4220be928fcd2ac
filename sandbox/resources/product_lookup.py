"""Find the product that a call means: the rules for id and sku, which are not the same for all calls."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from ..scalars import text
from ..shop import Product, Shop
from .base import Resource

_LOOKS_LIKE_AN_ID = re.compile(r"[+-]?[1-9][0-9]*|0")


def find_product(shop: Shop, product: Any, identifier_type: Any = None) -> Product | None:
    """Return the product that a catalogue call means, None if there is none.

    What looks numeric is an id, so the sku `"4242"` is not found unless `identifier_type` is `"sku"`; anything else
    is a sku, and for want of one an id by its leading digits. `"4242 "` is a sku: it does not look numeric.
    """
    if product is None or isinstance(product, (list, dict)):
        return None
    if identifier_type in (None, "", False):
        if isinstance(product, int) or _LOOKS_LIKE_AN_ID.fullmatch(text(product)):
            return shop.product_by_id(product)
        return shop.product_by_sku(product) or shop.product_by_id(product)
    return shop.product_by_sku(product) if identifier_type == "sku" else shop.product_by_id(product)


def find_stocked_product(shop: Shop, product: Any) -> Product | None:
    """Return the product that a stock call means: a sku first, then an id. None if there is none."""
    if product is None or isinstance(product, (list, dict)):
        return None
    return shop.product_by_sku(product) or shop.product_by_id(product)


class ProductBoundResource(Resource):
    """Serve something of a product; the resources differ in the fault for one that is not there."""

    area = "catalog"
    no_product: ClassVar[int] = 101

    def product(self, product: Any, identifier_type: Any = None) -> Product:
        """Return the product that an argument means.

        :raises FaultError: `no_product`, there is none.
        """
        found = find_product(self.shop, product, identifier_type)
        if found is None:
            raise self.fault(self.no_product)
        return found
