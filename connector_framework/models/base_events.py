"""The hooks of every model's create, write and unlink: events, the deletion of bindings, the records of a dry run."""

from __future__ import annotations

from odoo import api, models

from ..events import orm
from ..events.model_subscriptions import model_subscriptions
from ..preview import recorders


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        subscriptions = model_subscriptions(self)
        if subscriptions is None:
            records = super().create(vals_list)
        else:
            with orm.write_scope(subscriptions, self.env):
                records = super().create(vals_list)
            orm.created(subscriptions, records, vals_list)
        if recorders and self.env.cr in recorders:
            recorders[self.env.cr].created(records, vals_list)
        return records

    def write(self, vals):
        subscriptions = model_subscriptions(self)
        if subscriptions is None:
            result = super().write(vals)
        else:
            with orm.write_scope(subscriptions, self.env):
                result = super().write(vals)
            orm.written(subscriptions, self, vals)
        if recorders and self.env.cr in recorders:
            recorders[self.env.cr].written(self, vals)
        return result

    def unlink(self):
        """Fire the event, delete the bindings, then the records: a consumer of the event still finds the bindings."""
        if recorders and self.env.cr in recorders:
            recorders[self.env.cr].unlinking(self)
        subscriptions = model_subscriptions(self)
        if subscriptions is None:
            self._connector_unlink_bindings()
            return super().unlink()
        orm.unlinking(subscriptions, self)
        with orm.write_scope(subscriptions, self.env):
            self._connector_unlink_bindings()
            return super().unlink()

    def _write_multi(self, vals_list):
        result = super()._write_multi(vals_list)
        subscriptions = model_subscriptions(self)
        if subscriptions is not None and subscriptions.collects:
            orm.columns_flushed(self, vals_list)
        return result

    def _compute_field_value(self, field):
        result = super()._compute_field_value(field)
        if field.store:
            subscriptions = model_subscriptions(self)
            if subscriptions is not None and subscriptions.collects:
                orm.recomputed(self, field)
        return result
