from odoo import fields, models


class MagentoOrderComment(models.TransientModel):
    """A comment to add to an order in the shop."""

    _name = "magento.order.comment"
    _description = "Comment on a Magento Order"

    order_id = fields.Many2one("magento.sale.order", required=True, ondelete="cascade", readonly=True)
    comment = fields.Text(required=True)
    notify = fields.Boolean(string="E-mail the Customer", help="Have the shop send the comment to the customer.")

    def action_send(self):
        """Send the comment, by a job."""
        for wizard in self:
            # Who may change the order may comment on it; the job writes what the shop then says of it.
            wizard.order_id.odoo_id.check_access("write")
            wizard.order_id.sudo().as_job(
                description=self.env._("Comment on order %s", wizard.order_id.external_id),
            ).export_comment(wizard.comment, notify=wizard.notify)
        return {"type": "ir.actions.act_window_close"}
