"""The live workers of this database, as their heartbeats report them."""

from __future__ import annotations

from odoo import fields, models


class ConnectorWorker(models.Model):
    _name = "connector.worker"
    _description = "Job Worker"
    _log_access = False
    _order = "host, pid, id"
    _rec_name = "host"
    _connector_bookkeeping = True

    host = fields.Char(readonly=True)
    pid = fields.Integer("Process", readonly=True, aggregator=None)
    threads = fields.Integer(readonly=True)
    running = fields.Integer("Running Jobs", readonly=True)
    stopping = fields.Boolean(readonly=True)
    date_started = fields.Datetime(readonly=True)
    last_seen = fields.Datetime(readonly=True)
    missing_addons = fields.Char(
        readonly=True, help="Installed addons that the worker's process lacks: it runs no job until it has them."
    )

    def init(self):
        # Written each second by each worker: room on the page for the next version, and no index on what changes.
        self.env.cr.execute("ALTER TABLE connector_worker SET (fillfactor = 50)")
