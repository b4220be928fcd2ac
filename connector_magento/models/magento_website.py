from odoo import fields, models


class MagentoWebsite(models.Model):
    _name = "magento.website"
    _description = "Magento Website"
    _inherit = "magento.binding"
    _order = "backend_id, external_id"

    name = fields.Char(required=True)
    store_ids = fields.One2many("magento.store", "website_id", string="Stores")
    pricelist_id = fields.Many2one(
        "product.pricelist",
        help="For the orders in its currency. Empty: one is chosen, or made, with the first order in another currency "
        "than the company's.",
    )
    warehouse_id = fields.Many2one("stock.warehouse", help="Empty: the backend's.")
    price_exported = fields.Boolean(
        string="Export Prices",
        help="Send the pricelist's prices as those of this website. Only where the shop has prices per website.",
    )


class MagentoStore(models.Model):
    _name = "magento.store"
    _description = "Magento Store"
    _inherit = "magento.binding"
    _order = "backend_id, external_id"

    name = fields.Char(required=True)
    website_id = fields.Many2one("magento.website", required=True, ondelete="cascade", index=True)
    storeview_ids = fields.One2many("magento.storeview", "store_id", string="Store Views")


class MagentoStoreview(models.Model):
    _name = "magento.storeview"
    _description = "Magento Store View"
    _inherit = "magento.binding"
    _order = "backend_id, sequence, external_id"

    name = fields.Char(required=True)
    code = fields.Char()
    sequence = fields.Integer()
    enabled = fields.Boolean(default=True)
    store_id = fields.Many2one("magento.store", required=True, ondelete="cascade", index=True)
    website_id = fields.Many2one(related="store_id.website_id", store=True)
    lang_id = fields.Many2one("res.lang", string="Language", help="The language of the customers of this view.")
