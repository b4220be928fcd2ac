from odoo import fields, models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    magento_bind_ids = fields.One2many(
        "magento.stock.picking", "odoo_id", string="Magento Shipments", groups="base.group_user"
    )


class MagentoStockPicking(models.Model):
    """A delivery as the shipment that it is in the shop; its external id is the shipment's increment id."""

    _name = "magento.stock.picking"
    _description = "Magento Shipment"
    _inherit = "magento.binding"
    _inherits = {"stock.picking": "odoo_id"}

    odoo_id = fields.Many2one("stock.picking", string="Delivery", required=True, ondelete="cascade", index=True)
    magento_order_id = fields.Many2one("magento.sale.order", required=True, ondelete="cascade", index=True)
    sent_tracking = fields.Char(string="Tracking Sent", readonly=True, copy=False)

    # One delivery may have lines of several orders, each of which has a shipment of its own.
    _order_unique = models.UniqueIndex("(odoo_id, magento_order_id)")
