from odoo import api, fields, models

from ..units.texts import comparable_email


class ResPartner(models.Model):
    _inherit = "res.partner"

    magento_bind_ids = fields.One2many(
        "magento.res.partner", "odoo_id", string="Magento Accounts", groups="base.group_user"
    )
    magento_address_bind_ids = fields.One2many(
        "magento.address", "odoo_id", string="Magento Addresses", groups="base.group_user"
    )

    def write(self, vals):
        if "email" not in vals:
            return super().write(vals)
        # An account has an e-mail of its own. One that had the partner's gets the new one; another one stays.
        accounts = self.sudo().with_context(active_test=False).magento_bind_ids
        following = accounts.filtered(lambda one: comparable_email(one.email) == comparable_email(one.odoo_id.email))
        result = super().write(vals)
        if vals["email"]:
            for account in following.exists():
                if account.email != account.odoo_id.email:
                    account.email = account.odoo_id.email
        return result


class MagentoResPartner(models.Model):
    """An account of a customer. One e-mail may have an account on each website, one partner several accounts."""

    _name = "magento.res.partner"
    _description = "Magento Customer"
    _inherit = "magento.binding"
    _inherits = {"res.partner": "odoo_id"}
    _external_key = ("website_id", "external_id")

    odoo_id = fields.Many2one("res.partner", string="Partner", required=True, ondelete="cascade", index=True)
    website_id = fields.Many2one("magento.website", required=True, ondelete="restrict", index=True)
    storeview_id = fields.Many2one(
        "magento.storeview", string="Store View", ondelete="set null", index="btree_not_null"
    )
    group_id = fields.Many2one("magento.customer.group", ondelete="set null", index="btree_not_null")
    email = fields.Char(
        string="Account E-mail", compute="_compute_email", inverse="_inverse_email", store=True, readonly=False
    )
    taxvat = fields.Char(string="Tax/VAT Number", help="As the customer entered it, valid or not.")
    prefix = fields.Char()
    middlename = fields.Char(string="Middle Name")
    suffix = fields.Char()
    birthday = fields.Date()
    gender = fields.Char()
    magento_created_at = fields.Datetime(string="Created in Magento")
    magento_updated_at = fields.Datetime(string="Updated in Magento")
    magento_address_ids = fields.One2many("magento.address", "magento_partner_id", string="Addresses")
    address_hash = fields.Char(readonly=True, copy=False, help="What tells the address book from another one.")

    @api.depends("odoo_id")
    def _compute_email(self):
        """A new account gets the e-mail of its partner, to begin with."""
        for account in self:
            account.email = account.email or account.odoo_id.email

    def _inverse_email(self):
        """Give the partner the e-mail of its only account; with several accounts leave the partner's e-mail alone."""
        for account in self:
            partner = account.odoo_id
            if partner.email != account.email and (not partner.email or len(partner.magento_bind_ids) == 1):
                partner.email = account.email


class MagentoAddress(models.Model):
    """An address of a customer's address book: a child contact of the customer, or the customer's own partner."""

    _name = "magento.address"
    _description = "Magento Address"
    _inherit = "magento.binding"
    _inherits = {"res.partner": "odoo_id"}

    odoo_id = fields.Many2one("res.partner", string="Contact Here", required=True, ondelete="cascade", index=True)
    magento_partner_id = fields.Many2one("magento.res.partner", required=True, ondelete="cascade", index=True)
    is_default_billing = fields.Boolean()
    is_default_shipping = fields.Boolean()
    company = fields.Char(string="Company on the Address")
    vat_id = fields.Char(string="VAT on the Address")
    region = fields.Char(help="As the shop has it; the contact has the state where Odoo knows it.")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if not vals.get("odoo_id"):
                customer = self.env["magento.res.partner"].browse(vals["magento_partner_id"])
                vals.setdefault("parent_id", customer.odoo_id.id)
        return super().create(vals_list)
