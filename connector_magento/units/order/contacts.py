"""Whose an order is, and where it goes."""

from __future__ import annotations

from typing import Any

from odoo.tools import escape_psql

from odoo.addons.connector_framework.mappings import ImportMapper
from odoo.addons.connector_framework.references import ConnectorUnit

from ...references import magento
from ..texts import comparable_email


@magento
class OrderContacts(ConnectorUnit):
    """Finds or makes the partners of a new order."""

    _apply_on = "magento.sale.order"

    def partners(self, record: dict[str, Any]) -> dict[str, int]:
        """Return the values of an order's three partners; make those that are not here yet."""
        partner = self._partner(record)
        return {"partner_id": partner.id, **self.addresses(partner, record)}

    def addresses(self, partner: Any, record: dict[str, Any]) -> dict[str, int]:
        """Return the values of the two addresses of an order of a partner (1); make those that are not here yet."""
        invoice = self._contact(partner, record["billing_address"])
        # A virtual order is not delivered.
        shipping = self._contact(partner, record["shipping_address"]) if record["shipping_address"] else invoice
        return {"partner_invoice_id": invoice.id, "partner_shipping_id": shipping.id}

    def _partner(self, record):
        """Return the customer; for a guest the partner of the guest's last order on the same website, or a new one."""
        view = self.binder_for("magento.storeview").to_internal(str(record["store_id"]))
        account = self._account(record, view.website_id)
        if account:
            return account.odoo_id
        email, earlier = comparable_email(record.get("customer_email")), self.model
        if email:
            earlier = self.model.search(
                [
                    ("backend_id", "=", self.backend.id),
                    ("is_guest", "=", True),
                    ("customer_email", "=", email),
                    ("storeview_id.website_id", "=", view.website_id.id),
                ],
                limit=1,
            )
        return earlier.partner_id or self.env["res.partner"].create(
            {
                **self._addresses.contact_values(record["billing_address"]),
                "email": record.get("customer_email"),
                "company_name": record["billing_address"].get("company"),
                **({"lang": view.lang_id.code} if view.lang_id else {}),
            }
        )

    def _account(self, record, website):
        """Return the account (0..1) that ordered."""
        accounts = self.binder_for("magento.res.partner")
        if record.get("customer_id"):
            return accounts.to_internal(str(record["customer_id"]))
        if str(record.get("customer_is_guest") or 0) == "1" or not record.get("customer_email"):
            return accounts.model
        # The shop deleted the account, and its id with it. On one website an e-mail was that of one account.
        return accounts.model.with_context(active_test=False).search(
            [
                ("backend_id", "=", self.backend.id),
                ("website_id", "=", website.id),
                ("email", "=ilike", escape_psql(record["customer_email"].strip())),
            ],
            limit=1,
        )

    def _contact(self, partner, address):
        """Return the contact with an order's address: the order has a copy, the address book may have changed since."""
        values = self._addresses.contact_values(address)
        binding = self.binder_for("magento.address").to_internal(str(address["customer_address_id"] or ""))
        for contact in binding.odoo_id | partner | partner.child_ids:
            if contact.read(list(values), load=None)[0].items() >= values.items():
                return contact
        return partner.create({**values, "type": "other", "parent_id": partner.id})

    @property
    def _addresses(self):
        return self.unit(ImportMapper, "magento.address")
