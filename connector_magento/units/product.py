"""Products in, names and stock out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from odoo.fields import Command

from odoo.addons.connector_framework.exceptions import SkipError
from odoo.addons.connector_framework.mappings import (
    ExportMapper,
    ImportMapper,
    changed_by,
    convert,
    external_to_m2m,
    mapping,
    only_create,
    to_utc,
)
from odoo.addons.connector_framework.synchronizers import Exporter

from ..references import magento
from .adapter import MagentoAdapter
from .importer import MagentoImporter


@magento
class ProductAdapter(MagentoAdapter):
    _apply_on = "magento.product.product"
    _resource = "catalog_product"
    _id_key = "product_id"

    def _info_args(self, fields: Sequence[str] | None) -> list[Any]:
        return [None, list(fields)] if fields else []

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        """Change a product and, under ``stock``, its stock item, in one request."""
        product = {name: value for name, value in data.items() if name != "stock"}
        calls: list[tuple[str, list[Any]]] = []
        if product:
            calls.append(("catalog_product.update", [external_id, product]))
        if "stock" in data:
            stock = dict(data["stock"])
            # These calls look for a sku before they look for an id.
            calls.append(("cataloginventory_stock_item.update", [stock.pop("sku") or external_id, stock]))
        for _result in self.multi_call(calls):
            pass


@magento
class ProductImportMapper(ImportMapper):
    _apply_on = "magento.product.product"
    direct = [
        ("sku", "default_code"),
        ("sku", "sku"),
        ("name", "name"),
        ("description", "description_sale"),
        (convert("price", float), "list_price"),
        (convert("weight", float), "weight"),
        ("type", "magento_type"),
        (convert("set", str), "attribute_set"),
        (external_to_m2m("websites"), "website_ids"),
        (convert("created_at", to_utc), "magento_created_at"),
        (convert("updated_at", to_utc), "magento_updated_at"),
    ]

    @mapping
    def enabled(self, record):
        return {"enabled": str(record["status"]) == "1"}

    @mapping
    def categories(self, record):
        """Take the first category for Odoo's one; root categories are not imported and so not found."""
        found = self.binder_for("magento.product.category").to_internal_many([str(i) for i in record["categories"]])
        bindings = [found[str(i)] for i in record["categories"] if str(i) in found]
        values = {"category_ids": [Command.set([binding.id for binding in bindings])]}
        if bindings:
            values["categ_id"] = bindings[0].odoo_id.id
        return values

    @only_create
    @mapping
    def kind(self, record):
        if record["type"] in ("virtual", "downloadable"):
            return {"type": "service"}
        # What is composed of other products has no stock of its own, and its parts are what is sold.
        return {"type": "consu", "is_storable": record["type"] == "simple", "sale_ok": record["type"] == "simple"}


@magento
class ProductImporter(MagentoImporter):
    _apply_on = "magento.product.product"

    def _import_dependencies(self, record):
        for external_id in record["categories"]:
            with suppress(SkipError):  # a root category
                self.import_dependency(str(external_id), "magento.product.category")


@magento
class ProductExportMapper(ExportMapper):
    _apply_on = "magento.product.product"
    direct = [("name", "name")]

    @mapping
    @changed_by("magento_qty")
    def stock(self, product):
        qty = product.magento_qty
        # A quantity of 0 clears "in stock", a later one does not set it again: both are said.
        return {"stock": {"sku": product.sku, "qty": qty, "is_in_stock": int(qty > 0)}}


@magento
class ProductExporter(Exporter):
    _apply_on = "magento.product.product"
