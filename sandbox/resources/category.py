"""Serve `catalog_category.*`: the tree, its categories and the products assigned to them."""

from __future__ import annotations

from typing import Any

from ..columns import CATEGORY, row
from ..protocol import AlwaysInt
from ..scalars import integer, iso_date, mapping
from ..shop import DEFAULT_STORE, Category, url_key
from .base import api_method
from .product_lookup import ProductBoundResource

ROOT = 1

#: What a new category must say, in the order in which the shop looks.
REQUIRED = ("name", "is_active", "available_sort_by", "default_sort_by", "include_in_menu")


class CategoryResource(ProductBoundResource):
    """Serve the categories. Id 1 is above all; a category right below it is the root of a store group."""

    name = "catalog_category"
    #: "Invalid data": the resource has no fault for a product that is not there
    no_product = 103

    def _category(self, category_id: Any) -> Category:
        found = self.shop.categories.get(integer(category_id))
        if found is None:
            raise self.fault(102)
        return found

    def _level(self, category: Category) -> int:
        return len(self.shop.category_path(category.category_id)) - 1

    def _node(self, category: Category, store_id: int) -> dict[str, Any]:
        return {
            "category_id": category.category_id,
            "parent_id": category.parent_id,
            "name": category.values.get("name", store_id),
            "is_active": category.values.get("is_active", store_id),
            "position": category.position,
            "level": self._level(category),
            "children": [self._node(c, store_id) for c in self.shop.children_of(category.category_id)],
        }

    @api_method("tree", reads=True)
    def tree(self, parent: Any = None, store: Any = None) -> dict[str, Any]:
        """Return a category and all below it, nested; by default from the very top."""
        store_id = self.store_id(store)
        return self._node(self._category(ROOT if parent in (None, "") else parent), store_id)

    @api_method("level", reads=True)
    def level(self, website: Any = None, store: Any = None, parent: Any = None) -> list[dict[str, Any]]:
        """Return the categories right below a parent, else the roots of a view or website, else all roots."""
        store_id = self.store_id(store)
        if parent not in (None, ""):
            categories = self.shop.children_of(self._category(parent).category_id)
        elif store_id:
            categories = [self.shop.categories[self.shop.website_of(store_id).root_category_id]]
        elif website not in (None, ""):
            found = self.shop.find_website(website)
            if found is None:
                raise self.fault(101)
            categories = [self.shop.categories[found.root_category_id]]
        else:
            categories = self.shop.children_of(ROOT)
        nodes = []
        for category in categories:
            node = self._node(category, store_id)
            del node["children"]
            nodes.append({**node, "parent_id": AlwaysInt(category.parent_id)})
        return nodes

    @api_method("info", reads=True)
    def info(self, category_id: Any, store: Any = None, attributes: Any = None) -> dict[str, Any]:
        """Return one category, of a list of `attributes` these alone beside the fixed ones."""
        store_id = self.store_id(store)
        category = self._category(category_id)
        children = self.shop.children_of(category.category_id)
        branch = self.shop.category_branch(category.category_id)
        fixed = {
            "category_id": category.category_id,
            "is_active": category.values.get("is_active", store_id),
            "position": category.position,
            "level": self._level(category),
        }
        derived = {
            "created_at": iso_date(category.created_at, self.shop.utc_offset_minutes),
            "updated_at": category.updated_at,
            "parent_id": AlwaysInt(category.parent_id),
            "path": "/".join(str(one) for one in self.shop.category_path(category.category_id)),
            "all_children": ",".join(str(one) for one in sorted(branch)),
            "children": ",".join(str(child.category_id) for child in children),
            "children_count": len(branch) - 1,
        }
        known = {**fixed, **derived}
        stored = {name: category.values.get(name, store_id) for name in CATEGORY if name not in known}
        answer = row(CATEGORY, {**known, **stored})
        if isinstance(attributes, list) and attributes:
            return {name: value for name, value in answer.items() if name in fixed or name in attributes}
        return answer

    @api_method("create")
    def create(self, parent: Any, data: Any, store: Any = None) -> str:
        """Create a category below a parent; return its id."""
        self.store_id(store)
        above = self._category(parent)
        values = mapping(data)
        for code in REQUIRED:
            if values.get(code) in (None, "", []):
                raise self.fault(103, f'Attribute "{code}" is required.')
        siblings = self.shop.children_of(above.category_id)
        now = self.shop.now()
        category = Category(
            category_id=self.shop.next_id("category"),
            parent_id=above.category_id,
            position=max((sibling.position for sibling in siblings), default=0) + 1,
            created_at=now,
            updated_at=now,
        )
        self.shop.categories[category.category_id] = category
        category.values.put({"is_anchor": 1, **values})
        if not category.values.get("url_key"):
            key = url_key(category.values.get("name"))
            category.values.put({"url_key": key, "url_path": f"{key}.html"})
        return str(category.category_id)

    @api_method("update")
    def update(self, category_id: Any, data: Any, store: Any = None) -> bool:
        """Change the attributes given, in a store view its own values."""
        store_id = self.store_id(store)
        category = self._category(category_id)
        category.values.put(mapping(data), [store_id])
        category.updated_at = self.shop.now()
        return True

    @api_method("move")
    def move(self, category_id: Any, parent: Any, after: Any = None) -> bool:
        """Move a category below another, after one of its children, by default to the end."""
        category = self._category(category_id)
        above = self._category(parent)
        if above.category_id in self.shop.category_branch(category.category_id):
            raise self.fault(104, "Operation do not allow to move a parent category to any of children category")
        siblings = [c for c in self.shop.children_of(above.category_id) if c is not category]
        ids = [sibling.category_id for sibling in siblings]
        place = ids.index(integer(after)) + 1 if after is not None and integer(after) in ids else len(siblings)
        siblings.insert(place, category)
        for position, sibling in enumerate(siblings, 1):
            sibling.position = position
        # `updated_at` stays: only the tree says it.
        category.parent_id = above.category_id
        return True

    @api_method("delete")
    def delete(self, category_id: Any) -> bool:
        """Delete a category with all below it; the roots stay."""
        category = self._category(category_id)
        if category.parent_id in (0, ROOT):
            raise self.fault(105, "Can not remove root category.")
        for below in self.shop.category_branch(category.category_id):
            del self.shop.categories[below]
        return True

    # Products of a category. None of these moves the product's `updated_at`.

    @api_method("assignedProducts", reads=True)
    def assigned_products(self, category_id: Any, store: Any = None) -> list[dict[str, Any]]:
        """Return a category's products, by position."""
        category = self._category(category_id)
        website_id = self.shop.website_of(store_id).website_id if (store_id := self.store_id(store)) else None
        rows = []
        for product_id, position in sorted(category.products.items(), key=lambda item: (item[1], item[0])):
            product = self.shop.products[product_id]
            if store_id == DEFAULT_STORE or website_id in product.website_ids:
                rows.append(
                    {
                        "product_id": product_id,
                        "type": product.type_id,
                        "set": product.set_id,
                        "sku": product.sku,
                        "position": position,
                    }
                )
        return rows

    @api_method("assignProduct")
    def assign_product(self, category_id: Any, product: Any, position: Any = None, identifier_type: Any = None) -> bool:
        """Put a product into a category."""
        category = self._category(category_id)
        category.products[self.product(product, identifier_type).product_id] = integer(position)
        return True

    def _assigned(self, category_id: Any, product: Any, identifier_type: Any) -> tuple[Category, int]:
        category = self._category(category_id)
        product_id = self.product(product, identifier_type).product_id
        if product_id not in category.products:
            raise self.fault(106)
        return category, product_id

    @api_method("updateProduct")
    def update_product(self, category_id: Any, product: Any, position: Any = None, identifier_type: Any = None) -> bool:
        """Change the position of a product in a category."""
        category, product_id = self._assigned(category_id, product, identifier_type)
        category.products[product_id] = integer(position)
        return True

    @api_method("removeProduct")
    def remove_product(self, category_id: Any, product: Any, identifier_type: Any = None) -> bool:
        """Take a product out of a category."""
        category, product_id = self._assigned(category_id, product, identifier_type)
        del category.products[product_id]
        return True
