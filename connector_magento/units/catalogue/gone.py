"""What the shop has deleted: it does not tell, it is just not there any more."""

from __future__ import annotations

from odoo.addons.connector_framework.exceptions import PermanentError
from odoo.addons.connector_framework.synchronizers import Importer, Synchronizer

from ...references import magento


@magento
class GoneFinder(Synchronizer):
    """Marks the bindings whose record is not in the shop. The records here stay: orders and stock refer to them."""

    _apply_on = ("magento.product.category", "magento.product.product", "magento.product.template")

    def run(self) -> str:
        known = self.model.with_context(active_test=False).search(
            [("backend_id", "=", self.backend.id), ("external_id", "!=", False), ("sync_state", "!=", "gone")]
        )
        ids, cursor = self.adapter.search()
        there = set(ids)
        while cursor is not None:
            ids, cursor = self.adapter.search(None, cursor)
            there.update(ids)
        if known and not there:
            raise PermanentError(
                f"{self.backend.display_name} lists no {self.model._description} at all, and {len(known)} are known:"
                " an empty list is not taken for their deletion",
                user_message=self.env._("Check that the shop is complete, then requeue the job."),
            )
        gone = known.filtered(lambda binding: binding.external_id not in there)
        self.unit(Importer).mark_gone(gone.mapped("external_id"))
        return self.env._("%s gone", len(gone))
