"""Incidents: the failures of one cause, counted by the queue as they are written."""

from __future__ import annotations

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..groups import MANAGER_GROUP
from ..queue.sql import incidents
from .job import UnconstrainedMany2one

#: Parameters with the ids of the user and of the Discuss channel that hear of the incidents of all backends.
RESPONSIBLE_USER = "connector_framework.responsible_user_id"
ALERT_CHANNEL = "connector_framework.alert_channel_id"


class ConnectorIncident(models.Model):
    """Failures with one cause: of one type, raised at one place, with one message but for ids, numbers and quotes.

    ``queue/sql/incidents.py`` counts them by backend and company, and resolves an incident when jobs of its kind
    succeed again. Followers get a message when it opens, and then at most one an hour, with one more if it comes back.
    """

    _name = "connector.incident"
    _description = "Incident"
    _inherit = ["mail.thread", "mail.activity.mixin", "connector.failure.mixin"]
    _order = "date_last DESC, id DESC"
    _mail_post_access = "read"
    _connector_bookkeeping = True

    state = fields.Selection(
        [("open", "Open"), ("muted", "Muted"), ("resolved", "Resolved")], required=True, readonly=True, default="open"
    )
    name = fields.Char("What Happened", required=True, readonly=True)
    fingerprint = fields.Char(required=True, readonly=True)
    exc_message = fields.Text("Last Error", readonly=True)
    user_message = fields.Text("What to Do", readonly=True)
    place = fields.Char(readonly=True, help="The function of the connector in which the error was raised.")
    count = fields.Integer("Failures", readonly=True)
    date_first = fields.Datetime("First", readonly=True)
    date_last = fields.Datetime("Last", readonly=True)
    date_opened = fields.Datetime("Open Since", readonly=True)
    date_resolved = fields.Datetime("Resolved", readonly=True)
    muted_until = fields.Datetime(readonly=True, help="Empty: until it is resolved.")
    backend_model = fields.Char(readonly=True)
    backend_id = fields.Many2oneReference("Backend Record", model_field="backend_model", readonly=True)
    backend_name = fields.Char("Backend", readonly=True)
    company_id = UnconstrainedMany2one("res.company", readonly=True)
    job_ids = fields.One2many("connector.job", "incident_id", string="Jobs", readonly=True)
    failed_count = fields.Integer("Failed Jobs", compute="_compute_failed_count")
    reported_at = fields.Datetime("Last Message", readonly=True)
    reported_state = fields.Char(readonly=True)
    reported_before = fields.Datetime("Message Before", readonly=True)
    count_reported = fields.Integer("Failures at the Last Message", readonly=True, aggregator=None)

    _fingerprint = models.UniqueIndex(
        "(fingerprint, coalesce(backend_model, ''), coalesce(backend_id, 0), coalesce(company_id, 0))"
    )
    _unresolved = models.Index("(state) WHERE state IN ('open', 'muted')")

    def _compute_failed_count(self):
        jobs = self.env["connector.job"]
        groups = jobs._read_group(
            [("incident_id", "in", self.ids), ("state", "=", "failed")], ["incident_id"], ["__count"]
        )
        counts = {incident.id: count for incident, count in groups}
        for incident in self:
            incident.failed_count = counts.get(incident.id, 0)

    # -- actions -------------------------------------------------------------------------------------------------------

    def action_mute(self, until=None):
        """Keep incidents from being reported.

        :param until: naive UTC datetime; None: until they are resolved
        """
        incidents_ = self._checked()
        until = fields.Datetime.to_datetime(until)
        if until and until <= fields.Datetime.now():
            raise UserError(self.env._("An incident can be muted until a time to come."))
        incidents_.filtered(lambda one: one.state != "resolved").write({"state": "muted", "muted_until": until})
        return True

    def action_unmute(self):
        """Report muted incidents again."""
        muted = self._checked().filtered(lambda one: one.state == "muted")
        muted.write({"state": "open", "muted_until": False})
        return True

    def action_resolve(self):
        """Take incidents for resolved: the next failure opens them again."""
        incidents_ = self._checked().filtered(lambda one: one.state != "resolved")
        incidents_.write(
            {
                "state": "resolved",
                "reported_state": "resolved",
                "date_resolved": fields.Datetime.now(),
                "muted_until": False,
            }
        )
        incidents_._close_activities()
        return True

    def action_requeue(self):
        """Run all failed jobs of these incidents again."""
        incidents_ = self._checked()
        return self.env["connector.job"]._act_on_all("requeue", [("incident_id", "in", incidents_.ids)])

    def action_open_jobs(self):
        """Open the jobs of this incident."""
        self.ensure_one()
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_job"),
            "domain": [("incident_id", "=", self.id)],
            "context": {"search_default_failed": self.failed_count > 0},
        }

    def _checked(self):
        """Return the incidents, sudo, for a user who may repair.

        :raises AccessError: when he is no Connector Manager, or may not see them
        """
        if not self.env.su and not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can act on incidents."))
        self.check_access("read")
        return self.sudo()

    def _close_activities(self):
        """End the activities that the incidents have made."""
        activities = self.activity_ids.filtered(lambda one: one.automated)
        activities.action_feedback(feedback=self.env._("The incident is resolved."))

    # -- messages ------------------------------------------------------------------------------------------------------

    @api.model
    def _report(self):
        """Write the messages that are due, and the activities of the users who are responsible.

        Called by the queue, in a transaction of its own.
        """
        due = self.env.execute_query(incidents.take_due_reports())
        self.invalidate_model()
        for incident_id, state, new, is_back in due:
            incident = self.browse(incident_id)
            if state == "open":
                incident._report_one(new, is_back)
            else:
                incident._close_activities()

    def _report_one(self, new, is_back):
        lang = self._responsible().lang or self.env.company.partner_id.lang or "en_US"
        incident = self.with_context(lang=lang, mail_notify_force_send=False)
        user = incident._responsible()
        if user and user.partner_id not in incident.message_partner_ids:
            incident.message_subscribe(user.partner_id.ids)
        body = incident._message(new, is_back)
        incident.message_post(body=body, message_type="notification", subtype_xmlid="mail.mt_comment")
        if user and not incident.activity_ids.filtered(lambda one: one.user_id == user):
            incident.activity_schedule("mail.mail_activity_data_warning", summary=incident.name[:120], user_id=user.id)
        channel = incident._alert_channel()
        if channel:
            link = Markup("<br/><a href='/odoo/connector-incidents/%s'>%s</a>") % (
                self.id,
                self.env._("Open the incident"),
            )
            channel.message_post(body=body + link, message_type="comment", subtype_xmlid="mail.mt_comment")

    def _message(self, new, is_back):
        """Return the text of a message, as Markup."""
        if is_back:
            head = self.env._("It has come back.")
        elif self.reported_before:
            head = self.env._("It lasts: %(count)s more failures since the last message.", count=new)
        else:
            head = self.env._("It has begun.")
        what = f"{self.backend_name}: {self.name}" if self.backend_name else self.name
        return Markup("<br/>").join(filter(None, (head, what, self.user_message)))

    def _responsible(self):
        """Return the user (0..1) who is responsible for the backend, else the one of the settings."""
        backend = self.env["connector.backend.mixin"]._existing([(self.backend_model, self.backend_id)])
        users = self.env["res.users"]
        for one in backend.values():
            users = one.responsible_id
        return users or self._parameter(RESPONSIBLE_USER, "res.users").filtered("active")

    def _alert_channel(self):
        return self._parameter(ALERT_CHANNEL, "discuss.channel")

    def _parameter(self, key, model_name):
        value = self.env["ir.config_parameter"].sudo().get_param(key)
        record_id = int(value) if value and value.isdigit() else 0
        return self.env[model_name].sudo().browse(record_id).exists() if record_id else self.env[model_name]
