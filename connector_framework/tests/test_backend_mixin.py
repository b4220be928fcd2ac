"""The backend mixin: access, secrets, references, work sessions, checking the connection."""

from __future__ import annotations

import os
import tempfile
import unittest.mock

from odoo import models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import config, mute_logger
from psycopg2.errors import UniqueViolation

from ..adapters import Adapter
from ..exceptions import AuthenticationError, ConfigurationError
from .model_factory import add_models, example, example_1, example_models


class BackendCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)
        cls.backend = cls.env["test.backend"].create(
            {"name": "My Shop", "url": "https://shop.example.com", "api_key": "field-secret"}
        )
        cls.user = new_test_user(cls.env, "backend-user", "connector_framework.group_connector_user")
        cls.manager = new_test_user(cls.env, "backend-manager", "connector_framework.group_connector_manager")
        cls.admin = new_test_user(
            cls.env, "backend-admin", "base.group_system,connector_framework.group_connector_manager"
        )

    def _register(self, cls, reference=example):
        reference.register(cls)
        self.addCleanup(reference.unregister, cls)
        return cls


@tagged("post_install", "-at_install", "transaction")
class TestBackendCode(BackendCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, cls._outlet)

    @staticmethod
    def _outlet():
        class Outlet(models.Model):
            _name = "test.outlet"
            _description = "Test Outlet"
            _inherit = "connector.backend.mixin"
            _service = "example"

        return [Outlet]

    def test_made_from_the_name(self):
        """Without a code a backend gets one made from its name, a free one."""
        self.assertEqual(self.backend.code, "my_shop")
        self.assertEqual(self.backend.create({"name": "My shop!"}).code, "my_shop_2")

    def test_kept(self):
        """A code that was given stays, and does not follow the name."""
        backend = self.backend.create({"name": "X", "code": "fr"})
        backend.name = "Y"
        self.assertEqual(backend.code, "fr")

    def test_unique(self):
        """Two backends of a service cannot have the same code, archived ones included."""
        self.backend.active = False
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation) as caught, self.env.cr.savepoint():
            self.backend.create({"name": "X", "code": "my_shop"})
        self.assertIn("choose another", self.backend._sql_error_to_message(caught.exception))

    def test_unique_over_models(self):
        """Nor can those of two models of one service; a code made from the name is another one."""
        self.backend.active = False
        with self.assertRaisesRegex(ValidationError, "choose another"), self.env.cr.savepoint():
            self.env["test.outlet"].create({"name": "X", "code": "my_shop"})
        self.assertEqual(self.env["test.outlet"].create({"name": "My shop"}).code, "my_shop_2")


@tagged("post_install", "-at_install", "transaction")
class TestBackendAccess(BackendCase):
    def test_secrets_are_read_by_administrators_alone(self):
        """A secret field is hidden from users and from managers, without the connector having said so."""
        self.assertEqual(self.backend.with_user(self.admin).read(["api_key"])[0]["api_key"], "field-secret")
        for user in (self.user, self.manager):
            with self.subTest(user.login):
                self.assertNotIn("api_key", self.backend.with_user(user).read()[0])
                with self.assertRaises(AccessError):
                    self.backend.with_user(user).read(["api_key"])

    def test_code_url_and_secrets_are_written_by_administrators_alone(self):
        """A manager cannot change the code, the URL or a secret, by write or create; an administrator can."""
        for name, value in (("code", "evil"), ("url", "https://evil.example.com"), ("api_key", "x")):
            with self.subTest(name):
                with self.assertRaises(AccessError):
                    self.backend.with_user(self.manager).write({name: value})
                with self.assertRaises(AccessError):
                    self.env["test.backend"].with_user(self.manager).create({"name": "N", name: value})
                self.backend.with_user(self.admin).write({name: value})
        self.assertEqual(self.backend.url, "https://evil.example.com")

    def test_defaults_are_no_way_around(self):
        """Nor can a manager bring them along as defaults, in the context or of his own; the model's own stay."""
        backends = self.env["test.backend"].with_user(self.manager)
        for name, value in (("code", "evil"), ("url", "https://evil.example.com"), ("api_key", "x")):
            with self.subTest(name), self.assertRaises(AccessError):
                backends.with_context(**{f"default_{name}": value}).create({"name": "N"})
        own = self.env["ir.default"].create(
            {
                "field_id": self.env["ir.model.fields"]._get("test.backend", "url").id,
                "user_id": self.manager.id,
                "json_value": '"https://evil.example.com"',
            }
        )
        with self.assertRaises(AccessError):
            backends.create({"name": "N"})
        own.unlink()
        with unittest.mock.patch.object(self.registry["test.backend"]._fields["url"], "default", lambda self: "here"):
            self.assertEqual(backends.create({"name": "N"}).url, "here")

    def test_the_rest_is_written_by_managers(self):
        """What is neither address nor secret is a manager's to change."""
        self.backend.with_user(self.manager).write({"name": "Renamed"})
        self.assertEqual(self.backend.name, "Renamed")
        self.assertTrue(self.env["test.backend"].with_user(self.manager).create({"name": "N", "url": False}).code)

    def test_never_copied(self):
        """A copy of a backend has neither address nor secrets, has a code of its own, and is not checked."""
        self.backend.write({"state": "connected", "last_error": "x"})
        copy = self.backend.copy()
        self.assertEqual(
            [copy.url, copy.api_key, copy.state, copy.last_error, copy.code != self.backend.code],
            [False, False, "draft", False, True],
        )


@tagged("post_install", "-at_install", "transaction")
class TestBackendSecret(BackendCase):
    VARIABLE = "ODOO_CONNECTOR_SECRET__EXAMPLE__MY_SHOP__API_KEY"

    def _with_file(self, text):
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".conf"))
        file.write(text)
        file.flush()
        options = config._runtime_options
        self.enterContext(unittest.mock.patch.dict(options, {"config": file.name}))
        return file

    def test_from_the_field(self):
        """Without anything else the field has the secret, also for the job of a user who may not read the field."""
        self.assertEqual(self.backend.with_user(self.user).get_secret("api_key"), "field-secret")

    def test_from_the_configuration_file(self):
        """The configuration file goes before the field, and may have any character in a value."""
        self._with_file("[options]\n[connector_framework.secrets]\nexample.my_shop.api_key = 50%% of $x; y=z\n")
        self.assertEqual(self.backend.get_secret("api_key"), "50%% of $x; y=z")

    def test_file_of_another_backend(self):
        """The setting of another backend is not this one's."""
        self._with_file("[connector_framework.secrets]\nexample.other.api_key = x\n")
        self.assertEqual(self.backend.get_secret("api_key"), "field-secret")

    def test_file_is_read_again(self):
        """A changed file counts at once."""
        file = self._with_file("[connector_framework.secrets]\nexample.my_shop.api_key = one\n")
        self.assertEqual(self.backend.get_secret("api_key"), "one")
        file.seek(0)
        file.write("[connector_framework.secrets]\nexample.my_shop.api_key = second\n")
        file.flush()
        os.utime(file.name, (1, 1))
        self.assertEqual(self.backend.get_secret("api_key"), "second")

    def test_from_the_environment(self):
        """The environment goes before everything, in upper case and with underscores."""
        self._with_file("[connector_framework.secrets]\nexample.my-shop.api_key = file\n")
        self.backend.code = "my-shop"
        self.enterContext(unittest.mock.patch.dict(os.environ, {self.VARIABLE: "environment"}))
        self.assertEqual(self.backend.get_secret("api_key"), "environment")

    def test_unknown(self):
        """What is not declared as a secret is not given out as one."""
        with self.assertRaisesRegex(ConfigurationError, "no secret 'name'.*api_key"):
            self.backend.get_secret("name")


@tagged("post_install", "-at_install", "transaction")
class TestBackendWork(BackendCase):
    def test_reference(self):
        """The reference is that of service and version, or the service's where there is no version or it has none."""
        self.assertIs(self.backend.reference, example)
        self.backend.version = "1"
        self.assertIs(self.backend.reference, example_1)
        self.backend.version = "2"
        self.assertIs(self.backend.reference, example)

    def test_closes_adapters(self):
        """The adapters of a session are closed at its end, also after an error."""
        closed = []

        class Closing(Adapter):
            def close(self):
                closed.append(self.work.model_name)

        self._register(Closing)
        with self.assertRaises(ZeroDivisionError), self.backend.work_on("test.partner") as work:
            work.unit(Adapter)
            work.unit(Adapter, "test.tag")
            raise ZeroDivisionError
        self.assertEqual(sorted(closed), ["test.partner", "test.tag"])

    def test_options(self):
        """Options reach the units."""
        with self.backend.work_on("test.partner", dry=True) as work:
            self.assertEqual(work.options, {"dry": True})

    def test_company(self):
        """A session works in the company of its backend, or in the caller's where the backend has none."""
        company = self.env["res.company"].create({"name": "Other"})
        self.backend.company_id = company
        with self.backend.work_on("test.partner") as work:
            self.assertEqual(work.env.company, company)
        self.backend.company_id = False
        with self.backend.work_on("test.partner") as work:
            self.assertEqual(work.env.company, self.env.company)

    def test_language(self):
        """A session has the language of its backend, which is the company's by default, whoever opens it."""
        french = self.env["res.lang"]._activate_lang("fr_FR")
        self.assertEqual(self.backend.lang_id.code, self.env.company.partner_id.lang)
        company = self.env["res.company"].create({"name": "Other"})
        company.partner_id.lang = "fr_FR"
        self.assertEqual(self.backend.create({"name": "Paris", "company_id": company.id}).lang_id, french)
        for lang in (None, "en_US", "fr_FR"):
            with self.backend.with_context(lang=lang).work_on("test.partner") as work:
                self.assertEqual((work.env.lang, work.backend.env.lang, work.model.env.lang), ("en_US",) * 3)
        self.backend.lang_id = french
        with self.backend.work_on("test.partner") as work:
            self.assertEqual(work.env.lang, "fr_FR")
            with work.origin():
                self.assertEqual(work.env.lang, "fr_FR")


@tagged("post_install", "-at_install", "transaction")
class TestBackendChannel(BackendCase):
    def test_made_from_the_code(self):
        """A backend has a channel of its own, below that of its service; another code later does not move it."""
        self.assertEqual(self.backend.channel_id.name, "root.example.my_shop")
        self.assertEqual(
            self.backend.create({"name": "x", "code": "Märkte 1.7"}).channel_id.name, "root.example.M_rkte_1_7"
        )
        self.assertEqual(self.backend.create({"name": "x" * 300}).channel_id.name, f"root.example.{'x' * 60}")
        self.assertEqual(self.backend.copy().channel_id.name, "root.example.my_shop_2")
        self.backend.code = "moved"
        self.assertEqual(self.backend.channel_id.name, "root.example.my_shop")

    def test_not_made_by_a_form(self):
        """Filling in a form makes no channels."""
        before = self.env["connector.job.channel"].search_count([])
        self.assertFalse(self.backend.new({"name": "Draft", "code": "draft"}).channel_id)
        self.assertEqual(self.env["connector.job.channel"].search_count([]), before)

    def test_jobs(self):
        """Jobs of a backend and of its bindings are in its channel, those of another model in root."""
        binding = self.env["test.partner"].create({"backend_id": self.backend.id, "name": "x"})
        other = self.backend.create({"name": "Other"})
        self.backend.channel_id = self.env["connector.job.channel"].create({"name": "root.chosen"})
        partners = self.env["test.partner"].with_user(self.user)
        jobs = {
            "root.chosen": [
                self.backend.as_job().read(),
                binding.as_job().export_record(),
                binding.with_user(self.user).as_job(split=1).export_record(),
                partners.as_job().import_record(self.backend, "1"),
                partners.as_job().import_record(external_id="1", backend=self.backend),
                *partners.as_job().map("import_record", [(self.backend, "1"), (self.backend, "2")]),
            ],
            "root.example.other": [partners.as_job().import_record(other, "1")],
            "root.named": [binding.as_job(channel="root.named").export_record()],
            "root": [self.env.company.as_job().read(), partners.as_job().read()],
        }
        found = {channel: {job.sudo().channel for job in jobs} for channel, jobs in jobs.items()}
        self.assertEqual(found, {channel: {channel} for channel in jobs})

    def test_backend_and_subjects(self):
        """A job knows its backend, and is found by the bindings and the external ids that it is about."""
        binding = self.env["test.partner"].create({"backend_id": self.backend.id, "name": "x"})
        partners, jobs = self.env["test.partner"], self.env["connector.job"]
        exported = binding.as_job().export_record()
        one = partners.as_job().import_record(self.backend, "A-1")
        chunk = partners.as_job().import_records(self.backend, external_ids=["A-1", 2, ("x", 3)])
        page = partners.as_job().import_batch(self.backend)
        for job in (exported, one, chunk, page):
            self.assertEqual((job.backend_model, job.backend_id), (self.backend._name, self.backend.id))
            self.assertEqual(job.backend_name, self.backend.name)
        self.assertEqual((one.external_id, chunk.external_id), ("A-1", "A-1, 2, x,3"))
        self.assertFalse(page.external_id)
        self.assertEqual(jobs.search([("external_id", "=", "A-1")]), chunk | one)
        self.assertEqual(jobs.search([("external_id", "ilike", "2")]), chunk)
        self.assertFalse(jobs.search([("external_id", "=", "A")]))
        self.assertEqual(jobs.search([("id", "in", jobs._ids_about(binding))]), exported)
        (exported | one | chunk | page).unlink()
        self.env.cr.execute("SELECT count(*) FROM connector_job_subject")
        self.assertEqual(self.env.cr.fetchone(), (0,))

    def test_open_record(self):
        """The records of a job are opened, those that it imported included."""
        job = self.env["test.partner"].as_job().import_record(self.backend, "A-1")
        with self.assertRaises(UserError):
            job.action_open_record()
        binding = self.env["test.partner"].create({"backend_id": self.backend.id, "name": "x", "external_id": "A-1"})
        self.assertEqual(job.action_open_record()["res_id"], binding.id)
        self.assertEqual(binding.as_job().export_record().action_open_record()["res_id"], binding.id)
        self.assertEqual(self.backend.as_job().read().action_open_record()["res_id"], self.backend.id)

    def test_without_a_channel(self):
        """The jobs of a backend whose channel a person took away are in root."""
        self.backend.channel_id = False
        self.assertEqual(self.backend.as_job().read().channel, "root")


@tagged("post_install", "-at_install", "transaction")
class TestBackendCheck(BackendCase):
    def _pings(self, outcome=None):
        class Pinging(Adapter):
            _apply_on = "test.backend"

            def ping(self):
                if outcome:
                    raise outcome

        return self._register(Pinging)

    def test_connected(self):
        """A ping that is answered sets the state to connected and clears the last error."""
        self._pings()
        self.backend.last_error = "old"
        action = self.backend.with_user(self.manager).action_check_connection()
        self.assertEqual((self.backend.state, self.backend.last_error), ("connected", False))
        self.assertEqual((action["tag"], action["params"]["type"]), ("display_notification", "success"))

    def test_failed(self):
        """A failed ping is shown, not raised, so that state and error stay; with what to do about it."""
        self._pings(AuthenticationError("401 from the shop"))
        action = self.backend.action_check_connection()
        self.assertEqual((self.backend.state, self.backend.last_error), ("error", "401 from the shop"))
        self.assertEqual(action["params"]["type"], "danger")
        self.assertIn("401 from the shop", action["params"]["message"])
        self.assertIn("Correct the user", action["params"]["message"])

    def test_secret_in_an_error(self):
        """An error that tells a secret is shown without it."""
        self.backend.api_key = "s3cr3t"
        self._pings(AuthenticationError("401 for s3cr3t"))
        action = self.backend.action_check_connection()
        self.assertEqual(self.backend.last_error, "401 for ***")
        self.assertNotIn("s3cr3t", str(action))

    def test_without_adapter(self):
        """A connector without an adapter for its backend model says so."""
        self.backend.action_check_connection()
        self.assertEqual(self.backend.state, "error")
        self.assertIn("no Adapter class for test.backend", self.backend.last_error)

    def test_for_managers(self):
        """Users who are no managers, and those without access to the backend, cannot check."""
        self._pings()
        with self.assertRaises(AccessError):
            self.backend.with_user(self.user).action_check_connection()
        self.env["ir.rule"].create(
            {
                "name": "none",
                "model_id": self.env["ir.model"]._get_id("test.backend"),
                "domain_force": "[(0, '=', 1)]",
            }
        )
        with self.assertRaises(AccessError):
            self.backend.with_user(self.manager).action_check_connection()
        self.assertEqual(self.backend.state, "draft")
