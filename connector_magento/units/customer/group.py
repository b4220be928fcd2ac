"""Customer groups, as tags of partners."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ExternalNotFoundError
from odoo.addons.connector_framework.mappings import ImportMapper

from ...references import magento
from ..adapter import MagentoAdapter


@magento
class CustomerGroupAdapter(MagentoAdapter):
    _apply_on = "magento.customer.group"
    _resource = "customer_group"
    _id_key = "customer_group_id"

    def search(self, filters: dict | None = None, cursor: Any = None) -> tuple[list[str], None]:
        return self._ids(self._groups()), None

    def read(self, external_id: str, fields: Any = None) -> dict[str, Any]:
        """Return a group; the API has only the list."""
        for row in self._groups():
            if str(row[self._id_key]) == str(external_id):
                return row
        raise ExternalNotFoundError(f"the shop has no customer group {external_id}")

    def read_many(self, ids: Any, fields: Any = None) -> dict[str, dict[str, Any]]:
        rows = {str(row[self._id_key]): row for row in self._groups()}
        return {external_id: rows[str(external_id)] for external_id in ids if str(external_id) in rows}

    def _groups(self) -> list[dict[str, Any]]:
        shared = self.work.shared
        if "magento.customer_groups" not in shared:
            shared["magento.customer_groups"] = self.call("customer_group.list")
        return shared["magento.customer_groups"]


@magento
class CustomerGroupImportMapper(ImportMapper):
    _apply_on = "magento.customer.group"
    direct = [("customer_group_code", "name")]
