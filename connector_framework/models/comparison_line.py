"""What a comparison found out of step, and its repair."""

from __future__ import annotations

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

from ..comparison import KINDS
from ..comparison import repair as repairs
from ..preview import Preview
from ..synchronizers.keys import as_text, export_key, import_key

KIND_LABELS = [
    ("missing_here", "Missing Here"),
    ("missing_there", "Missing There"),
    ("different", "Different"),
    ("not_comparable", "Not Comparable"),
]
#: Kinds of lines that each repair is for.
REPAIRS = {
    "import": ("missing_here", "different", "not_comparable"),
    "export": ("missing_there", "different"),
    "bind": ("missing_here", "different"),
    "archive": ("missing_there",),
    "delete": ("missing_there",),
}


def _import_key(line, *args):
    return import_key(line.env[line.binding_model], line.comparison_id._backend(), line._external_id())


def _export_key(line, *args):
    return export_key(line._binding())


def _description(line, *args):
    return line.env._(
        "Repair %(model)s %(name)s: %(kind)s",
        model=line.comparison_id.model_label,
        name=line.external_id or line.binding_id,
        kind=dict(line._fields["kind"]._description_selection(line.env))[line.kind],
    )


class ConnectorComparisonLine(models.Model):
    _name = "connector.comparison.line"
    _description = "Difference of Both Sides"
    _order = "comparison_id DESC, kind, id"
    _rec_name = "external_id"
    _connector_bookkeeping = True

    comparison_id = fields.Many2one(
        "connector.comparison", required=True, ondelete="cascade", readonly=True, index=True
    )
    company_id = fields.Many2one(related="comparison_id.company_id", store=True, index="btree_not_null")
    backend_name = fields.Char(string="Backend", related="comparison_id.backend_name")
    kind = fields.Selection(KIND_LABELS, required=True, readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("repaired", "Repaired"), ("ignored", "Ignored")],
        default="open",
        required=True,
        readonly=True,
    )
    external_id = fields.Char("External ID", readonly=True)
    external_key = fields.Json(readonly=True, help="The external id in a list, as the adapter takes it.")
    binding_model = fields.Char("Model", required=True, readonly=True)
    binding_id = fields.Many2oneReference(model_field="binding_model", readonly=True)
    differences = fields.Json(readonly=True)
    differences_text = fields.Text("Difference", compute="_compute_differences_text")
    origins = fields.Json(readonly=True)
    origins_text = fields.Text("Where the External Values Come From", compute="_compute_origins_text")
    brought_by = fields.Char("Last Call About It", compute="_compute_brought_by")
    changed_last = fields.Selection([("odoo", "Here"), ("external", "There"), ("both", "Both")], readonly=True)
    reason = fields.Text(readonly=True)
    ignore_reason = fields.Char(help="Why this is to be ignored from now on.")
    record_model = fields.Char(compute="_compute_record_model")
    record_id = fields.Many2oneReference(
        "Existing Record",
        model_field="record_model",
        help="The record of Odoo to bind to; proposed where the connector recognises one.",
    )

    _ignored_idx = models.Index("(binding_model, external_id, binding_id) WHERE state = 'ignored'")
    _open_idx = models.Index("(comparison_id, kind, id) WHERE state = 'open'")

    @api.depends("binding_model")
    def _compute_record_model(self):
        for line in self:
            fields_ = self.env[line.binding_model]._fields if line.binding_model in self.env else {}
            line.record_model = fields_["odoo_id"].comodel_name if "odoo_id" in fields_ else False

    def _label(self, path):
        """Return what people call the field of a path."""
        lang, _slash, path = path.rpartition("/")
        name, bracket, rest = path.partition("[")
        model = self.env.get(self.binding_model)
        field = model._fields.get(name) if model is not None else None
        label = field._description_string(self.env) if field is not None else name
        return f"{label}{bracket}{rest}{f' ({lang})' if lang else ''}"

    @api.depends("differences")
    def _compute_differences_text(self):
        for line in self:
            line.differences_text = "\n".join(
                self.env._(
                    "%(field)s: %(here)s here, %(there)s there",
                    field=line._label(path),
                    here=both["odoo"] or "-",
                    there=both["external"] or "-",
                )
                for path, both in (line.differences or {}).items()
            )

    @api.depends("origins")
    def _compute_origins_text(self):
        for line in self:
            line.origins_text = "\n".join(
                f"{line._label(path)}: {origin['source'] or '-'}, {origin['class']}"
                f"{'.' + origin['method'] if origin['method'] else ''} ({origin['addon']})"
                for path, origin in (line.origins or {}).items()
            )

    def _compute_brought_by(self):
        """Tell by which call the external values came last, and in which job; one query a line that is shown."""
        exchanges = self.env["connector.exchange"].sudo()
        for line in self:
            last = exchanges.search(
                [
                    ("model_name", "=", line.binding_model),
                    ("backend_id", "=", line.comparison_id.backend_id),
                    ("external_id", "=", line.external_id),
                    ("error", "in", (False, "")),
                ],
                order="date desc",
                limit=1,
            )
            line.brought_by = bool(last) and self.env._(
                "%(method)s %(path)s at %(date)s, job %(job)s",
                method=last.method,
                path=last.path or "",
                date=format_datetime(self.env, last.date),
                job=last.job_id or "-",
            )

    @api.model
    def _create_for(self, comparison, findings):
        """Create the lines of findings; what was ignored before, in the same fields, is ignored again."""
        ignored = self._ignored(comparison, findings)
        return self.create(
            [
                {
                    "comparison_id": comparison.id,
                    "kind": finding.kind,
                    "external_id": None if finding.external_id is None else as_text(finding.external_id),
                    "external_key": None if finding.external_id is None else [finding.external_id],
                    "binding_model": comparison.model_name,
                    "binding_id": finding.binding.id,
                    "differences": finding.differences or False,
                    "origins": finding.origins or False,
                    "changed_last": finding.changed_last,
                    "reason": finding.reason or False,
                    "record_id": finding.proposed_id,
                    **ignored.get(_sameness(finding), {}),
                }
                for finding in findings
            ]
        )

    @api.model
    def _ignored(self, comparison, findings):
        """Return the values of lines that were ignored before, by what makes two lines the same."""
        if not findings:
            return {}
        names = [as_text(finding.external_id) for finding in findings if finding.external_id is not None]
        before = self.search(
            [
                ("state", "=", "ignored"),
                ("binding_model", "=", comparison.model_name),
                ("comparison_id.backend_model", "=", comparison.backend_model),
                ("comparison_id.backend_id", "=", comparison.backend_id),
                "|",
                ("external_id", "in", names),
                ("binding_id", "in", [finding.binding.id for finding in findings if finding.binding]),
            ]
        )
        return {
            (line.kind, line.external_id or None, line.binding_id, frozenset(line.differences or ())): {
                "state": "ignored",
                "ignore_reason": line.ignore_reason,
            }
            for line in before
        }

    # -- actions -------------------------------------------------------------------------------------------------------

    def action_review_import(self):
        """Show a dry run of the import of lines, to be confirmed."""
        return self._review("import")

    def action_review_export(self):
        """Show a dry run of the export of lines, to be confirmed."""
        return self._review("export")

    def action_review_bind(self):
        """Show what binding lines to the records that they name would do, to be confirmed."""
        return self._review("bind")

    def action_review_archive(self):
        """Show what archiving the records of lines would do, to be confirmed."""
        return self._review("archive")

    def action_review_delete(self):
        """Show what deleting the records of lines would do, to be confirmed."""
        return self._review("delete")

    def _review(self, repair):
        self._check_repair(repair)
        return self.env["connector.comparison.repair"]._show(repair, lines=self)

    def action_import(self):
        """Import again what lines are about, whatever seems to have changed: what is there counts.

        :raises UserError: when a line is not open, or missing there; nothing is done
        """
        return self._repair("import")

    def action_export(self):
        """Export what lines are about, whole: what is here counts. What is missing there is created anew.

        :raises UserError: when a line is not open, or missing here; nothing is done
        """
        return self._repair("export")

    def action_bind(self):
        """Bind the record of the other system to the record of Odoo that each line names.

        The values of the record stay as they are: an import or an export after it decides which count.

        :raises UserError: when a line is not open, is missing there, or names no record; nothing is done
        """
        return self._repair("bind")

    def action_archive(self):
        """Archive here, with the user's own rights, what is missing there, and mark its binding as gone.

        :raises UserError: when a line is not open, or the record cannot be archived; nothing is done
        :raises AccessError: when the user may not write a record; nothing is done
        """
        return self._repair("archive")

    def action_delete(self):
        """Delete here, with the user's own rights, what is missing there.

        :raises UserError: when a line is not open; nothing is done
        :raises AccessError: when the user may not delete a record; nothing is done
        """
        return self._repair("delete")

    def _repair(self, repair):
        """Enqueue a repair of lines; return the client action that says so."""
        self._check_repair(repair)
        return self.sudo()._enqueue(repair).notification()

    def action_open_timeline(self):
        """Open what happened to the record: jobs, failed attempts and exchanges by its binding and external id."""
        self.ensure_one()
        self.check_access("read")
        about = Domain("external_id", "=", self.external_id) & Domain("backend_id", "=", self.comparison_id.backend_id)
        if self.binding_id:
            about |= Domain("record_id", "=", self.binding_id)
        action = self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_timeline")
        return {**action, "domain": list(Domain("model_name", "=", self.binding_model) & about)}

    def action_ignore(self, reason=None):
        """Ignore lines from now on: a later comparison does not show the same difference as open.

        The same: of the same record, of the same kind and in the same fields.

        :param reason: why; None: the one that the line has
        :raises UserError: when a line is repaired; nothing is done
        """
        self._check_state(KINDS, ("open", "ignored"))
        self.sudo().write({"state": "ignored", **({"ignore_reason": reason} if reason else {})})
        return True

    def action_reopen(self):
        """Show what was ignored again, in later comparisons too."""
        self._check_state(KINDS, ("ignored",))
        for line in self.sudo():
            self.sudo().search(
                [
                    ("state", "=", "ignored"),
                    ("kind", "=", line.kind),
                    ("binding_model", "=", line.binding_model),
                    ("external_id", "=", line.external_id),
                    ("binding_id", "=", line.binding_id),
                    ("comparison_id.backend_model", "=", line.comparison_id.backend_model),
                    ("comparison_id.backend_id", "=", line.comparison_id.backend_id),
                ]
            ).state = "open"
        return True

    def action_open_binding(self):
        """Open the binding of the line."""
        self.ensure_one()
        self.check_access("read")
        binding = self._binding()
        if not binding:
            raise UserError(self.env._("There is no binding, or not any more."))
        binding.check_access("read")
        return binding._get_records_action()

    def _check_repair(self, repair):
        """Check that the user may repair the lines (n) so.

        :raises AccessError: when he may not
        :raises UserError: when it is not possible for a line
        """
        self._check_state(REPAIRS[repair])
        if repair in ("bind", "archive", "delete"):
            for line in self:
                line._check_record(repair)

    def _check_record(self, repair):
        """Check that the record here can be bound to, archived or deleted by the user, for a line (1)."""
        if repair == "bind":
            record = self.env[self.record_model].browse(self.record_id or ()).exists() if self.record_model else None
            if not record:
                raise UserError(self.env._("Choose an existing record for %s first.", self.external_id))
        else:
            record = repairs.record_of(self._binding()).with_env(self.env(su=False))
            if repair == "archive" and "active" not in record._fields:
                raise UserError(self.env._("%s cannot be archived.", record.display_name))
        record.check_access("unlink" if repair == "delete" else "write")

    def _check_state(self, kinds, states=("open",)):
        self.comparison_id._check_may_repair()
        self.check_access("read")
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for line in self:
            if line.kind not in kinds or line.state not in states:
                raise UserError(
                    self.env._(
                        "%(name)s is %(kind)s and %(state)s: this is not possible for it. Nothing was done.",
                        name=line.display_name,
                        kind=labels[line.kind],
                        state=dict(self._fields["state"]._description_selection(self.env))[line.state],
                    )
                )

    # -- repairs, as jobs ----------------------------------------------------------------------------------------------

    def _enqueue(self, repair):
        """Enqueue a repair of lines (n, sudo); return the jobs. Lines that lack what it needs are left out."""
        key = _import_key if repair in ("import", "bind") else _export_key
        needed = {"import": "external_key", "bind": "record_id"}.get(repair, "binding_id")
        jobs = self.env["connector.job"]
        for line in self.filtered(needed):
            if needed != "binding_id" or line._binding():
                jobs += getattr(line.as_job(**line._job_options(), exclusive_key=key), f"_{repair}")()
        return jobs

    def _preview(self, repair):
        """Return the dry run of a repair of this line (1), as the user reads it."""
        line = self.sudo()
        preview = Preview(self.env, line.binding_model, line.comparison_id._backend())
        return preview.run(getattr(line, f"_{repair}"))

    def _job_backend(self, *args, **kwargs):
        return self[:1].comparison_id._backend()

    def _job_options(self):
        return {
            "identity_key": f"connector.comparison.line:{self.id}",
            "description": _description,
        }

    def _import(self):
        """Import what the line (1) is about."""
        backend = self.comparison_id._backend()
        outcome = self.env[self.binding_model].import_record(backend, self._external_id(), force=True)
        self._settle(outcome in ("created", "updated", "unchanged"), outcome)
        return outcome

    def _export(self):
        """Export what the line (1) is about, whatever was sent before."""
        binding = self._binding()
        if not binding:
            return self.env._("the binding no longer exists")
        outcome = repairs.export(binding, self._external_id() if self.kind == "missing_there" else None)
        self._settle(outcome in ("created", "updated"), outcome)
        return outcome

    def _bind(self):
        """Bind the record of the line (1) to the one that was chosen."""
        record = self.env[self.record_model].browse(self.record_id or ()).exists()
        if not record:
            return self.env._("the record no longer exists")
        with self.comparison_id._backend().work_on(self.binding_model) as work:
            binding = repairs.bind(work, self._external_id(), record, self._binding())
        self.binding_id = binding.id
        self._settle(True, "")
        return self.env._("bound to %s", record.display_name)

    def _archive(self):
        """Archive the record of the line (1), with the rights of the user."""
        binding = self._binding()
        if not binding:
            return self.env._("the binding no longer exists")
        self._check_record("archive")
        repairs.archive(binding)
        self._settle(True, "")
        return self.env._("archived")

    def _delete(self):
        """Delete the record of the line (1), with the rights of the user."""
        binding = self._binding()
        if binding:
            self._check_record("delete")
            repairs.delete(binding, repairs.record_of(binding).with_env(self.env(su=False)))
        self._settle(True, "")
        return self.env._("deleted")

    def _settle(self, is_repaired, outcome):
        """Keep how a repair went."""
        self.write({"state": "repaired"} if is_repaired else {"reason": outcome})

    def _external_id(self):
        return self.external_key[0] if self.external_key else None

    def _binding(self):
        """Return the binding (0..1) of the line (1)."""
        return self.env[self.binding_model].browse(self.binding_id or ()).exists()


def _sameness(finding):
    """Return what two lines have in common that are about the same; see ``_ignored``."""
    external_id = None if finding.external_id is None else as_text(finding.external_id)
    return finding.kind, external_id, finding.binding.id or 0, frozenset(finding.differences)
