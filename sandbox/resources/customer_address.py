"""Serve `customer_address.*`: the address books."""

from __future__ import annotations

from typing import Any

from ..attributes import ADDRESS_ATTRIBUTES
from ..columns import CUSTOMER_ADDRESS, row
from ..directory import REGIONS
from ..scalars import integer, iso_date, mapping, text, truth
from ..shop import Customer
from .base import Resource, api_method

#: What an address must have, with what the shop says of one that lacks it, in its order.
REQUIRED = {
    "firstname": "Please enter the first name.",
    "lastname": "Please enter the last name.",
    "street": "Please enter the street.",
    "city": "Please enter the city.",
    "telephone": "Please enter the telephone number.",
    "postcode": "Please enter the zip/postal code.",
    "country_id": "Please enter the country.",
}

_DEFAULTS = {"is_default_billing": "default_billing", "is_default_shipping": "default_shipping"}


class CustomerAddressResource(Resource):
    """Serve the addresses."""

    name = "customer_address"

    def _customer(self, customer_id: Any) -> Customer:
        found = self.shop.customers.get(integer(customer_id))
        if found is None:
            raise self.fault(101)
        return found

    def _address(self, address_id: Any) -> dict[str, Any]:
        found = self.shop.addresses.get(integer(address_id))
        if found is None:
            raise self.fault(102)
        return found

    def _row(self, address: dict[str, Any]) -> dict[str, Any]:
        customer = self.shop.customers[address["customer_id"]]
        flags = {flag: customer.get(code) == address["customer_address_id"] for flag, code in _DEFAULTS.items()}
        return {name: flags.get(name, address[name]) for name in CUSTOMER_ADDRESS}

    @api_method("list", reads=True)
    def list_all(self, customer_id: Any) -> list[dict[str, Any]]:
        """Return a customer's addresses, the latest first; what is empty is left out of each."""
        customer = self._customer(customer_id)
        addresses = reversed(self.shop.addresses_of(customer.customer_id))
        return [{k: v for k, v in self._row(address).items() if v is not None} for address in addresses]

    @api_method("info", reads=True)
    def info(self, address_id: Any) -> dict[str, Any]:
        """Return one address."""
        answer = self._row(self._address(address_id))
        return {**answer, "created_at": iso_date(answer["created_at"], self.shop.utc_offset_minutes)}

    def _check(self, address: dict[str, Any]) -> None:
        missing = [message for code, message in REQUIRED.items() if address[code] in (None, "")]
        if missing:
            raise self.fault(100, "\n".join(missing))

    @staticmethod
    def _values(data: dict[str, Any]) -> dict[str, Any]:
        """Return the columns that the data sets: street lines joined, the region named by its id."""
        values: dict[str, Any] = {}
        for code, value in data.items():
            if code == "street" and isinstance(value, (list, dict)):
                value = "\n".join(text(line) for line in mapping(value).values())
            if code in ADDRESS_ATTRIBUTES:
                values[code] = ADDRESS_ATTRIBUTES[code].cast(value)
        region = REGIONS.get(values.get("region_id") or 0)
        if region is not None:
            values["region"] = region.name
        return values

    @api_method("create")
    def create(self, customer_id: Any, data: Any) -> str:
        """Add an address; return its id. One that becomes a default moves the customer's `updated_at`."""
        customer = self._customer(customer_id)
        now = self.shop.now()
        address = row(CUSTOMER_ADDRESS, {"created_at": now, "updated_at": now, **self._values(mapping(data))})
        self._check(address)
        address_id = self.shop.next_id("address")
        self.shop.addresses[address_id] = {
            **address,
            "customer_address_id": address_id,
            "customer_id": customer.customer_id,
        }
        self._set_defaults(customer, address_id, mapping(data))
        return str(address_id)

    def _set_defaults(self, customer: Customer, address_id: int, data: dict[str, Any]) -> None:
        chosen = [code for flag, code in _DEFAULTS.items() if truth(data.get(flag))]
        if chosen:
            customer.values.put(dict.fromkeys(chosen, address_id))
            customer.updated_at = self.shop.now()

    @api_method("update")
    def update(self, address_id: Any, data: Any) -> bool:
        """Change the columns given; the customer's `updated_at` stays unless a default changes."""
        address = self._address(address_id)
        changed = {**address, **self._values(mapping(data)), "updated_at": self.shop.now()}
        self._check(changed)
        address.update(changed)
        self._set_defaults(self.shop.customers[address["customer_id"]], address["customer_address_id"], mapping(data))
        return True

    @api_method("delete")
    def delete(self, address_id: Any) -> bool:
        """Delete an address; a customer whose default it was has none."""
        address = self._address(address_id)
        customer = self.shop.customers[address["customer_id"]]
        for code in _DEFAULTS.values():
            if customer.get(code) == address["customer_address_id"]:
                customer.values.put({code: None})
        del self.shop.addresses[address["customer_address_id"]]
        return True
