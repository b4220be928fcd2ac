"""What is done to orders in the shop from here: comments, hold, release, cancel."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.mappings import ExportMapper, changed_by, mapping
from odoo.addons.connector_framework.synchronizers import Exporter, Importer, Synchronizer

from ...references import magento


@magento
class OrderExportMapper(ExportMapper):
    _apply_on = "magento.sale.order"

    @mapping
    @changed_by("state")
    def action(self, order):
        return {"action": "cancel"} if order.state == "cancel" else {}


@magento
class OrderExporter(Exporter):
    """Cancels in the shop what is cancelled here."""

    _apply_on = "magento.sale.order"

    def _after_export(self, binding):
        self.unit(Importer).run(binding.external_id)


@magento
class OrderActions(Synchronizer):
    """Does what a person asked for, and then reads what has become of the order."""

    _apply_on = "magento.sale.order"

    def run(self, binding: Any, action: str, **details: Any) -> str:
        """Do something to an order (1) in the shop.

        :param action: ``comment``, with ``text`` and ``notify``, or ``hold``, ``unhold``, ``cancel``
        :return: "done", or "nothing to do" where the order is so already
        """
        if action == "comment":
            is_done = self.adapter.add_comment(binding.external_id, **details)
        else:
            is_done = self.adapter.change_state(binding.external_id, action)
        self.unit(Importer).run(binding.external_id)
        return "done" if is_done else "nothing to do"
