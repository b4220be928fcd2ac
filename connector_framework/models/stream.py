"""How far an incremental import got."""

from __future__ import annotations

import logging
from datetime import datetime

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain

from ..groups import MANAGER_GROUP
from ..queue.sql import metrics

_logger = logging.getLogger(__name__)

#: Minutes that a new stream may be behind: four runs of an import each quarter of an hour.
DEFAULT_MAX_AGE_MIN = 60


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
    imported_until = fields.Datetime(
        readonly=True, help="Start of the last complete run: what changed before it is imported, or has a job."
    )
    max_age_min = fields.Integer(
        "Promise (minutes)",
        default=DEFAULT_MAX_AGE_MIN,
        aggregator=None,
        help="How far the import may be behind before it is reported; 0: it is never reported.",
    )
    lag_s = fields.Integer(
        "Behind (s)",
        compute="_compute_lag_s",
        aggregator=None,
        help="Seconds since the start of the last complete run, or since the oldest due job of the backend's channel or"
        " one below is due, whichever is more.",
    )
    run_job_ids = fields.Json(readonly=True)
    rewind_to = fields.Datetime(help="Where the next run begins after a rewind; empty: with the first record.")

    _backend_name_unique = models.UniqueIndex("(backend_model, backend_id, name)")
    _max_age_not_negative = models.Constraint(
        "CHECK (max_age_min >= 0)", "A stream cannot promise less than 0 minutes; 0 is no promise."
    )

    def _compute_backend_name(self):
        backends = self._backends()
        for stream in self:
            backend = backends.get((stream.backend_model, stream.backend_id))
            stream.backend_name = backend.display_name if backend and backend.has_access("read") else False

    def _compute_lag_s(self):
        self.env["connector.job.channel"].flush_model()
        self.env.cr.execute(metrics.WITHOUT_JIT)
        ages = [(f"{name}.", age) for _id, name, _paused, age in self.env.execute_query(metrics.due_jobs())]
        now = fields.Datetime.now()
        channels = self._channels()
        for stream in self:
            end = stream.imported_until or stream.date_advanced or stream.create_date or now
            above = channels.get((stream.backend_model, stream.backend_id))
            due = [age for name, age in ages if above and name.startswith(above)]
            stream.lag_s = int(max((now - end).total_seconds(), *due, 0))

    def _channels(self):
        """Return the paths of the backends' channels, each with a dot behind it, by model and id of the backend."""
        backends = self.sudo()._backends()
        return {key: f"{backend.channel_id.name}." for key, backend in backends.items() if backend.channel_id}

    def _backends(self):
        """Return the backends of the streams that are there, by model and id."""
        return self.env["connector.backend.mixin"]._existing(
            (stream.backend_model, stream.backend_id) for stream in self
        )

    @api.depends("cursor")
    def _compute_cursor_text(self):
        for stream in self:
            parts = stream.cursor.items() if isinstance(stream.cursor, dict) else ()
            stream.cursor_text = ", ".join(f"{name}: {value}" for name, value in parts) or False

    @api.depends("name", "backend_name")
    def _compute_display_name(self):
        for stream in self:
            stream.display_name = f"{stream.backend_name or stream.backend_model}: {stream.name}"

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
    def advance(self, cursor, before=None, began=None):
        """Write how far the import got, to be committed with its last page.

        A stream that was rewound while the run was on stays where it was rewound to.

        :param cursor: a JSON value
        :param before: the cursor when the run began; None for the first record
        :param began: when it began, naive UTC as ISO 8601; None: now
        """
        self.ensure_one()
        if (self.cursor or None) != (before or None):
            _logger.info("%s was moved during its run: the next run begins at %s", self, self.cursor or "the start")
            return
        now = fields.Datetime.now()
        until = datetime.fromisoformat(began) if began else now
        self.write({"cursor": cursor, "date_advanced": now, "imported_until": until})

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
