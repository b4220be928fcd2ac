"""What a running comparison has to remember."""

from __future__ import annotations

import json

from odoo import api, fields, models
from odoo.tools import SQL

from ..synchronizers.keys import id_token


class ConnectorComparisonNote(models.Model):
    """That a comparison has looked at a record, and whether it has to look at it again.

    Written in the transaction that has looked, so that each record counts once, whatever happens. The notes go when the
    comparison ends.
    """

    _name = "connector.comparison.note"
    _description = "Note of a Comparison"
    _log_access = False
    _connector_bookkeeping = True

    comparison_id = fields.Many2one("connector.comparison", required=True, ondelete="cascade", readonly=True)
    key = fields.Char(required=True, readonly=True, help="The external id, or that of a binding that was on no page.")
    external_id = fields.Json(readonly=True, help="As the adapter takes it; of what is to be looked at again alone.")
    binding_id = fields.Integer(readonly=True, aggregator=None)
    is_suspect = fields.Boolean(readonly=True, help="It is to be looked at again.")
    look = fields.Integer(readonly=True, aggregator=None)
    fingerprint = fields.Char(readonly=True, help="What the last look has found.")

    _comparison_key = models.UniqueIndex("(comparison_id, key)")
    _suspects = models.Index("(comparison_id, look, id) WHERE is_suspect")

    @api.model
    def _known_keys(self, comparison, keys):
        """Return those of the keys that a comparison has noted."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "SELECT key FROM connector_comparison_note WHERE comparison_id = %s AND key = ANY(%s)",
                comparison.id,
                keys,
            )
        )
        return {key for (key,) in self.env.cr.fetchall()}

    @api.model
    def _note(self, comparison, external_ids, findings):
        """Note the findings of a first look at records; those that are on neither side have none."""
        found = {id_token(finding.external_id) for finding in findings}
        rows = [
            (
                id_token(finding.external_id),
                json.dumps(finding.external_id) if finding.kind else None,
                finding.binding.id or None,
                bool(finding.kind),
                finding.fingerprint if finding.kind else None,
            )
            for finding in findings
        ]
        rows += [(key, None, None, False, None) for key in map(id_token, external_ids) if key not in found]
        if rows:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO connector_comparison_note"
                    " (comparison_id, key, external_id, binding_id, is_suspect, look, fingerprint)"
                    " SELECT %s, key, external_id::jsonb, binding_id, is_suspect, 1, fingerprint"
                    " FROM unnest(%s::text[], %s::text[], %s::int[], %s::bool[], %s::text[])"
                    " AS row (key, external_id, binding_id, is_suspect, fingerprint) ON CONFLICT DO NOTHING",
                    comparison.id,
                    *(list(column) for column in zip(*rows, strict=True)),
                )
            )

    @api.model
    def _note_unseen(self, comparison, model, backend, fingerprint):
        """Note the bindings of a backend that the comparison has not noted."""
        model.flush_model(["backend_id"])
        self.env.cr.execute(
            SQL(
                "INSERT INTO connector_comparison_note (comparison_id, key, binding_id, is_suspect, look, fingerprint)"
                " SELECT %(comparison)s, '#' || b.id, b.id, true, 1, %(fingerprint)s FROM %(table)s b"
                " WHERE b.backend_id = %(backend)s AND NOT EXISTS (SELECT 1 FROM connector_comparison_note n"
                " WHERE n.comparison_id = %(comparison)s AND n.binding_id = b.id)",
                comparison=comparison.id,
                fingerprint=fingerprint,
                table=SQL.identifier(model._table),
                backend=backend.id,
            )
        )

    @api.model
    def _to_look_at(self, comparison, look, limit):
        """Return up to so many notes (n) of what is to be looked at in a round."""
        return self.search(
            [("comparison_id", "=", comparison.id), ("is_suspect", "=", True), ("look", "=", look)],
            order="id",
            limit=limit,
        )

    @api.model
    def _forget(self, comparisons):
        """Delete the notes of comparisons."""
        self.flush_model()
        self.env.cr.execute(SQL("DELETE FROM connector_comparison_note WHERE comparison_id = ANY(%s)", comparisons.ids))
        self.invalidate_model()
