from odoo import fields, models


class MagentoCustomerGroup(models.Model):
    _name = "magento.customer.group"
    _description = "Magento Customer Group"
    _inherit = "magento.binding"
    _inherits = {"res.partner.category": "odoo_id"}

    odoo_id = fields.Many2one("res.partner.category", string="Tag", required=True, ondelete="cascade", index=True)
