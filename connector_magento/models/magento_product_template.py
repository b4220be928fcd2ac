from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    magento_template_bind_ids = fields.One2many(
        "magento.product.template", "odoo_id", string="Magento Configurable Products", groups="base.group_user"
    )


class MagentoProductTemplate(models.Model):
    """A configurable product of the shop: a product with variants here."""

    _name = "magento.product.template"
    _description = "Magento Configurable Product"
    _inherit = "magento.product.mixin"
    _inherits = {"product.template": "odoo_id"}

    odoo_id = fields.Many2one("product.template", string="Product Here", required=True, ondelete="cascade", index=True)
    variant_ids = fields.One2many("magento.product.product", "magento_template_id", string="Variants in Magento")
    attribute_ids = fields.Many2many(
        "magento.attribute", string="Configured by", help="The attributes that tell its variants apart."
    )
