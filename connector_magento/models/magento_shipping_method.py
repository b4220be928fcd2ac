from odoo import fields, models


class MagentoShippingMethod(models.Model):
    """Which carrier here is meant by a shipping method of the shop, and as which one its tracking numbers go there.

    A row is made with the first order that is shipped so.
    """

    _name = "magento.shipping.method"
    _description = "Magento Shipping Method"
    _inherit = "magento.binding"
    _rec_name = "external_id"
    _order = "backend_id, external_id"

    external_id = fields.Char(string="Code", help="As the shop calls it, carrier and method: flatrate_flatrate.")
    carrier_id = fields.Many2one(
        "delivery.carrier",
        string="Carrier Here",
        ondelete="set null",
        index="btree_not_null",
        help="New orders have it, and its product on the line of the shipping. Empty: the backend's product.",
    )
    tracking_code = fields.Char(
        string="Carrier in Magento",
        help="The shop's code of the carrier for tracking numbers: custom, ups, usps, fedex, dhl... Empty: the one "
        "that the method's code begins with, or else custom.",
    )
