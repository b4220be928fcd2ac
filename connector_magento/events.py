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


@on_record_change("stock.picking", fields=["state"])
def delivered(pickings, fields):
    """Bind the deliveries that are done to the shipments that they are to be in the shop."""
    done = pickings.sudo().filtered(lambda picking: picking.state == "done")
    # Whoever receives it: a dropshipment goes to the customer as well, a return comes from him.
    done = done.filtered(lambda picking: picking.location_dest_id.usage == "customer")
    _bind_documents(
        pickings.env["magento.stock.picking"],
        {picking: picking.move_ids.sale_line_id for picking in done},
        lambda backend: backend.export_shipments,
    )


@on_record_change("account.move", fields=["state", "payment_state"])
def invoiced(moves, fields):
    """Bind the invoices that are posted, or paid, to those that they are to be in the shop."""
    posted = moves.sudo().filtered(lambda move: move.move_type == "out_invoice" and move.state == "posted")
    paid = posted.filtered(lambda move: move.payment_state in ("in_payment", "paid"))
    for when, found in (("posted", posted), ("paid", paid)):
        _bind_documents(
            moves.env["magento.account.move"],
            {move: move.invoice_line_ids.sale_line_ids for move in found},
            lambda backend, when=when: backend.export_invoices == when,
        )


def _bind_documents(model, lines_by_record, is_wanted):
    """Make the bindings, which are then exported, of records that have items of a shop's orders."""
    model, vals_list = model.sudo(), []
    for record, lines in lines_by_record.items():
        items = lines.magento_bind_ids.filtered(lambda item: ":" not in item.external_id)
        for order in items.magento_order_id - record.magento_bind_ids.magento_order_id:
            backend = order.backend_id
            if backend.active and is_wanted(backend):
                vals_list.append({"backend_id": backend.id, "odoo_id": record.id, "magento_order_id": order.id})
    model.create(vals_list)


export_on_change("magento.stock.picking", fields=["carrier_tracking_ref"], channel="root.magento")
export_on_change("magento.account.move", fields=[], channel="root.magento")
