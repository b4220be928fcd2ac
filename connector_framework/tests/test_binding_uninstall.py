"""What is left when the models of a connector are gone."""

from __future__ import annotations

from odoo.tests import tagged

from .synchronizers_common import SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestUninstall(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.addon = self.env["ir.module.module"].create({"name": "test_connector", "state": "to remove"})

    def test_what_goes_with_the_models(self):
        """Jobs, exchanges, streams and states of calls of a connector go with its models, and no others."""
        stream = self.env["connector.stream"].of(self.backend, "test.partner")
        about = {"backend_model": "test.backend", "backend_id": self.backend.id}
        state = self.env["connector.adapter.state"].create(about)
        exchange, other = self.env["connector.exchange"].create([about, {"backend_model": "res.company"}])
        jobs = self.env["test.partner"].as_job().map("import_record", [(self.backend, "1"), (self.backend, "2")])
        jobs[1].action_done()
        other_job = self.env.company.as_job().read()
        self.addon._connector_forget(["test.backend", "test.partner"])
        self.assertFalse(stream.exists() or state.exists() or exchange.exists() or jobs.exists())
        self.assertEqual(other.exists() and other_job.exists().state, "pending")

    def test_what_waits_for_its_jobs(self):
        """A job that waits for one of a connector that goes is cancelled, not released."""
        job = self.env["test.partner"].as_job().import_record(self.backend, "1")
        waiting = self.env.company.as_job(after=job).read()
        self.addon._connector_forget(["test.partner"])
        self.assertEqual(waiting.state, "cancelled")

    def test_channels(self):
        """The channels made on use below the addon's own go with it, unless other jobs are in them."""
        channels = self.env["connector.job.channel"]
        own = channels.create([{"name": "root.test_connector"}, {"name": "root.test_elsewhere"}])[0]
        self.env["ir.model.data"].create(
            {"module": "test_connector", "name": "channel", "model": own._name, "res_id": own.id}
        )
        gone = channels.create({"name": "root.test_connector.a.b"})
        gone += gone.parent_id
        self.env.company.as_job(channel="root.test_connector.used").read()
        self.addon._connector_forget_channels(set())
        kept = channels.search([("name", "=like", "root.test%")]).mapped("name")
        self.assertEqual(kept, ["root.test_connector", "root.test_connector.used", "root.test_elsewhere"])
        self.assertFalse(gone.exists())

    def test_channels_of_a_service(self):
        """A connector without channels of its own leaves none of those that were made on use for its backends."""
        channels = self.env["connector.job.channel"]
        path = self.backend.channel_id.name
        self.assertEqual(path.split(".")[:2], ["root", "example"])
        models = ["test.backend", "test.partner"]
        services = self.addon._connector_services(models)
        self.assertEqual(services, {"example"})
        self.assertFalse(self.addon._connector_services(["test.partner"]))
        self.addon._connector_delete_backends(models)
        self.addon._connector_forget_channels(services)
        self.assertFalse(channels.search([("name", "=like", "root.example%")]))
        self.assertTrue(channels.search([("name", "=", "root")]))

    def test_models_of_an_addon(self):
        """The models that go with an addon are those that it alone defines."""
        models = self.env["ir.model"].search([("model", "in", ("test.partner", "test.tag"))])
        self.env["ir.model.data"].search([("model", "=", "ir.model"), ("res_id", "in", models.ids)]).unlink()
        values = [{"module": "test_connector", "name": m.model, "model": "ir.model", "res_id": m.id} for m in models]
        self.env["ir.model.data"].create(values)
        self.env["ir.model.data"].create([{**values[0], "module": "test_more"}])
        self.assertEqual(self.addon._connector_models(), models[1:].mapped("model"))

    def test_selection_values(self):
        """The external ids of the selection values of a backend model go with it, and no others."""
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
        # Odoo would drop the table, and with it the models that this class still needs.
        self.env.cr.execute("DELETE FROM ir_model_fields_selection WHERE id = ANY(%s)", [selections.ids])
        self.env.invalidate_all()
        self.addon._connector_forget_external_ids(["test.backend"])
        self.assertEqual(self.env["ir.model.data"].search(domain), others)
