"""The dialog that shows what the repair of a comparison's lines would do, before it is done."""

from __future__ import annotations

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.comparison_line import KIND_LABELS
from ..preview import shown

#: Lines that the dry run shows.
SHOWN_LINES = 5

REPAIR_LABELS = [
    ("import", "Import"),
    ("export", "Export"),
    ("bind", "Bind to the Existing Record"),
    ("archive", "Archive Here"),
    ("delete", "Delete Here"),
]


class ConnectorComparisonRepair(models.TransientModel):
    _name = "connector.comparison.repair"
    _description = "Repair of Differences"

    comparison_id = fields.Many2one("connector.comparison", readonly=True, required=True, ondelete="cascade")
    kind = fields.Selection(KIND_LABELS, readonly=True, help="All open lines of this kind are repaired.")
    line_ids = fields.Many2many("connector.comparison.line", readonly=True, help="Only these lines are repaired.")
    repair = fields.Selection(REPAIR_LABELS, readonly=True, required=True)
    count = fields.Integer("Lines", readonly=True)
    warning = fields.Char(compute="_compute_warning")
    note = fields.Char(compute="_compute_note")
    # Made by a template of ours, which escapes what it shows; nobody can write it.
    body = fields.Html(readonly=True, sanitize=False)

    @api.depends("repair")
    def _compute_warning(self):
        warnings = {
            "import": self.env._("The values there overwrite those here."),
            "export": self.env._("The values here overwrite those there; what is missing there is created anew."),
            "bind": self.env._("The values of the existing record stay: compare again, then import or export."),
            "archive": self.env._("What is missing there is archived here, and its binding is marked as gone."),
            "delete": self.env._("What is missing there is deleted here, with all that goes with it."),
        }
        for one in self:
            one.warning = warnings[one.repair]

    @api.depends("count")
    def _compute_note(self):
        for one in self:
            one.note = one.count > SHOWN_LINES and self.env._(
                "This shows the first %(shown)s of %(count)s.", shown=SHOWN_LINES, count=one.count
            )

    @api.model
    def _show(self, repair, lines=None, comparison=None, kind=None):
        """Return the action that shows the dry run of a repair, with the first lines.

        :param repair: a key of ``REPAIRS``
        :param lines: (n) those that are repaired; None: all open lines of a comparison (1) that are of a kind
        :raises UserError: when the repair is not for this kind of lines, or when there is none
        """
        if lines is not None:
            count, comparison, first = len(lines), lines.comparison_id[:1], lines[:SHOWN_LINES]
        else:
            comparison._check_repair(repair, kind)
            first = comparison._open_lines(kind, repair=repair, limit=SHOWN_LINES)
            count = first.search_count(comparison._open_domain(kind, repair))
        if not first:
            raise UserError(self.env._("There is no open line left for which this is possible."))
        wizard = self.sudo().create(
            {
                "comparison_id": comparison.id,
                "kind": kind,
                "line_ids": lines and lines.ids,
                "repair": repair,
                "count": count,
                "body": Markup().join(self._part(line, repair, is_only=count == 1) for line in first),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": dict(self._fields["repair"]._description_selection(self.env))[repair],
            "res_model": self._name,
            "res_id": wizard.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    def _part(self, line, repair, is_only):
        """Return what the repair of a line (1) would do, as HTML."""
        values = shown(line._preview(repair))
        return self.env["ir.qweb"]._render(
            "connector_framework.preview_part", {**values, "title": not is_only and line.display_name}
        )

    def action_repair(self):
        """Do it; return the client action that says how many jobs were enqueued."""
        self.ensure_one()
        if self.kind:
            return self.comparison_id.action_repair_all(self.repair, self.kind)
        return getattr(self.line_ids, f"action_{self.repair}")()
