from odoo import api, fields, models


class ProductProduct(models.Model):
    _inherit = "product.product"

    magento_bind_ids = fields.One2many(
        "magento.product.product", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )


class MagentoProductProduct(models.Model):
    _name = "magento.product.product"
    _description = "Magento Product"
    _inherit = "connector.binding.mixin"
    _inherits = {"product.product": "odoo_id"}

    backend_id = fields.Many2one("magento.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("product.product", string="Variant", required=True, ondelete="cascade", index=True)
    sku = fields.Char(string="SKU")
    magento_type = fields.Char(string="Type in Magento")
    enabled = fields.Boolean(default=True, help="Disabled products are not shown in the shop; they stay active here.")
    attribute_set = fields.Char()
    website_ids = fields.Many2many("magento.website", string="Websites")
    category_ids = fields.Many2many("magento.product.category", string="Categories")
    magento_created_at = fields.Datetime(string="Created in Magento")
    magento_updated_at = fields.Datetime(string="Updated in Magento")
    stock_exported = fields.Boolean(
        string="Export Stock", default=True, help="Whether a changed quantity is sent to the shop."
    )
    magento_qty = fields.Float(
        string="Quantity for Magento", compute="_compute_magento_qty", digits="Product Unit", aggregator=None
    )

    @api.depends(
        "odoo_id.stock_quant_ids.quantity", "odoo_id.stock_quant_ids.reserved_quantity", "backend_id.stock_field"
    )
    @api.depends_context("company")
    def _compute_magento_qty(self):
        for backend, products in self.grouped("backend_id").items():
            there = products.with_context(warehouse_id=backend.warehouse_id.id) if backend.warehouse_id else products
            for product, in_warehouse in zip(products, there, strict=True):
                product.magento_qty = in_warehouse.odoo_id[backend.stock_field or "qty_available"]
