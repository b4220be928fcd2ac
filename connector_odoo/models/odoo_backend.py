from odoo import api, fields, models
from odoo.tools import split_every

from odoo.addons.connector_framework.adapters import Adapter

#: What is synchronised, what others refer to first.
MODELS = ("odoo.res.partner", "odoo.product.product")


class OdooBackend(models.Model):
    _name = "odoo.backend"
    _description = "Odoo Backend"
    _inherit = "connector.backend.mixin"
    _service = "odoo"
    _secret_fields = ("api_key",)

    version = fields.Selection(
        [("19.0", "19.0 or later (JSON-2)"), ("16.0", "16.0 to 18.0 (XML-RPC)")], required=True, default="19.0"
    )
    url = fields.Char(string="Address", help="The address of the other Odoo, e.g. https://odoo.example.com")
    database = fields.Char(required=True)
    login = fields.Char(help="Of the key's user there; XML-RPC wants it.")
    api_key = fields.Char(string="API Key")
    company_id = fields.Many2one(required=True)
    lang_id = fields.Many2one(help="Of the names that go to and fro; both Odoos must have it.")
    conflict_policy = fields.Selection(
        [("external", "The other Odoo wins"), ("odoo", "This Odoo wins"), ("ask", "A person decides")],
        help="When both sides have changed a record. Empty: who comes last wins. Where the other Odoo has a backend "
        "for this one too, give it the opposite.",
    )
    export_new = fields.Boolean(
        help="Whether contacts and products that are made or changed here go there by themselves."
    )
    peer_user_id = fields.Many2one(
        "res.users",
        string="Its User Here",
        help="By whom the other Odoo writes here, if it has a backend for this one too. Give it a user of its own: "
        "what that user writes comes from there, and is not sent back.",
    )

    def action_import(self):
        """Enqueue the import of all that changed there since the last time."""
        self.check_access("write")
        jobs = self.env["connector.job"]
        for backend in self:
            for model_name in MODELS:
                key = f"odoo.import:{backend.id}:{model_name}"
                jobs += self.env[model_name].as_job(identity_key=key).import_batch(backend)
        return jobs.notification()

    def action_find_deleted(self):
        """Enqueue the search for records that the other Odoo has deleted."""
        self.check_access("write")
        jobs = self.env["connector.job"]
        for backend in self:
            for model_name in MODELS:
                jobs += backend.as_job(identity_key=f"odoo.deleted:{backend.id}:{model_name}")._find_deleted(model_name)
        return jobs.notification()

    def action_import_all(self):
        """Enqueue the import of all that changed there; for the dashboard."""
        return self.action_import()

    def _find_deleted(self, model_name):
        """Import what we know and the other Odoo does not have any more: the importer sees that it is gone."""
        bindings = self.env[model_name].with_context(active_test=False)
        bindings = bindings.search(
            [("backend_id", "=", self.id), ("external_id", "!=", False), ("sync_state", "!=", "gone")]
        )
        with self.work_on(model_name) as work:
            for ids in split_every(200, bindings.mapped("external_id")):
                there, _cursor = work.unit(Adapter).search([("id", "in", [int(external_id) for external_id in ids])])
                self.env[model_name].as_job().map(
                    "import_record", [(self, external_id) for external_id in ids if external_id not in there]
                )

    @api.model
    def _cron_import(self):
        self.search([("state", "=", "connected")]).action_import()

    @api.model
    def _cron_find_deleted(self):
        self.search([("state", "=", "connected")]).action_find_deleted()
