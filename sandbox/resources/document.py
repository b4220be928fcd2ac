"""Serve what is made from orders: `sales_order_invoice.*`, `sales_order_shipment.*`, `sales_order_creditmemo.*`."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import sales
from ..columns import CREDITMEMO
from ..faults import api_fault
from ..filters import select
from ..scalars import integer, mapping, text, truth
from .base import Resource, api_method
from .order import unknown_column

CARRIERS = {
    "custom": "Custom Value",
    "dhl": "DHL (Deprecated)",
    "fedex": "Federal Express",
    "ups": "United Parcel Service",
    "usps": "United States Postal Service",
    "dhlint": "DHL",
}


class DocumentResource(Resource):
    """Serve one kind of document; a subclass says which."""

    #: the shop's table: `invoices`, `shipments` or `creditmemos`
    table: ClassVar[str]
    #: the name of the id, `invoice_id`
    key: ClassVar[str]

    def _order(self, increment_id: Any) -> dict[str, Any]:
        found = self.shop.order_by_increment_id(increment_id)
        if found is None:
            raise self.fault(103)
        return found

    def _document(self, increment_id: Any) -> dict[str, Any]:
        found = self.shop.document_by_increment_id(self.table, increment_id)
        if found is None:
            raise self.fault(100)
        return found

    def _selected(self, filters: Any) -> list[dict[str, Any]]:
        documents = list(getattr(self.shop, self.table).values())
        known = {"entity_id", self.key, "order_id", "increment_id", "created_at", "updated_at", "store_id", "state"}
        known |= {"grand_total", "total_qty", "order_currency_code"}
        for name, value in filters.items() if isinstance(filters, dict) else ():
            if name not in known:
                raise api_fault(1, unknown_column(f"{self.name}_grid", name, value))
        return select(
            documents, filters, lambda one, name: one.get(self.key if name in ("entity_id", self.key) else name)
        )

    @api_method("info", reads=True)
    def info(self, increment_id: Any) -> dict[str, Any]:
        """Return one document with what belongs to it."""
        return self._document(increment_id)

    @api_method("addComment")
    def add_comment(self, increment_id: Any, comment: Any, notify: Any = False, include: Any = False) -> bool:
        """Add a comment to a document; the order's history does not show it."""
        document = self._document(increment_id)
        made = sales.comment_row(self.shop, document[self.key], text(comment), truth(notify))
        document["comments"].insert(0, made)
        return True


class LinesResource(DocumentResource):
    """Serve documents that are made of chosen lines: invoices and shipments."""

    def _make(self, order: dict[str, Any], quantities: dict[str, Any], comment: str, notify: bool) -> dict[str, Any]:
        raise NotImplementedError

    @api_method("create")
    def create(
        self, order: Any, quantities: Any = None, comment: Any = None, email: Any = False, include: Any = False
    ) -> str:
        """Make a document of an order, in full or by `{line: quantity}`; return its increment id."""
        made = self._make(self._order(order), mapping(quantities), text(comment or ""), truth(email))
        return str(made["increment_id"])


class InvoiceResource(LinesResource):
    """Serve the invoices."""

    name = "sales_order_invoice"
    table, key = "invoices", "invoice_id"

    @api_method("list", reads=True)
    def list_all(self, filters: Any = None) -> list[dict[str, Any]]:
        """Return the invoices that meet the filters, with the few columns that the list has."""
        columns = ("order_id", "increment_id", "created_at", "state", "grand_total", "order_currency_code", self.key)
        return [{name: document[name] for name in columns} for document in self._selected(filters)]

    def _make(self, order: dict[str, Any], quantities: dict[str, Any], comment: str, notify: bool) -> dict[str, Any]:
        return sales.invoice(self.shop, order, quantities, comment, notify)


class ShipmentResource(LinesResource):
    """Serve the shipments with their tracks."""

    name = "sales_order_shipment"
    table, key = "shipments", "shipment_id"

    @api_method("list", reads=True)
    def list_all(self, filters: Any = None) -> list[dict[str, Any]]:
        """Return the shipments that meet the filters; in a list their `shipment_id` is nil."""
        return [
            {
                "increment_id": document["increment_id"],
                "created_at": document["created_at"],
                "total_qty": document["total_qty"],
                "shipment_id": None,
            }
            for document in self._selected(filters)
        ]

    def _make(self, order: dict[str, Any], quantities: dict[str, Any], comment: str, notify: bool) -> dict[str, Any]:
        return sales.ship(self.shop, order, quantities, comment, notify)

    @api_method("sendInfo")
    def send_info(self, increment_id: Any, comment: Any = "") -> bool:
        """Pretend to send the shipment's e-mail."""
        self._document(increment_id)
        return True

    @api_method("getCarriers", reads=True)
    def get_carriers(self, order: Any) -> dict[str, str]:
        """Return the carriers that a track of this order can name: code and title."""
        self._order(order)
        return dict(CARRIERS)

    @api_method("addTrack")
    def add_track(self, increment_id: Any, carrier: Any, title: Any, number: Any) -> str:
        """Add a tracking number; return the track's id. The order's `updated_at` stays."""
        shipment = self._document(increment_id)
        if carrier not in CARRIERS:
            raise self.fault(102, "Invalid carrier specified.")
        track_id, now = self.shop.next_id("track"), self.shop.now()
        shipment["tracks"].append(
            {
                "parent_id": shipment["shipment_id"],
                "weight": None,
                "qty": None,
                "order_id": shipment["order_id"],
                "track_number": text(number),
                "description": None,
                "title": text(title),
                "carrier_code": text(carrier),
                "created_at": now,
                "updated_at": now,
                "track_id": track_id,
            }
        )
        return str(track_id)

    @api_method("removeTrack")
    def remove_track(self, increment_id: Any, track_id: Any) -> bool:
        """Remove a tracking number by the track's id."""
        shipment = self._document(increment_id)
        left = [track for track in shipment["tracks"] if track["track_id"] != integer(track_id)]
        if len(left) == len(shipment["tracks"]):
            raise self.fault(104)
        shipment["tracks"] = left
        return True


class CreditmemoResource(DocumentResource):
    """Serve the credit memos."""

    name = "sales_order_creditmemo"
    table, key = "creditmemos", "creditmemo_id"

    @api_method("list", reads=True)
    def list_all(self, filters: Any = None) -> list[dict[str, Any]]:
        """Return the credit memos that meet the filters, without lines."""
        return [{name: document[name] for name in CREDITMEMO} for document in self._selected(filters)]

    @api_method("create")
    def create(
        self,
        order: Any,
        data: Any = None,
        comment: Any = None,
        notify: Any = False,
        include: Any = False,
        refund: Any = None,
    ) -> str:
        """Refund an order, in full or by `{"qtys": {line: quantity}, ...}`; return the increment id."""
        found = self._order(order)
        document = sales.refund(self.shop, found, mapping(data), text(comment or ""), truth(notify))
        return str(document["increment_id"])
