from functools import partial

from odoo import api, fields, models

from odoo.addons.connector_framework.queue import job_options

from ..units.catalogue.first_stock import StockImporter
from ..units.catalogue.image import ImageImporter
from ..units.catalogue.stock import STOCKS_AT_ONCE, StockExporter, products_key


def _writes_key(products, *args, **kwargs):
    """Return the key of all jobs that write products of a shop: two at a time meet in its index tables."""
    return f"magento.product_writes:{products.backend_id.ids}"


class MagentoProductMixin(models.AbstractModel):
    """What the bindings of all products of the shop have, configurable ones or not."""

    _name = "magento.product.mixin"
    _description = "Magento Product Mixin"
    _inherit = "magento.binding"

    sku = fields.Char(string="SKU", index="btree_not_null", copy=False)
    magento_name = fields.Char(string="Name in Magento")
    magento_type = fields.Char(string="Type in Magento", default="simple")
    enabled = fields.Boolean(default=True, help="Disabled products are not shown in the shop; they stay active here.")
    attribute_set_id = fields.Many2one("magento.attribute.set", ondelete="restrict", index="btree_not_null")
    tax_class_id = fields.Many2one("magento.tax.class", ondelete="set null", index="btree_not_null")
    website_ids = fields.Many2many("magento.website", string="Websites")
    category_ids = fields.Many2many("magento.product.category", string="Categories")
    magento_description = fields.Text(
        string="Description in Magento", translate=True, help="With its HTML; quotations have the text alone."
    )
    magento_price = fields.Float(string="Price in Magento", digits=(16, 4), aggregator=None)
    magento_weight = fields.Float(string="Weight in Magento", digits=(16, 4), aggregator=None)
    website_prices = fields.Json(
        readonly=True, help="By external id of the website: price, special_price and its dates, as far as they differ."
    )
    website_prices_text = fields.Text(string="Prices of Websites", compute="_compute_texts")
    magento_attributes = fields.Json(readonly=True, help="Values of further attributes by code; of a choice its id.")
    magento_attributes_text = fields.Text(string="Further Attributes", compute="_compute_texts")
    #: Which fields have a text of their own in which language, as far as that is known to Odoo.
    translated = fields.Json(readonly=True, copy=False)
    image_file = fields.Char(readonly=True, copy=False, help="The path of the shop's image that was fetched last.")
    image_version = fields.Char(readonly=True, copy=False)
    magento_created_at = fields.Datetime(string="Created in Magento")
    magento_updated_at = fields.Datetime(string="Updated in Magento")

    @api.depends("website_prices", "magento_attributes")
    def _compute_texts(self):
        websites = {(site.backend_id.id, site.external_id): site.name for site in self.backend_id.website_ids}
        for product in self:
            product.website_prices_text = "\n".join(
                f"{websites.get((product.backend_id.id, number), number)}: "
                + ", ".join(f"{name} {value}" for name, value in prices.items())
                for number, prices in (product.website_prices or {}).items()
            )
            product.magento_attributes_text = "\n".join(
                f"{code}: {value}" for code, value in (product.magento_attributes or {}).items()
            )

    @api.private
    @job_options(exclusive_key=_writes_key)
    def export_record(self, fields=None):
        return super().export_record(fields=fields)

    # -- images ------------------------------------------------------------------------------------------------------

    @api.private
    def import_image(self, force=False):
        """Import the image of a product.

        :param force: even if it is the one that was fetched last
        """
        results = []
        for product in self:
            with product.backend_id.work_on(self._name) as work:
                results.append(work.unit(ImageImporter).run(product, force=force))
        return ", ".join(results)

    def _enqueue_image(self, force=False):
        jobs = self.env["connector.job"]
        for product in self:
            jobs += product.as_job(
                channel="root.magento.image",
                identity_key=f"magento.image:{self._name}:{product.id}:{force}",
                description=self.env._("Import the image of %s", product.display_name),
            ).import_image(force=force)
        return jobs

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_import(self):
        """Import the products again, with their images, in the background."""
        self.check_access("write")
        jobs = self.env["connector.job"]
        for product in self.filtered("external_id"):
            jobs += self.browse().as_job().import_record(product.backend_id, product.external_id, force=True)
            jobs += product._enqueue_image(force=True)
        return jobs.notification()

    def action_export(self):
        """Send all of the products to the shop again, in the background."""
        self.check_access("write")
        self.export_hash = False
        jobs = self.env["connector.job"]
        for products in self.grouped("backend_id").values():
            jobs += products.as_job(split=1).export_record()
        return jobs.notification()


class ProductProduct(models.Model):
    _inherit = "product.product"

    magento_bind_ids = fields.One2many(
        "magento.product.product", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )


class MagentoProductProduct(models.Model):
    """A simple, virtual or grouped product of the shop; also the variants of its configurable ones."""

    _name = "magento.product.product"
    _description = "Magento Product"
    _inherit = "magento.product.mixin"
    _inherits = {"product.product": "odoo_id"}

    odoo_id = fields.Many2one("product.product", string="Variant", required=True, ondelete="cascade", index=True)
    magento_template_id = fields.Many2one(
        "magento.product.template", string="Configurable", ondelete="set null", index="btree_not_null"
    )
    member_ids = fields.One2many("magento.product.member", "group_id", string="Members")
    stock_exported = fields.Boolean(
        string="Export Stock",
        copy=False,
        help="Whether the quantity here is sent to the shop: at once, and whenever it changes. On for products"
        " that were put there from here, or whose stock was taken over; of others the shop's stock is unknown here.",
    )
    magento_qty = fields.Float(
        string="Quantity for Magento",
        compute="_compute_magento_qty",
        compute_sudo=True,
        digits="Product Unit",
        aggregator=None,
    )

    @api.depends(
        "odoo_id.stock_quant_ids.quantity",
        "odoo_id.stock_quant_ids.reserved_quantity",
        "backend_id.stock_field",
        "website_ids.warehouse_id",
    )
    @api.depends_context("company")
    def _compute_magento_qty(self):
        """The shop has one stock for all its websites: what the warehouses that deliver for them have together."""
        for (backend, websites), products in self.grouped(lambda one: (one.backend_id, one.website_ids)).items():
            warehouses = [site.warehouse_id or backend.warehouse_id for site in websites] or [backend.warehouse_id]
            # One without a warehouse of its own is delivered from all of them.
            ids = [warehouse.id for warehouse in warehouses] if all(warehouses) else False
            there = products.with_context(warehouse_id=ids) if ids else products
            for product, in_warehouse in zip(products, there, strict=True):
                product.magento_qty = in_warehouse.odoo_id[backend.stock_field or "qty_available"]

    def action_export_stock(self):
        """Choose the products for the export of their stock, which sends it."""
        self.check_access("write")
        self.filtered("is_storable").stock_exported = True

    @api.private
    def import_stock(self):
        """Take over the shop's stock of the products as far as there is none here, and export it from then on."""
        return self._run_each_shop(StockImporter)

    def _enqueue_import_stock(self):
        jobs = self.env["connector.job"]
        for backend, products in self.grouped("backend_id").items():
            jobs += products.as_job(
                split=STOCKS_AT_ONCE,
                identity_key=partial(products_key, "magento.first_stock"),
                description=self.env._("Take over the stock of %s", backend.display_name),
            ).import_stock()
        return jobs

    @api.private
    @job_options(exclusive_key=_writes_key)
    def export_stock(self):
        """Export the stock of the products, those of a shop in one request."""
        return self._run_each_shop(StockExporter)

    def _run_each_shop(self, unit):
        """Run a unit with the products of each shop, and return what it says."""
        results = []
        for backend, products in self.grouped("backend_id").items():
            with backend.work_on(self._name) as work:
                results.append(work.unit(unit).run(products))
        return ", ".join(results)


class MagentoProductMember(models.Model):
    """A member of a grouped product: what is sold is the member."""

    _name = "magento.product.member"
    _description = "Magento Grouped Product Member"
    _inherit = "magento.binding"
    _order = "group_id, position, id"

    group_id = fields.Many2one("magento.product.product", required=True, ondelete="cascade", index=True)
    product_id = fields.Many2one(
        "magento.product.product", string="Member", required=True, ondelete="cascade", index=True
    )
    qty = fields.Float(string="Quantity", digits="Product Unit")
    position = fields.Integer()
