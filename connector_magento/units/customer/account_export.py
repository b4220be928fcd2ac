"""Customers out: one partner here is an account and an address of its book there."""

from __future__ import annotations

from typing import Any

from odoo.tools.mail import email_normalize

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import MappingError
from odoo.addons.connector_framework.mappings import (
    ExportMapper,
    changed_by,
    default,
    m2o_to_external,
    mapping,
    only_create,
)
from odoo.addons.connector_framework.synchronizers import Exporter

from ...references import magento

#: The shop's group "General", for those who have none here.
GENERAL = "1"
#: Without these the shop refuses an address.
ADDRESS_NEEDS = ("firstname", "lastname", "street", "city", "postcode", "country_id", "telephone")


def split_name(account: Any) -> dict[str, str]:
    """Return the name of an account's partner as the shop has it; the import makes the same name of it again."""
    name, middle = (account.name or "").strip(), account.middlename
    if middle and f" {middle} " in name:
        first, _, last = name.partition(f" {middle} ")
    else:
        (first, _, last), middle = name.rpartition(" "), ""
    return {"firstname": first.strip(), "middlename": middle, "lastname": last.strip()}


@magento
class PartnerExportMapper(ExportMapper):
    """Splits a partner with an account into the account and the address."""

    _apply_on = "magento.res.partner"
    targets = ("customer", "address")
    direct = [
        (default("email", ""), "customer.email"),
        (default(m2o_to_external("group_id"), GENERAL), "customer.group_id"),
        (default("commercial_company_name", ""), "address.company"),
        (default("zip", ""), "address.postcode"),
        (default("city", ""), "address.city"),
        (default("country_id.code", ""), "address.country_id"),
        (default("phone", ""), "address.telephone"),
    ]

    @only_create
    @mapping(target="customer")
    def website(self, partner):
        """An account stays on its website. Its store view is the first one there, unless one was chosen."""
        website = partner.website_id
        view = partner.storeview_id or website.store_ids.storeview_ids.sorted(lambda one: int(one.external_id))[:1]
        return {"website_id": website.external_id, "store_id": view.external_id or "0"}

    @mapping(target="customer")
    @changed_by("name")
    def customer_name(self, partner):
        return split_name(partner)

    @mapping(target="customer")
    @changed_by("taxvat", "vat")
    def taxvat(self, partner):
        return {"taxvat": partner.vat or partner.taxvat or ""}

    @mapping(target="address")
    @changed_by("name")
    def address_name(self, partner):
        return split_name(partner)

    @mapping(target="address")
    @changed_by("street", "street2")
    def street(self, partner):
        return {"street": [line for line in (partner.street, partner.street2) if line]}

    @mapping(target="address")
    @changed_by("country_id", "state_id")
    def region(self, partner):
        """Send the shop's id of the region where it has one, which names it; else the name."""
        state, addresses = partner.state_id, self.unit(Adapter, "magento.address")
        region_id = addresses.region_id(state.country_id.code, state.code) if state else None
        return {"region_id": region_id} if region_id else {"region_id": "", "region": state.name or ""}


@magento
class PartnerExporter(Exporter):
    """Exports an account and the partner's own address; addresses of contacts stay as they are."""

    _apply_on = "magento.res.partner"

    def _map(self, for_create, fields):
        values = super()._map(for_create, fields)
        if self._own_address or not any(name.startswith("address.") for name in values):
            return values
        values = {name: value for name, value in values.items() if not name.startswith("address.")}
        if any(self.binding[name] for name in ("street", "zip", "city")):
            # It is new there, so all of it is sent, whatever has changed.
            everything = super()._map(for_create, None)
            values |= {name: value for name, value in everything.items() if name.startswith("address.")}
        return values

    def _validate(self, values):
        """Check what the shop takes unchecked, and what it would refuse when the account is made already."""
        needed = ["customer.firstname", "customer.lastname", *(f"address.{name}" for name in ADDRESS_NEEDS)]
        errors = {name: self.env._("The shop needs it.") for name in needed if not values.get(name, "-")}
        if not email_normalize(values.get("customer.email", "-@-.-")):
            errors["customer.email"] = self.env._("“%s” is no e-mail address.", values["customer.email"])
        view = self.binding.storeview_id
        if view and view.website_id != self.binding.website_id:
            errors["customer.store_id"] = self.env._("%s is a store view of another website.", view.name)
        if errors:
            raise MappingError(errors)

    def _create(self, values):
        parts, website = self.mapper.by_target(values), self.binding.website_id
        customer = parts["customer"]
        found = self.adapter.find(customer["email"], website.external_id)
        key = (website.id, found or self.adapter.create(customer))
        # At once, as the address comes next: if the shop refuses that, there is an account nevertheless.
        self._bind(key)
        self._commit()
        self._send(key, {**parts, "customer": customer if found else {}})
        return key

    def _update(self, external_id, values):
        self._send(external_id, self.mapper.by_target(values))

    def _send(self, key, parts):
        _website_id, customer_id = key
        if parts["customer"]:
            self.adapter.write(customer_id, parts["customer"])
        address, own, adapter = parts["address"], self._own_address, self.unit(Adapter, "magento.address")
        if address and own:
            adapter.write(own.external_id, address)
        elif address:
            others = self.binding.magento_address_ids
            flags = {name: not any(others.mapped(name)) for name in ("is_default_billing", "is_default_shipping")}
            address_id = adapter.create({"customer_id": customer_id, **address, **flags})
            with self.work.origin():
                self.env["magento.address"].create(
                    {
                        "backend_id": self.backend.id,
                        "odoo_id": self.binding.odoo_id.id,
                        "magento_partner_id": self.binding.id,
                        "external_id": address_id,
                        **flags,
                    }
                )
            self._commit()

    @property
    def _own_address(self):
        """The binding (0..1) of the address that is the partner's own, and not a contact's."""
        return self.binding.magento_address_ids.filtered(lambda one: one.odoo_id == self.binding.odoo_id)[:1]
