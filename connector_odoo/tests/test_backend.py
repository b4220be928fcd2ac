import json
from pathlib import Path

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ExternalNotFoundError,
    NetworkError,
    PermanentError,
)
from odoo.addons.connector_framework.tests.common import trap_jobs
from odoo.addons.connector_framework.tests.misbehaving_server import answer

from ..units.adapter import Json2Adapter, OldAdapter
from .common import KEY, PeerCase


@tagged("post_install", "-at_install", "transaction")
class TestBackend(PeerCase):
    def test_versions(self):
        """JSON-2 for 19, XML-RPC for what is older; the rest is the same."""
        for version, expected in (("19.0", Json2Adapter), ("16.0", OldAdapter)):
            self.backend.version = version
            for model_name in ("odoo.backend", "odoo.res.partner", "odoo.product.product"):
                with self.backend.work_on(model_name) as work:
                    self.assertIs(type(work.unit(Adapter)), expected)

    def test_headers(self):
        """The key is a bearer token, and the database is named."""
        self.backend.action_check_connection()
        self.assertEqual(self.backend.state, "connected", self.backend.last_error)
        headers = self.peer.requests[-1].headers
        self.assertEqual((headers["Authorization"], headers["X-Odoo-Database"]), (f"bearer {KEY}", "peer"))

    def test_statuses(self):
        """Each status of JSON-2 says by its type what to do; a record that is missing is no wrong address."""
        for status, name, expected in (
            (401, "werkzeug.exceptions.Unauthorized", AuthenticationError),
            (403, "odoo.exceptions.AccessError", PermanentError),
            (404, "odoo.exceptions.MissingError", ExternalNotFoundError),
            (404, "werkzeug.exceptions.NotFound", ConfigurationError),
            (422, "odoo.exceptions.ValidationError", PermanentError),
            (503, "", NetworkError),
        ):
            with self.subTest(status=status, name=name), self.backend.work_on("odoo.res.partner") as work:
                work.unit(Adapter)._throttle().answered()  # the circuit is closed
                self.peer.will(answer(status, json.dumps({"name": name, "message": "why"})))
                with self.assertRaises(expected) as caught:
                    work.unit(Adapter).write("1", {"name": "x"})
                self.assertIs(type(caught.exception), expected)

    def test_web_page(self):
        """A 404 that is not of the API, as a web server gives in a maintenance, is an outage."""
        with self.backend.work_on("odoo.res.partner") as work:
            self.peer.will(answer(404, "<html>Not Found</html>"))
            with self.assertRaises(NetworkError):
                work.unit(Adapter).write("1", {"name": "x"})

    def test_refused_load(self):
        """What the other Odoo says against a record is the error of the job."""
        said = {"ids": False, "messages": [{"type": "error", "message": "No names with an A"}]}
        with self.backend.work_on("odoo.res.partner") as work:
            self.peer.will(answer(200, json.dumps(said)))
            with self.assertRaisesRegex(PermanentError, "No names with an A"):
                work.unit(Adapter).create({"xid": "__export__.x", "name": "Ada"})

    def test_rights(self):
        """A connector user sees the backend and not its key, and imports nothing."""
        user = new_test_user(self.env, "looker", groups="connector_framework.group_connector_user")
        backend = self.backend.with_user(user)
        self.assertEqual(backend.url, self.peer.url)
        with self.assertRaises(AccessError):
            backend.read(["api_key"])
        with trap_jobs(self.env) as trap:
            for button in ("action_import", "action_find_deleted"):
                with self.assertRaises(AccessError):
                    getattr(backend, button)()
        self.assertFalse(trap.jobs)

    def test_companies(self):
        """Nobody sees the bindings of another company's backend."""
        binding = self.import_partner(self.peer.add("res.partner", name="Ada"))
        company = self.env["res.company"].create({"name": "Other"})
        groups = "connector_framework.group_connector_user"
        user = new_test_user(self.env, "other", groups=groups, company_id=company.id, company_ids=[(6, 0, company.ids)])
        for record in (binding, self.backend):
            self.assertFalse(record.with_user(user).search([("id", "=", record.id)]))

    def test_neutralize(self):
        """A neutralised copy has neither the address nor the key of the other Odoo."""
        self.env.flush_all()
        self.env.cr.execute((Path(__file__).parents[1] / "data" / "neutralize.sql").read_text())
        self.env.invalidate_all()
        self.assertFalse(self.backend.sudo().api_key)
        self.assertEqual((self.backend.url, self.backend.state), ("https://neutralized.invalid", "draft"))

    def test_form(self):
        """A backend is made in its form; a login is asked for where XML-RPC needs it."""
        with Form(self.env["odoo.backend"]) as form:
            form.name, form.database, form.url = "Other", "other", "https://odoo.example.com"
            form.version = "16.0"
            with self.assertRaisesRegex(AssertionError, "login"):
                form.save()
            form.login = "connector"
        self.assertEqual(form.record.lang_id.code, "en_US")
        self.assertFalse(form.record.conflict_policy)

    def test_views(self):
        """The form of a contact shows its bindings; the bindings of products have the views of those of contacts."""
        arch = self.env["res.partner"].get_view(view_type="form")["arch"]
        self.assertIn("odoo_bind_ids", arch)
        for model_name in ("odoo.res.partner", "odoo.product.product"):
            arch = self.env[model_name].get_view(
                self.env.ref(f"connector_odoo.view_{model_name.replace('.', '_')}_form").id
            )
            self.assertIn("conflict_text", arch["arch"])
