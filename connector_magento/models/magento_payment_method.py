from odoo import fields, models


class MagentoPaymentMethod(models.Model):
    """Which orders are imported, and what becomes of them, by the way in which they are paid.

    A row is made with the first order that is paid so.
    """

    _name = "magento.payment.method"
    _description = "Magento Payment Method"
    _inherit = "magento.binding"
    _rec_name = "external_id"
    _order = "backend_id, external_id"

    external_id = fields.Char(string="Code", help="As the shop calls it, e.g. checkmo or paypal_express.")
    import_rule = fields.Selection(
        [("always", "Always"), ("paid", "When it is paid"), ("never", "Never")],
        string="Import an Order",
        required=True,
        default="always",
        help="An order counts as paid when the shop has invoiced all of it. Until then its job waits.",
    )
    give_up_days = fields.Integer(
        string="Wait at Most (Days)",
        default=30,
        help="An order that is older and still not paid is not imported any more; 0: wait for ever.",
    )
    confirm = fields.Boolean(
        string="Confirm It",
        help="Confirm the order on import, if its total is the shop's and something is left to deliver.",
    )
