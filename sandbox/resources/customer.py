"""Serve `customer.*`: the accounts. Whatever is sent is taken, whether it makes sense or not."""

from __future__ import annotations

import hashlib
from typing import Any

from ..attributes import CUSTOMER_ATTRIBUTES
from ..columns import CUSTOMER, row
from ..faults import api_fault
from ..filters import select
from ..scalars import integer, iso_date, mapping, text
from ..shop import Customer
from .base import Resource, api_method

DUPLICATE = "This customer email already exists"

_COLUMNS = {"customer_id", "entity_id", "created_at", "updated_at", "increment_id"}


def password_hash(customer_id: int) -> str:
    """Return what stands for a hash in the shop: as long as one, and of no password."""
    return f"{hashlib.sha256(f'sandbox {customer_id}'.encode()).hexdigest()}:{'x' * 32}"


class CustomerResource(Resource):
    """Serve the customers. One e-mail is one account per website."""

    name = "customer"

    def _customer(self, customer_id: Any) -> Customer:
        found = self.shop.customers.get(integer(customer_id))
        if found is None:
            raise self.fault(102)
        return found

    def _field(self, customer: Customer, name: str) -> Any:
        if name in ("customer_id", "entity_id"):
            return customer.customer_id
        if name in ("created_at", "updated_at"):
            return getattr(customer, name)
        return None if name == "increment_id" else customer.get(name)

    @api_method("list", reads=True)
    def list_all(self, filters: Any) -> list[dict[str, Any]]:
        """Return the customers that meet the filters, by id; what is empty is left out of each."""
        for name in filters if isinstance(filters, dict) else ():
            if name not in CUSTOMER_ATTRIBUTES and name not in _COLUMNS:
                raise self.fault(101, f"Invalid attribute name: {name}")
        by_id = [self.shop.customers[customer_id] for customer_id in sorted(self.shop.customers)]
        rows = []
        for customer in select(by_id, filters, self._field):
            values = {**self._row(customer), "created_at": customer.created_at}
            rows.append({name: value for name, value in values.items() if value is not None})
        return rows

    def _row(self, customer: Customer) -> dict[str, Any]:
        known = {
            "customer_id": customer.customer_id,
            "created_at": iso_date(customer.created_at, self.shop.utc_offset_minutes),
            "updated_at": customer.updated_at,
            "increment_id": None,
        }
        stored = {name: customer.get(name) for name in CUSTOMER if name not in known}
        return row(CUSTOMER, {**known, **stored})

    @api_method("info", reads=True)
    def info(self, customer_id: Any, attributes: Any = None) -> dict[str, Any]:
        """Return one customer; of a list of `attributes` these alone beside the id."""
        answer = self._row(self._customer(customer_id))
        if isinstance(attributes, list) and attributes:
            return {name: value for name, value in answer.items() if name == "customer_id" or name in attributes}
        return answer

    def _twin(self, email: Any, website_id: Any, own: Customer | None) -> bool:
        wanted = text(email).casefold()
        return any(
            text(one.get("email")).casefold() == wanted and one.get("website_id") == website_id
            for one in self.shop.customers.values()
            if one is not own
        )

    @api_method("create")
    def create(self, data: Any) -> str:
        """Create a customer; return the id. Only that the e-mail is free on the website is looked at."""
        values = mapping(data)
        website_id = integer(values.get("website_id"))
        if self._twin(values.get("email"), website_id, None):
            raise self.fault(100, DUPLICATE)
        store = self.shop.stores.get(integer(values.get("store_id")))
        now = self.shop.now()
        customer = Customer(self.shop.next_id("customer"), now, now)
        self.shop.customers[customer.customer_id] = customer
        customer.values.put({"group_id": 1, "disable_auto_group_change": 0, **values})
        customer.values.put(
            {
                "website_id": website_id,
                "store_id": integer(values.get("store_id")),
                "created_in": store.name if store else "Admin",
            }
        )
        if values.get("password"):
            customer.values.put({"password_hash": password_hash(customer.customer_id)})
        return str(customer.customer_id)

    @api_method("update")
    def update(self, customer_id: Any, data: Any) -> bool:
        """Change the attributes given."""
        customer = self._customer(customer_id)
        values = mapping(data)
        if "email" in values and self._twin(values["email"], customer.get("website_id"), customer):
            # Unlike on create the shop does not catch this one.
            raise api_fault(1, DUPLICATE)
        customer.values.put(values)
        customer.updated_at = self.shop.now()
        return True

    @api_method("delete")
    def delete(self, customer_id: Any) -> bool:
        """Delete a customer with all addresses; the orders stay, without their customer."""
        customer = self._customer(customer_id)
        del self.shop.customers[customer.customer_id]
        for address in self.shop.addresses_of(customer.customer_id):
            del self.shop.addresses[address["customer_address_id"]]
        for order in self.shop.orders.values():
            if order["customer_id"] == customer.customer_id:
                order["customer_id"] = None
        return True
