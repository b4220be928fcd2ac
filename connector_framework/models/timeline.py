"""The timeline of a binding: the exchanges that were about it."""

from __future__ import annotations

from odoo import fields, models
from odoo.fields import Domain

from ..groups import USER_GROUP

#: Exchanges that the form of a binding shows.
SHOWN = 40


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    exchange_ids = fields.Many2many(
        "connector.exchange",
        string="Exchanges",
        compute="_compute_exchange_ids",
        groups=USER_GROUP,
        help="The last calls to the other system that were about this record.",
    )

    def _compute_exchange_ids(self):
        exchanges = self.env["connector.exchange"]
        domains = {binding: binding._exchange_domain() for binding in self}
        found = exchanges.search(Domain.OR(domains.values()), limit=SHOWN * len(self)) if self else exchanges
        for binding, domain in domains.items():
            binding.exchange_ids = found.filtered_domain(domain)[:SHOWN]

    def _exchange_domain(self):
        """Return the domain of the exchanges that were about this binding (1), by its id or its external id."""
        about = Domain("model_name", "=", self._name)
        domain = about & Domain("record_id", "=", self.id)
        if self.external_id:
            external = Domain("backend_id", "=", self.backend_id.id) & Domain("external_id", "=", self.external_id)
            domain |= about & external
        return domain
