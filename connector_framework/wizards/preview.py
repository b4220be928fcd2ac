"""The dialog that shows what an import or export would do."""

from __future__ import annotations

from odoo import fields, models

from ..preview import shown


class ConnectorPreview(models.TransientModel):
    _name = "connector.preview"
    _description = "What Will This Do?"

    name = fields.Char(readonly=True)
    note = fields.Char(readonly=True)
    # Made by a template of ours, which escapes what it shows; nobody can write it.
    body = fields.Html(readonly=True, sanitize=False)

    def _show(self, preview, name, note=False):
        """Return the action that shows a dry run.

        :param name: what it is the dry run of
        :param note: what people have to know to read it
        """
        body = self.env["ir.qweb"]._render("connector_framework.preview_body", shown(preview))
        wizard = self.sudo().create({"name": name, "note": note, "body": body})
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What Will This Do?"),
            "res_model": self._name,
            "res_id": wizard.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }
