"""What is left when the models of a connector are gone."""

from __future__ import annotations

from odoo.tests import tagged

from .synchronizers_common import SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestUninstall(SynchronizerCase):
    def test_nothing_is_left(self):
        """The streams of a backend model and the external ids of its selection values go with it, and no others."""
        stream = self.env["connector.stream"].of(self.backend, "test.partner")
        selections = self.env["ir.model.fields.selection"].search(
            [("field_id.model", "=", "test.backend"), ("field_id.name", "=", "state")]
        )
        self.env["ir.model.data"].create(
            [
                {
                    "module": "connector_framework",
                    "name": f"selection__test_backend__state__{selection.value}",
                    "model": "ir.model.fields.selection",
                    "res_id": selection.id,
                }
                for selection in selections
            ]
        )
        self.assertEqual(len(selections), 3)
        domain = [("module", "=", "connector_framework"), ("model", "=", "ir.model.fields.selection")]
        others = self.env["ir.model.data"].search([*domain, ("name", "not like", "selection__test_backend__%")])
        self.assertTrue(others)
        model = self.env["ir.model"]._get("test.backend")
        # Odoo would drop the table, and with it the models that this class still needs.
        self.env.cr.execute("DELETE FROM ir_model_fields_selection WHERE id = ANY(%s)", [selections.ids])
        self.env.invalidate_all()
        model._connector_forget(["test.backend"])
        self.assertFalse(stream.exists())
        self.assertEqual(self.env["ir.model.data"].search(domain), others)
