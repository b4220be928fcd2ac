"""Orders with their lines."""

from __future__ import annotations

from typing import Any

from odoo.fields import Command

from odoo.addons.connector_framework.exceptions import ConfigurationError
from odoo.addons.connector_framework.mappings import (
    ImportMapper,
    convert,
    external_to_m2m,
    mapping,
    only_create,
    to_utc,
)

from ..references import magento, magento_1_7
from .adapter import MagentoAdapter
from .importer import MagentoImporter
from .order_lines import order_lines


@magento
class OrderAdapter(MagentoAdapter):
    """Orders are read by their increment id, and listed by their internal one."""

    _apply_on = "magento.sale.order"
    _resource = "sales_order"
    _id_key = "increment_id"
    _window_key = "order_id"
    # A row of the list has 140 keys.
    _page_size = 100


@magento_1_7(replacing=OrderAdapter)
class OrderAdapter17(OrderAdapter):
    """Shops of that age run on PHP 5, whose arrays take several times the memory: smaller lists."""

    _page_size = 25


@magento
class OrderImportMapper(ImportMapper):
    _apply_on = "magento.sale.order"
    direct = [
        (convert("order_id", str), "magento_order_id"),
        ("increment_id", "client_order_ref"),
        ("state", "magento_state"),
        ("status", "magento_status"),
        ("payment.method", "payment_method"),
        ("shipping_method", "shipping_method"),
        ("coupon_code", "coupon_code"),
        ("customer_email", "customer_email"),
        (convert("grand_total", float), "magento_total"),
        (convert("updated_at", to_utc), "magento_updated_at"),
    ]
    children = [("lines", "magento_order_line_ids", "magento.sale.order.line")]

    def map_record(self, source, parent=None):
        return super().map_record({**source, "lines": order_lines(source)}, parent)

    @only_create
    @mapping
    def header(self, record):
        return {
            "name": f"{self.backend.order_prefix or ''}{record['increment_id']}",
            "date_order": to_utc(record["created_at"]),
            "company_id": self.backend.company_id.id,
            "is_guest": is_guest(record),
            # Nobody here sold it.
            "user_id": False,
        }

    @only_create
    @mapping
    def shop(self, record):
        view = self.binder_for("magento.storeview").to_internal(str(record["store_id"]))
        warehouse = view.website_id.warehouse_id or self.backend.warehouse_id
        return {"storeview_id": view.id, **({"warehouse_id": warehouse.id} if warehouse else {})}


@magento
class OrderLineImportMapper(ImportMapper):
    _apply_on = "magento.sale.order.line"
    direct = [
        ("external_id", "external_id"),
        ("name", "name"),
        (convert("qty", float), "product_uom_qty"),
        (convert("price", float), "price_unit"),
        (convert("discount", float), "discount"),
        (external_to_m2m("tax_rates", binding="magento.tax"), "tax_ids"),
    ]

    @mapping
    def product(self, line):
        if line["kind"] != "item":
            return {"product_id": self.backend[f"{line['kind']}_product_id"].id}
        product = self.binder_for("magento.product.product").to_internal(line["product_id"], unwrap=True)
        # The shop deleted it: what was sold is still known by its sku, or is named on the line alone.
        product = product or self.env["product.product"].search([("default_code", "=", line["sku"])], limit=1)
        product = product or self.backend.unknown_product_id
        if not product:
            raise ConfigurationError(
                f"product {line['product_id']} ({line['sku']}) no longer exists in the shop: choose a product for"
                f" unknown products on {self.backend.display_name}"
            )
        return {"product_id": product.id}


def is_guest(record: dict[str, Any]) -> bool:
    return not record.get("customer_id")


@magento
class OrderImporter(MagentoImporter):
    _apply_on = "magento.sale.order"

    def _import_dependencies(self, record):
        if not is_guest(record):
            self.import_dependency(str(record["customer_id"]), "magento.res.partner")
        for line in order_lines(record):
            if line["kind"] == "item":
                self.import_dependency(line["product_id"], "magento.product.product")
            for rate in line["tax_rates"]:
                if not self.binder_for("magento.tax").to_internal(rate):
                    # Of the orders that come at the same time one makes it, the others wait their turn.
                    self._lock(f"tax {rate}")
                    self.env["magento.tax"]._create_for_rate(self.backend, rate)

    def _map(self, record, binding):
        map_record = self.mapper.map_record(record)
        if not binding:
            map_record.update(self._contacts(record), pricelist_id=self._pricelist(record).id)
        return map_record.values(for_create=not binding, binding=binding)

    def _update(self, binding, values):
        if binding.state in ("draft", "sent"):
            # A line that the shop took out goes with its record: without its binding it would stay in the order.
            commands = values["magento_order_line_ids"]
            gone = [command[1] for command in commands if command[0] == Command.DELETE]
            values["magento_order_line_ids"] = [command for command in commands if command[0] != Command.DELETE]
            self.env["magento.sale.order.line"].browse(gone).odoo_id.unlink()
        else:
            # A confirmed order is what was agreed on; what the shop says of it is kept on the binding alone.
            values = {
                name: value
                for name, value in values.items()
                if not self.model._fields[name].inherited and name != "magento_order_line_ids"
            }
        super()._update(binding, values)

    # -- who and where -----------------------------------------------------------------------------------------------

    def _contacts(self, record):
        """Return the three partners of a new order; make those that are not here yet."""
        partner = self._partner(record)
        invoice = self._contact(partner, record["billing_address"])
        # A virtual order is not delivered.
        shipping = self._contact(partner, record["shipping_address"]) if record["shipping_address"] else invoice
        return {
            "partner_id": partner.id,
            "partner_invoice_id": invoice.id,
            "partner_shipping_id": shipping.id,
        }

    def _partner(self, record):
        """Return the customer; for a guest the partner of his last order on the same website, or a new one."""
        if not is_guest(record):
            account = self.binder_for("magento.res.partner").to_internal(str(record["customer_id"]))
            if account:
                return account.odoo_id
        view = self.binder_for("magento.storeview").to_internal(str(record["store_id"]))
        earlier = self.model.search(
            [
                ("backend_id", "=", self.backend.id),
                ("is_guest", "=", True),
                ("customer_email", "=", record["customer_email"]),
                ("storeview_id.website_id", "=", view.website_id.id),
            ],
            limit=1,
        )
        return earlier.partner_id or self.env["res.partner"].create(
            {
                **self._address_mapper.contact_values(record["billing_address"]),
                "email": record["customer_email"],
                "company_name": record["billing_address"].get("company"),
                **({"lang": view.lang_id.code} if view.lang_id else {}),
            }
        )

    def _contact(self, partner, address):
        """Return the contact with an order's address: the order has a copy, the address book may have changed since."""
        values = self._address_mapper.contact_values(address)
        binding = self.binder_for("magento.address").to_internal(str(address["customer_address_id"] or ""))
        for contact in binding.odoo_id | partner | partner.child_ids:
            if contact.read(list(values), load=None)[0].items() >= values.items():
                return contact
        return partner.create({**values, "type": "other", "parent_id": partner.id})

    @property
    def _address_mapper(self):
        return self.unit(ImportMapper, "magento.address")

    def _pricelist(self, record):
        """Return the pricelist that has the order's currency; none is needed for the company's."""
        currency = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", record["order_currency_code"])])
        )
        if not currency:
            raise ConfigurationError(f"order {record['increment_id']}: no currency {record['order_currency_code']!r}")
        company = self.backend.company_id
        view = self.binder_for("magento.storeview").to_internal(str(record["store_id"]))
        Pricelist = self.env["product.pricelist"].sudo()
        if view.website_id.pricelist_id.currency_id == currency:
            return view.website_id.pricelist_id
        if currency == company.currency_id:
            return Pricelist
        self._lock("pricelist")
        if not currency.active:
            currency.sudo().active = True
        pricelist = Pricelist.search(
            [("currency_id", "=", currency.id), ("company_id", "in", (False, company.id))], limit=1
        ) or Pricelist.create({"name": currency.name, "currency_id": currency.id, "company_id": company.id})
        if not view.website_id.pricelist_id:
            view.website_id.pricelist_id = pricelist
        return pricelist

    # -- what it comes to --------------------------------------------------------------------------------------------

    def _after_import(self, binding):
        if binding.state in ("draft", "sent"):
            self._round(binding)
            if self.external_record["state"] == "canceled":
                binding.odoo_id._action_cancel()

    def _round(self, binding):
        """Add a line for the cents by which the shop rounds otherwise; say so when it is more than that."""
        difference = binding.total_difference
        lines = binding.magento_order_line_ids
        if not difference:
            return
        if abs(difference) <= binding.currency_id.rounding * len(lines):
            product = self.backend.rounding_product_id
            self.env["magento.sale.order.line"].create(
                {
                    "magento_order_id": binding.id,
                    "external_id": f"{binding.external_id}:rounding",
                    "product_id": product.id,
                    "name": product.display_name,
                    "product_uom_qty": 1,
                    "price_unit": -difference,
                    "tax_ids": [Command.clear()],
                    "sequence": 1000,
                }
            )
        else:
            binding.odoo_id.message_post(
                body=self.env._(
                    "The total here is %(here)s, in Magento it is %(there)s. Compare the lines and their taxes.",
                    here=binding.currency_id.format(binding.amount_total),
                    there=binding.currency_id.format(binding.magento_total),
                )
            )
