"""Serve `catalog_product.*`: the products and their attributes, per store view."""

from __future__ import annotations

from typing import Any

from ..attributes import PRODUCT_ATTRIBUTES
from ..columns import CONFIGURABLE_PRODUCT, GROUPED_PRODUCT, SIMPLE_PRODUCT, row
from ..faults import ServicePageError, api_fault
from ..filters import select
from ..scalars import integer, iso_date, mapping, sequence, text
from ..shop import ATTRIBUTE_SET, DEFAULT_STORE, PRODUCT_TYPES, Product, url_key
from ..stocking import change_stock
from .base import api_method
from .product_lookup import ProductBoundResource

#: What `info` sends of a product, by its type; of any other type the same as of a simple one.
COLUMNS = {
    "configurable": CONFIGURABLE_PRODUCT,
    "grouped": GROUPED_PRODUCT,
    "virtual": tuple(name for name in SIMPLE_PRODUCT if name != "weight"),
}

#: What `info` sends even when asked for other attributes alone.
FIXED = ("product_id", "sku", "set", "type", "categories", "websites")

_ALIASES = {"product_id": "entity_id", "set": "attribute_set_id", "type": "type_id"}


class ProductResource(ProductBoundResource):
    """Serve the products."""

    name = "catalog_product"

    # Reading

    def _check_fields(self, filters: Any) -> None:
        """Refuse filters by what the product collection cannot be filtered by."""
        for name in filters if isinstance(filters, dict) else ():
            if name == "category_ids":
                raise ServicePageError("the category_ids attribute has no table to join")
            known = _ALIASES.get(name, name)
            if known not in PRODUCT_ATTRIBUTES and known not in _ALIASES.values():
                raise api_fault(0)

    def _field(self, product: Product, name: str, store_id: int) -> Any:
        match _ALIASES.get(name, name):
            case "entity_id":
                return product.product_id
            case "attribute_set_id":
                return product.set_id
            case "sku" | "type_id" | "created_at" | "updated_at" as column:
                return getattr(product, column)
            case code:
                return product.values.get(code, store_id)

    @api_method("list", reads=True)
    def list_all(self, filters: Any = None, store: Any = None) -> list[dict[str, Any]]:
        """Return the products that meet the filters, by id, with the few columns that the list has."""
        store_id = self.store_id(store)
        self._check_fields(filters)
        categories = self._categories_by_product()
        return [
            {
                "product_id": product.product_id,
                "sku": product.sku,
                "name": product.values.get("name", store_id),
                "set": product.set_id,
                "type": product.type_id,
                "category_ids": categories.get(product.product_id, []),
                "website_ids": list(product.website_ids),
            }
            for product in select(self._by_id(), filters, lambda one, name: self._field(one, name, store_id))
        ]

    def _by_id(self) -> list[Product]:
        return [self.shop.products[product_id] for product_id in sorted(self.shop.products)]

    def _categories_by_product(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for category_id in sorted(self.shop.categories):
            for product_id in self.shop.categories[category_id].products:
                found.setdefault(product_id, []).append(category_id)
        return found

    @api_method("info", reads=True)
    def info(self, product: Any, store: Any = None, attributes: Any = None, identifier_type: Any = None) -> Any:
        """Return one product with its values in a view; of a list of `attributes` these alone beside the fixed.

        A struct in place of the list gives the fixed ones alone: no attribute is in it.
        """
        store_id = self.store_id(store)
        found = self.product(product, identifier_type)
        columns = COLUMNS.get(found.type_id, SIMPLE_PRODUCT)
        categories = self._categories_by_product().get(found.product_id, [])
        known: dict[str, Any] = {
            "product_id": found.product_id,
            "sku": found.sku,
            "set": found.set_id,
            "type": found.type_id,
            "type_id": found.type_id,
            "categories": categories,
            "category_ids": list(categories),
            "websites": list(found.website_ids),
            "required_options": 0,
            "has_options": 0,
            "created_at": iso_date(found.created_at, self.shop.utc_offset_minutes),
            "updated_at": found.updated_at,
            "group_price": [],
            "tier_price": list(found.tier_prices),
        }
        answer = row(
            columns,
            {name: known[name] if name in known else found.values.get(name, store_id) for name in columns},
        )
        if attributes:
            wanted = attributes if isinstance(attributes, list) else ()
            return {name: value for name, value in answer.items() if name in FIXED or name in wanted}
        return answer

    # Writing

    @api_method("create")
    def create(self, type_id: Any, set_id: Any, sku: Any, data: Any, store: Any = None) -> str:
        """Create a product; return its id. Only type, attribute set and sku are looked at, never the values."""
        if not type_id or not set_id or not sku:
            raise self.fault(102)
        if type_id not in PRODUCT_TYPES:
            raise self.fault(104)
        if integer(set_id) != ATTRIBUTE_SET:
            raise self.fault(105)
        self.store_id(store)
        self._check_sku(text(sku), None)
        now = self.shop.now()
        product = Product(self.shop.next_id("product"), text(sku), text(type_id), ATTRIBUTE_SET, now, now)
        self.shop.products[product.product_id] = product
        product.values.put({"options_container": "container1"})
        self._apply(product, mapping(data), DEFAULT_STORE)
        self._name_address(product)
        return str(product.product_id)

    def _check_sku(self, sku: str, own: Product | None) -> None:
        other = self.shop.product_by_sku(sku)
        if other is not None and other is not own:
            raise api_fault(1, 'The value of attribute "SKU" must be unique')

    def _name_address(self, product: Product) -> None:
        """Derive the product's address from its name; one that is taken gets the id at its end."""
        name = product.values.get("name")
        if not name or product.values.get("url_path"):
            return
        key = product.values.get("url_key") or url_key(name)
        taken = any(one.values.get("url_key") == key for one in self.shop.products.values() if one is not product)
        path = f"{key}-{product.product_id}.html" if taken else f"{key}.html"
        product.values.put({"url_key": key, "url_path": path})

    @api_method("update")
    def update(self, product: Any, data: Any, store: Any = None, identifier_type: Any = None) -> bool:
        """Change the attributes given, in a store view its own values; even nothing moves `updated_at`."""
        store_id = self.store_id(store)
        found = self.product(product, identifier_type)
        self._apply(found, mapping(data), store_id)
        found.updated_at = self.shop.now()
        return True

    @api_method("delete")
    def delete(self, product: Any, identifier_type: Any = None) -> bool:
        """Delete a product; order lines keep what they say of it."""
        found = self.product(product, identifier_type)
        del self.shop.products[found.product_id]
        for category in self.shop.categories.values():
            category.products.pop(found.product_id, None)
        for other in self.shop.products.values():
            for links in other.links.values():
                links.pop(found.product_id, None)
        return True

    def _apply(self, product: Product, data: dict[str, Any], store_id: int) -> None:
        """Write the values of a create or update, and what is no attribute among them."""
        values = {**data, **self._additional(data.get("additional_attributes"))}
        if values.get("sku"):
            self._check_sku(text(values["sku"]), product)
            product.sku = text(values["sku"])
        websites = values.get("websites", values.get("website_ids"))
        if isinstance(websites, list):
            found = [self.shop.find_website(website) for website in websites]
            product.website_ids = sorted({website.website_id for website in found if website is not None})
        categories = values.get("categories", values.get("category_ids"))
        if isinstance(categories, list):
            self._assign(product, {integer(category) for category in categories})
        if isinstance(values.get("stock_data"), dict):
            change_stock(product, values["stock_data"])
        if isinstance(values.get("tier_price"), list):
            product.tier_prices = [dict(price) for price in values["tier_price"] if isinstance(price, dict)]
        left_out = {"sku", "category_ids", "tier_price", "group_price", "created_at", "updated_at"}
        self.shop.put_product_values(
            product,
            {code: value for code, value in values.items() if code not in left_out},
            store_id,
        )

    @staticmethod
    def _additional(additional: Any) -> dict[str, Any]:
        """Return what `additional_attributes` says: single_data and multi_data, as structs or as key and value."""
        values: dict[str, Any] = {}
        for part in ("single_data", "multi_data"):
            data = mapping(additional).get(part)
            if isinstance(data, dict):
                values.update(data)
            else:
                pairs = (mapping(pair) for pair in sequence(data))
                values.update({text(pair["key"]): pair.get("value") for pair in pairs if "key" in pair})
        return values

    def _assign(self, product: Product, category_ids: set[int]) -> None:
        for category in self.shop.categories.values():
            if category.category_id in category_ids:
                category.products.setdefault(product.product_id, 1)
            else:
                category.products.pop(product.product_id, None)

    @api_method("getSpecialPrice", reads=True)
    def get_special_price(self, product: Any, store: Any = None, identifier_type: Any = None) -> dict[str, Any]:
        """Return a product's special price with its dates."""
        names = ["special_price", "special_from_date", "special_to_date"]
        answer: dict[str, Any] = self.info(product, store, names, identifier_type)
        return answer

    @api_method("setSpecialPrice")
    def set_special_price(
        self,
        product: Any,
        price: Any = None,
        from_date: Any = None,
        to_date: Any = None,
        store: Any = None,
        identifier_type: Any = None,
    ) -> bool:
        """Set a product's special price with its dates."""
        values = {"special_price": price, "special_from_date": from_date, "special_to_date": to_date}
        return self.update(product, values, store, identifier_type)
