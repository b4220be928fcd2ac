from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError


class MagentoTax(models.Model):
    """Which tax of Odoo stands for a rate of the shop.

    A row is made when an order has a rate that is not in the table yet; a person may put another tax there.
    """

    _name = "magento.tax"
    _description = "Magento Tax Rate"
    _inherit = "magento.binding"
    _order = "backend_id, external_id"

    external_id = fields.Char(string="Rate (%)", help="A plain number: 20, or 5.5")
    odoo_id = fields.Many2one(
        "account.tax",
        string="Tax",
        required=True,
        ondelete="restrict",
        index=True,
        domain=[("type_tax_use", "=", "sale"), ("amount_type", "=", "percent")],
    )

    @api.model
    def _known_rates(self, backend):
        """Return the rates, in percent, of the table and of the company's sales taxes."""
        rows = self.search([("backend_id", "=", backend.id)])
        country = backend.company_id.account_fiscal_country_id
        taxes = self.env["account.tax"].sudo()
        taxes = taxes.search(
            [
                *taxes._check_company_domain(backend.company_id),
                ("type_tax_use", "=", "sale"),
                ("amount_type", "=", "percent"),
                ("country_id", "=", country.id),
            ]
        )
        return {Decimal(row.external_id) for row in rows} | {Decimal(str(tax.amount)) for tax in taxes}

    @api.model
    def _create_for_rate(self, backend, rate):
        """Make the row of a rate, ``"20"`` or ``"5.5"``, with the company's tax of that rate or a new one."""
        tax = self._find_or_create_tax(backend.company_id, rate)
        return self.create({"backend_id": backend.id, "external_id": rate, "odoo_id": tax.id})

    @api.model
    def _find_or_create_tax(self, company, rate):
        # Whoever runs the import need not be an accountant.
        Tax = self.env["account.tax"].sudo().with_company(company)
        country = company.account_fiscal_country_id or company.country_id
        if not country:
            raise UserError(
                self.env._(
                    "%(company)s has no country, so no tax can be made for the rate of %(rate)s %%. Enter the country "
                    "of the company, or choose a tax for this rate on the backend.",
                    company=company.display_name,
                    rate=rate,
                )
            )
        taxes = Tax.search(
            [
                *Tax._check_company_domain(company),
                ("type_tax_use", "=", "sale"),
                ("amount_type", "=", "percent"),
                ("amount", "=", float(rate)),
                ("country_id", "=", country.id),
            ]
        )
        # The shop's prices are without tax.
        tax = taxes.filtered(lambda tax: not tax.price_include)[:1]
        if tax:
            return tax
        group = taxes.tax_group_id[:1] or self._find_or_create_group(company, country, rate)
        return Tax.create(
            {
                "name": self.env._("%(rate)s %% (Magento)", rate=rate),
                "type_tax_use": "sale",
                "amount_type": "percent",
                "amount": float(rate),
                "price_include_override": "tax_excluded",
                "company_id": company.id,
                "country_id": country.id,
                "tax_group_id": group.id,
            }
        )

    @api.model
    def _find_or_create_group(self, company, country, rate):
        """Return the group (1) of the taxes of a rate, by which they are summed up on documents."""
        group_model = self.env["account.tax.group"].sudo().with_company(company)
        name = self.env._("Tax %(rate)s %%", rate=rate)
        domain = [*group_model._check_company_domain(company), ("country_id", "=", country.id)]
        same = (
            self.env["account.tax"]
            .sudo()
            .search(
                [
                    *self.env["account.tax"]._check_company_domain(company),
                    ("country_id", "=", country.id),
                    ("amount_type", "=", "percent"),
                    ("amount", "=", float(rate)),
                ],
                limit=1,
            )
        )
        return (
            same.tax_group_id
            or group_model.search([*domain, ("name", "=", name)], limit=1)
            or group_model.create({"name": name, "company_id": company.id, "country_id": country.id})
        )
