"""What records about failures share."""

from __future__ import annotations

from odoo import api, fields, models


class ConnectorFailureMixin(models.AbstractModel):
    """The type of an error, as a program and as people call it."""

    _name = "connector.failure.mixin"
    _description = "Type of an Error"

    exc_type = fields.Char("Error Class", readonly=True, help="The module and the name of the error's class.")
    exc_name = fields.Char("Error Type", compute="_compute_exc_name")

    @api.depends("exc_type")
    def _compute_exc_name(self):
        for one in self:
            one.exc_name = one.exc_type and one.exc_type.rpartition(".")[2]
