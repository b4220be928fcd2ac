from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    magento_bind_ids = fields.One2many(
        "magento.account.move", "odoo_id", string="Magento Invoices", groups="base.group_user"
    )


class MagentoAccountMove(models.Model):
    """An invoice in the shop; its external id is its increment id."""

    _name = "magento.account.move"
    _description = "Magento Invoice"
    _inherit = "magento.binding"
    _inherits = {"account.move": "odoo_id"}

    odoo_id = fields.Many2one("account.move", string="Invoice", required=True, ondelete="cascade", index=True)
    magento_order_id = fields.Many2one("magento.sale.order", required=True, ondelete="cascade", index=True)

    # One invoice may have lines of several orders, each of which has an invoice of its own in the shop.
    _order_unique = models.UniqueIndex("(odoo_id, magento_order_id)")
