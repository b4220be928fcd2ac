"""Deliveries out, as shipments with their tracking numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from odoo.addons.connector_framework.exceptions import ConfigurationError, SkipError
from odoo.addons.connector_framework.mappings import ExportMapper, changed_by, mapping, only_create
from odoo.addons.connector_framework.synchronizers import Agreement

from ...references import magento
from .document import DocumentAdapter, DocumentExporter, item_quantities

#: The carrier that every shop knows.
OTHER_CARRIER = "custom"


@magento
class ShipmentAdapter(DocumentAdapter):
    _apply_on = "magento.stock.picking"
    _resource = "sales_order_shipment"

    def carriers(self, order: str) -> dict[str, str]:
        """Return the names of the carriers that a tracking number of an order may be of, by code."""
        return self.call("sales_order_shipment.getCarriers", order)

    def tracks(self, external_id: str) -> dict[str, str]:
        """Return the ids of a shipment's tracking numbers."""
        return {track["track_number"]: str(track["track_id"]) for track in self.read(external_id)["tracks"]}

    def add_track(self, external_id: str, carrier: str, title: str, number: str) -> None:
        self.call("sales_order_shipment.addTrack", external_id, carrier, title, number)

    def remove_track(self, external_id: str, track_id: str) -> None:
        self.call("sales_order_shipment.removeTrack", external_id, track_id)


@magento
class ShipmentExportMapper(ExportMapper):
    _apply_on = "magento.stock.picking"

    @only_create
    @mapping
    def quantities(self, picking):
        by_line = defaultdict(float)
        for move in picking.move_ids.filtered(lambda move: move.state == "done" and move.sale_line_id):
            line = move.sale_line_id
            by_line[line] += move.product_uom._compute_quantity(move.quantity, line.product_uom_id)
        return {"quantities": item_quantities(picking.magento_order_id, by_line)}

    @mapping
    @changed_by("carrier_tracking_ref")
    def tracking(self, picking):
        """Map the tracking numbers; carriers that give several have them in one text."""
        return {
            "tracking": [number.strip() for number in (picking.carrier_tracking_ref or "").split(",") if number.strip()]
        }


@magento
class ShipmentExporter(DocumentExporter):
    _apply_on = "magento.stock.picking"
    _done_column = "qty_shipped"
    _lost_columns = ("qty_refunded", "qty_canceled")

    def _quantity_here(self, order_line):
        return order_line.qty_delivered

    def _notifies(self):
        return self.backend.notify_shipments

    def _map(self, for_create, fields):
        values = super()._map(for_create, fields)
        if for_create:
            # Sent by itself, once the shipment is safe: what fails then is tried again alone.
            del values["tracking"]
        return values

    def _after_export(self, binding):
        values = self._changed(self._map(False, None), binding)
        if values.get("tracking"):
            self._update(binding.external_id, values)
            self.unit(Agreement).remember(values, binding)

    # -- bundles -----------------------------------------------------------------------------------------------------

    def _for_shop(self, record, quantities):
        """Count a bundle that leaves in one piece by itself: the shop knows no quantities of its parts.

        It is shipped when all of its parts are.
        """
        items = {str(item["item_id"]): item for item in record["items"]}
        result, bundles = {}, {}
        for item_id, qty in quantities.items():
            bundle = items.get(str(items.get(item_id, {}).get("parent_item_id") or ""))
            if bundle and bundle["product_type"] == "bundle" and not _leaves_in_parts(bundle):
                bundles[str(bundle["item_id"])] = bundle
            else:
                result[item_id] = qty
        here = self._quantities_here()
        for item_id, bundle in bundles.items():
            ordered = float(bundle["qty_ordered"])
            complete = min(
                here.get(str(part["item_id"]), 0) * ordered / float(part["qty_ordered"])
                for part in record["items"]
                if str(part.get("parent_item_id")) == item_id
            )
            due = int(complete) - float(bundle["qty_shipped"] or 0)
            if due > 0:
                result[item_id] = due
        if bundles and not result:
            raise SkipError(f"order {record['increment_id']}: the rest of the bundle is not delivered yet")
        return result

    # -- tracking ----------------------------------------------------------------------------------------------------

    def _update(self, external_id, values):
        """Bring the tracking numbers of a shipment to those of the delivery; numbers added in the shop stay."""
        wanted, sent = values["tracking"], (self.binding.sent_tracking or "").split(",")
        there = self.adapter.tracks(external_id)
        new = [number for number in wanted if number not in there]
        if new:
            carrier, title = self._carrier()
            for number in new:
                self.adapter.add_track(external_id, carrier, title, number)
        for number, track_id in there.items():
            if number in sent and number not in wanted:
                self.adapter.remove_track(external_id, track_id)
        with self.work.origin():
            self.binding.with_env(self.env).sent_tracking = ",".join(wanted)

    def _carrier(self) -> tuple[str, str]:
        """Return code and name of the carrier in the shop."""
        order, here = self.binding.magento_order_id, self.binding.carrier_id
        codes = self.adapter.carriers(order.external_id)
        methods = self.backend.shipping_method_ids
        method = methods.filtered(lambda method: here and method.carrier_id == here and method.tracking_code)[:1]
        method = method or methods.filtered(lambda method: method.external_id == order.shipping_method)
        code = method.tracking_code
        if code and code not in codes:
            raise ConfigurationError(
                f"shipping method {method.external_id}: {self.backend.display_name} has no carrier {code!r}; it has:"
                f" {', '.join(sorted(codes))}"
            )
        if not code:
            code = (order.shipping_method or "").partition("_")[0]
            code = code if code in codes else OTHER_CARRIER
        return code, here.name or codes.get(code, code)


def _leaves_in_parts(bundle: dict[str, Any]) -> bool:
    """Tell whether a bundle's parts are shipped one by one; it is in its options, a text that PHP wrote."""
    return bool(re.search(r'"shipment_type";(?:i:|s:1:")1', bundle.get("product_options") or ""))
