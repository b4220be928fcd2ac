"""Acting on all jobs that a filter finds, in slices, as a job."""

from __future__ import annotations

from odoo import api, models
from odoo.fields import Domain

from ..queue import job_options

#: Jobs in one transaction; so many are acted on at once, more by a job.
SLICE = 1_000

#: By action: the method, and the states that it is for. Running jobs are left to their end.
ACTIONS = {
    "requeue": ("action_requeue", ("failed", "cancelled")),
    "cancel": ("action_cancel", ("waiting", "pending", "failed")),
    "done": ("action_done", ("waiting", "pending", "failed")),
}


def _description(records, action, domain, reason):
    texts = {
        "requeue": records.env._("Requeue all jobs of a filter"),
        "cancel": records.env._("Cancel all jobs of a filter"),
        "done": records.env._("Set all jobs of a filter to done"),
    }
    return texts[action]


class ConnectorJob(models.Model):
    _inherit = "connector.job"

    @api.model
    def _act_on_all(self, action, domain, reason=None):
        """Requeue, cancel or set to done all jobs of a domain that are in a state for it.

        Up to :data:`SLICE` at once, more by a job that shows its progress and can be cancelled.

        :param action: a key of :data:`ACTIONS`
        :param domain: a list, of JSON values
        :return: the client action that says how many
        """
        wanted = self._wanted(action, domain)
        count = self.search_count(wanted, limit=SLICE + 1)
        if count > SLICE:
            job = self.as_job(priority=1)._act_in_slices(action, list(domain), reason)
            return job._told(self.env._("Job %s does this in the background: it shows how far it is.", job.id))
        self._act(action, self.search(wanted), reason)
        return self.browse()._told(self._told_count(action, count))

    @api.model
    def _act_by_slices(self, action, domain, reason=None):
        """Act on all jobs of a domain now, each slice in a transaction of its own; return how many.

        For a command: it commits what its caller has done before, too.
        """
        last, count = 0, 0
        newest = self.search(self._wanted(action, domain), order="id desc", limit=1).id or 0
        while True:
            left = Domain("id", ">", last) & Domain("id", "<=", newest)
            jobs = self.search(self._wanted(action, domain) & left, order="id", limit=SLICE)
            if not jobs:
                return count
            last, count = jobs[-1].id, count + len(jobs)
            self._act(action, jobs, reason)
            self._connector_commit()

    def _connector_commit(self):
        self.env.cr.commit()  # pylint: disable=invalid-commit  # no transaction over 100 000 jobs

    @job_options(description=_description)
    def _act_in_slices(self, action, domain, reason):
        """Act on all jobs of a filter, those that were there when it began.

        Goes on where it was after a crash; cancelling the job keeps what was done.
        """
        state = self.checkpoint_state() or {}
        if not state:
            wanted = self._wanted(action, domain)
            newest = self.search(wanted, order="id desc", limit=1)
            state = {"after": 0, "until": newest.id or 0, "count": 0, "total": self.search_count(wanted)}
        while True:
            left = Domain("id", ">", state["after"]) & Domain("id", "<=", state["until"])
            jobs = self.search(self._wanted(action, domain) & left, order="id", limit=SLICE)
            if not jobs:
                return self._told_count(action, state["count"])
            self._act(action, jobs, reason)
            state.update(after=jobs[-1].id, count=state["count"] + len(jobs))
            self.checkpoint(state)
            self.report_progress(state["count"], max(state["total"], state["count"]))

    def _wanted(self, action, domain):
        return Domain(domain) & Domain("state", "in", ACTIONS[action][1])

    def _act(self, action, jobs, reason):
        method = getattr(jobs, ACTIONS[action][0])
        if action == "requeue":
            method()
        else:
            method(reason=reason)

    def _told_count(self, action, count):
        texts = {
            "requeue": self.env._("Jobs requeued: %s", count),
            "cancel": self.env._("Jobs cancelled: %s", count),
            "done": self.env._("Jobs set to done: %s", count),
        }
        return texts[action]

    @api.private
    def notification(self):
        """Return the client action that says how many jobs (n) were enqueued, with a link; for a button to return."""
        return self._told(self.env._("%s jobs enqueued.", len(self)))

    def _told(self, message):
        """Return the client action that shows a message, with a link to these jobs (n)."""
        action = {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"message": message, "type": "success", "next": {"type": "ir.actions.act_window_close"}},
        }
        if self:
            own = f"/{self.id}" if len(self) == 1 else ""
            action["params"] |= {
                "message": f"{message} %s",
                "links": [{"label": self.env._("Show"), "url": f"/odoo/connector-jobs{own}"}],
            }
        return action

    def action_act_on_all(self):
        """Open the dialog that acts on all jobs which the list's filter finds."""
        domain = self.env.context.get("active_domain")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("All Jobs That Match"),
            "res_model": "connector.job.bulk",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_domain": [["id", "in", self.ids]] if self else domain or []},
        }
