"""Products that the shop has deleted: it does not tell, they are just not there any more."""

from __future__ import annotations

from odoo.addons.connector_framework.synchronizers import Synchronizer

from ..references import magento


@magento
class GoneFinder(Synchronizer):
    """Marks the bindings whose product is not in the shop. The products stay: orders and stock refer to them."""

    _apply_on = ("magento.product.product", "magento.product.template")

    def run(self) -> str:
        known = self.model.with_context(active_test=False).search(
            [("backend_id", "=", self.backend.id), ("external_id", "!=", False), ("sync_state", "!=", "gone")]
        )
        there: set[str] = set()
        cursor = None
        while True:
            ids, cursor = self.adapter.search(None, cursor)
            there.update(ids)
            if cursor is None:
                break
        gone = known.filtered(lambda binding: binding.external_id not in there)
        with self.work.origin():
            gone.with_env(self.env).write({"sync_state": "gone"})
        return self.env._("%s gone", len(gone))
