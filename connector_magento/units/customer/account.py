"""Accounts of customers, read with their addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from odoo.fields import Command, Domain
from odoo.tools import escape_psql

from odoo.addons.connector_framework.binders import Binder
from odoo.addons.connector_framework.mappings import (
    ImportMapper,
    changed_by,
    convert,
    external_to_m2o,
    mapping,
    none,
    only_create,
    to_utc,
)
from odoo.addons.connector_framework.synchronizers import digest

from ...references import magento
from ..adapter import MagentoAdapter
from ..importer import MagentoImporter
from ..website import ADMIN
from .address import full_name

#: Keys that are dropped: secrets of the account.
SECRETS = ("password_hash", "rp_token")


@magento
class PartnerAdapter(MagentoAdapter):
    _apply_on = "magento.res.partner"
    _resource = "customer"
    _id_key = "customer_id"

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return each ``customer`` with the ``addresses``, and the first store view of the ``website``."""
        websites_id = None  # stands for the list that the websites are taken from, in the same request
        answers = self._answers(
            [*ids, websites_id],
            lambda i: (
                [("store.list", [])] if i is websites_id else [("customer.info", [i]), ("customer_address.list", [i])]
            ),
        )
        (views,) = answers.pop(websites_id)
        views.sort(key=lambda view: int(view["store_id"]), reverse=True)
        websites = {str(view["website_id"]): view for view in views}
        records = {}
        for external_id, (customer, addresses) in answers.items():
            customer = {**self._checked(external_id, customer), "addresses": addresses}
            records[external_id] = {"customer": customer, "website": websites.get(str(customer["website_id"]))}
        return records

    def find(self, email: str, website_id: str) -> str | None:
        """Return the id of the account that an e-mail has on a website."""
        ids = self._ids(self._list({"email": email, "website_id": website_id}))
        return ids[0] if ids else None

    def create(self, data: Mapping[str, Any]) -> str:
        return str(self.call("customer.create", data))

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        self.call("customer.update", external_id, data)

    def _clean(self, record: Any) -> dict[str, Any]:
        return {key: value for key, value in super()._clean(record).items() if key not in SECRETS}


@magento
class PartnerBinder(Binder):
    """A customer's id is one of a kind in the shop, whatever the website."""

    _apply_on = "magento.res.partner"
    sufficient_column = "external_id"


@magento
class PartnerImportMapper(ImportMapper):
    """Merges an account with what the shop says of its website."""

    _apply_on = "magento.res.partner"
    sources = ("customer", "website")
    direct = [
        ("customer.email", "email"),
        ("customer.taxvat", "taxvat"),
        ("customer.prefix", "prefix"),
        ("customer.middlename", "middlename"),
        ("customer.suffix", "suffix"),
        (none("customer.dob"), "birthday"),
        (convert("customer.gender", str), "gender"),
        (external_to_m2o("customer.website_id"), "website_id"),
        (external_to_m2o("customer.group_id"), "group_id"),
        (convert("customer.created_at", to_utc), "magento_created_at"),
        (convert("customer.updated_at", to_utc), "magento_updated_at"),
    ]
    children = [("customer.addresses", "magento_address_ids", "magento.address")]

    @only_create
    @mapping
    def kind(self, record):
        return {"is_company": False}

    @mapping(source="customer")
    @changed_by("firstname", "middlename", "lastname")
    def name(self, record):
        return {"name": full_name(record)}

    @mapping(source="customer")
    @changed_by("taxvat", "addresses")
    def vat(self, record):
        """Take a number that is valid in the country of the invoices; the binding keeps what was entered."""
        invoices = next((row for row in record["addresses"] if row.get("is_default_billing")), {})
        country = self.unit(ImportMapper, "magento.address").country(invoices.get("country_id"))
        vat, _country_code = self.env["res.partner"]._run_vat_checks(
            country, record.get("taxvat"), validation="setnull"
        )
        return {"vat": vat or False}

    @mapping
    @changed_by("customer.store_id", "website.store_id")
    def language(self, record):
        """Take the language of the store view; an account made in the admin (view 0) gets that of its website."""
        views = self.binder_for("magento.storeview")
        view = views.to_internal(str(record["customer"]["store_id"]))
        lang = (view or views.to_internal(str((record["website"] or {}).get("store_id")))).lang_id
        return {"storeview_id": view.id, **({"lang": lang.code} if lang else {})}

    @mapping(source="customer")
    @changed_by("group_id")
    def tags(self, record):
        """Tag the partner with the groups of its accounts, and with none of the shop's other groups."""
        domain = [("backend_id", "=", self.backend.id)]
        groups = self.once("groups", lambda: self.env["magento.customer.group"].search(domain))
        mine = groups.filtered(lambda group: group.external_id == str(record["group_id"]))
        account = self.options.binding
        kept = mine | (account.odoo_id.magento_bind_ids - account).group_id if account else groups
        return {
            "category_id": [
                *(Command.unlink(group.odoo_id.id) for group in groups - kept),
                *(Command.link(group.odoo_id.id) for group in mine),
            ]
        }


@magento
class PartnerImporter(MagentoImporter):
    _apply_on = "magento.res.partner"

    def _import_dependencies(self, record):
        customer = record["customer"]
        wanted = [(customer["website_id"], "magento.website"), (customer["group_id"], "magento.customer.group")]
        if str(customer.get("store_id") or 0) != ADMIN:
            wanted.append((customer["store_id"], "magento.storeview"))
        self.import_dependencies((str(external_id), model_name) for external_id, model_name in wanted)

    def _hash(self, record):
        # What is said of the website is no change of the customer.
        return super()._hash(record["customer"])

    def _bookkeeping(self, record):
        return {**super()._bookkeeping(record), "address_hash": digest(record["customer"]["addresses"])}

    def _create_many(self, values_list):
        """Create accounts; on a backend with shared partners those of one e-mail share the first one's partner."""
        emails = [self.backend.shared_partner and (values.get("email") or "").casefold() for values in values_list]
        partners = self._partners_by_email({email for email in emails if email})
        first = {email: number for number, email in reversed(list(enumerate(emails))) if email not in partners}
        alone = [number for number, email in enumerate(emails) if not email or first.get(email) == number]
        created = dict(zip(alone, super()._create_many([values_list[number] for number in alone]), strict=True))
        partners.update({email: created[number].odoo_id for email, number in first.items() if email})
        sharing = [number for number in range(len(emails)) if number not in created]
        accounts = super()._create_many(
            [{**self._own(values_list[number]), "odoo_id": partners[emails[number]].id} for number in sharing]
        )
        created.update(zip(sharing, accounts, strict=True))
        return self.model.concat(*(created[number] for number in range(len(emails))))

    def _partners_by_email(self, emails):
        """Return the partners (1) that accounts of these e-mails have already."""
        if not emails:
            return {}
        self._take_turn(*(f"e-mail {email}" for email in sorted(emails)))
        same = Domain.OR(Domain("email", "=ilike", escape_psql(email)) for email in emails)
        accounts = self.model.search(Domain("backend_id", "=", self.backend.id) & same, order="id desc")
        return {account.email.casefold(): account.odoo_id for account in accounts}

    def _update(self, binding, values):
        if binding.odoo_id.magento_bind_ids.sorted("id")[:1] != binding:
            values = self._own(values)
        super()._update(binding, values)

    def _own(self, values):
        """Return the account's own values: name and the rest of a partner come from the partner's first account."""
        return {
            name: value
            for name, value in values.items()
            if name == "category_id" or not self.model._fields[name].inherited
        }
