"""What synchronizers take turns by, see ``Synchronizer._take_turn``."""

from __future__ import annotations

from odoo import fields, models


class ConnectorLockSlot(models.Model):
    """A row that each of those writes which must see what the one before has committed. There are few, made on use."""

    _name = "connector.lock.slot"
    _description = "Turn of Synchronizers"
    _log_access = False
    _rec_name = "slot"
    _connector_bookkeeping = True

    slot = fields.Integer(required=True, readonly=True, aggregator=None)

    _slot_uniq = models.UniqueIndex("(slot)")

    def init(self):
        # A hot row each: room for its next version on its page.
        self.env.cr.execute("ALTER TABLE connector_lock_slot SET (fillfactor = 10)")
