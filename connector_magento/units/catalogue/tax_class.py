"""Tax classes of products."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.mappings import ImportMapper

from ...references import magento
from ..adapter import ListedAdapter


@magento
class TaxClassAdapter(ListedAdapter):
    """The API has no tax classes, but they are the options of an attribute."""

    _apply_on = "magento.tax.class"
    _resource = "tax_class"
    _id_key = "value"

    def _fetch(self) -> list[dict[str, Any]]:
        return [row for row in self.call("product_attribute.options", "tax_class_id") if row["value"] != ""]


@magento
class TaxClassImportMapper(ImportMapper):
    _apply_on = "magento.tax.class"
    direct = [("label", "name")]
