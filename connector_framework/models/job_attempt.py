"""The failed attempts of a job: written with the failure, never on success, and deleted with the job."""

from odoo import fields, models

from .job import UnconstrainedMany2one


class ConnectorJobAttempt(models.Model):
    _name = "connector.job.attempt"
    _inherit = ["connector.failure.mixin"]
    _description = "Failed Attempt of a Job"
    _log_access = False
    _order = "id"
    _connector_bookkeeping = True

    job_id = UnconstrainedMany2one("connector.job", required=True, readonly=True, index=True)
    number = fields.Integer(readonly=True, aggregator=None)
    worker = fields.Char(readonly=True, help="Host and process.")
    started = fields.Datetime(readonly=True)
    ended = fields.Datetime(readonly=True)
    exc_message = fields.Text("Error", readonly=True)
    exc_info = fields.Text("Traceback", readonly=True)
