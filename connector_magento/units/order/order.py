"""Orders with their lines: how they are read and mapped; ``order_importer.py`` imports them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from odoo.addons.connector_framework.exceptions import ConfigurationError
from odoo.addons.connector_framework.mappings import (
    ImportMapper,
    changed_by,
    convert,
    external_to_m2m,
    mapping,
    only_create,
    to_decimal,
    to_utc,
)
from odoo.addons.connector_framework.references import ConnectorUnit
from odoo.addons.connector_framework.synchronizers import digest

from ...references import magento, magento_1_7
from ..adapter import MagentoAdapter
from ..texts import comparable, comparable_email
from .lines import order_lines


@magento
class OrderAdapter(MagentoAdapter):
    """Orders are read by their increment id, and listed by their internal one."""

    _apply_on = "magento.sale.order"
    _resource = "sales_order"
    _id_key = "increment_id"
    _window_key = "order_id"
    # A row of the list has 140 keys.
    _page_size = 100

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        """Do to an order the ``action`` of the data."""
        self.change_state(external_id, data["action"])

    def change_state(self, external_id: str, action: str) -> bool:
        """Hold, unhold or cancel an order; tell whether there was anything to do.

        :raises PermanentError: when the shop does not allow it in the state that the order has
        """
        state = self.read(external_id)["state"]
        if state == {"hold": "holded", "cancel": "canceled"}.get(action) or (action == "unhold" and state != "holded"):
            return False
        if action == "cancel" and state == "holded":
            self.call("sales_order.unhold", external_id)
        self.call(f"sales_order.{action}", external_id)
        return True

    def add_comment(self, external_id: str, text: str, notify: bool = False) -> bool:
        """Add a comment to an order, unless it is the latest one already; tell whether it was added.

        An answer may get lost on its way here, and the comment is sent again.
        """
        order = self.read(external_id)
        latest = next((row["comment"] for row in order["status_history"] if row.get("comment")), "")
        if comparable(latest) == comparable(text):
            return False
        # Whatever status comes with a comment is the order's from then on, right or wrong: so it is the present one.
        self.call("sales_order.addComment", external_id, order["status"], text, notify)
        return True

    def _unsent_answer(self, method: str, *args: Any) -> bool:
        # There was something to do, or it would not have come to sending it.
        return method in ("add_comment", "change_state")


@magento_1_7(replacing=OrderAdapter)
class OrderAdapter17(OrderAdapter):
    """Shops of that age run on PHP 5, whose arrays take several times the memory: smaller lists."""

    _page_size = 25


@magento
class OrderLines(ConnectorUnit):
    """Tells the lines of an order, knowing the tax rates that there are here."""

    _apply_on = "magento.sale.order"

    def of(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the lines of an order, see ``lines.py``."""
        if "magento.rates" not in self.work.shared:
            self.work.shared["magento.rates"] = self.env["magento.tax"]._known_rates(self.backend)
        return order_lines(dict(record), self.work.shared["magento.rates"])


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
        (convert("customer_email", comparable_email), "customer_email"),
        ("customer_note", "customer_note"),
        ("gift_message", "gift_message"),
        (convert("updated_at", to_utc), "magento_updated_at"),
    ]
    children = [("lines", "magento_order_line_ids", "magento.sale.order.line")]

    def map_record(self, source, parent=None):
        return super().map_record({**source, "lines": self.unit(OrderLines).of(source)}, parent)

    @mapping
    @changed_by("grand_total", "total_canceled", "state")
    def total(self, record):
        """Take off what was canceled of an order that goes on; one that was canceled as a whole keeps its total."""
        total, canceled = (to_decimal(record.get(name)) or 0 for name in ("grand_total", "total_canceled"))
        return {"magento_total": float(total if record["state"] == "canceled" else total - canceled)}

    @only_create
    @mapping
    def header(self, record):
        return {
            "name": f"{self.backend.order_prefix or ''}{record['increment_id']}",
            "date_order": to_utc(record["created_at"]),
            "company_id": self.backend.company_id.id,
            "is_guest": not record.get("customer_id"),
            # Nobody here sold it.
            "user_id": False,
        }

    @mapping
    @changed_by("relation_parent_real_id")
    def replaced(self, record):
        """Link the order that was edited in the shop, of which this one is the successor."""
        return {"magento_parent_id": self.binder.to_internal(record.get("relation_parent_real_id") or "").id}

    @mapping
    @changed_by("status_history")
    def history(self, record):
        rows = (
            "  ".join(filter(None, (row["created_at"], row.get("status"), row.get("comment"))))
            for row in record["status_history"]
        )
        return {"magento_history": "\n".join(rows)}

    @mapping
    @changed_by("billing_address", "shipping_address")
    def addresses(self, record):
        """Tell the addresses from others; the importer sees to the contacts."""
        return {"address_hash": digest([record["billing_address"], record["shipping_address"]])}

    @only_create
    @mapping
    def shop(self, record):
        view = self.binder_for("magento.storeview").to_internal(str(record["store_id"]))
        warehouse = view.website_id.warehouse_id or self.backend.warehouse_id
        return {"storeview_id": view.id, **({"warehouse_id": warehouse.id} if warehouse else {})}

    @only_create
    @mapping
    def carrier(self, record):
        method = self.binder_for("magento.shipping.method").to_internal(record.get("shipping_method") or "")
        return {"carrier_id": method.carrier_id.id}


@magento
class OrderLineImportMapper(ImportMapper):
    _apply_on = "magento.sale.order.line"
    direct = [
        ("external_id", "external_id"),
        (convert("qty", float), "product_uom_qty"),
        (convert("qty_shipped", float), "qty_shipped"),
        (convert("qty_left", float), "qty_left"),
        (convert("price", float), "price_unit"),
        (convert("discount", float), "discount"),
        (external_to_m2m("tax_rates", binding="magento.tax"), "tax_ids"),
    ]

    @mapping
    def name(self, line):
        """Say with the name what the customer chose and wrote."""
        texts = [line["name"], *(f"{label}: {value}" for label, value in line.get("options") or ())]
        if line.get("gift_message"):
            texts.append(self.env._("Gift message: %s", line["gift_message"]))
        return {"name": "\n".join(filter(None, texts))}

    @mapping
    def product(self, line):
        if line["kind"] == "shipping":
            method = self.binder_for("magento.shipping.method").to_internal(line["method"] or "")
            product = method.carrier_id.product_id or self.backend.shipping_product_id
            return {"product_id": product.id, "is_delivery": True}
        if line["kind"] != "item":
            return {"product_id": self.backend[f"{line['kind']}_product_id"].id}
        product = self.binder_for("magento.product.product").to_internal(line["product_id"] or "", unwrap=True)
        # The shop deleted it: what was sold is still known by its sku, or is named on the line alone.
        if not product and line["sku"]:
            product = product.search([("default_code", "=", line["sku"])], limit=1)
        product = product or self.backend.unknown_product_id
        if not product:
            raise ConfigurationError(
                f"product {line['product_id']} ({line['sku']}) no longer exists in the shop: choose a product for"
                f" unknown products on {self.backend.display_name}"
            )
        return {"product_id": product.id}
