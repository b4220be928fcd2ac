"""Acting on all jobs that the filter of the list finds."""

from __future__ import annotations

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..groups import MANAGER_GROUP


class ConnectorJobBulk(models.TransientModel):
    """The dialog: how many jobs of a filter can be requeued, cancelled or set to done."""

    _name = "connector.job.bulk"
    _description = "Action on All Jobs of a Filter"

    domain = fields.Json(required=True, readonly=True)
    reason = fields.Char(help="Is shown as the result of the jobs.")
    requeue_count = fields.Integer(compute="_compute_counts")
    cancel_count = fields.Integer(compute="_compute_counts")

    @api.depends("domain")
    def _compute_counts(self):
        jobs = self.env["connector.job"]
        for one in self:
            one.requeue_count = jobs.search_count(jobs._wanted("requeue", one.domain or []))
            one.cancel_count = jobs.search_count(jobs._wanted("cancel", one.domain or []))

    def action_requeue(self):
        """Requeue all."""
        return self._act("requeue")

    def action_cancel(self):
        """Cancel all, with the reason."""
        return self._act("cancel")

    def action_done(self):
        """Set all to done, with the reason."""
        return self._act("done")

    def _act(self, action):
        self.ensure_one()
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can change jobs."))
        if action != "requeue" and not self.reason:
            raise UserError(self.env._("Say why: the reason is shown as the result of the jobs."))
        return self.env["connector.job"]._act_on_all(action, self.domain, self.reason)
