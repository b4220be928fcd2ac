from odoo import fields, models


class ProductCategory(models.Model):
    _inherit = "product.category"

    magento_bind_ids = fields.One2many(
        "magento.product.category", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )


class MagentoProductCategory(models.Model):
    _name = "magento.product.category"
    _description = "Magento Product Category"
    _inherit = "magento.binding"
    _inherits = {"product.category": "odoo_id"}

    odoo_id = fields.Many2one("product.category", string="Category", required=True, ondelete="cascade", index=True)
    magento_parent_id = fields.Many2one("magento.product.category", ondelete="cascade", index="btree_not_null")
    magento_child_ids = fields.One2many("magento.product.category", "magento_parent_id", string="Subcategories")
    enabled = fields.Boolean(default=True)
    position = fields.Integer()
    magento_name = fields.Char(string="Name in Magento", translate=True)
    description = fields.Text(translate=True)
