"""Attribute sets: which attributes a product has; a new one needs a set."""

from __future__ import annotations

from odoo.addons.connector_framework.mappings import ImportMapper

from ...references import magento
from ..adapter import ListedAdapter


@magento
class AttributeSetAdapter(ListedAdapter):
    _apply_on = "magento.attribute.set"
    _resource = "product_attribute_set"
    _id_key = "set_id"


@magento
class AttributeSetImportMapper(ImportMapper):
    _apply_on = "magento.attribute.set"
    direct = [("name", "name")]
