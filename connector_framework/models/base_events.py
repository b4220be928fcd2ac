"""The events of every model's create, write and unlink."""

from __future__ import annotations

from odoo import api, models

from ..events import orm
from ..events.listening import listening


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model_create_multi
    def create(self, vals_list):
        heard = listening(self)
        if heard is None:
            return super().create(vals_list)
        with orm.writing(heard, self.env):
            records = super().create(vals_list)
        orm.created(heard, records, vals_list)
        return records

    def write(self, vals):
        heard = listening(self)
        if heard is None:
            return super().write(vals)
        with orm.writing(heard, self.env):
            result = super().write(vals)
        orm.written(heard, self, vals)
        return result

    def unlink(self):
        heard = listening(self)
        if heard is None:
            return super().unlink()
        orm.unlinking(heard, self)
        with orm.writing(heard, self.env):
            return super().unlink()

    def _write_multi(self, vals_list):
        result = super()._write_multi(vals_list)
        heard = listening(self)
        if heard is not None and heard.collects:
            orm.columns_flushed(self, vals_list)
        return result

    def _compute_field_value(self, field):
        result = super()._compute_field_value(field)
        if field.store:
            heard = listening(self)
            if heard is not None and heard.collects:
                orm.recomputed(self, field)
        return result
