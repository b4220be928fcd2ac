"""Serve `sales_order.*`: the orders, by their increment id."""

from __future__ import annotations

from typing import Any

from .. import sales
from ..columns import ORDER
from ..faults import api_fault
from ..filters import select
from ..scalars import text, truth
from .base import Resource, api_method

_FIELDS = {*ORDER, "order_id", "entity_id"}


def unknown_column(table: str, name: str, value: Any) -> str:
    """Return what the database says of a column that is not there; the shop hands the SQL on to the client."""
    return (
        f"SQLSTATE[42S22]: Column not found: 1054 Unknown column '{name}' in 'WHERE', query was: "
        f"SELECT `main_table`.* FROM `{table}` AS `main_table` WHERE (`{name}` = '{value}')"
    )


class OrderResource(Resource):
    """Serve the orders. An entity id in place of an increment id is not found."""

    name = "sales_order"

    def _order(self, increment_id: Any) -> dict[str, Any]:
        found = self.shop.order_by_increment_id(increment_id)
        if found is None:
            raise self.fault(100)
        return found

    @staticmethod
    def _field(order: dict[str, Any], name: str) -> Any:
        return order["order_id" if name == "entity_id" else name]

    @staticmethod
    def _list_row(order: dict[str, Any]) -> dict[str, Any]:
        """Return the header with names and places from the addresses: of the two it is the shipping address's."""
        billing, shipping = order["billing_address"], order["shipping_address"]
        both = {
            f"{kind}_{name}": address.get(name)
            for kind, address in (("billing", billing), ("shipping", shipping))
            for name in ("firstname", "lastname")
        }
        names = {
            f"{kind}_name": f"{address['firstname']} {address['lastname']}" if address else None
            for kind, address in (("billing", billing), ("shipping", shipping))
        }
        return {
            **{name: order[name] for name in ORDER},
            **{name: shipping.get(name) for name in ("firstname", "middlename", "lastname", "telephone", "postcode")},
            **both,
            **names,
            "order_id": order["order_id"],
        }

    @api_method("list", reads=True)
    def list_all(self, filters: Any = None) -> list[dict[str, Any]]:
        """Return the headers of the orders that meet the filters, by id: no lines, no addresses."""
        for name, value in filters.items() if isinstance(filters, dict) else ():
            if name not in _FIELDS:
                raise api_fault(1, unknown_column("sales_flat_order", name, value))
        by_id = [self.shop.orders[order_id] for order_id in sorted(self.shop.orders)]
        return [self._list_row(order) for order in select(by_id, filters, self._field)]

    @api_method("info", reads=True)
    def info(self, increment_id: Any) -> dict[str, Any]:
        """Return one order with its addresses, lines, payment and history."""
        order = self._order(increment_id)
        parts = ("order_id", "shipping_address", "billing_address", "items", "payment", "status_history")
        gift = ("gift_message",) if order.get("gift_message") else ()
        return {name: order[name] for name in (*ORDER, *gift, *parts)}

    @api_method("addComment")
    def add_comment(self, increment_id: Any, status: Any, comment: Any = "", notify: Any = False) -> bool:
        """Add a comment; whatever status comes with it is the order's from then on."""
        order = self._order(increment_id)
        new_status = None if status is None else text(status)
        sales.add_comment(self.shop, order, new_status, text(comment or ""), truth(notify))
        return True

    @api_method("hold")
    def hold(self, increment_id: Any) -> bool:
        """Put an order on hold."""
        sales.hold(self.shop, self._order(increment_id))
        return True

    @api_method("unhold")
    def unhold(self, increment_id: Any) -> bool:
        """Take an order off hold."""
        sales.unhold(self.shop, self._order(increment_id))
        return True

    @api_method("cancel")
    def cancel(self, increment_id: Any) -> bool:
        """Cancel an order."""
        sales.cancel(self.shop, self._order(increment_id))
        return True
