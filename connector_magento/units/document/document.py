"""What is made of an order in the shop from here: shipments and invoices, each by quantities of its items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import PermanentError, RetryableError, SkipError
from odoo.addons.connector_framework.mappings import to_decimal
from odoo.addons.connector_framework.synchronizers import Exporter

from ..adapter import MagentoAdapter

#: Seconds after which an order that is on hold is looked at again.
HOLD_WAIT_S = 3600

#: Quantities by the id of an order's item.
Quantities = dict[str, float]


class DocumentAdapter(MagentoAdapter):
    _id_key = "increment_id"

    def of_order(self, order_id: str) -> dict[str, Quantities]:
        """Return the quantities of each document of an order, by increment id.

        :param order_id: the shop's internal id of the order
        """
        numbers = self._ids(self._list({"order_id": order_id}))
        return {
            number: {str(item["order_item_id"]): _number(item["qty"]) for item in document["items"]}
            for number, document in self.read_many(numbers).items()
        }

    def create(self, data: Mapping[str, Any]) -> str:
        """Make a document and return its increment id.

        :param data: dict of ``order``, its increment id, ``quantities``, and ``notify``, whether the shop writes an
            e-mail. No quantities at all would mean all that is left, a quantity that is too big is cut without a word
        """
        quantities = {item_id: int(qty) if qty == int(qty) else qty for item_id, qty in data["quantities"].items()}
        if not quantities:
            raise PermanentError(f"{self._resource}.create: no quantities")
        return str(
            self.call(f"{self._resource}.create", data["order"], quantities, "", bool(data.get("notify")), False)
        )


class DocumentExporter(Exporter):
    """Makes a document of what is left of an order there, once.

    An answer may get lost: before anything is made, the order's documents are compared with what is wanted.
    """

    #: In an item of the shop's order, how many there are in documents of this kind, and how many never will be.
    _done_column: ClassVar[str]
    _lost_columns: ClassVar[tuple[str, ...]]

    def _create(self, values):
        order = self.binding.magento_order_id
        self._lock(f"order {order.external_id}")
        number = self._find_external(values)
        if number is not None:
            return number
        record = self.unit(Adapter, "magento.sale.order").read(order.external_id)
        quantities = self._due(record, self._for_shop(record, values["quantities"]))
        return self.adapter.create({"order": order.external_id, "quantities": quantities, "notify": self._notifies()})

    def _find_external(self, values):
        """Return the number of a document with these quantities that nothing here is bound to."""
        documents = self.adapter.of_order(self.binding.magento_order_id.magento_order_id)
        bound = self.binder.to_internal_many(list(documents))
        wanted = values["quantities"]
        return next((number for number, has in documents.items() if has == wanted and number not in bound), None)

    def _for_shop(self, record: dict[str, Any], quantities: Quantities) -> Quantities:
        """Return the quantities by the items that the shop counts documents of this kind by."""
        return quantities

    def _due(self, record: dict[str, Any], wanted: Quantities) -> Quantities:
        """Return what the shop lets be made of the wanted quantities.

        :param record: the order as it is in the shop
        :raises SkipError: when the shop has as many as there are here
        """
        number = record["increment_id"]
        if record["state"] == "holded":
            raise RetryableError(f"order {number} is on hold in the shop", HOLD_WAIT_S, count_attempt=False)
        items = {str(item["item_id"]): item for item in record["items"]}
        here = self._quantities_here()
        due, problems = {}, []
        for item_id, qty in wanted.items():
            if item_id not in items:
                raise PermanentError(f"order {number} has no item {item_id} in the shop any more")
            item = items[item_id]
            done = _number(item[self._done_column])
            left = _number(item["qty_ordered"]) - done - sum(_number(item[name]) for name in self._lost_columns)
            if min(qty, left) > 0:
                due[item_id] = min(qty, left)
            there = done + due.get(item_id, 0)
            if here.get(item_id, 0) > there:
                problems.append(f"{item['sku']}: {here[item_id]:g} here, {there:g} there")
        if problems and not due:
            raise PermanentError(f"order {number}: the shop has nothing left ({'; '.join(problems)})")
        if problems:
            text = self.env._("The shop took less than there is here: %s", "; ".join(problems))
            self.binding.odoo_id.message_post(body=text)
        if not due:
            raise SkipError(f"order {number}: the shop has all of it already")
        return due

    def _quantities_here(self) -> Quantities:
        """Return how many there are here in all documents of this kind, by item of the order."""
        lines = self.binding.magento_order_id.magento_order_line_ids
        return {line.external_id: self._quantity_here(line.odoo_id) for line in lines}

    def _quantity_here(self, order_line: Any) -> float:
        raise NotImplementedError

    def _notifies(self) -> bool:
        """Tell whether the shop writes an e-mail to the customer."""
        return False


def item_quantities(magento_order: Any, by_line: Mapping[Any, float]) -> Quantities:
    """Return quantities by the shop's items, for those by lines of the order here; lines of here alone are left out."""
    result = {}
    for line in magento_order.magento_order_line_ids:
        qty = round(by_line.get(line.odoo_id, 0), 4)
        # What is not an item of the shop, shipping and such, has a word behind a colon.
        if qty > 0 and ":" not in line.external_id:
            result[line.external_id] = qty
    return result


def _number(value: Any) -> float:
    return float(to_decimal(value) or 0)
