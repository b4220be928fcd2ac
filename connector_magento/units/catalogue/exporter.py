"""What the exporters of the catalogue have in common."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ExternalNotFoundError
from odoo.addons.connector_framework.synchronizers import Agreement, Exporter, Importer
from odoo.addons.connector_framework.synchronizers.importer import GONE


class CatalogueExporter(Exporter):
    """Sends each value that is not what was sent last; marks what the shop has deleted."""

    def run(self, binding, fields=None):
        try:
            return super().run(binding, fields)
        except ExternalNotFoundError:
            if self._is_gone(binding):
                return GONE
            return super().run(binding, fields)

    def _is_gone(self, binding: Any) -> bool:
        """Tell whether a record that was not found is deleted, and mark it if so.

        :raises PermanentError: when more are gone than are taken for deletions
        """
        self.unit(Importer).mark_gone([binding.external_id])
        return True

    def _changed(self, values, binding):
        """Return the values that are not what was sent the last time, each for itself."""
        return self.unit(Agreement).unsent(values, binding)
