from odoo import fields, models


class MagentoCustomerGroup(models.Model):
    _name = "magento.customer.group"
    _description = "Magento Customer Group"
    _inherit = "connector.binding.mixin"
    _inherits = {"res.partner.category": "odoo_id"}

    backend_id = fields.Many2one("magento.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner.category", string="Tag", required=True, ondelete="cascade", index=True)
