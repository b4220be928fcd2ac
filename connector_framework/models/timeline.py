"""The timeline of a record: the jobs, failed attempts and exchanges that were about its bindings."""

from __future__ import annotations

from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..groups import USER_GROUP

#: Exchanges that the form of a binding shows.
SHOWN = 40
#: Characters of an outcome in a timeline.
OUTCOME_LENGTH = 200


class ConnectorTimeline(models.Model):
    """One thing that happened to a record of another system, or to its binding; read from the tables of each kind."""

    _name = "connector.timeline"
    _description = "Timeline"
    _auto = False
    _log_access = False
    _order = "date DESC, id DESC"
    _rec_name = "name"
    _connector_bookkeeping = True

    date = fields.Datetime(readonly=True)
    kind = fields.Selection(
        [("job", "Job"), ("attempt", "Failed Attempt"), ("exchange", "Exchange")], "What", readonly=True
    )
    name = fields.Char("Description", readonly=True)
    state = fields.Char("State or Status", readonly=True)
    outcome = fields.Char(readonly=True)
    model_name = fields.Char("Model", readonly=True)
    record_id = fields.Many2oneReference(model_field="model_name", readonly=True)
    external_id = fields.Char("External ID", readonly=True)
    backend_model = fields.Char(readonly=True)
    backend_id = fields.Many2oneReference(model_field="backend_model", readonly=True)
    job_id = fields.Integer(readonly=True, aggregator=None)
    exchange_id = fields.Integer(readonly=True, aggregator=None)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        # Conditions on record and external id reach into each part, and so its indexes.
        return SQL(
            """
            SELECT j.id * 4::bigint AS id, coalesce(j.date_done, j.date_started, j.date_enqueued) AS date,
                   'job' AS kind, j.name, j.state, left(CASE WHEN j.state = 'done' THEN j.result
                                              ELSE coalesce(j.exc_message, j.result) END, %(length)s) AS outcome,
                   s.model_name, s.record_id, s.external_id, j.backend_model, j.backend_id,
                   j.id AS job_id, NULL::int AS exchange_id, j.company_id
              FROM connector_job_subject s JOIN connector_job j ON j.id = s.job_id
            UNION ALL
            SELECT a.id * 4::bigint + 1, a.ended, 'attempt', j.name, 'failed', left(a.exc_message, %(length)s),
                   s.model_name, s.record_id, s.external_id, j.backend_model, j.backend_id, j.id, NULL, j.company_id
              FROM connector_job_subject s JOIN connector_job j ON j.id = s.job_id
              JOIN connector_job_attempt a ON a.job_id = s.job_id
            UNION ALL
            SELECT e.id * 4::bigint + 2, e.date, 'exchange', concat_ws(' ', e.method, e.path), e.status,
                   left(e.error, %(length)s), e.model_name, e.record_id, e.external_id, e.backend_model, e.backend_id,
                   e.job_id, e.id, e.company_id
              FROM connector_exchange e
            """,
            length=OUTCOME_LENGTH,
        )

    def action_open(self):
        """Open the job or the exchange."""
        self.ensure_one()
        self.check_access("read")
        is_exchange = self.kind == "exchange"
        return {
            "type": "ir.actions.act_window",
            "res_model": "connector.exchange" if is_exchange else "connector.job",
            "res_id": self.exchange_id if is_exchange else self.job_id,
            "views": [(False, "form")],
        }


class Base(models.AbstractModel):
    _inherit = "base"

    def action_open_connector_timeline(self):
        """Open all that happened to the bindings of this record (1)."""
        self.ensure_one()
        self.check_access("read")
        domains = [
            binding._exchange_domain()
            for model, field, is_binding in self._connector_cascades().get(self._name, ())
            if is_binding and self.env[model].has_access("read")
            for binding in self.env[model].with_context(active_test=False).search([(field, "=", self.id)])
        ]
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_timeline"),
            "domain": list(Domain.OR(domains)) if domains else [("id", "=", 0)],
        }


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    exchange_ids = fields.Many2many(
        "connector.exchange",
        string="Exchanges",
        compute="_compute_exchange_ids",
        groups=USER_GROUP,
        help="The last calls to the other system that were about this record.",
    )

    def action_open_timeline(self):
        """Open all that happened to these bindings: jobs, failed attempts, exchanges."""
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_timeline"),
            "domain": list(Domain.OR(binding._exchange_domain() for binding in self)),
        }

    def _compute_exchange_ids(self):
        exchanges = self.env["connector.exchange"]
        domains = {binding: binding._exchange_domain() for binding in self}
        found = exchanges.search(Domain.OR(domains.values()), limit=SHOWN * len(self)) if self else exchanges
        for binding, domain in domains.items():
            binding.exchange_ids = found.filtered_domain(domain)[:SHOWN]

    def _exchange_domain(self):
        """Return the domain of the exchanges that were about this binding (1), by its id or its external id."""
        about = Domain("model_name", "=", self._name)
        domain = about & Domain("record_id", "=", self.id)
        if self.external_id:
            external = Domain("backend_id", "=", self.backend_id.id) & Domain("external_id", "=", self.external_id)
            domain |= about & external
        return domain
