"""The state of each backend's token bucket and circuit breaker, shared by all hosts."""

from __future__ import annotations

from odoo import fields, models


class ConnectorAdapterState(models.Model):
    """One row a backend, written by ``adapters.throttle`` alone, in short transactions of their own."""

    _name = "connector.adapter.state"
    _description = "State of a Backend's Calls"
    _log_access = False
    _rec_name = "backend_model"
    _connector_bookkeeping = True

    backend_model = fields.Char(readonly=True, required=True)
    backend_id = fields.Many2oneReference(model_field="backend_model", readonly=True, required=True)

    tokens = fields.Float(readonly=True, aggregator=None, help="Calls that could be made at once, at that time.")
    tokens_at = fields.Datetime(readonly=True)
    slot_at = fields.Datetime(readonly=True, help="The next time that is free for a call that has to wait.")
    wait_s = fields.Float(readonly=True, aggregator=None, help="Seconds that the last caller has to wait; 0: none.")

    failures = fields.Integer("Failures in a Row", readonly=True, aggregator=None)
    opened_at = fields.Datetime("Nothing Sent Since", readonly=True, help="Set while the circuit is open.")
    probe_at = fields.Datetime("Next Try", readonly=True)
    probes = fields.Integer("Tries Since", readonly=True, aggregator=None)
    is_refused = fields.Boolean("Credentials Refused", readonly=True)
    reason = fields.Text(readonly=True)
    clock_skew_s = fields.Float(
        "Clock Ahead (s)", readonly=True, aggregator=None, help="Of the other system's clock; noted when it is wrong."
    )

    _backend_uniq = models.UniqueIndex("(backend_model, backend_id)")

    def init(self):
        # Updated with every call: leave room for the next version of the row on its page.
        self.env.cr.execute("ALTER TABLE connector_adapter_state SET (fillfactor = 50)")
