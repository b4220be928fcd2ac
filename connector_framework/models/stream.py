"""How far an incremental import got."""

from __future__ import annotations

import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain

from ..groups import MANAGER_GROUP

_logger = logging.getLogger(__name__)


class ConnectorStream(models.Model):
    """An incremental import of one backend, and the cursor behind which all is new.

    The cursor is written in the transaction that has imported, or enqueued, the last of a batch: after a failure the
    next run begins where the last complete one did. So each record comes at least once.
    """

    _name = "connector.stream"
    _description = "Import Stream"
    _order = "backend_model, backend_id, name"
    _connector_bookkeeping = True

    name = fields.Char(required=True, readonly=True)
    backend_model = fields.Char(required=True, readonly=True)
    backend_id = fields.Many2oneReference("Backend ID", model_field="backend_model", required=True, readonly=True)
    backend_name = fields.Char(string="Backend", compute="_compute_backend_name")
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null")
    cursor = fields.Json(readonly=True)
    cursor_text = fields.Char(string="Position", compute="_compute_cursor_text")
    date_advanced = fields.Datetime(string="Last Complete Run", readonly=True)
    run_job_ids = fields.Json(readonly=True)
    rewind_to = fields.Datetime(help="Where the next run begins after a rewind; empty: with the first record.")

    _backend_name_unique = models.UniqueIndex("(backend_model, backend_id, name)")

    def _compute_backend_name(self):
        for stream in self:
            backend = stream._backend()
            stream.backend_name = backend.display_name if backend and backend.has_access("read") else False

    @api.depends("cursor")
    def _compute_cursor_text(self):
        for stream in self:
            parts = stream.cursor.items() if isinstance(stream.cursor, dict) else ()
            stream.cursor_text = ", ".join(f"{name}: {value}" for name, value in parts) or False

    @api.depends("name", "backend_name")
    def _compute_display_name(self):
        for stream in self:
            stream.display_name = f"{stream.backend_name or stream.backend_model}: {stream.name}"

    def _backend(self):
        """Return the backend (0..1)."""
        if self.backend_model not in self.env:
            return None
        return self.env[self.backend_model].browse(self.backend_id).exists()

    @api.model
    @api.private
    def of(self, backend, name):
        """Return the stream (1, sudo) of a backend; make it the first time."""
        streams = self.sudo()
        stream = streams.search(
            [("backend_model", "=", backend._name), ("backend_id", "=", backend.id), ("name", "=", name)]
        )
        return stream or streams.create(
            {
                "name": name,
                "backend_model": backend._name,
                "backend_id": backend.id,
                "company_id": backend.company_id.id,
            }
        )

    @api.private
    def advance(self, cursor, before=None):
        """Write how far the import got, to be committed with its last page.

        A stream that was rewound while the run was on stays where it was rewound to.

        :param cursor: a JSON value
        :param before: the cursor when the run began; None for the first record
        """
        self.ensure_one()
        if (self.cursor or None) != (before or None):
            _logger.info("%s was moved during its run: the next run begins at %s", self, self.cursor or "the start")
            return
        self.write({"cursor": cursor, "date_advanced": fields.Datetime.now()})

    @api.private
    def track(self, jobs):
        """Keep the jobs of the run that is on; finished ones are dropped."""
        self.ensure_one()
        self.run_job_ids = [*self._unfinished().ids, *jobs.ids]

    @api.private
    def unfinished_jobs(self):
        """Return how many jobs of the last run are still to come: one run at a time, to its last record.

        A chunk that waits for its next attempt does not hold the next run back.
        """
        self.ensure_one()
        return len(self._unfinished())

    def _unfinished(self):
        is_due = Domain("eta", "=", False) | Domain("eta", "<=", self.env.cr.now())
        return (
            self.env["connector.job"]
            .sudo()
            .search(
                Domain("id", "in", self.run_job_ids or [])
                & Domain("state", "in", ["waiting", "pending", "running"])
                & (is_due | Domain("method_name", "=", "_import_page"))
            )
        )

    @api.private
    def rewind(self, cursor=None):
        """Have the next run begin at a cursor; None: with the first record."""
        self.write({"cursor": cursor or False})

    def action_rewind(self):
        """Have the next run begin at ``rewind_to``."""
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can rewind a stream."))
        self.check_access("write")
        for stream in self:
            stream.rewind({"since": stream.rewind_to.isoformat()} if stream.rewind_to else None)
