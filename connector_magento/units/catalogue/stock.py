"""The stock of many products in one request."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ExternalNotFoundError, PermanentError
from odoo.addons.connector_framework.synchronizers import Agreement, Exporter, Synchronizer

from ...references import magento

#: Products whose stock is read or sent in one request.
STOCKS_AT_ONCE = 50


def products_key(what: str, products: Any) -> str:
    """Return the key of what is done with products (n) in one job."""
    return f"{what}:{','.join(map(str, sorted(products.ids)))}"


@magento
class StockExporter(Synchronizer):
    """Exports the stock of products, as their exporter maps it and as far as the shop does not have it yet."""

    _apply_on = "magento.product.product"

    def run(self, bindings: Any) -> str:
        """Export the stock of bindings (n).

        :return: how many were sent; those that the shop has deleted are marked
        :raises ConcurrentUpdateError: when another process exports one of them
        """
        bindings = (
            bindings.with_env(self.env).exists().filtered(lambda one: one.external_id and one.sync_state != "gone")
        )
        self._lock_bindings(bindings)
        exporter = self.unit(Exporter)
        sent, lost = self._send(exporter, bindings)
        found = lost.filtered(lambda binding: not exporter._is_gone(binding))
        if found:
            again, lost = self._send(exporter, found)
            sent += again
        if lost & found:
            raise PermanentError(f"the shop has {lost & found} and does not find their stock")
        return self.env._("%s sent", sent) if sent else "unchanged"

    def _send(self, exporter: Any, bindings: Any) -> tuple[int, Any]:
        """Send what is not there yet; return how many were sent, and the bindings (n) whose product was not found."""
        values = {}
        for binding in bindings:
            mapped = exporter.mapper.map_record(binding).values(fields=["magento_qty"])
            if exporter._changed(mapped, binding):
                values[binding] = mapped
        results = self.adapter.write_stocks((binding.external_id, value["stock"]) for binding, value in values.items())
        lost, error = bindings.browse(), None
        for (binding, value), result in zip(values.items(), results, strict=True):
            if isinstance(result, ExternalNotFoundError):
                lost |= binding
            elif isinstance(result, Exception):
                error = error or result
            else:
                self.unit(Agreement).remember(value, binding)
        if error:
            # The others are sent again with the next attempt: that changes nothing there.
            raise error
        return len(values), lost
