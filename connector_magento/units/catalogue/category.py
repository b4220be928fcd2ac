"""Product categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from odoo.addons.connector_framework.binders import Binder
from odoo.addons.connector_framework.exceptions import SkipError
from odoo.addons.connector_framework.mappings import ImportMapper, changed_by, convert, mapping

from ...references import magento
from .adapter import CatalogueAdapter
from .importer import CatalogueImporter

#: Level 0 is the one root of all, level 1 the root category of each shop group: neither is a category of products.
FIRST_LEVEL = 2

#: What the shop wants to be told of a new category.
REQUIRED = {"include_in_menu": 1, "available_sort_by": ["position", "name", "price"], "default_sort_by": "position"}


@magento
class CategoryAdapter(CatalogueAdapter):
    _apply_on = "magento.product.category"
    _resource = "catalog_category"
    _id_key = "category_id"

    def search(self, filters: dict | None = None, cursor: Any = None) -> tuple[list[str], None]:
        """Return the ids of the categories, parents first.

        The tree knows no dates, so the records are asked. To be moved is no change of a category, but the tree has it.
        """
        nodes = list(self._walk(self.call("catalog_category.tree")))
        ids = self._ids(nodes)
        since = (filters or {}).get("updated_at", {}).get("gteq")
        if since:
            changed = {number for number, row in self.read_many(ids).items() if (row["updated_at"] or "") >= since}
            changed.update(self._moved(nodes))
            ids = [number for number in ids if number in changed]
        return ids, None

    def _moved(self, nodes: list[dict[str, Any]]) -> Iterator[str]:
        """Yield the ids of those that are here, but have another place in the tree."""
        here = self.unit(Binder).to_internal_many(self._ids(nodes))
        for node in nodes:
            category = here.get(str(node["category_id"]))
            parent = str(node["parent_id"]) if int(node["level"]) > FIRST_LEVEL else False
            there = parent, int(node["position"] or 0)
            if category and (category.magento_parent_id.external_id, category.position) != there:
                yield str(node["category_id"])

    def products(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the products of categories; a category that is gone is left out."""
        answers = self._answers(ids, lambda i: [("catalog_category.assignedProducts", [i])])
        return {number: {str(row["product_id"]) for row in rows} for number, (rows,) in answers.items()}

    def read_many(self, ids: Sequence[str], fields: Any = None) -> dict[str, dict[str, Any]]:
        """Return categories, with what the views of each language show under ``views``."""
        answers = self._answers(ids, lambda i: [("catalog_category.info", [i]), *self._text_calls(i)])
        return {
            external_id: {**self._checked(external_id, record), "views": self._texts(views)}
            for external_id, (record, *views) in answers.items()
        }

    def create(self, data: Mapping[str, Any]) -> str:
        """Create a category.

        :param data: beside the attributes ``parent``, the id of the category above; none: the first root
        """
        attributes = {name: value for name, value in data.items() if name != "parent"}
        return str(self.call("catalog_category.create", data.get("parent") or self._root(), {**REQUIRED, **attributes}))

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        """Change a category, and move it where another ``parent`` is given; it comes last there."""
        attributes = {name: value for name, value in data.items() if name != "parent"}
        if attributes:
            self.call("catalog_category.update", external_id, attributes)
        parent = data.get("parent")
        if parent and str(self.call("catalog_category.info", external_id)["parent_id"]) != str(parent):
            self.call("catalog_category.move", external_id, parent)

    def id_of_name(self, name: str, parent: str | None) -> str | None:
        """Return the id of the category of a name right below another one; None if there is none."""
        rows = self.call("catalog_category.level", None, None, parent or self._root())
        return next((str(row["category_id"]) for row in rows if row["name"] == name), None)

    def _root(self) -> str:
        return str(self.call("catalog_category.level")[0]["category_id"])

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
        ("name", "magento_name"),
        ("description", "description"),
        (convert("position", int), "position"),
    ]

    @mapping
    @changed_by("is_active")
    def enabled(self, record):
        return {"enabled": str(record["is_active"]) == "1"}

    @mapping
    @changed_by("parent_id")
    def parent(self, record):
        if int(record["level"]) <= FIRST_LEVEL:
            return {"magento_parent_id": False, "parent_id": False}
        parent = self.binder.to_internal(str(record["parent_id"]))
        return {"magento_parent_id": parent.id, "parent_id": parent.odoo_id.id}


@magento
class CategoryImporter(CatalogueImporter):
    _apply_on = "magento.product.category"
    # The lists of what is below are not the category's own.
    volatile_keys = (*CatalogueImporter.volatile_keys, "children", "all_children", "children_count")

    def _check_importable(self, record):
        if int(record["level"]) < FIRST_LEVEL:
            raise SkipError(f"category {record['category_id']} ({record['name']}) is a root category")

    def _import_dependencies(self, record):
        if int(record["level"]) > FIRST_LEVEL:
            self.import_dependency(str(record["parent_id"]), "magento.product.category")
