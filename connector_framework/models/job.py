"""The jobs of the queue, as people see them, and their actions.

The rows are written by the statements of ``queue/sql`` alone; the ORM reads them.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partial

from babel.dates import format_timedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import config, format_datetime
from odoo.tools.misc import babel_locale_parse
from psycopg2.errors import SerializationFailure, UniqueViolation

from ..queue import STATES, arguments, current_job, run_pending, wake
from ..queue.retry import is_retried_constraint
from ..queue.sql import actions, claim, schema, workers

#: External ids of a job that are shown.
SHOWN_SUBJECTS = 5
#: Characters of a result or an error in a list.
OUTCOME_LENGTH = 200
#: Records of other systems whose bindings a job opens.
MAX_OPENED = 1_000


class UnconstrainedMany2one(fields.Many2one):
    """A many2one without a foreign key: storing a job would lock the row that each of them names."""

    def update_db_foreign_key(self, model, column):
        pass


class ConnectorJob(models.Model):
    _name = "connector.job"
    _inherit = ["connector.failure.mixin"]
    _description = "Job"
    _log_access = False
    _order = "id DESC"
    _connector_bookkeeping = True

    name = fields.Char("Description", readonly=True)
    state = fields.Selection(STATES, readonly=True, required=True, group_expand=True)
    hold = fields.Char(readonly=True, help="Why a pending job cannot be claimed now: eta, or key.")
    model_name = fields.Char("Model", readonly=True)
    method_name = fields.Char("Method", readonly=True)
    priority = fields.Integer(readonly=True, aggregator=None, help="Lower runs first.")
    eta = fields.Datetime("Not Before", readonly=True)
    channel_id = UnconstrainedMany2one("connector.job.channel", string="Limits of the Channel", readonly=True)
    channel = fields.Char(readonly=True)
    attempt = fields.Integer(readonly=True, aggregator=None)
    max_attempts = fields.Integer(readonly=True, aggregator=None)
    crashes = fields.Integer(readonly=True, aggregator=None, help="How often a worker died while it had this job.")
    identity_key = fields.Char(readonly=True)
    identity_until_done = fields.Boolean(readonly=True)
    exclusive_key = fields.Char(readonly=True)
    timeout_s = fields.Float("Timeout (s)", readonly=True, aggregator=None)
    user_id = UnconstrainedMany2one("res.users", readonly=True)
    company_id = UnconstrainedMany2one("res.company", readonly=True)
    worker_id = fields.Integer(readonly=True, aggregator=None)
    date_enqueued = fields.Datetime(readonly=True)
    date_started = fields.Datetime(readonly=True)
    date_done = fields.Datetime("Ended", readonly=True)
    duration_s = fields.Float("Duration (s)", readonly=True, aggregator="avg", digits=(16, 3))
    result = fields.Text(readonly=True)
    exc_message = fields.Text("Error", readonly=True)
    exc_info = fields.Text("Traceback", readonly=True)
    user_message = fields.Text("What to Do", readonly=True)
    progress = fields.Float("Progress (%)", compute="_compute_progress", aggregator=None)
    call = fields.Text(
        compute="_compute_call",
        groups="connector_framework.group_connector_manager",
        help="The stored call, secrets masked.",
    )
    incident_id = UnconstrainedMany2one(
        "connector.incident",
        readonly=True,
        help="The incident of the last failure; it stays when the job is run again.",
    )
    backend_model = fields.Char(readonly=True)
    backend_id = fields.Many2oneReference("Backend Record", model_field="backend_model", readonly=True)
    backend_name = fields.Char("Backend", readonly=True, help="The backend's name when the job was stored.")
    external_id = fields.Char(
        "External IDs",
        compute="_compute_external_id",
        search="_search_external_id",
        help="Of the records of the other system that the job is about.",
    )
    when = fields.Char(compute="_compute_when", help="When it was stored, began or ended, by its state.")
    waits_for = fields.Char(
        "Why It Waits", compute="_compute_waits_for", help="Why a waiting or pending job is not run now."
    )
    outcome = fields.Char(compute="_compute_outcome", help="The result, or the error.")
    attempt_ids = fields.One2many("connector.job.attempt", "job_id", string="Failed Attempts", readonly=True)
    parent_ids = fields.Many2many("connector.job", string="Waits For", compute="_compute_dependencies")
    child_ids = fields.Many2many("connector.job", string="Waited For By", compute="_compute_dependencies")

    # Live rows only: history grows in none of them. The predicates are those of the statements in ``queue/sql``.
    _claim = models.Index(f"(channel_id, priority, id) WHERE {schema.CLAIMABLE}")
    _eta = models.Index(f"(eta) WHERE {schema.SCHEDULED}")
    _parked = models.Index(f"(exclusive_key, priority, id) WHERE {schema.PARKED}")
    _key = models.Index(f"(exclusive_key, priority, id) WHERE {schema.CLAIMABLE} AND exclusive_key IS NOT NULL")
    _running = models.Index(f"(worker_id, channel_id) WHERE {schema.RUNNING}")
    _waiting = models.Index(f"(channel_id, id) WHERE {schema.WAITING}")
    _failed = models.Index(f"(date_done) WHERE {schema.FAILED}")
    _failed_channel = models.Index(f"(channel_id, id) WHERE {schema.FAILED}")
    _finished = models.Index(f"(channel_id, date_done) WHERE {schema.FINISHED}")
    _incident = models.Index("(incident_id, id) WHERE incident_id IS NOT NULL")
    _exclusive = models.UniqueIndex(f"(exclusive_key) WHERE {schema.RUNNING} AND exclusive_key IS NOT NULL")
    _identity = models.UniqueIndex(f"(identity_key) WHERE {schema.ENQUEUED} AND identity_key IS NOT NULL")
    _identity_done = models.UniqueIndex(f"(identity_key) WHERE {schema.UNFINISHED} AND identity_until_done")

    def init(self):
        self.env.cr.execute(schema.TABLES)

    # -- reading -------------------------------------------------------------------------------------------------------

    def _compute_progress(self):
        done = dict(self._query(actions.read_progress(self.ids)))
        for job in self:
            job.progress = 100.0 if job.state == "done" else done.get(job.id, 0.0)

    def _compute_call(self):
        calls = dict(self._query(actions.read_calls(self.ids)))
        for job in self:
            method = getattr(self.env.registry.get(job.model_name), job.method_name or "", None)
            job.call = arguments.masked(calls.get(job.id, ""), partial(arguments.parameter_name, method))

    @api.depends("state", "date_enqueued", "date_started", "date_done")
    def _compute_when(self):
        locale, now = babel_locale_parse(self.env.lang), fields.Datetime.now()
        for job in self:
            running = job.date_started if job.state == "running" else None
            at = running or job.date_done or job.date_enqueued
            if at is None or at is False:
                job.when = False
                continue
            ago = format_timedelta(at - now, add_direction=True, locale=locale)
            texts = {
                "running": self.env._("began %s", ago),
                "pending": self.env._("enqueued %s", ago),
                "waiting": self.env._("enqueued %s", ago),
            }
            job.when = texts.get(job.state) or self.env._("ended %s", ago)

    @api.depends("result", "exc_message", "state")
    def _compute_outcome(self):
        for job in self:
            text = job.exc_message if job.state != "done" and job.exc_message else job.result
            job.outcome = " ".join((text or "")[:OUTCOME_LENGTH].split()) or False

    @api.depends("state", "hold", "eta", "channel", "exclusive_key")
    def _compute_waits_for(self):
        stopped = self.env["connector.job.channel"].sudo().search([("paused", "=", True)]).mapped("name")
        holders = dict(self._query(actions.running_with_keys(self.filtered("exclusive_key").mapped("exclusive_key"))))
        for job in self:
            paused = next((name for name in stopped if f"{job.channel}.".startswith(f"{name}.")), None)
            if job.state == "waiting":
                parents = job.parent_ids.filtered(lambda one: one.state != "done")
                job.waits_for = self.env._("Waits for the end of: %s", ", ".join(parents.mapped("display_name")))
            elif job.state != "pending":
                job.waits_for = False
            elif paused:
                job.waits_for = self.env._("Waits until channel %s is resumed.", paused)
            elif job.hold == "eta" and job.exc_type:
                job.waits_for = self.env._("Waits for its next attempt at %s.", format_datetime(self.env, job.eta))
            elif job.hold == "eta":
                job.waits_for = self.env._("Is not to run before %s.", format_datetime(self.env, job.eta))
            elif job.exclusive_key in holders:
                job.waits_for = self.env._("Waits for job %s, which has the same key.", holders[job.exclusive_key])
            else:
                job.waits_for = False

    def _compute_external_id(self):
        subjects = {}
        for job_id, _model, _record_id, external_id in self._query(actions.read_subjects(self.ids, SHOWN_SUBJECTS + 1)):
            if external_id is not None:
                subjects.setdefault(job_id, []).append(external_id)
        for job in self:
            found = subjects.get(job.id, [])
            more = ["…"] if len(found) > SHOWN_SUBJECTS else []
            job.external_id = ", ".join([*found[:SHOWN_SUBJECTS], *more]) or False

    def _search_external_id(self, operator, value):
        if operator not in ("in", "=", "ilike", "=ilike", "like"):
            return NotImplemented
        # An external id is looked up as a whole: an index finds it.
        values = [value] if isinstance(value, str) else [one for one in value if one]
        return [("id", "in", actions.jobs_about(external_ids=[str(one).strip() for one in values]))]

    def _compute_dependencies(self):
        pairs = self._query(actions.read_dependencies(self.ids))
        visible = self.search([("id", "in", list({job_id for pair in pairs for job_id in pair}))])
        for job in self:
            job.parent_ids = visible & self.browse(parent_id for child_id, parent_id in pairs if child_id == job.id)
            job.child_ids = visible & self.browse(child_id for child_id, parent_id in pairs if parent_id == job.id)

    # -- writing, closed to the ORM ------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        raise AccessError(self.env._("A job is made by code alone: records.as_job().method()."))

    def write(self, vals):
        raise AccessError(self.env._("A job cannot be changed; it can be requeued, cancelled or set to done."))

    def copy_data(self, default=None):
        raise AccessError(self.env._("A job cannot be duplicated; requeue it to run it again."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_running(self):
        self._check_states("waiting", "pending", "done", "failed", "cancelled")

    def unlink(self):
        self.check_access("unlink")
        self.env.cr.execute(actions.lock_jobs(self.ids))
        children = [child_id for (child_id,) in self._query(actions.children_of(self.ids))]
        result = super().unlink()
        self.env.cr.execute(actions.forget(self.ids))
        if children:
            wake.after_commit(self.env.cr, maintenance=True)
        return result

    # -- actions -------------------------------------------------------------------------------------------------------

    def action_requeue(self):
        """Run failed, cancelled and done jobs again, with all their attempts.

        What waited for a job that was done already is not run again. A job waits again for those that it was to run
        after and that are still to end; a cancelled one of them does not keep it. A job whose identity key a waiting or
        pending one has taken meanwhile ends cancelled.

        :raises UserError: when a job is in another state; nothing is changed
        """
        self._check_action("failed", "cancelled", "done")
        self.env.cr.execute(actions.forget_checkpoints(self.filtered(lambda job: job.state == "done").ids))
        self._transition(actions.requeue(self.ids))
        waiting = self._query(actions.wait_again(self.ids))
        wake.after_commit(self.env.cr, maintenance=bool(waiting))
        return self.browse()._told(self._told_count("requeue", len(self)))

    def action_cancel(self, reason=None):
        """Cancel waiting, pending, failed and running jobs, and their waiting dependents.

        A running job's database session is cut: its work is rolled back and cannot be committed any more.

        :raises UserError: when a job is in another state; nothing is changed
        """
        self._check_action("waiting", "pending", "failed", "running")
        reason = reason or self.env._("cancelled by %s", self.env.user.name)
        running = self.filtered(lambda job: job.state == "running").ids
        if running:
            # A job that is about to begin has no session to cut: without this lock the update would wait for its work.
            unbegun = {job_id for (job_id,) in self._query(actions.lock_unbegun(running))}
            self.env.cr.execute(workers.end_sessions([job_id for job_id in running if job_id not in unbegun]))
        self._transition(actions.cancel(self.ids, reason))
        wake.after_commit(self.env.cr, maintenance=True)
        return self.browse()._told(self._told_count("cancel", len(self)))

    def action_done(self, reason=None):
        """End waiting, pending and failed jobs without running them, and release their dependents.

        :raises UserError: when a job is in another state; nothing is changed
        """
        self._check_action("waiting", "pending", "failed")
        self._transition(actions.set_done(self.ids, reason or self.env._("set to done by %s", self.env.user.name)))
        wake.after_commit(self.env.cr, maintenance=True)
        return self.browse()._told(self._told_count("done", len(self)))

    def action_run_now(self):
        """Let pending jobs that wait for their time, or for their next attempt, run now.

        :raises UserError: when a job is in another state; nothing is changed
        """
        self._check_action("pending")
        self._transition(actions.run_now(self.ids))
        wake.after_commit(self.env.cr)
        return self.browse()._told(self.env._("Jobs that run now: %s", len(self)))

    def action_open_incident(self):
        """Open the incident of the job."""
        self.ensure_one()
        self.check_access("read")
        return self.incident_id.get_formview_action()

    def action_open_exchanges(self):
        """Open the calls to other systems that the job made."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_exchange")
        return {**action, "domain": [("job_id", "=", self.id)]}

    def action_open_record(self):
        """Open the records that the job is about."""
        self.ensure_one()
        self.check_access("read")
        if self.model_name not in self.env:
            raise UserError(self.env._("Model %(model)s of this job does not exist any more.", model=self.model_name))
        records = self._records()
        if not records:
            raise UserError(self.env._("The records of this job do not exist, or it has none."))
        action = {"type": "ir.actions.act_window", "name": self.name, "res_model": self.model_name}
        if len(records) == 1:
            return {**action, "res_id": records.id, "view_mode": "form", "views": [(False, "form")]}
        return {
            **action,
            "domain": [("id", "in", records.ids)],
            "view_mode": "list,form",
            "views": [(False, "list"), (False, "form")],
        }

    def _records(self):
        """Return the records that the job (1) is about: those that it is called on, and those of its external ids."""
        self.env.cr.execute(actions.read_calls(self.ids))
        try:
            ids = json.loads(self.env.cr.fetchone()[1])["ids"]
        except ValueError as error:
            raise UserError(self.env._("The call of this job cannot be read: %s", error)) from error
        model = self.env[self.model_name].with_context(active_test=False)
        records = model.browse(ids).exists()
        subjects = self._query(actions.read_subjects(self.ids, MAX_OPENED))
        external_ids = [external_id for _job, _model, _record, external_id in subjects if external_id is not None]
        if external_ids and "external_id" in model._fields and self.backend_id:
            records |= model.search([("external_id", "in", external_ids), ("backend_id", "=", self.backend_id)])
        return records

    @api.model
    def _ids_about(self, records, external_ids=()):
        """Return the ids of the jobs about records of one model, or about its external ids, as a part of a domain."""
        return actions.jobs_about(records._name, records.ids, list(external_ids))

    def _check_action(self, *states):
        if not self.env.su and not self.env.user.has_group("connector_framework.group_connector_manager"):
            raise AccessError(self.env._("Only a Connector Manager can change jobs."))
        self.check_access("read")
        self.env.cr.execute(actions.lock_jobs(self.ids))
        self.invalidate_recordset()
        self._check_states(*states)

    def _check_states(self, *states):
        wrong = self.filtered(lambda job: job.state not in states)
        if wrong:
            label = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "Job %(job)s is %(state)s; this is only possible for: %(states)s. Nothing was changed.",
                    job=wrong[0].display_name,
                    state=label[wrong[0].state],
                    states=", ".join(label[state] for state in states),
                )
            )

    def _query(self, query):
        self.env.cr.execute(query)
        return self.env.cr.fetchall()

    def _transition(self, query):
        try:
            self.env.cr.execute(query)
        except UniqueViolation as error:
            # A job of the same identity key was stored meanwhile: this snapshot does not see it, a new one does.
            raise SerializationFailure("a job of the same identity key was stored meanwhile") from error
        self.env["connector.job"].invalidate_model()

    # -- inside a job --------------------------------------------------------------------------------------------------

    @api.model
    @api.private
    def current(self):
        """Return the job that runs on this cursor (0..1)."""
        running = current_job(self.env.cr)
        return self.browse(running.id if running else ())

    @api.model
    @api.private
    def is_rerun_for(self, error):
        """Tell whether the running job is run again at once, in a new transaction, if it raises this error.

        So for a key that another transaction has stored since this one began: only a new one sees it.
        """
        running = current_job(self.env.cr)
        return bool(running and running.reruns_left) and is_retried_constraint(error)

    @api.model
    @api.private
    def report_progress(self, done, total):
        """Show how far the running job is; seen at once by others.

        :raises RuntimeError: outside of a job
        """
        self._running_job().report_progress(done, total)

    @api.model
    @api.private
    def checkpoint(self, state):
        """Commit the work so far together with a state from which a next attempt can resume.

        After it caches are empty, recordsets are valid, row locks are gone; the job, its place in the channel and its
        exclusive key are kept.

        :param state: a JSON value
        :raises JobLostError: when the job is another worker's now; nothing was committed since the last checkpoint
        :raises RuntimeError: outside of a job
        """
        self._running_job().checkpoint(state)

    @api.model
    @api.private
    def checkpoint_state(self):
        """Return the state of the last checkpoint of the running job, of any attempt; None if there is none.

        :raises RuntimeError: outside of a job
        """
        return self._running_job().checkpoint_state()

    @api.model
    @api.private
    def more_urgent_is_due(self):
        """Tell whether a job waits for a worker that is more urgent than the running one, which may give way to it.

        :raises RuntimeError: outside of a job
        """
        self._running_job()
        return bool(self._query(claim.more_urgent(self.current().priority)))

    def _running_job(self):
        running = current_job(self.env.cr)
        if running is None:
            raise RuntimeError(
                "no job is running on this cursor: progress and checkpoints are for methods run by as_job()"
            )
        return running

    # -- running -------------------------------------------------------------------------------------------------------

    @api.model
    @api.private
    def run_pending(self, limit=None, channel=None):
        """Claim and run due jobs, in this process and thread, until none is; return how many were run.

        The jobs run in transactions of their own, by the worker's own code. What this transaction has enqueued and not
        committed is not seen.

        :param limit: how many at most; None: all that is due
        :param channel: only this channel and those below
        """
        return run_pending(self.env.registry, limit=limit, channels=[channel] if channel else None)

    @api.model
    @api.private
    def _cron_run_pending(self):
        """Run due jobs if no complete worker was seen for a minute, until most of the cron's time is used up."""
        last_minute = self.env.cr.now() - timedelta(seconds=60)
        complete = [("last_seen", ">", last_minute), ("missing_addons", "=", False)]
        if self.env["connector.worker"].sudo().search_count(complete, limit=1):
            return
        limit_s = config["limit_time_real_cron"]
        if limit_s is None or limit_s < 0:
            limit_s = config["limit_time_real"]
        run_pending(self.env.registry, until=time.monotonic() + 0.8 * limit_s if limit_s else None)

    @api.autovacuum
    def _gc_jobs(self, limit=10_000):
        """Delete the jobs that their channels no longer keep."""
        ids = [row[0] for row in self._query(actions.prune(limit))]
        self.env.cr.execute(actions.forget(ids))
        self.invalidate_model()
        return len(ids), len(ids) == limit
