"""Contacts: companies first, then their people."""

from odoo.addons.connector_framework.mappings import (
    ExportMapper,
    ImportMapper,
    changed_by,
    code_to_m2o,
    convert,
    external_to_m2o,
    m2o_to_external,
    mapping,
)

from ..references import odoo

NAMES = "name is_company type function ref email phone website vat street street2 zip city active".split()


@odoo
class PartnerImportMapper(ImportMapper):
    _apply_on = "odoo.res.partner"
    direct = [
        *((name, name) for name in NAMES),
        (external_to_m2o("parent_id"), "parent_id"),
        (code_to_m2o("country_id/code"), "country_id"),
    ]

    @mapping
    @changed_by("state_id/code", "country_id/code")
    def state(self, record):
        domain = [("code", "=", record["state_id/code"]), ("country_id.code", "=", record["country_id/code"])]
        return {"state_id": self.env["res.country.state"].search(domain, limit=1).id}


@odoo
class PartnerExportMapper(ExportMapper):
    _apply_on = "odoo.res.partner"
    direct = [*((name, name) for name in NAMES), (convert(m2o_to_external("parent_id"), int), "parent_id")]

    @mapping
    @changed_by("country_id", "state_id")
    def country(self, partner):
        return {"country_id/code": partner.country_id.code, "state_id/code": partner.state_id.code}
