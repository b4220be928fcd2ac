from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    odoo_bind_ids = fields.One2many(
        "odoo.res.partner", "odoo_id", string="Other Odoos", groups="connector_framework.group_connector_user"
    )


class OdooResPartner(models.Model):
    _name = "odoo.res.partner"
    _description = "Contact of Another Odoo"
    _inherit = "connector.binding.mixin"
    _inherits = {"res.partner": "odoo_id"}
    _one_per_record = True

    backend_id = fields.Many2one("odoo.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner", string="Contact Here", required=True, ondelete="cascade", index=True)


class ProductProduct(models.Model):
    _inherit = "product.product"

    odoo_bind_ids = fields.One2many(
        "odoo.product.product", "odoo_id", string="Other Odoos", groups="connector_framework.group_connector_user"
    )


class OdooProductProduct(models.Model):
    _name = "odoo.product.product"
    _description = "Product of Another Odoo"
    _inherit = "connector.binding.mixin"
    _inherits = {"product.product": "odoo_id"}
    _one_per_record = True

    backend_id = fields.Many2one("odoo.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("product.product", string="Variant Here", required=True, ondelete="cascade", index=True)
