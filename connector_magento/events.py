"""What goes out to the shops when it changes in Odoo."""

from functools import partial

from odoo.fields import Domain

from odoo.addons.connector_framework.events import on_record_change, on_record_unlink, origin_of
from odoo.addons.connector_framework.synchronizers import export_on_change

from .units.catalogue.stock import STOCKS_AT_ONCE, products_key

PRODUCTS = "magento.product.product"
TEMPLATES = "magento.product.template"
#: What a variant of a configurable product has of its own; the rest is that product's.
VARIANT_FIELDS = ("default_code", "weight", "enabled", "active", "website_ids")


def wanted(bindings):
    """Return what of the catalogue the shop wants the changes of; what is not there yet is asked for."""
    return bindings.filtered(
        lambda binding: (
            binding.sync_state != "gone" and (binding.backend_id.products_exported or not binding.external_id)
        )
    )


export_on_change(
    PRODUCTS,
    when=lambda products: wanted(products).filtered(lambda product: not product.magento_template_id),
)
export_on_change(
    PRODUCTS,
    fields=VARIANT_FIELDS,
    when=lambda products: wanted(products).filtered("magento_template_id"),
)
export_on_change("magento.product.category", when=wanted, channel="root.magento.category")
export_on_change(TEMPLATES, when=lambda products: wanted(products).filtered("external_id"))

# The fields are those that the export mapper reads: of the account, and of its partner.
export_on_change(
    "magento.res.partner",
    when=lambda accounts: accounts.filtered(
        lambda account: (
            account.sync_state != "gone" and (account.backend_id.customers_exported or not account.external_id)
        )
    ),
)


@on_record_change("stock.quant", fields=["quantity", "reserved_quantity"])
def stock_changed(quants, fields):
    """Export the quantity of the products whose stock changed; the job sends what there is when it runs."""
    # Who moves the stock need not know of any shop.
    domain = [("odoo_id", "in", quants.product_id.ids), ("stock_exported", "=", True)]
    _export_stock(quants.env[PRODUCTS].sudo().search(domain))


@on_record_change(PRODUCTS, fields=["stock_exported"])
def stock_chosen(products, fields):
    """Export the quantity of the products that a person chose for it."""
    origin = origin_of(products.env)
    chosen = products.sudo().filtered("stock_exported")
    _export_stock(chosen.filtered(lambda one: (one.backend_id._name, one.backend_id.id) != origin))


def _export_stock(bindings):
    bindings = bindings.filtered(
        lambda one: one.external_id and one.sync_state != "gone" and one.is_storable and one.backend_id.active
    )
    for backend, products in bindings.grouped("backend_id").items():
        products.as_job(
            split=STOCKS_AT_ONCE,
            identity_key=partial(products_key, "magento.stock"),
            description=bindings.env._(
                "Export the stock of %(products)s to %(backend)s",
                products=", ".join(products[:3].mapped("display_name")) + (", ..." if products[3:] else ""),
                backend=backend.display_name,
            ),
        ).export_stock()


@on_record_change("product.pricelist.item")
def price_rule_changed(items, fields):
    """Export the prices of the products that a rule is for, to the websites that have its pricelist."""
    websites = (
        items.env["magento.website"]
        .sudo()
        .search(
            [
                ("pricelist_id", "in", items.pricelist_id.ids),
                ("price_exported", "=", True),
                ("backend_id.active", "=", True),
            ]
        )
    )
    if not websites:
        return
    rules = Domain.OR([_products_of(item) for item in items])
    shared = Domain("website_ids", "in", websites.ids) & Domain("external_id", "!=", False)
    for model_name in (PRODUCTS, TEMPLATES):
        found = wanted(items.env[model_name].sudo().search(shared & rules))
        for products in found.grouped("backend_id").values():
            products.as_job(
                split=1,
                identity_key=lambda product, fields: f"magento.price:{product._name}:{product.id}",
            ).export_record(fields=["list_price"])


@on_record_unlink("product.pricelist.item")
def price_rule_deleted(items):
    """Export the prices that a deleted rule gave."""
    price_rule_changed(items, ())


def _products_of(item):
    """Return the domain of the bindings that a rule of a pricelist is for."""
    if item.product_id:
        return Domain("product_variant_ids", "in", item.product_id.ids)
    if item.product_tmpl_id:
        return Domain("product_variant_ids", "in", item.product_tmpl_id.product_variant_ids.ids)
    if item.categ_id:
        return Domain("categ_id", "child_of", item.categ_id.ids)
    return Domain.TRUE


export_on_change(
    "magento.sale.order",
    fields=["state"],
    when=lambda orders: orders.filtered(
        lambda order: order.state == "cancel" and order.external_id and order.backend_id.export_cancel
    ),
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


export_on_change("magento.stock.picking", fields=["carrier_tracking_ref"])
export_on_change("magento.account.move", fields=[])
