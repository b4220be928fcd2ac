"""Importing orders: which ones, when, and what becomes of them here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from odoo.exceptions import UserError
from odoo.fields import Command

from odoo.addons.connector_framework.exceptions import ConfigurationError, RetryableError, SkipError
from odoo.addons.connector_framework.mappings import to_decimal, to_utc

from ...references import magento
from ..importer import MagentoImporter
from ..texts import comparable_email
from .contacts import OrderContacts
from .order import OrderLines

#: Seconds after which an order that is not paid yet is looked at again; its payment also brings it, with the stream.
WAIT_S = 3600
#: The row of orders that say nothing of their payment.
NO_PAYMENT = "none"
#: States in the shop of an order of which something may still be left to deliver.
OPEN_STATES = ("new", "processing")


@magento
class OrderImporter(MagentoImporter):
    _apply_on = "magento.sale.order"

    # -- which ones, and when ----------------------------------------------------------------------------------------

    def _check_importable(self, record):
        """Keep out what a person said, on the backend and for each way to pay; an order that is here stays."""
        if self._known_binding(self.external_id):
            return
        number, placed = record["increment_id"], to_utc(record["created_at"])
        since = self.backend.orders_since
        if since and placed.date() < since:
            raise SkipError(f"order {number} was placed before {since}")
        if record["state"] == "canceled" and not self.backend.import_canceled:
            raise SkipError(f"order {number} is canceled")
        method = self._payment_method(record)
        if method.import_rule == "never":
            raise SkipError(f"order {number} is paid by {method.external_id}, whose orders are not imported")
        if method.import_rule == "paid" and not is_paid(record):
            if record["state"] in ("canceled", "closed"):
                raise SkipError(f"order {number} is {record['state']} and was never paid")
            days = method.give_up_days
            if days and placed + timedelta(days=days) < self.env.cr.now():
                raise SkipError(f"order {number} has not been paid in {days} days")
            raise RetryableError(
                f"order {number} is not paid yet ({method.external_id})", retry_after_s=WAIT_S, count_attempt=False
            )

    def _payment_method(self, record):
        """Return how the order is paid (1)."""
        return self._row_of("magento.payment.method", (record["payment"] or {}).get("method") or NO_PAYMENT)

    def _row_of(self, model_name, code):
        """Return the backend's row (1) for a code of the shop; of orders that come together one makes it."""
        row = self.binder_for(model_name).to_internal(code)
        if not row:
            self._lock(f"{model_name} {code}")
            row = self.env[model_name].sudo().create({"backend_id": self.backend.id, "external_id": code})
        return row.with_env(self.env)

    # -- the import --------------------------------------------------------------------------------------------------

    def _import_dependencies(self, record):
        if record.get("store_id"):
            self.import_dependency(str(record["store_id"]), "magento.storeview")
        if record.get("customer_id"):
            self.import_dependency(str(record["customer_id"]), "magento.res.partner")
        for line in self.unit(OrderLines).of(record):
            if line["kind"] == "item":
                self.import_dependency(line["product_id"], "magento.product.product")
            for rate in line["tax_rates"]:
                if not self.binder_for("magento.tax").to_internal(rate):
                    # Of the orders that come at the same time one makes it, the others wait their turn.
                    self._lock(f"tax {rate}")
                    self.env["magento.tax"]._create_for_rate(self.backend, rate)
        if record.get("shipping_method"):
            self._row_of("magento.shipping.method", record["shipping_method"])
        replaced = record.get("relation_parent_real_id")
        if replaced and self.binder.to_internal(replaced):
            # Editing an order in the shop cancels it: here too, before the new one is confirmed.
            self.import_dependency(replaced, "magento.sale.order", force=True)

    def _map(self, record, binding):
        map_record = self.mapper.map_record(record)
        if not binding:
            # Two orders of one guest, or to one new address, make one contact.
            whose = record.get("customer_email") or f"order {record['increment_id']}"
            self._take_turn(f"contacts of {comparable_email(whose)}")
            partners = self.unit(OrderContacts).partners(record)
            map_record.update(**partners, pricelist_id=self._pricelist(record).id)
        return map_record.values(for_create=not binding, binding=binding)

    def _update(self, binding, values):
        before = binding.magento_state, binding.magento_total
        has_moved = values["address_hash"] != binding.address_hash
        lines = values.pop("magento_order_line_ids")
        # The rounding was made here.
        rounding = binding.magento_order_line_ids.filtered(lambda line: line.external_id.endswith(":rounding"))
        gone = self.env["magento.sale.order.line"].browse([line[1] for line in lines if line[0] == Command.DELETE])
        if binding.state in ("draft", "sent"):
            # A line that the shop took out goes with its record: without its binding it would stay in the order.
            (gone | rounding).odoo_id.unlink()
            values["magento_order_line_ids"] = [line for line in lines if line[0] != Command.DELETE]
            if has_moved:
                # Else a person may have chosen other contacts here.
                values.update(self.unit(OrderContacts).addresses(binding.partner_id, self.external_record))
            super()._update(binding, values)
            return
        # A confirmed order is what was agreed on; what the shop says of it is kept on the binding alone.
        own = {name: value for name, value in values.items() if not self.model._fields[name].inherited}
        super()._update(binding, own)
        self._keep_quantities(lines)
        if gone - rounding or binding.magento_total != before[1] or self._has_new_lines(lines):
            self._note(
                binding, self.env._("The order was changed in Magento after it was confirmed here. Compare them.")
            )
        if has_moved:
            self._note(
                binding, self.env._("An address of the order was changed in Magento after it was confirmed here.")
            )
        if binding.magento_state != before[0]:
            self._follow_state(binding)

    def _create_many(self, values_list):
        bindings = super()._create_many(values_list)
        for binding in bindings.filtered("gift_message"):
            self._note(binding, self.env._("Gift message: %s", binding.gift_message))
        return bindings

    def _keep_quantities(self, commands):
        """Keep on the bindings of a confirmed order's lines what the shop has shipped of them, and what is left."""
        for command, line_id, values in commands:
            line = self.env["magento.sale.order.line"].browse(line_id)
            if command == Command.UPDATE:
                line.write({name: values[name] for name in ("qty_shipped", "qty_left") if name in values})
            elif command == Command.DELETE:
                # Canceled as a whole, or taken out.
                line.qty_left = 0

    def _has_new_lines(self, commands):
        """Tell whether lines are new, or have another quantity or price."""
        lines = self.env["magento.sale.order.line"]
        for command, line_id, values in (line for line in commands if line[0] in (Command.CREATE, Command.UPDATE)):
            line = lines.browse(line_id)
            if command == Command.CREATE or any(
                line.order_id.currency_id.compare_amounts(line[name], values[name])
                for name in ("product_uom_qty", "price_unit", "discount")
            ):
                return True
        return False

    def _pricelist(self, record):
        """Return the pricelist (0..1) that has the order's currency; none is needed for the company's.

        It is the currency that the customer saw and pays in, which need not be the website's.
        """
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
        self._take_turn("pricelist")
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
        if binding.state not in ("draft", "sent"):
            binding.sudo()._settle_quantities()
            return
        self._round(binding)
        if binding.magento_state == "canceled":
            binding.odoo_id._action_cancel()
        elif binding.magento_state in OPEN_STATES and self._payment_method(self.external_record).confirm:
            self._confirm(binding)

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
            self._note(
                binding,
                self.env._(
                    "The total here is %(here)s, in Magento it is %(there)s. Compare the lines and their taxes.",
                    here=binding.currency_id.format(binding.amount_total),
                    there=binding.currency_id.format(binding.magento_total),
                ),
            )

    def _confirm(self, binding):
        """Confirm the order, unless a person has to look at it first."""
        if binding.total_difference:
            return
        try:
            with self.env.cr.savepoint():
                binding.odoo_id.action_confirm()
        except UserError as error:
            self._note(binding, self.env._("The order could not be confirmed: %s", error))

    def _follow_state(self, binding):
        """Do with a confirmed order what was done with it in the shop, or say that it was."""
        order = binding.odoo_id
        if binding.magento_state == "canceled" and order.state != "cancel":
            is_under_way = "done" in order.picking_ids.mapped("state") or "posted" in order.invoice_ids.mapped("state")
            if order.locked or is_under_way:
                text = self.env._("The order was canceled in Magento. Here it is locked, delivered or invoiced.")
                self._note(binding, text)
            else:
                order._action_cancel()
        elif binding.magento_state == "holded":
            self._note(binding, self.env._("The order was put on hold in Magento. Do not deliver it for now."))
        elif binding.magento_state == "closed":
            self._note(binding, self.env._("The order was refunded in Magento."))

    def _note(self, binding, text):
        binding.odoo_id.message_post(body=text)


def is_paid(record: dict[str, Any]) -> bool:
    """Tell whether all of an order was paid, which is when it was invoiced in the shop."""
    return (to_decimal(record.get("total_paid")) or 0) >= (to_decimal(record["grand_total"]) or 0)
