"""Customer groups, as tags of partners."""

from __future__ import annotations

from odoo.addons.connector_framework.mappings import ImportMapper

from ...references import magento
from ..adapter import ListedAdapter


@magento
class CustomerGroupAdapter(ListedAdapter):
    _apply_on = "magento.customer.group"
    _resource = "customer_group"
    _id_key = "customer_group_id"


@magento
class CustomerGroupImportMapper(ImportMapper):
    _apply_on = "magento.customer.group"
    direct = [("customer_group_code", "name")]
