"""The first stock: what the shop has becomes what there is here."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.mappings import to_decimal
from odoo.addons.connector_framework.synchronizers import Agreement, Exporter, Synchronizer

from ...references import magento


@magento
class StockImporter(Synchronizer):
    """Takes over the shop's stock of products that have none here; from then on theirs is exported.

    What was counted here stays, and a person decides whether it is sent. So does what has lots or serial numbers.
    """

    _apply_on = "magento.product.product"

    def run(self, bindings: Any) -> str:
        """Take over the stock of bindings (n).

        :return: how many were taken over, and why the others were not
        :raises ConcurrentUpdateError: when another process changes one of them
        """
        bindings = bindings.with_env(self.env).exists()
        bindings = bindings.filtered(lambda one: one.external_id and not one.stock_exported and one.is_storable)
        self._lock_bindings(bindings)
        there = self.adapter.stocks({one.external_id: one.sku for one in bindings})
        known = bindings.filtered(lambda one: one.odoo_id.qty_available > 0 or one.tracking != "none")
        taken = (bindings - known).filtered(lambda one: one.external_id in there)
        with self.work.origin():
            self._put(taken.with_env(self.env), there)
        missing = len(bindings - known - taken)
        parts = [self.env._("%s taken over", len(taken))]
        if known:
            parts.append(self.env._("%s have stock or lots here: choose by hand what is exported of them", len(known)))
        if missing:
            parts.append(self.env._("%s have no stock there", missing))
        return ", ".join(parts)

    def _put(self, bindings: Any, there: dict[str, Any]) -> None:
        sold = self._sold(bindings)
        quants = self.env["stock.quant"].sudo().with_context(inventory_mode=True)
        location = self._location()
        for binding in bindings:
            qty = float(to_decimal(there[binding.external_id])) + sold.get(binding.odoo_id.id, 0)
            quants |= quants.create(
                {
                    "product_id": binding.odoo_id.id,
                    "location_id": location.id,
                    "inventory_quantity": max(binding.uom_id.round(qty), 0),
                }
            )
        quants.action_apply_inventory()
        self._waiting_moves(bindings)._action_assign()
        bindings.invalidate_recordset(["magento_qty"])
        bindings.stock_exported = True
        mapper, agreement = self.unit(Exporter).mapper, self.unit(Agreement)
        for binding in bindings:
            # It is the shop's own: nothing of it is to be sent before it changes.
            agreement.remember(mapper.map_record(binding).values(fields=["magento_qty"]), binding)

    def _sold(self, bindings: Any) -> dict[int, float]:
        """Return by product what confirmed orders of the shop wait for: it is here, and no more in the shop's stock."""
        if self.backend.stock_field == "qty_available":
            return {}
        lines = self.env["magento.sale.order.line"].search(
            [
                ("backend_id", "=", self.backend.id),
                ("product_id", "in", bindings.odoo_id.ids),
                ("order_id.state", "=", "sale"),
            ]
        )
        sold: dict[int, float] = {}
        for move in lines.odoo_id.move_ids.filtered(lambda move: move.location_dest_id.usage == "customer"):
            if move.state not in ("done", "cancel", "draft"):
                sold[move.product_id.id] = sold.get(move.product_id.id, 0) + move.product_qty
        return sold

    def _waiting_moves(self, bindings: Any) -> Any:
        return (
            self.env["stock.move"]
            .sudo()
            .search(
                [
                    ("product_id", "in", bindings.odoo_id.ids),
                    ("state", "in", ("confirmed", "partially_available")),
                    ("location_id.usage", "=", "internal"),
                ]
            )
        )

    def _location(self) -> Any:
        """Return where the stock is put: in the backend's warehouse, else the company's first one."""
        warehouse = self.backend.warehouse_id or self.backend.website_ids.warehouse_id[:1]
        if not warehouse:
            companies = [("company_id", "=", self.backend.company_id.id)]
            warehouse = self.env["stock.warehouse"].sudo().search(companies, limit=1)
        return warehouse.lot_stock_id
