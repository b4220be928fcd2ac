"""What goes out to the shops when it changes in Odoo."""

from odoo.addons.connector_framework.events import on_record_change
from odoo.addons.connector_framework.synchronizers import export_on_change

# Products are made in the shop: one that is not there yet is not exported.
export_on_change(
    "magento.product.product",
    fields=["name"],
    when=lambda products: products.filtered("external_id"),
    channel="root.magento",
)


@on_record_change("stock.quant", fields=["quantity", "reserved_quantity"])
def stock_changed(quants, fields):
    """Export the quantity of the products whose stock changed; the job sends what there is when it runs."""
    # Who moves the stock need not know of any shop.
    bindings = quants.env["magento.product.product"].sudo()
    bindings = bindings.search(
        [
            ("odoo_id", "in", quants.product_id.ids),
            ("external_id", "!=", False),
            ("stock_exported", "=", True),
        ]
    )
    for binding in bindings.filtered("backend_id.active"):
        binding.as_job(
            channel="root.magento",
            identity_key=f"magento.stock:{binding.id}",
            description=quants.env._("Export the stock of %s", binding.display_name),
        ).export_record(fields=["magento_qty"])


export_on_change(
    "magento.sale.order",
    fields=["state"],
    when=lambda orders: orders.filtered(
        lambda order: order.state == "cancel" and order.external_id and order.backend_id.export_cancel
    ),
    channel="root.magento",
)
