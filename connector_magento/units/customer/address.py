"""Addresses of customers: of the address book, and the copies that orders have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from odoo.addons.connector_framework.mappings import ImportMapper, changed_by, convert, mapping

from ...references import magento
from ..adapter import MagentoAdapter


@magento
class AddressAdapter(MagentoAdapter):
    _apply_on = "magento.address"
    _resource = "customer_address"
    _id_key = "customer_address_id"

    def books(self, customer_ids: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Return the addresses of each of some customers."""
        return list(self.multi_call([("customer_address.list", [customer_id]) for customer_id in customer_ids]))

    def region_code(self, country: str, region_id: str) -> str | None:
        """Return the code of a region of a country."""
        return self._regions(country).get(str(region_id))

    def region_id(self, country: str, code: str) -> str | None:
        """Return the id of a region of a country."""
        return next((region_id for region_id, known in self._regions(country).items() if known == code), None)

    def _regions(self, country: str) -> dict[str, str]:
        """Return the codes of the regions of a country, by id."""
        regions = self.work.shared.setdefault("magento.regions", {})
        if country not in regions:
            regions[country] = {str(row["region_id"]): row["code"] for row in self.call("region.list", country)}
        return regions[country]

    def create(self, data: Mapping[str, Any]) -> str:
        """Add an address to the book of the customer that ``customer_id`` in the data tells."""
        values = dict(data)
        return str(self.call("customer_address.create", values.pop("customer_id"), values))

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        self.call("customer_address.update", external_id, data)


def full_name(record: dict[str, Any]) -> str:
    """Return the name of a customer or of an address in one line."""
    parts = (record.get(key) for key in ("firstname", "middlename", "lastname"))
    return " ".join(part for part in parts if part) or record.get("email") or "?"


@magento
class AddressImportMapper(ImportMapper):
    """Maps the address of a customer, and (``contact_values``) the copy of it that an order has."""

    _apply_on = "magento.address"
    direct = [
        (convert("customer_address_id", str), "external_id"),
        ("is_default_billing", "is_default_billing"),
        ("is_default_shipping", "is_default_shipping"),
        ("region", "region"),
        ("company", "company"),
        ("vat_id", "vat_id"),
    ]

    @mapping
    def contact(self, record):
        return self.contact_values(record)

    @mapping
    @changed_by("is_default_billing", "is_default_shipping")
    def kind(self, record):
        if record.get("is_default_billing"):
            return {"type": "invoice"}
        return {"type": "delivery" if record.get("is_default_shipping") else "other"}

    def finalize_child(self, map_record, values):
        """Keep name and type of the partner where the address is the partner's own."""
        line = self.options.binding
        if line and line.odoo_id == line.magento_partner_id.odoo_id:
            values = {name: value for name, value in values.items() if name not in ("name", "type")}
        return values

    def contact_values(self, record):
        """Return the values of ``res.partner``; what a list leaves out is empty."""
        lines = [line.strip() for line in (record.get("street") or "").split("\n") if line.strip()]
        country = self.country(record.get("country_id"))
        return {
            "name": full_name(record),
            "street": lines[0] if lines else False,
            "street2": ", ".join(lines[1:]) or False,
            "zip": record.get("postcode") or False,
            "city": record.get("city") or False,
            "country_id": country.id,
            "state_id": self._state(country, record).id,
            "phone": record.get("telephone") or False,
        }

    def country(self, code):
        """Return the country (0..1) of a code, in upper or lower case."""
        code = (code or "").strip().upper()
        ids = self.work.shared.setdefault("magento.countries", {})
        if code not in ids:
            ids[code] = self.env["res.country"].search([("code", "=", code)], limit=1).id
        return self.env["res.country"].browse(ids[code])

    def _state(self, country, record):
        """Return the state by its name, which needs no call, else by its code."""
        states = country.state_ids
        name = (record.get("region") or "").casefold()
        found = states.filtered(lambda state: state.name.casefold() == name)
        if not found and states and record.get("region_id"):
            code = self.adapter.region_code(country.code, record["region_id"])
            found = states.filtered(lambda state: state.code == code)
        return found[:1]
