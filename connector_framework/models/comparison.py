"""Comparisons: are both sides of a model the same?"""

from __future__ import annotations

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..binders.models import binding_models
from ..comparison import KINDS, PRIORITY, Run, highest_share
from ..exceptions import ConfigurationError
from ..groups import MANAGER_GROUP
from ..queue import job_options
from ..text import model_label
from .comparison_line import REPAIRS

STATES = [
    ("pending", "Pending"),
    ("running", "Running"),
    ("done", "Done"),
    ("stopped", "Stopped"),
    ("failed", "Failed"),
]
#: Days that ended comparisons are kept; the last complete one of each model stays.
KEEP_DAYS = 90
#: Lines that one job of a repair of a whole kind takes.
REPAIRED_AT_ONCE = 500


def _comparison_key(comparison):
    """Return the key of which one comparison runs at a time: one a backend, so that live work finds its threads."""
    return f"connector.comparison:{comparison.backend_model},{comparison.backend_id}"


class ConnectorComparison(models.Model):
    """A comparison of all records of a binding model of one backend; made by :meth:`compare`, run by jobs."""

    _name = "connector.comparison"
    _description = "Comparison of Both Sides"
    _order = "id DESC"
    _connector_bookkeeping = True

    backend_model = fields.Char(required=True, readonly=True)
    backend_id = fields.Many2oneReference("Backend ID", model_field="backend_model", required=True, readonly=True)
    backend_name = fields.Char(string="Backend", compute="_compute_backend_name")
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null")
    model_name = fields.Char("Model", required=True, readonly=True, help="The binding model.")
    model_label = fields.Char(string="Records", compute="_compute_model_label")
    filters = fields.Json(readonly=True, help="What the other system's records were filtered by; empty: all.")
    sample = fields.Integer(readonly=True, aggregator=None, help="About so many records were chosen at random; 0: all.")
    confidence = fields.Char(compute="_compute_confidence", help="What the sample says about all records.")
    state = fields.Selection(STATES, default="pending", required=True, readonly=True)
    error = fields.Text(readonly=True)
    # No foreign key: it would lock the row of the job.
    job_id = fields.Integer("Job ID", readonly=True, aggregator=None)
    position = fields.Json(readonly=True, help="Where it goes on.")
    date_started = fields.Datetime(readonly=True)
    date_done = fields.Datetime("Ended", readonly=True)
    count_expected = fields.Integer("Expected", default=0, readonly=True, aggregator=None)
    count_read = fields.Integer("Read", default=0, readonly=True, aggregator=None)
    count_in_step = fields.Integer("In Step", default=0, readonly=True)
    count_missing_here = fields.Integer("Missing Here", default=0, readonly=True)
    count_missing_there = fields.Integer("Missing There", default=0, readonly=True)
    count_different = fields.Integer("Different", default=0, readonly=True)
    count_not_comparable = fields.Integer("Not Comparable", default=0, readonly=True)
    count_ignored = fields.Integer("Ignored", default=0, readonly=True, help="Lines that were ignored before.")
    count_open = fields.Integer("Open", compute="_compute_count_open")
    line_ids = fields.One2many("connector.comparison.line", "comparison_id", readonly=True)

    _backend_idx = models.Index("(backend_model, backend_id, model_name, id)")

    def _compute_backend_name(self):
        backends = self._backends()
        for comparison in self:
            backend = backends.get((comparison.backend_model, comparison.backend_id))
            comparison.backend_name = backend.display_name if backend and backend.has_access("read") else False

    def _backends(self):
        """Return the backends that are there, by model and id."""
        return self.env["connector.backend.mixin"]._existing((one.backend_model, one.backend_id) for one in self)

    @api.depends("model_name")
    @api.depends_context("lang")
    def _compute_model_label(self):
        for comparison in self:
            comparison.model_label = model_label(self.env, comparison.model_name)

    @api.depends("line_ids.state")
    def _compute_count_open(self):
        counts = self.env["connector.comparison.line"]._read_group(
            [("comparison_id", "in", self.ids), ("state", "=", "open")], ["comparison_id"], ["__count"]
        )
        by_comparison = {comparison.id: count for comparison, count in counts}
        for comparison in self:
            comparison.count_open = by_comparison.get(comparison.id, 0)

    @api.depends("model_name", "backend_id")
    def _compute_display_name(self):
        for comparison in self:
            comparison.display_name = f"{comparison.backend_name or comparison.backend_model}: {comparison.model_label}"

    def _compute_confidence(self):
        for comparison in self:
            comparison.confidence = False
            if comparison.sample and comparison.state == "done" and comparison.count_read:
                lines = sum(comparison[f"count_{kind}"] for kind in KINDS)
                most = highest_share(lines, comparison.count_read)
                comparison.confidence = self.env._(
                    "%(lines)s of %(read)s records are out of step: with 95 %% confidence at most %(most)s %% of all.",
                    lines=lines,
                    read=comparison.count_read,
                    most=f"{100 * most:.3g}",
                )

    # -- starting ------------------------------------------------------------------------------------------------------

    @api.model
    @api.private
    def compare(self, backend, model_name, filters=None, sample=0):
        """Store a comparison of all records of a model with those of a backend, and its job.

        :param model_name: a binding model of this kind of backend, with an import mapper and an adapter that searches
        :param filters: what the API filters by; None: all. With filters, bindings that the other system does not show
            are not called missing there
        :param sample: look at so many records alone, chosen at random among all; 0: at all. Nothing is called missing
            there then, too
        :return: the comparison (1)
        :raises ValueError: when the model is no binding model of this kind of backend
        """
        backend.ensure_one()
        if model_name not in binding_models(self.env.registry, backend._name):
            raise ValueError(f"{model_name} is no binding model of {backend._name}")
        comparison = self.sudo().create(
            {
                "backend_model": backend._name,
                "backend_id": backend.id,
                "company_id": backend.sudo().company_id.id,
                "model_name": model_name,
                "filters": filters or False,
                "sample": sample,
            }
        )
        comparison._enqueue()
        return comparison.with_env(self.env)

    def _enqueue(self):
        """Store the job that goes on with the comparison (1, sudo)."""
        description = self.env._("Compare %(model)s of %(backend)s", model=self.model_label, backend=self.backend_name)
        self.job_id = self.as_job(description=description)._run().id

    def _job_backend(self, *args, **kwargs):
        return self[:1]._backend()

    def _backend(self):
        """Return the backend (1).

        :raises ConfigurationError: when it is gone or archived
        """
        backend = self._backends().get((self.backend_model, self.backend_id))
        if not backend or not backend.active:
            raise ConfigurationError(f"{self.backend_model} {self.backend_id} is deleted or archived")
        return backend

    # -- running -------------------------------------------------------------------------------------------------------

    @job_options(exclusive_key=_comparison_key, priority=PRIORITY, on_failure="_job_failed")
    def _run(self):
        """Go on with the comparison."""
        if self.state in ("stopped", "done"):
            return self.state
        return Run(self).go()

    def _job_failed(self, job):
        """Keep why the comparison did not get to its end; its job can be requeued, then it goes on."""
        self.write({"state": "failed", "error": job.exc_message, "date_done": fields.Datetime.now()})

    def _begin(self):
        started = self.date_started or fields.Datetime.now()
        self.write({"state": "running", "date_started": started, "date_done": False, "error": False})

    def _finish(self, state):
        self.env["connector.comparison.note"]._forget(self)
        self.write({"state": state, "date_done": fields.Datetime.now(), "position": False})

    def _summary(self):
        """Return the result in a few words."""
        lines = {name: field for name, field in self._fields.items() if name.startswith("count_")}
        counts = [f"{self[f'count_{kind}']} {lines[f'count_{kind}']._description_string(self.env)}" for kind in KINDS]
        return ", ".join([self.env._("%s in step", self.count_in_step), *counts])

    def _add(self, findings):
        """Add what was found: a count of those in step, a line for each of the others."""
        counts = {"count_in_step": self.count_in_step + sum(finding.kind is None for finding in findings)}
        lines = self.env["connector.comparison.line"]._create_for(
            self, [finding for finding in findings if finding.kind]
        )
        for kind in KINDS:
            found = lines.filtered(lambda line, kind=kind: line.kind == kind and line.state == "open")
            counts[f"count_{kind}"] = self[f"count_{kind}"] + len(found)
        counts["count_ignored"] = self.count_ignored + len(lines.filtered(lambda line: line.state == "ignored"))
        self.write(counts)

    # -- actions -------------------------------------------------------------------------------------------------------

    def action_stop(self):
        """Stop comparisons; what was found so far stays.

        :raises UserError: when one has ended
        """
        self._check_may_repair()
        for comparison in self.sudo():
            if comparison.state not in ("pending", "running"):
                raise UserError(self.env._("%s has ended already.", comparison.display_name))
            comparison._finish("stopped")
            job = comparison._job()
            if job.state in ("waiting", "pending"):
                job.action_cancel(self.env._("the comparison was stopped by %s", self.env.user.name))
        return True

    def action_compare_again(self):
        """Compare the same once more, and show it."""
        self._check_may_repair()
        self.ensure_one()
        again = self.compare(self.sudo()._backend(), self.model_name, self.filters or None, self.sample)
        return again._get_records_action()

    def action_open_job(self):
        """Open the job that compares."""
        self.ensure_one()
        self.check_access("read")
        job = self._job()
        if not job:
            raise UserError(self.env._("The job of this comparison is not there any more."))
        job.check_access("read")
        return job._get_records_action()

    def action_open_lines(self):
        """Open what is out of step."""
        self.ensure_one()
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_comparison_line"),
            "domain": [("comparison_id", "=", self.id)],
            "context": {"search_default_open": 1, "search_default_by_kind": 1},
        }

    def action_review_all(self, repair=None, kind=None):
        """Show a dry run of the repair of all open lines of a kind, with its first lines, to be confirmed.

        :param repair: "import", "export", "bind", "archive" or "delete"
        :param kind: of the lines
        :raises UserError: when the repair is not for this kind, or when there is no such line
        """
        self._check_may_repair()
        self.ensure_one()
        return self.env["connector.comparison.repair"]._show(repair, comparison=self, kind=kind)

    def action_repair_all(self, repair, kind):
        """Repair all open lines of a kind, by a job each, which are enqueued in slices.

        :param repair: "import", "export", "bind", "archive" or "delete"
        :param kind: of the lines
        :raises UserError: when the repair is not for this kind
        """
        self._check_may_repair()
        self.ensure_one()
        self._check_repair(repair, kind)
        return self.sudo().as_job()._repair_slice(repair, kind, 0).notification()

    def action_ignore_all(self, kind=None):
        """Ignore all open lines of a kind from now on."""
        self._check_may_repair()
        self.ensure_one()
        if kind not in KINDS:
            raise UserError(self.env._("There is no kind of lines called %s.", kind))
        self.sudo()._open_lines(kind).state = "ignored"
        return True

    def _open_lines(self, kind, repair=None, after=0, limit=None):
        """Return the open lines (n) of a kind that a repair can be for, in their order."""
        domain = self._open_domain(kind, repair) & Domain("id", ">", after)
        return self.env["connector.comparison.line"].search(domain, order="id", limit=limit)

    def _open_domain(self, kind, repair=None):
        """Return the domain of the open lines of a kind that a repair can be for."""
        domain = Domain([("comparison_id", "=", self.id), ("kind", "=", kind), ("state", "=", "open")])
        return domain & Domain("record_id", "!=", False) if repair == "bind" else domain

    def _repair_slice(self, repair, kind, after):
        """Enqueue the repair of some lines, and of the next ones."""
        lines = self._open_lines(kind, repair, after, REPAIRED_AT_ONCE)
        lines._enqueue(repair)
        if len(lines) == REPAIRED_AT_ONCE:
            self.as_job()._repair_slice(repair, kind, lines[-1].id)
        return self.env._("%s lines are repaired, by a job each", len(lines))

    def _check_repair(self, repair, kind):
        """:raises UserError: when the repair is not for lines of this kind"""
        if kind not in REPAIRS.get(repair, ()):
            raise UserError(
                self.env._("Lines of the kind %(kind)s cannot be repaired by %(repair)s.", kind=kind, repair=repair)
            )

    def _check_may_repair(self):
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can compare and repair."))
        self.check_access("read")

    def _job(self):
        """Return the last job (0..1) of the comparison (1)."""
        return self.env["connector.job"].browse(self.job_id or ()).exists()

    # -- cleaning up ---------------------------------------------------------------------------------------------------

    @api.autovacuum
    def _gc_comparisons(self):
        """Delete old comparisons; end those whose job is gone."""
        unfinished = self.search([("state", "in", ("pending", "running"))])
        for comparison in unfinished:
            if comparison._job().state not in ("waiting", "pending", "running"):
                comparison._finish("stopped")
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM connector_comparison c WHERE state NOT IN ('pending', 'running') AND create_date < %s"
                " AND id NOT IN (SELECT max(id) FROM connector_comparison WHERE state = 'done' AND filters IS NULL"
                " GROUP BY backend_model, backend_id, model_name) LIMIT 100",
                fields.Datetime.now() - timedelta(days=KEEP_DAYS),
            )
        )
        old = self.browse(comparison_id for (comparison_id,) in self.env.cr.fetchall())
        old.unlink()
        return len(old), int(len(old) == 100)
