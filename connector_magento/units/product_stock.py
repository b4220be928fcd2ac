"""The stock of many products in one request."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ExternalNotFoundError
from odoo.addons.connector_framework.synchronizers import Exporter, Synchronizer

from ..references import magento


@magento
class StockExporter(Synchronizer):
    """Exports the stock of products, as their exporter maps it and as far as the shop does not have it yet."""

    _apply_on = "magento.product.product"

    def run(self, bindings: Any) -> str:
        """Export the stock of bindings (n).

        :return: how many were sent; those that the shop has deleted are marked
        :raises ConcurrentUpdateError: when another process exports one of them
        """
        bindings = bindings.with_env(self.env).exists().filtered("external_id")
        if bindings and not bindings.try_lock_for_update(allow_referencing=True) == bindings:
            raise self._concurrent(f"another process is changing one of {bindings}")
        exporter = self.unit(Exporter)
        values = {}
        for binding in bindings:
            mapped = exporter.mapper.map_record(binding).values(fields=["magento_qty"])
            if exporter._changed(mapped, binding):
                values[binding] = mapped
        results = self.adapter.write_stocks((binding.external_id, value["stock"]) for binding, value in values.items())
        error = None
        for (binding, value), result in zip(values.items(), results, strict=True):
            if isinstance(result, ExternalNotFoundError):
                with self.work.origin():
                    binding.with_env(self.env).sync_state = "gone"
            elif isinstance(result, Exception):
                error = error or result
            else:
                exporter._remember(value, binding)
        if error:
            # The others are sent again with the next attempt: that changes nothing there.
            raise error
        return self.env._("%s sent", len(values)) if values else "unchanged"
