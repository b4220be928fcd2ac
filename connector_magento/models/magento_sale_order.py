from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import float_compare

from odoo.addons.connector_framework.groups import MANAGER_GROUP
from odoo.addons.connector_framework.queue import job_options

from ..units.order.export import OrderActions


def _order_key(orders, *args, **kwargs):
    return f"magento.order:{orders.ids}"


class SaleOrder(models.Model):
    _inherit = "sale.order"

    magento_bind_ids = fields.One2many(
        "magento.sale.order", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )

    def _action_confirm(self):
        result = super()._action_confirm()
        self.sudo().magento_bind_ids._settle_quantities()
        return result


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    magento_bind_ids = fields.One2many(
        "magento.sale.order.line", "odoo_id", string="Magento Bindings", groups="base.group_user"
    )


class MagentoSaleOrder(models.Model):
    """An order; its external id is the increment id, the number that the customer knows."""

    _name = "magento.sale.order"
    _description = "Magento Order"
    _inherit = "magento.binding"
    _inherits = {"sale.order": "odoo_id"}

    odoo_id = fields.Many2one("sale.order", string="Order", required=True, ondelete="cascade", index=True)
    magento_order_id = fields.Char(string="Magento ID", help="The shop's internal id.")
    storeview_id = fields.Many2one(
        "magento.storeview", string="Store View", ondelete="restrict", index="btree_not_null"
    )
    magento_website_id = fields.Many2one(related="storeview_id.website_id", string="Website")
    magento_state = fields.Char(string="State in Magento")
    magento_status = fields.Char(string="Status in Magento")
    payment_method = fields.Char(string="Paid by")
    shipping_method = fields.Char()
    coupon_code = fields.Char()
    is_guest = fields.Boolean(help="Ordered without an account, or by one that the shop has deleted since.")
    customer_email = fields.Char(index="btree_not_null")
    customer_note = fields.Text(string="Note of the Customer")
    gift_message = fields.Text()
    magento_history = fields.Text(string="History in Magento", help="States and comments, the latest first, in UTC.")
    address_hash = fields.Char(readonly=True, copy=False, help="What tells the two addresses from others.")
    magento_parent_id = fields.Many2one(
        "magento.sale.order",
        string="Replaces",
        ondelete="set null",
        index="btree_not_null",
        help="The order that was edited in the shop, which cancels it and makes this one in its place.",
    )
    magento_total = fields.Monetary(string="Total in Magento", aggregator=None)
    total_difference = fields.Monetary(
        compute="_compute_total_difference", store=True, help="Odoo's total less Magento's.", aggregator=None
    )
    magento_updated_at = fields.Datetime(string="Updated in Magento")
    magento_order_line_ids = fields.One2many("magento.sale.order.line", "magento_order_id", string="Magento Lines")
    magento_shipment_ids = fields.One2many("magento.stock.picking", "magento_order_id", string="Magento Shipments")
    magento_invoice_ids = fields.One2many("magento.account.move", "magento_order_id", string="Magento Invoices")

    @api.depends("odoo_id.amount_total", "magento_total")
    def _compute_total_difference(self):
        for order in self:
            order.total_difference = order.currency_id.round(order.amount_total - order.magento_total)

    # -- what is left to deliver ---------------------------------------------------------------------------------------

    def _settle_quantities(self):
        """Take out of the open deliveries what the shop has shipped, refunded or canceled, and say so."""
        for order in self:
            cut = {}
            for line in order.magento_order_line_ids.filtered(lambda line: ":" not in line.external_id):
                qty = line._cut_open_moves()
                if qty:
                    cut[line] = qty
            if cut:
                order.odoo_id.message_post(
                    body=self.env._(
                        "Shipped, refunded or canceled in Magento, and so no longer to be delivered from here: %s."
                        " Stock that left from there is not counted here.",
                        ", ".join(f"{qty:g} {line.product_id.display_name}" for line, qty in cut.items()),
                    )
                )

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_import_again(self):
        """Read the orders again, whether they seem to have changed or not."""
        self._check_may_manage()
        jobs = self.env["connector.job"]
        for order in self:
            jobs += self.browse().as_job().import_record(order.backend_id, order.external_id, force=True)
        return jobs.notification()

    def action_hold(self):
        return self._enqueue_action("hold")

    def action_unhold(self):
        return self._enqueue_action("unhold")

    def action_cancel_in_magento(self):
        return self._enqueue_action("cancel")

    def action_comment(self):
        """Open the form of a comment."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Comment on order %s", self.external_id),
            "res_model": "magento.order.comment",
            "view_mode": "form",
            "target": "new",
            "context": {"default_order_id": self.id},
        }

    def _enqueue_action(self, action):
        self._check_may_manage()
        jobs = self.env["connector.job"]
        for order in self:
            texts = {
                "hold": self.env._("Hold order %s", order.external_id),
                "unhold": self.env._("Release order %s", order.external_id),
                "cancel": self.env._("Cancel order %s", order.external_id),
            }
            jobs += order.as_job(description=texts[action]).export_action(action)
        return jobs.notification()

    def _check_may_manage(self):
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can do this to an order of a shop."))
        self.check_access("write")

    # -- what jobs call ----------------------------------------------------------------------------------------------

    @api.private
    @job_options(exclusive_key=_order_key)
    def export_action(self, action):
        """Hold, unhold or cancel the order (1) in the shop."""
        with self.backend_id.work_on(self._name) as work:
            return work.unit(OrderActions).run(self, action)

    @api.private
    @job_options(exclusive_key=_order_key)
    def export_comment(self, text, notify=False):
        """Add a comment to the order (1) in the shop.

        :param notify: whether the shop sends it to the customer
        """
        with self.backend_id.work_on(self._name) as work:
            return work.unit(OrderActions).run(self, "comment", text=text, notify=notify)


class MagentoSaleOrderLine(models.Model):
    """A line of an order; shipping, discount and rounding have one too (``100000001:shipping``)."""

    _name = "magento.sale.order.line"
    _description = "Magento Order Line"
    _inherit = "magento.binding"
    _inherits = {"sale.order.line": "odoo_id"}

    odoo_id = fields.Many2one("sale.order.line", string="Line", required=True, ondelete="cascade", index=True)
    magento_order_id = fields.Many2one("magento.sale.order", required=True, ondelete="cascade", index=True)
    qty_shipped = fields.Float(string="Shipped in Magento", digits="Product Unit", aggregator=None)
    qty_left = fields.Float(
        string="Left in Magento",
        digits="Product Unit",
        aggregator=None,
        help="Neither shipped nor refunded nor canceled in the shop.",
    )

    def _delivered_here_alone(self):
        """Return how much of the line (1) was delivered here and is no shipment in the shop yet."""
        line = self.odoo_id
        if not self.backend_id.export_shipments:
            # Who ships in both does it for the same goods.
            return max(line.qty_delivered - self.qty_shipped, 0)
        done = line.move_ids.filtered(lambda move: move.state == "done" and move.location_dest_id.usage == "customer")
        sent = done.picking_id.magento_bind_ids.filtered(
            lambda one: one.external_id and one.magento_order_id == self.magento_order_id
        )
        return sum(
            move.product_uom._compute_quantity(move.quantity, line.product_uom_id, round=False)
            for move in done
            if move.picking_id not in sent.odoo_id
        )

    def _cut_open_moves(self):
        """Leave open to be delivered of the line (1) what is left in the shop; return how much was cut off.

        Quantities delivered in Odoo that have no shipment in the shop yet do not count as left.
        """
        line, rounding = self.odoo_id, self.odoo_id.product_uom_id.rounding or 0.01
        left = max(self.qty_left - self._delivered_here_alone(), 0)
        moves = line.move_ids.filtered(
            lambda move: move.state not in ("done", "cancel") and move.location_id.usage != "customer"
        )
        most = 0.0
        # Of a delivery in several steps each has its own.
        for of_step in moves.grouped("location_dest_id").values():
            open_qty = sum(
                move.product_uom._compute_quantity(move.product_uom_qty, line.product_uom_id, round=False)
                for move in of_step
            )
            surplus = cut = open_qty - left
            most = max(most, cut)
            for move in of_step.sorted("id", reverse=True):
                if float_compare(surplus, 0, precision_rounding=rounding) <= 0:
                    break
                qty = move.product_uom._compute_quantity(move.product_uom_qty, line.product_uom_id, round=False)
                if float_compare(surplus, qty, precision_rounding=rounding) >= 0:
                    move._action_cancel()
                else:
                    rest = line.product_uom_id._compute_quantity(qty - surplus, move.product_uom)
                    move.product_uom_qty = rest
                surplus -= qty
        return most if float_compare(most, 0, precision_rounding=rounding) > 0 else 0.0

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            order = self.env["magento.sale.order"].browse(vals["magento_order_id"])
            vals.setdefault("order_id", order.odoo_id.id)
        return super().create(vals_list)
