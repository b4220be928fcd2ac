"""Serve the shop's resources, one class each; `serve` gives them for a shop, by name."""

from __future__ import annotations

from ..shop import Shop
from .base import Resource
from .category import CategoryResource
from .customer import CustomerResource
from .customer_address import CustomerAddressResource
from .document import CreditmemoResource, InvoiceResource, ShipmentResource
from .order import OrderResource
from .product import ProductResource
from .product_attribute import ProductAttributeResource, ProductAttributeSetResource, ProductTypeResource
from .product_link import ProductLinkResource, ProductTierPriceResource
from .product_media import ProductMediaResource
from .stock import StockItemResource
from .store import CountryResource, CustomerGroupResource, MagentoResource, RegionResource, StoreResource

__all__ = ["Resource", "serve"]

_CLASSES: tuple[type[Resource], ...] = (
    StoreResource,
    MagentoResource,
    CountryResource,
    RegionResource,
    CustomerResource,
    CustomerGroupResource,
    CustomerAddressResource,
    CategoryResource,
    ProductResource,
    ProductAttributeResource,
    ProductAttributeSetResource,
    ProductTypeResource,
    ProductMediaResource,
    ProductTierPriceResource,
    ProductLinkResource,
    OrderResource,
    ShipmentResource,
    InvoiceResource,
    CreditmemoResource,
    StockItemResource,
)


def serve(shop: Shop) -> dict[str, Resource]:
    """Return the resources of a shop, by name."""
    return {resource.name: resource(shop) for resource in _CLASSES}
