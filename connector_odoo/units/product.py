"""Products: each variant is a product of its own."""

from odoo.addons.connector_framework.mappings import (
    ExportMapper,
    ImportMapper,
    changed_by,
    mapping,
    only_create,
)

from ..references import odoo

NAMES = "name default_code barcode list_price weight description_sale active".split()


@odoo
class ProductImportMapper(ImportMapper):
    _apply_on = "odoo.product.product"
    direct = [(name, name) for name in NAMES]

    @mapping
    @changed_by("categ_id/complete_name")
    def category(self, record):
        domain = [("complete_name", "=", record["categ_id/complete_name"])]
        found = self.env["product.category"].search(domain, limit=1)
        return {"categ_id": found.id} if found else {}

    @only_create
    @mapping
    @changed_by("type", "uom_id/name")
    def kind(self, record):
        """Take what cannot be changed later, once the product was used."""
        units = self.env["uom.uom"].with_context(active_test=False)
        unit = units.search([("name", "=", record["uom_id/name"])], limit=1)
        if not unit:
            raise ValueError(f"there is no unit of measure {record['uom_id/name']!r} here: create it")
        return {"uom_id": unit.id, "type": "service" if record["type"] == "service" else "consu"}


@odoo
class ProductExportMapper(ExportMapper):
    _apply_on = "odoo.product.product"
    direct = [*((name, name) for name in NAMES), ("categ_id.complete_name", "categ_id/complete_name")]

    @only_create
    @mapping
    def kind(self, product):
        return {"uom_id/name": product.uom_id.name, "type": product.type}
