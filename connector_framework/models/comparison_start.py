"""Starting comparisons: on a backend, and by the scheduler."""

from __future__ import annotations

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..adapters import Adapter
from ..binders.models import binding_models
from ..mappings import ImportMapper

_logger = logging.getLogger(__name__)


class ConnectorComparison(models.Model):
    _inherit = "connector.comparison"

    @api.model
    def _comparable_models(self, backend):
        """Return the names of the binding models that are imported by themselves and can be searched there."""
        names = sorted(binding_models(self.env.registry, backend._name))
        mappers = {name: backend.reference.find_class(ImportMapper, name, self.env) for name in names}
        adapters = {name: backend.reference.find_class(Adapter, name, self.env) for name in names}
        children = set().union(*(mapper.child_models() for mapper in mappers.values() if mapper))
        return [
            name
            for name in names
            if mappers[name] and adapters[name] and adapters[name].search is not Adapter.search and name not in children
        ]

    def _start(self, backend, model_names, sample=0):
        """Return comparisons (n) of all records of models, or of a sample; unfinished ones are not started again."""
        self._check_may_repair()
        backend.check_access("read")
        unfinished = self.search(
            [
                ("backend_model", "=", backend._name),
                ("backend_id", "=", backend.id),
                ("model_name", "in", model_names),
                ("state", "in", ("pending", "running")),
                ("filters", "=", False),
            ]
        )
        new = [name for name in model_names if name not in unfinished.mapped("model_name")]
        return self.concat(unfinished, *(self.compare(backend, name, sample=sample) for name in new))

    def _show(self):
        """Return the action that shows comparisons (n)."""
        if len(self) == 1:
            return self._get_records_action()
        action = self.env["ir.actions.act_window"]._for_xml_id("connector_framework.action_connector_comparison")
        return {**action, "domain": [("id", "in", self.ids)]}

    @api.model
    def _cron_compare(self):
        """Compare the models of the streams whose time has come."""
        now = fields.Datetime.now()
        for stream in self.env["connector.stream"].search([("compare_every_days", ">", 0)]):
            backend = stream._backends().get((stream.backend_model, stream.backend_id))
            for name in stream._compared_models() if backend and backend.active else ():
                last = self.search(
                    [
                        ("backend_model", "=", stream.backend_model),
                        ("backend_id", "=", stream.backend_id),
                        ("model_name", "=", name),
                        ("filters", "=", False),
                    ],
                    limit=1,
                )
                # A day is one of the scheduler's, some minutes longer or shorter.
                if not last or last.create_date < now - timedelta(days=stream.compare_every_days, hours=-1):
                    self._start(backend, [name], stream.compare_sample)
                    _logger.info("%s of %s is compared, as its stream says", name, backend.display_name)


class ConnectorBackendMixin(models.AbstractModel):
    _inherit = "connector.backend.mixin"

    def action_compare(self):
        """Compare both sides of all that is imported from the backend."""
        self.ensure_one()
        comparisons = self.env["connector.comparison"]
        names = comparisons._comparable_models(self)
        if not names:
            raise UserError(self.env._("Nothing that %s has can be compared.", self.display_name))
        return comparisons._start(self, names)._show()

    def action_open_comparisons(self):
        """Open the comparisons with the other system."""
        return self._open("connector_framework.action_connector_comparison")
