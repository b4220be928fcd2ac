from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from odoo.addons.connector_framework.groups import MANAGER_GROUP


class MagentoProductPublish(models.TransientModel):
    """Puts products of Odoo into a shop: makes their bindings, which are then exported."""

    _name = "magento.product.publish"
    _description = "Publish Products in Magento"

    product_ids = fields.Many2many("product.product", string="Products", required=True)
    backend_id = fields.Many2one("magento.backend", string="Shop", required=True)
    website_ids = fields.Many2many("magento.website", string="Websites", domain="[('backend_id', '=', backend_id)]")
    category_ids = fields.Many2many(
        "magento.product.category", string="Categories", domain="[('backend_id', '=', backend_id)]"
    )
    attribute_set_id = fields.Many2one(
        "magento.attribute.set",
        domain="[('backend_id', '=', backend_id)]",
        compute="_compute_defaults",
        store=True,
        readonly=False,
    )

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        ids = self.env.context.get("active_ids") or []
        if self.env.context.get("active_model") == "product.template":
            ids = self.env["product.template"].browse(ids).product_variant_ids.ids
        backends = self.env["magento.backend"].search([], limit=2)
        return {
            **values,
            "product_ids": [Command.set(ids)],
            **({"backend_id": backends.id} if len(backends) == 1 else {}),
        }

    @api.depends("backend_id")
    def _compute_defaults(self):
        for wizard in self:
            wizard.attribute_set_id = wizard.backend_id.attribute_set_ids[:1]

    def action_publish(self):
        """Make the bindings of those that have none on this shop yet; the shop gets them in the background."""
        self.ensure_one()
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can publish products."))
        self.backend_id.check_access("write")
        bindings = self.env["magento.product.product"].with_context(active_test=False)
        known = bindings.search([("backend_id", "=", self.backend_id.id), ("odoo_id", "in", self.product_ids.ids)])
        products = self.product_ids - known.odoo_id
        nameless = products.filtered(lambda product: not product.default_code)
        if nameless:
            raise UserError(
                self.env._(
                    "The shop knows products by their internal reference. Enter one for: %s",
                    ", ".join(nameless.mapped("display_name")),
                )
            )
        bindings.create(
            [
                {
                    "backend_id": self.backend_id.id,
                    "odoo_id": product.id,
                    "magento_type": "virtual" if product.type == "service" else "simple",
                    "attribute_set_id": self.attribute_set_id.id,
                    "website_ids": [Command.set(self.website_ids.ids)],
                    "category_ids": [Command.set(self.category_ids.ids)],
                }
                for product in products
            ]
        )
        return {"type": "ir.actions.act_window_close"}
