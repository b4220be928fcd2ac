"""What was said with the other system, on the forms of bindings and backends."""

from __future__ import annotations

from lxml import etree
from odoo.tests import TransactionCase, new_test_user, tagged

from .model_factory import add_models, example_models


@tagged("post_install", "-at_install", "transaction")
class TestTimeline(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)
        cls.backend = cls.env["test.backend"].create({"name": "Shop"})
        cls.other_backend = cls.env["test.backend"].create({"name": "Other shop"})
        cls.user = new_test_user(cls.env, "timeline", "base.group_user,connector_framework.group_connector_user")
        cls.binding = cls.bind("7")

    @classmethod
    def bind(cls, external_id, backend=None):
        backend = backend or cls.backend
        return cls.env["test.partner"].create({"backend_id": backend.id, "external_id": external_id, "name": "Ann"})

    def exchange(self, backend=None, **values):
        backend = backend or self.backend
        return self.env["connector.exchange"].create(
            {"method": "GET", "backend_model": backend._name, "backend_id": backend.id, **values}
        )

    def test_about_the_binding(self):
        """What was about its external id or about itself is there, the last first; nothing else is."""
        first = self.exchange(model_name="test.partner", external_id="7", date="2026-01-01 10:00:00")
        second = self.exchange(model_name="test.partner", record_id=self.binding.id, date="2026-01-01 11:00:00")
        self.exchange(model_name="test.partner", external_id="8")
        self.exchange(model_name="test.address", external_id="7")
        self.exchange(self.other_backend, model_name="test.partner", external_id="7")
        self.exchange()
        self.assertEqual(self.binding.exchange_ids.ids, (second | first).ids)

    def test_many_bindings_in_one_query(self):
        """The exchanges of many bindings are read together."""
        bindings = self.binding | self.bind("8") | self.bind("9")
        for binding in bindings:
            self.exchange(model_name="test.partner", external_id=binding.external_id)
        self.env.flush_all()
        self.env.invalidate_all()
        bindings.mapped("external_id")
        with self.assertQueryCount(2):
            self.assertEqual([len(binding.exchange_ids) for binding in bindings], [1, 1, 1])

    def test_form_of_a_binding(self):
        """The form of a binding has a page with its exchanges, for users of connectors, and no view was made for it."""
        view = self.env["ir.ui.view"].create(
            {"name": "short", "model": "test.partner", "arch": "<form><sheet><field name='name'/></sheet></form>"}
        )
        arch = self.form("test.partner", view_id=view.id)
        (field,) = arch.xpath("//page[@name='connector_exchanges']/field")
        self.assertEqual((field.get("name"), field.get("readonly")), ("exchange_ids", "1"))
        model = self.env["ir.model"]._get("test.partner")
        everybody = self.env.ref("base.group_user").id
        self.env["ir.model.access"].create({"name": "all", "model_id": model.id, "group_id": everybody, "perm_read": 1})
        nobody = new_test_user(self.env, "timeline-nobody", "base.group_user")
        self.assertFalse(self.form("test.partner", nobody, view.id).xpath("//page"))

    def test_form_that_shows_them_already(self):
        """A connector may place them itself."""
        view = self.env["ir.ui.view"].create(
            {"name": "own", "model": "test.partner", "arch": "<form><field name='exchange_ids'/></form>"}
        )
        self.assertEqual(len(self.form("test.partner", view_id=view.id).xpath("//field[@name='exchange_ids']")), 1)

    def test_form_of_a_backend(self):
        """The form of a backend leads to its exchanges and to its streams, which can be rewound there."""
        arch = self.form("test.backend")
        names = [button.get("name") for button in arch.xpath("//div[@name='button_box']/button")]
        own = ["action_open_jobs", "action_open_streams", "action_open_exchanges", "action_open_comparisons"]
        self.assertEqual(names, own)
        backend = self.backend.with_user(self.user)
        stream = self.env["connector.stream"].of(self.backend, "contacts")
        self.env["connector.stream"].of(self.other_backend, "contacts")
        for action, mine in (
            (backend.action_open_streams(), stream),
            (backend.action_open_exchanges(), self.exchange()),
        ):
            found = self.env[action["res_model"]].with_user(self.user).search(action["domain"])
            self.assertEqual(found, mine.with_user(self.user))

    def test_circuit(self):
        """The form of a backend says that nothing is sent, and why."""
        self.assertFalse(self.backend.circuit_note)
        self.env["connector.adapter.state"].create(
            {
                "backend_model": "test.backend",
                "backend_id": self.backend.id,
                "opened_at": "2026-01-01 10:00:00",
                "probe_at": "2026-01-01 10:05:00",
                "reason": "it answered 500",
            }
        )
        self.backend.invalidate_recordset()
        self.assertIn("it answered 500", self.backend.with_user(self.user).circuit_note)
        view = self.env["ir.ui.view"].create(
            {"name": "short", "model": "test.backend", "arch": "<form><sheet><field name='name'/></sheet></form>"}
        )
        arch = self.form("test.backend", view_id=view.id)
        self.assertTrue(arch.xpath("//div[@role='alert']/field[@name='circuit_note']"))

    def form(self, model_name, user=None, view_id=None):
        arch = self.env[model_name].with_user(user or self.user).get_view(view_id, "form")["arch"]
        return etree.fromstring(arch)

    def timeline(self, action):
        self.env.flush_all()
        return self.env["connector.timeline"].with_user(self.user).search(action["domain"])

    def test_all_kinds(self):
        """Jobs, failed attempts and exchanges about a binding, of the binding and of its record."""
        imported = self.env["test.partner"].as_job().import_record(self.backend, "7")
        exported = self.binding.as_job().export_record()
        self.env["test.partner"].as_job().import_record(self.backend, "8")
        self.env["test.partner"].as_job().import_record(self.other_backend, "7")
        exchange = self.exchange(model_name="test.partner", external_id="7")
        self.env["connector.job.attempt"].create({"job_id": exported.id, "exc_message": "down"})
        for action in (self.binding.action_open_timeline(), self.binding.odoo_id.action_open_connector_timeline()):
            found = self.timeline(action)
            self.assertEqual(sorted(found.mapped("kind")), ["attempt", "exchange", "job", "job"])
            self.assertEqual(
                set(found.filtered(lambda one: one.kind == "job").mapped("job_id")), {imported.id, exported.id}
            )
            self.assertEqual(found.filtered(lambda one: one.kind == "exchange").exchange_id, exchange.id)
        self.assertEqual(found.filtered(lambda one: one.kind == "attempt").action_open()["res_id"], exported.id)

    def test_indexes(self):
        """Conditions reach the indexes of each part."""
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        query = self.env["connector.timeline"]._search(self.binding._exchange_domain())
        self.env.cr.execute("EXPLAIN " + query.select().code, query.select().params)
        plan = "\n".join(line for (line,) in self.env.cr.fetchall())
        for table in ("connector_job_subject", "connector_exchange", "connector_job"):
            self.assertNotRegex(plan, rf"Seq Scan on {table}\b")

    def test_without_bindings(self):
        """A record without a binding has an empty timeline."""
        self.assertFalse(self.timeline(self.env["res.partner"].create({"name": "x"}).action_open_connector_timeline()))
