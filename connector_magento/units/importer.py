"""What the importers of the shop's records have in common."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.synchronizers import Importer

from ..references import magento


@magento
class MagentoImporter(Importer):
    # A change of the stock, our own export included, moves the date of a product and nothing else.
    volatile_keys = ("updated_at",)

    def _create(self, values: dict[str, Any]) -> Any:
        # That the import created what it has imported need not be said on each record.
        quiet = self.model.with_context(tracking_disable=True, mail_create_nosubscribe=True)
        key = self._key_values(values)
        return quiet.create({**values, **key, "backend_id": self.backend.id}).with_env(self.env)
