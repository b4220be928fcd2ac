from odoo import fields, models


class MagentoBinding(models.AbstractModel):
    """The base of all bindings of a shop."""

    _name = "magento.binding"
    _description = "Magento Binding"
    _inherit = "connector.binding.mixin"

    backend_id = fields.Many2one("magento.backend", required=True, ondelete="cascade", index=True)
