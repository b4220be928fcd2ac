"""The rows that ``Synchronizer._take_turn`` writes, so that a transaction with an older snapshot is run again."""

from __future__ import annotations

from odoo import fields, models


class ConnectorLockSlot(models.Model):
    """A row that each holder of a lock writes: PostgreSQL refuses it to a transaction that began before that.

    The lock itself is an advisory lock. There are few rows, made on use; several locks may share one.
    """

    _name = "connector.lock.slot"
    _description = "Turn of Synchronizers"
    _log_access = False
    _rec_name = "slot"
    _connector_bookkeeping = True

    slot = fields.Integer(required=True, readonly=True, aggregator=None)

    _slot_uniq = models.UniqueIndex("(slot)")

    def init(self):
        # Updated often: leave room for the next version of the row on its page.
        self.env.cr.execute("ALTER TABLE connector_lock_slot SET (fillfactor = 10)")
