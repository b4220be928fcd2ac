"""What goes with the models of a connector when that is uninstalled."""

from __future__ import annotations

from odoo import models


class IrModel(models.Model):
    _inherit = "ir.model"

    def unlink(self):
        names = self.mapped("model")
        result = super().unlink()
        self._connector_forget(names)
        return result

    def _connector_forget(self, names):
        """Delete what still names models that are gone."""
        self.env["connector.stream"].sudo().search([("backend_model", "in", names)]).unlink()
        # Odoo gives the selection values of a field to the addon that declares it: those of our mixins' fields to us,
        # also on the models of a connector. They are gone with its models; their external ids are not.
        external_ids = self.env["ir.model.data"].sudo()
        prefixes = tuple(f"selection__{name.replace('.', '_')}__" for name in names)
        found = external_ids.search(
            [("module", "=", "connector_framework"), ("model", "=", "ir.model.fields.selection")]
        ).filtered(lambda data: data.name.startswith(prefixes))
        kept = set(self.env["ir.model.fields.selection"].sudo().browse(found.mapped("res_id")).exists().ids)
        found.filtered(lambda data: data.res_id not in kept).unlink()
