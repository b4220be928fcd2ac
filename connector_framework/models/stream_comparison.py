"""Comparing what a stream imports."""

from __future__ import annotations

from odoo import fields, models
from odoo.exceptions import UserError

from ..synchronizers import BatchImporter


class ConnectorStream(models.Model):
    _inherit = "connector.stream"

    compare_every_days = fields.Integer(
        "Compare Every (days)", aggregator=None, help="Days from one comparison of both sides to the next; 0: none."
    )

    compare_sample = fields.Integer(
        "Sample to Compare",
        aggregator=None,
        help="Records that a comparison looks at, chosen at random; 0: all. For very large sets.",
    )

    def _compared_models(self):
        """Return the names of the comparable binding models that the stream (1) imports."""
        backend = self.sudo()._backends().get((self.backend_model, self.backend_id))
        if not backend:
            return []
        found = []
        for name in self.env["connector.comparison"]._comparable_models(backend):
            batch = backend.reference.find_class(BatchImporter, name, self.env)
            if batch is not None and self.name == (name if batch.stream is True else batch.stream):
                found.append(name)
        return found

    def action_compare(self):
        """Compare both sides of what streams import."""
        comparisons = self.env["connector.comparison"]
        for stream in self:
            stream.check_access("read")
            names = stream._compared_models()
            if not names:
                raise UserError(self.env._("There is nothing to compare by for %s.", stream.display_name))
            backend = stream._backends()[stream.backend_model, stream.backend_id]
            comparisons += comparisons._start(backend, names, stream.compare_sample)
        return comparisons._show()
