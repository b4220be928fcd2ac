"""Muting an incident until a date."""

from __future__ import annotations

from datetime import timedelta

from odoo import fields, models


class ConnectorIncidentMute(models.TransientModel):
    """The dialog that asks until when an incident is muted."""

    _name = "connector.incident.mute"
    _description = "Mute an Incident"

    incident_id = fields.Many2one("connector.incident", required=True, readonly=True, ondelete="cascade")
    until = fields.Datetime(
        default=lambda self: fields.Datetime.now() + timedelta(days=1), help="Empty: until it is resolved."
    )

    def action_mute(self):
        """Mute the incident."""
        self.incident_id.action_mute(self.until)
        return {"type": "ir.actions.act_window_close"}
