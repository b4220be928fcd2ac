"""The deletion of bindings along with their record; ``Base.unlink`` in ``base_events`` calls it."""

from __future__ import annotations

from odoo import api, models
from odoo.tools import frozendict, ormcache

from ..binders.models import binding_classes


class Base(models.AbstractModel):
    _inherit = "base"

    def _connector_unlink_bindings(self):
        """Unlink the bindings of these records, and of those that the database deletes along with them."""
        cascades = self._connector_cascades()
        if not self or self._name not in cascades:
            return
        # A user who may not delete the records must not delete their bindings, even if the caller catches the refusal.
        self.check_access("unlink")
        todo, seen, bindings = [self.sudo().with_context(active_test=False)], {}, []
        while todo:
            records = todo.pop()
            known = seen.get(records._name, records.browse())
            records -= known
            if not records:
                continue
            seen[records._name] = known | records
            for model_name, field_name, is_binding in cascades.get(records._name, ()):
                found = records.env[model_name].search([(field_name, "in", records.ids)])
                (bindings if is_binding else todo).append(found)
        for found in bindings:
            # One of them may have gone along with another one, e.g. a line with its order.
            found.with_env(self.sudo().env).exists().unlink()

    @api.model
    @ormcache(cache="stable")
    def _connector_cascades(self):
        """Return which records are deleted along with those of a model, as far as bindings are among them.

        By name of the model, a tuple of (model, many2one, whether it is a binding model): its bindings, and what the
        foreign keys delete, e.g. the variants of a product, where that has bindings or such records in turn. A model
        that has neither is not there.
        """
        cascades, todo = {}, []
        for name, cls in binding_classes(self.env.registry):
            if cls._auto and "odoo_id" in cls._fields:
                comodel = cls._fields["odoo_id"].comodel_name
                if comodel not in cascades:
                    todo.append(comodel)
                cascades.setdefault(comodel, []).append((name, "odoo_id", True))
        while todo:
            name = todo.pop()
            for field in self.env.registry[name]._fields.values():
                if field.type != "many2one" or not field.store or field.inherited or field.company_dependent:
                    continue
                if (field.ondelete or "").lower() == "cascade":
                    if field.comodel_name not in cascades:
                        todo.append(field.comodel_name)
                    cascades.setdefault(field.comodel_name, []).append((name, field.name, False))
        return frozendict({name: tuple(links) for name, links in cascades.items()})
