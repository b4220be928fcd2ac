"""Categories out: new ones, and what has changed of the others."""

from __future__ import annotations

from odoo.addons.connector_framework.exceptions import MappingError
from odoo.addons.connector_framework.mappings import ExportMapper, changed_by, mapping

from ...references import magento
from .exporter import CatalogueExporter


@magento
class CategoryExportMapper(ExportMapper):
    _apply_on = "magento.product.category"
    direct = [("name", "name")]

    @mapping
    @changed_by("description")
    def description(self, category):
        return {"description": category.description or ""}

    @mapping
    @changed_by("enabled")
    def is_active(self, category):
        return {"is_active": int(category.enabled)}

    @mapping
    @changed_by("parent_id")
    def parent(self, category):
        """One whose parent is not in the shop stays where it is there; a new one goes below the first root."""
        parent = self.binder.wrap(category.parent_id)[:1]
        return {"parent": parent.external_id} if parent.external_id else None


@magento
class CategoryExporter(CatalogueExporter):
    _apply_on = "magento.product.category"

    def _export_dependencies(self):
        self.export_dependency(self.binder.wrap(self.binding.parent_id)[:1], self.work.model_name)

    def _validate(self, values):
        if "name" in values and not values["name"]:
            raise MappingError({"name": "it is empty: the shop would take it"})

    def _find_external(self, values):
        # A category has no other key than its place and name.
        return self.adapter.id_of_name(values["name"], values.get("parent"))

    def _after_export(self, binding):
        parent = self.binder.wrap(binding.parent_id)[:1]
        if parent and binding.magento_parent_id != parent:
            binding.magento_parent_id = parent
