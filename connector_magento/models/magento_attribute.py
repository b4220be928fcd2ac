from odoo import api, fields, models


class MagentoAttributeSet(models.Model):
    """An attribute set: which attributes a product has; a new one needs it."""

    _name = "magento.attribute.set"
    _description = "Magento Attribute Set"
    _inherit = "magento.binding"
    _order = "backend_id, external_id"

    name = fields.Char(required=True)


class MagentoTaxClass(models.Model):
    """A tax class of products: which taxes they have here."""

    _name = "magento.tax.class"
    _description = "Magento Product Tax Class"
    _inherit = "magento.binding"
    _order = "backend_id, external_id"

    name = fields.Char(required=True)
    tax_ids = fields.Many2many(
        "account.tax",
        string="Sales Taxes",
        domain=[("type_tax_use", "=", "sale")],
        help="What products of this class get, and by which a new product gets its class. Empty: they keep theirs.",
    )


class ProductAttribute(models.Model):
    _inherit = "product.attribute"

    magento_bind_ids = fields.One2many(
        "magento.attribute", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )


class MagentoAttribute(models.Model):
    """An attribute by which configurable products are configured; its external id is its code."""

    _name = "magento.attribute"
    _description = "Magento Attribute"
    _inherit = "magento.binding"
    _inherits = {"product.attribute": "odoo_id"}

    odoo_id = fields.Many2one(
        "product.attribute", string="Attribute Here", required=True, ondelete="cascade", index=True
    )
    option_ids = fields.One2many("magento.attribute.option", "magento_attribute_id", string="Options")


class MagentoAttributeOption(models.Model):
    _name = "magento.attribute.option"
    _description = "Magento Attribute Option"
    _inherit = "magento.binding"
    _inherits = {"product.attribute.value": "odoo_id"}

    odoo_id = fields.Many2one(
        "product.attribute.value", string="Value Here", required=True, ondelete="cascade", index=True
    )
    magento_attribute_id = fields.Many2one("magento.attribute", required=True, ondelete="cascade", index=True)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            attribute = self.env["magento.attribute"].browse(vals["magento_attribute_id"])
            vals.setdefault("attribute_id", attribute.odoo_id.id)
        return super().create(vals_list)
