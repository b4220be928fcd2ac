"""Product categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from odoo.addons.connector_framework.exceptions import SkipError
from odoo.addons.connector_framework.mappings import ImportMapper, convert, mapping

from ..references import magento
from .adapter import MagentoAdapter
from .importer import MagentoImporter

#: Level 0 is the one root of all, level 1 the root category of each shop group: neither is a category of products.
FIRST_LEVEL = 2


@magento
class CategoryAdapter(MagentoAdapter):
    _apply_on = "magento.product.category"
    _resource = "catalog_category"
    _id_key = "category_id"

    def search(self, filters: dict | None = None, cursor: Any = None) -> tuple[list[str], None]:
        """Return the ids of the categories, parents first; the tree knows no dates, so the records are asked."""
        ids = self._ids(list(self._walk(self.call("catalog_category.tree"))))
        since = (filters or {}).get("updated_at", {}).get("gteq")
        if since:
            ids = [str(row["category_id"]) for row in self.read_many(ids) if (row["updated_at"] or "") >= since]
        return ids, None

    def _walk(self, node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if int(node["level"]) >= FIRST_LEVEL:
            yield node
        for child in sorted(node["children"], key=lambda child: int(child["position"] or 0)):
            yield from self._walk(child)


@magento
class CategoryImportMapper(ImportMapper):
    _apply_on = "magento.product.category"
    direct = [
        ("name", "name"),
        ("description", "description"),
        (convert("position", int), "position"),
    ]

    @mapping
    def enabled(self, record):
        return {"enabled": str(record["is_active"]) == "1"}

    @mapping
    def parent(self, record):
        if int(record["level"]) <= FIRST_LEVEL:
            return {"magento_parent_id": False, "parent_id": False}
        parent = self.binder.to_internal(str(record["parent_id"]))
        return {"magento_parent_id": parent.id, "parent_id": parent.odoo_id.id}


@magento
class CategoryImporter(MagentoImporter):
    _apply_on = "magento.product.category"
    # The lists of what is below are not the category's own.
    volatile_keys = (*MagentoImporter.volatile_keys, "children", "all_children", "children_count")

    def _check_importable(self, record):
        if int(record["level"]) < FIRST_LEVEL:
            raise SkipError(f"category {record['category_id']} ({record['name']}) is a root category")

    def _import_dependencies(self, record):
        if int(record["level"]) > FIRST_LEVEL:
            self.import_dependency(str(record["parent_id"]), "magento.product.category")
