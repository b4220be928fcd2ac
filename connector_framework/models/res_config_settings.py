"""*Settings > Connectors*: what else stands in the configuration file, and who hears of incidents."""

from __future__ import annotations

from odoo import fields, models
from odoo.exceptions import ValidationError

from ..settings import STORABLE, load_settings
from .incident import ALERT_CHANNEL, RESPONSIBLE_USER
from .job import UnconstrainedMany2one


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    connector_responsible_user_id = UnconstrainedMany2one(
        "res.users",
        string="Responsible for Incidents",
        config_parameter=RESPONSIBLE_USER,
        domain="[('share', '=', False)]",
        help="Follows each incident and gets an activity for it, unless its backend names somebody else.",
    )
    connector_alert_channel_id = UnconstrainedMany2one(
        "discuss.channel",
        string="Channel for Alerts",
        config_parameter=ALERT_CHANNEL,
        help="A channel of Discuss that gets the messages about incidents.",
    )
    connector_exchange_keep_days = fields.Integer(
        "Days to Keep Exchanges", config_parameter="connector_framework.exchange_keep_days", default=7
    )
    connector_threads = fields.Integer(
        "Threads",
        config_parameter="connector_framework.threads",
        default=4,
        help="Jobs of this database that a process runs at a time; workers read it when they start.",
    )
    connector_lease_s = fields.Float(
        "Lease (s)",
        config_parameter="connector_framework.lease_s",
        default=30,
        help="Seconds without a heartbeat after which a worker counts as dead, where its lost connection does not tell"
        " earlier; workers read it when they start.",
    )
    connector_fixed_settings = fields.Char(
        "Set by the Configuration File", compute="_compute_connector_fixed_settings", help="These win."
    )

    def _compute_connector_fixed_settings(self):
        fixed = ", ".join(sorted(load_settings().fixed & STORABLE))
        for settings in self:
            settings.connector_fixed_settings = fixed

    def set_values(self):
        for name in ("connector_threads", "connector_lease_s"):
            if self[name] <= 0:
                raise ValidationError(
                    self.env._("%s has to be above 0.", self._fields[name]._description_string(self.env))
                )
        return super().set_values()
