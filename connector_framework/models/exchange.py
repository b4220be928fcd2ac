"""Exchanges: the logged calls to other systems, with their answers."""

from __future__ import annotations

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..groups import MANAGER_GROUP
from ..queue import current_job

#: Old exchanges that one run of the vacuum deletes in one statement.
VACUUM_ROWS = 10_000


class ConnectorExchange(models.Model):
    """One call to another system, or one from it; written by ``adapters.exchanges`` after the call's transaction."""

    _name = "connector.exchange"
    _description = "Exchange with Another System"
    _log_access = False
    _order = "date DESC, id DESC"
    _rec_name = "method"
    _connector_bookkeeping = True

    date = fields.Datetime(readonly=True, required=True, default=fields.Datetime.now)
    direction = fields.Selection([("out", "Sent"), ("in", "Received")], readonly=True, required=True, default="out")
    method = fields.Char(readonly=True)
    path = fields.Char(readonly=True)
    status = fields.Char(readonly=True, help="In the terms of the other system: an HTTP status, a fault code.")
    duration_ms = fields.Integer("Duration (ms)", readonly=True, aggregator="avg")
    request = fields.Text(readonly=True, groups=MANAGER_GROUP)
    response = fields.Text(readonly=True, groups=MANAGER_GROUP)
    error = fields.Text(readonly=True)

    backend_model = fields.Char(readonly=True)
    backend_id = fields.Many2oneReference(model_field="backend_model", readonly=True)
    backend_name = fields.Char(readonly=True, help="The backend's name at that time.")
    company_id = fields.Many2one("res.company", readonly=True)
    model_name = fields.Char("Model", readonly=True, help="The model that the call was about.")
    record_id = fields.Many2oneReference(model_field="model_name", readonly=True)
    external_id = fields.Char("External ID", readonly=True)
    # No foreign keys: an exchange outlives its job and record, and writing it locks no row of a running job.
    job_id = fields.Integer(readonly=True, aggregator=None)

    _date_idx = models.Index("(date)")
    _record_idx = models.Index("(model_name, record_id) WHERE record_id IS NOT NULL")
    _external_idx = models.Index("(model_name, backend_id, external_id) WHERE external_id IS NOT NULL")
    _job_idx = models.Index("(job_id) WHERE job_id IS NOT NULL")

    @api.private
    def keep_days(self) -> float:
        """Return after how many days exchanges are deleted: ``connector_framework.exchange_keep_days``, default 7."""
        value = self.env["ir.config_parameter"].sudo().get_param("connector_framework.exchange_keep_days")
        try:
            return max(float(value or 7), 0)
        except ValueError:
            return 7

    @api.private
    @api.model
    def running_job_id(self) -> int | None:
        """Return the id of the job that runs on this cursor, None outside of a job."""
        job = current_job(self.env.cr)
        return job.id if job else None

    @api.autovacuum
    def _gc_exchanges(self):
        before = fields.Datetime.now() - timedelta(days=self.keep_days())
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "DELETE FROM connector_exchange WHERE id IN"
                " (SELECT id FROM connector_exchange WHERE date < %s ORDER BY date LIMIT %s)",
                before,
                VACUUM_ROWS,
            )
        )
        done = self.env.cr.rowcount
        self.invalidate_model()
        return done, int(done == VACUUM_ROWS)

    def _forget_models(self, names):
        """Delete the exchanges of backends and records whose models are gone; there may be very many."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "DELETE FROM connector_exchange WHERE backend_model = ANY(%(names)s) OR model_name = ANY(%(names)s)",
                names=list(names),
            )
        )
        self.invalidate_model()

    def action_open_record(self):
        """Open the record that the call was about."""
        self.ensure_one()
        self.check_access("read")
        record = self.env[self.model_name].browse(self.record_id) if self.model_name in self.env else None
        if not (record and record.exists()):
            raise UserError(self.env._("The record that this call was about is not there, or not there any more."))
        record.check_access("read")
        return record._get_records_action()

    def action_open_job(self):
        """Open the job that made the call."""
        self.ensure_one()
        self.check_access("read")
        job = self.env["connector.job"].browse(self.job_id).exists()
        if not job:
            raise UserError(self.env._("The job that made this call is not there any more."))
        job.check_access("read")
        return job._get_records_action()
