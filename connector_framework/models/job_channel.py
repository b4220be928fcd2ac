"""Channels: named lanes of the queue with limits that hold over all processes and hosts."""

from __future__ import annotations

import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..queue.enqueue import channel_path
from ..queue.options import DEFAULT_KEEP_DAYS, DEFAULT_MAX_ATTEMPTS
from ..queue.sql.enqueue import insert_channel

#: Characters of a path.
MAX_PATH = 200
_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")


class ConnectorJobChannel(models.Model):
    _name = "connector.job.channel"
    _description = "Job Channel"
    _parent_store = True
    _order = "name"
    _connector_bookkeeping = True

    name = fields.Char(
        "Channel", required=True, help="Full path with dots, such as root.magento.import; it cannot be changed later."
    )
    parent_id = fields.Many2one("connector.job.channel", readonly=True, ondelete="restrict", index=True)
    parent_path = fields.Char(index=True)
    capacity = fields.Integer(
        help="Jobs of this channel and those below that may run at the same time; 0: no limit.", aggregator=None
    )
    rate_limit = fields.Float(
        help="Jobs of this channel and those below that may start each second; 0: no limit.", aggregator=None
    )
    paused = fields.Boolean(help="No job of this channel and those below is started.")
    timeout_s = fields.Float("Timeout (s)", help="Seconds that an attempt may take; 0: no limit.", aggregator=None)
    max_attempts = fields.Integer(
        default=DEFAULT_MAX_ATTEMPTS, help="Tries in all, crashes included; 0: no limit.", aggregator=None
    )
    keep_days = fields.Integer(
        default=DEFAULT_KEEP_DAYS,
        help="Days that done and cancelled jobs are kept; failed ones stay until handled.",
        aggregator=None,
    )
    pending_count = fields.Integer("Pending", compute="_compute_counts")
    running_count = fields.Integer("Running", compute="_compute_counts")
    failed_count = fields.Integer("Failed", compute="_compute_counts")

    _unique_name = models.UniqueIndex("(name)", "A channel of this name exists already.")
    _limits_not_negative = models.Constraint(
        "CHECK (capacity >= 0 AND rate_limit >= 0 AND timeout_s >= 0 AND max_attempts >= 0 AND keep_days >= 0)",
        "The limits of a channel cannot be negative.",
    )

    def _compute_counts(self):
        counts = {
            (channel.id, state): count
            for channel, state, count in self.env["connector.job"]
            .sudo()
            ._read_group(
                [("channel_id", "in", self.ids), ("state", "in", ("pending", "running", "failed"))],
                ["channel_id", "state"],
                ["__count"],
            )
        }
        for channel in self:
            channel.pending_count = counts.get((channel.id, "pending"), 0)
            channel.running_count = counts.get((channel.id, "running"), 0)
            channel.failed_count = counts.get((channel.id, "failed"), 0)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_path(vals.get("name"))
            vals["name"] = channel_path(vals["name"])
            parent = vals["name"].rpartition(".")[0]
            if parent:
                self._ensure(parent)
                vals["parent_id"] = self.sudo().search([("name", "=", parent)], limit=1).id
        return super().create(vals_list)

    def _load_records_create(self, vals_list):
        """Create the channels of an addon's data; those that code has made on use before become the addon's."""
        vals_list = [{**vals, "name": channel_path(vals["name"])} if vals.get("name") else vals for vals in vals_list]
        names = [vals.get("name") for vals in vals_list]
        known = {channel.name: channel for channel in self.search([("name", "in", names)])}
        records = self.browse()
        for vals in vals_list:
            channel = known.get(vals.get("name"))
            if channel:
                channel.write(vals)
            records += channel or super()._load_records_create([vals])
        return records

    def write(self, vals):
        if vals.get("name"):
            vals = {**vals, "name": channel_path(vals["name"])}
        if "name" in vals and any(channel.name != vals["name"] for channel in self):
            raise UserError(
                self.env._("The name of a channel cannot be changed, as code refers to it; create another one.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        used = self.env["connector.job"].sudo()._read_group([("channel_id", "in", self.ids)], ["channel_id"])
        if used:
            raise UserError(
                self.env._(
                    "Channel %(channel)s has jobs; delete these first, or pause the channel.", channel=used[0][0].name
                )
            )

    def action_pause(self):
        """Start no job of these channels from the next claim on."""
        return self.write({"paused": True})

    def action_resume(self):
        """Start jobs of these channels again."""
        return self.write({"paused": False})

    @api.private
    def _check_path(self, path):
        """:raises ValidationError: when the path is none"""
        if not path or len(path) > MAX_PATH or not _PATH.fullmatch(path):
            raise ValidationError(
                self.env._(
                    "%(path)r is no channel: a channel is a path of words with dots between them, such as root.import.",
                    path=path and path[:MAX_PATH],
                )
            )

    @api.private
    def _ensure(self, path):
        """Create the channel of this path, and those above, unless they exist."""
        self._check_path(path)
        parent = ""
        # The statement goes by names and paths that the caller may have written.
        self.flush_model(["name", "parent_path"])
        for word in path.split("."):
            name = f"{parent}.{word}" if parent else word
            self.env.cr.execute(insert_channel(name, parent or None))
            parent = name
