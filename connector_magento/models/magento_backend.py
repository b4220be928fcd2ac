from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.connector_framework.exceptions import ConnectorError

from ..units.batch import METADATA
from ..units.catalogue.gone import GoneFinder

METADATA_PRIORITY = 5
#: What is imported by jobs, and at which priority: what others refer to first.
RECORDS = {
    "magento.product.category": 10,
    "magento.res.partner": 11,
    "magento.product.template": 12,
    "magento.product.product": 13,
    "magento.sale.order": 14,
}
#: What can be deleted in the shop without a word.
CATALOGUE = ("magento.product.category", "magento.product.template", "magento.product.product")
#: The comparison of the address books, which is no part of all that changed: it asks for each of them.
ADDRESSES = {"magento.address": 20}


class MagentoBackend(models.Model):
    _name = "magento.backend"
    _description = "Magento Backend"
    _inherit = "connector.backend.mixin"
    _service = "magento"
    _secret_fields = ("api_key",)

    version = fields.Selection([("1.7", "1.7, 1.8"), ("1.9", "1.9, OpenMage")], required=True, default="1.9")
    url = fields.Char(string="Address", required=True, help="The address of the shop, e.g. https://shop.example.com")
    api_user = fields.Char(string="API User")
    api_key = fields.Char(string="API Key")

    company_id = fields.Many2one(required=True)

    shared_partner = fields.Boolean(
        string="One Partner per E-mail",
        help="Accounts with the same e-mail, on several websites, belong to one partner, named as the first "
        "one. Else each account is a partner.",
    )
    customers_exported = fields.Boolean(
        string="Export Changes of Customers",
        help="Send what changes here of customers that the shop has: name, e-mail, group, VAT, address. New accounts"
        " that are made here go out in any case.",
    )
    order_prefix = fields.Char(help="What order numbers here begin with, before the number that the shop gave.")
    warehouse_id = fields.Many2one(
        "stock.warehouse", help="Where orders are delivered from and stock is counted; empty: all of the company."
    )
    orders_since = fields.Date(help="Orders that were placed before are not imported; empty: all of them are.")
    import_canceled = fields.Boolean(
        string="Canceled Orders",
        default=True,
        help="Whether an order that was canceled in the shop before it came here is imported, and cancelled here.",
    )
    export_cancel = fields.Boolean(string="Cancel There", help="Cancel in the shop the orders that are cancelled here.")
    export_shipments = fields.Boolean(
        default=True, help="Make a shipment in the shop of each delivery that is done here, with its tracking number."
    )
    notify_shipments = fields.Boolean(string="E-mail on Shipment", help="Have the shop write to the customer then.")
    export_invoices = fields.Selection(
        [("posted", "When posted"), ("paid", "When paid")],
        help="When an invoice of here is made in the shop too; empty: never. The shop counts what it invoices as paid.",
    )
    stock_field = fields.Selection(
        [("qty_available", "On Hand"), ("free_qty", "Free to Use"), ("virtual_available", "Forecasted")],
        string="Exported Quantity",
        required=True,
        default="free_qty",
    )
    first_stock = fields.Boolean(
        string="Take Over First Stock",
        help="When a product comes here for the first time, the quantity that the shop has becomes the one here, by an"
        " inventory adjustment; from then on the quantity here is sent to the shop. Off: a person chooses product by"
        " product, or takes over the stock of all by the button.",
    )
    shipping_product_id = fields.Many2one(
        "product.product", required=True, default=lambda self: self._default_product("shipping")
    )
    discount_product_id = fields.Many2one(
        "product.product", required=True, default=lambda self: self._default_product("discount")
    )
    rounding_product_id = fields.Many2one(
        "product.product",
        required=True,
        default=lambda self: self._default_product("rounding"),
        help="For the cents by which the shop rounds taxes otherwise than Odoo.",
    )
    unknown_product_id = fields.Many2one(
        "product.product",
        default=lambda self: self._default_product("unknown"),
        help="For lines of orders whose product the shop has deleted. Empty: such an order waits for a person.",
    )
    lang_id = fields.Many2one(string="Default Language", help="Of the texts that the store views have in common.")
    variant_rule = fields.Selection(
        [("sku", "Their SKU begins with that of the configurable product"), ("none", "Not: all are products alone")],
        string="Variants are known by",
        required=True,
        default="sku",
        help="The shop does not tell which simple products are the variants of a configurable one. By the SKU: that of "
        "TEE-RED begins with that of TEE, and a character that is neither letter nor digit follows.",
    )
    images_imported = fields.Boolean(string="Import Images", default=True)
    media_url = fields.Char(
        string="Image Address", help="Where the images are, if that is not the host of the shop, e.g. a CDN's."
    )
    products_exported = fields.Boolean(
        string="Export Changes of Products",
        default=True,
        help="Send what changes here of products (names, descriptions, prices, weights, taxes) and categories. New ones"
        " and the stock go out in any case: the one is asked for, the other has a switch on each product.",
    )
    attribute_set_ids = fields.One2many("magento.attribute.set", "backend_id", string="Attribute Sets")
    tax_class_ids = fields.One2many("magento.tax.class", "backend_id", string="Tax Classes")
    website_ids = fields.One2many("magento.website", "backend_id", string="Websites")
    storeview_ids = fields.One2many("magento.storeview", "backend_id", string="Store Views")
    payment_method_ids = fields.One2many("magento.payment.method", "backend_id", string="Payment Methods")
    shipping_method_ids = fields.One2many("magento.shipping.method", "backend_id", string="Shipping Methods")
    tax_ids = fields.One2many("magento.tax", "backend_id", string="Taxes")

    def _views_by_lang(self):
        """Return the store views by language code, those in the default language left out."""
        views = self.storeview_ids.filtered(lambda view: view.lang_id and view.lang_id != self.lang_id)
        return {lang.code: of_lang for lang, of_lang in views.grouped("lang_id").items()}

    def _default_product(self, kind):
        return self.env.ref(f"connector_magento.product_{kind}", raise_if_not_found=False)

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_import_metadata(self):
        """Import websites, stores, store views and customer groups, at once."""
        self._check_may_import()
        for backend in self:
            try:
                backend._import_metadata()
            except ConnectorError as error:
                raise UserError(
                    self.env._("%(problem)s\n\n%(advice)s", problem=error, advice=error.user_message)
                ) from error
        return True

    def _import_metadata(self):
        """Import what the shop is made of."""
        for model_name in METADATA:
            self.env[model_name].import_batch(self)

    def action_import_all(self):
        """Import the metadata at once, and enqueue all that changed since the last run."""
        self.action_import_metadata()
        return self._enqueue_batches(RECORDS)

    def action_import_categories(self):
        return self._enqueue_batches(["magento.product.category"])

    def action_import_customers(self):
        return self._enqueue_batches(["magento.res.partner"])

    def action_import_addresses(self):
        """Enqueue the comparison of all address books: a changed one does not make its customer a changed one."""
        return self._enqueue_batches(ADDRESSES)

    def action_import_products(self):
        return self._enqueue_batches(["magento.product.template", "magento.product.product"])

    def action_import_stock(self):
        """Take over the shop's stock of all products that have none here, in the background."""
        self._check_may_import()
        domain = [("backend_id", "in", self.ids), ("external_id", "!=", False), ("stock_exported", "=", False)]
        products = self.env["magento.product.product"].search([*domain, ("sync_state", "!=", "gone")])
        return products.filtered("is_storable")._enqueue_import_stock().notification()

    def action_find_deleted(self):
        """Look in the background for what the catalogue of the shop does not have any more."""
        self._check_may_import()
        jobs = self.env["connector.job"]
        for backend in self:
            for model_name in CATALOGUE:
                jobs += backend.as_job(identity_key=f"magento.mark_gone:{backend.id}:{model_name}")._mark_gone(
                    model_name
                )
        return jobs.notification()

    def _mark_gone(self, model_name):
        """Mark what the shop has deleted."""
        with self.work_on(model_name) as work:
            return work.unit(GoneFinder).run()

    def action_import_orders(self):
        return self._enqueue_batches(["magento.sale.order"])

    def _enqueue_batches(self, model_names):
        self._check_may_import()
        jobs = self.env["connector.job"]
        for backend in self:
            if not backend.website_ids:
                raise UserError(
                    self.env._("%s has no websites yet: import websites and groups first.", backend.display_name)
                )
            for model_name in model_names:
                jobs += (
                    backend.env[model_name]
                    .as_job(
                        priority={**RECORDS, **ADDRESSES}[model_name],
                        identity_key=f"magento.import_batch:{backend.id}:{model_name}",
                        description=self.env._(
                            "Import %(records)s of %(backend)s",
                            records=backend.env["ir.model"]._get(model_name).name,
                            backend=backend.display_name,
                        ),
                    )
                    .import_batch(backend)
                )
        return jobs.notification()

    def _check_may_import(self):
        self.check_access("write")

    # -- scheduled ---------------------------------------------------------------------------------------------------

    @api.model
    def _cron_import(self):
        for backend in self.search([("state", "=", "connected"), ("website_ids", "!=", False)]):
            # What is new of it comes with the first record that needs it, too; names come by this alone.
            backend.as_job(
                priority=METADATA_PRIORITY,
                identity_key=f"magento.import_metadata:{backend.id}",
                description=self.env._("Import websites and groups of %s", backend.display_name),
            )._import_metadata()
            backend._enqueue_batches(RECORDS)

    @api.model
    def _cron_import_addresses(self):
        self.search([("state", "=", "connected"), ("website_ids", "!=", False)]).action_import_addresses()

    @api.model
    def _cron_find_deleted(self):
        self.search([("state", "=", "connected"), ("website_ids", "!=", False)]).action_find_deleted()
