"""What is the matter is named, with its next step: by ``/connector/health``, the dashboard and the terminal."""

from __future__ import annotations

import argparse
import tempfile
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import config

from ..monitoring import doctor, troubles
from ..monitoring.doctor import findings
from ..queue.sql import diagnosis
from ..terminal import COMMANDS, as_json, as_text
from .test_monitoring import MonitoringCase


class DoctorCase(MonitoringCase, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()
        cls.backend.write({"url": "https://shop.example", "api_key": "x"})
        cls.env["ir.cron"].search([]).nextcall = fields.Datetime.now() + timedelta(days=1)
        cls.env["ir.config_parameter"].search([("key", "=", "database.is_neutralized")]).unlink()

    def setUp(self):
        super().setUp()
        self.add_worker()
        self.configure("")
        self.patch(doctor, "usable_cores", lambda: 1)

    def configure(self, text):
        """Have a configuration file with these lines in section [connector_framework]."""
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8"))
        file.write(f"[connector_framework]\n{text}")
        file.flush()
        self.enterContext(patch.dict(config._runtime_options, {"config": file.name}))

    def execute(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(query, params)
        self.env.invalidate_all()

    def codes(self, find=troubles):
        self.env.flush_all()
        return {trouble.code for trouble in find(self.env)}

    def assert_named(self, code, backend=None, subject=None):
        """The doctor names it, with what to do."""
        self.env.flush_all()
        found = [trouble for trouble in findings(self.env) if trouble.code == code]
        self.assertTrue(found, self.codes(findings))
        self.assertTrue(all(trouble.message and trouble.step for trouble in found))
        if backend is not None:
            self.assertIn(backend, [trouble.backend for trouble in found])
        if subject is not None:
            self.assertIn(subject, [trouble.subject for trouble in found])
        return found[0]


@tagged("post_install", "-at_install", "transaction")
class TestDoctor(DoctorCase):
    def test_all_is_well(self):
        """A healthy database has no trouble."""
        self.assertFalse(findings(self.env))

    def test_no_worker(self):
        self.execute("DELETE FROM connector_worker")
        self.store()
        self.assert_named("no_worker")

    def test_incomplete_worker(self):
        self.add_worker(missing="sale")
        self.assertIn("sale", self.assert_named("incomplete_worker").message)

    def test_paused_channel(self):
        self.store()
        self.channel.paused = True
        self.assert_named("paused_channel", self.backend, "root.example.shop")

    def test_full_channel(self):
        self.channel.parent_id.capacity = 2
        self.store("running", count=2)
        self.store(age_s=30)
        self.assertNotIn("full_channel", self.codes())
        self.store(age_s=90)
        self.assertIn("root.example", self.assert_named("full_channel", self.backend).message)

    def test_old_job(self):
        self.store(age_s=3600)
        self.assert_named("old_job", self.backend)

    def test_failed_parent(self):
        self.store("failed")
        self.store("waiting")
        self.execute(
            "INSERT INTO connector_job_dependency SELECT max(id), min(id) FROM connector_job WHERE channel = %s",
            "root.example.shop",
        )
        trouble = self.assert_named("failed_parent", self.backend)
        self.assertEqual(trouble.target[0], "connector.job")
        self.assertIn(str(trouble.target[1]), trouble.step)

    def test_late_stream(self):
        self.set_stream(7200)
        self.assert_named("late_stream", self.backend)

    def test_scheduled_action_off(self):
        cron = self.env["ir.cron"].create(
            {
                "name": "Import",
                "model_id": self.env["ir.model"]._get_id("test.backend"),
                "state": "code",
                "active": False,
                "nextcall": fields.Datetime.now() + timedelta(days=1),
            }
        )
        self.assertEqual(self.assert_named("cron_off", self.backend).target, ("ir.cron", cron.id))

    def test_own_scheduled_action_off(self):
        self.env.ref("connector_framework.cron_run_pending").active = False
        self.assertNotIn("cron_off", self.codes())
        self.execute("DELETE FROM connector_worker")
        self.assert_named("cron_off")

    def test_scheduler_stands_still(self):
        self.env["ir.cron"].search([], limit=1).nextcall = fields.Datetime.now() - timedelta(hours=1)
        self.assert_named("no_scheduler")

    def test_open_circuit(self):
        self.open_circuit()
        self.assert_named("open_circuit", self.backend)

    def test_wrong_key(self):
        self.open_circuit()
        self.execute("UPDATE connector_adapter_state SET is_refused = true")
        self.assert_named("wrong_key", self.backend)
        self.assertNotIn("open_circuit", self.codes())

    def test_wrong_clock(self):
        self.open_circuit()
        self.execute("UPDATE connector_adapter_state SET opened_at = NULL, clock_skew_s = -7200")
        self.assert_named("wrong_clock", self.backend)

    def test_failed_check(self):
        self.backend.state = "error"
        self.assert_named("failed_check", self.backend)

    def test_neutralized(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.store(age_s=7200)
        self.assertEqual(self.codes(), {"neutralized"})

    def test_changing_addons(self):
        self.execute("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'mail'")
        self.assert_named("changing_addons")

    def test_bad_setting(self):
        self.configure("threads = many\n")
        self.assertIn("threads", self.assert_named("bad_setting").message)

    def test_unknown_setting(self):
        self.configure("thread = 4\n")
        self.assert_named("unknown_setting", subject="thread")

    def test_few_connections(self):
        self.configure("threads = 5000\n")
        self.assert_named("few_connections", subject="max_connections")
        self.assert_named("few_connections", subject="db_maxconn")

    def test_no_vacuum(self):
        self.execute("ALTER TABLE connector_job SET (autovacuum_enabled = false)")
        self.assert_named("no_vacuum")

    def test_server_clock(self):
        self.patch(diagnosis.time, "time", lambda: 1_000_000_000.0)
        self.assert_named("server_clock")

    def test_archived_user(self):
        user = self.env["res.users"].create({"name": "Gone", "login": "gone"})
        self.store()
        self.execute("UPDATE connector_job SET user_id = %s WHERE state = 'pending'", user.id)
        user.active = False
        self.assert_named("archived_user", subject="gone")

    def test_missing_code(self):
        self.store()
        self.execute("UPDATE connector_job SET method_name = 'gone' WHERE state = 'pending'")
        self.assert_named("missing_code", subject="res.partner.gone")

    def test_long_job(self):
        self.store("running")
        self.execute("UPDATE connector_job SET date_started = now() - interval '3 hours' WHERE state = 'running'")
        self.assert_named("long_job")

    def test_no_address_and_credentials(self):
        self.backend.url = False
        self.assert_named("no_address", self.backend)

    def test_inactive_language(self):
        language = self.env["res.lang"].with_context(active_test=False).search([("active", "=", False)], limit=1)
        self.backend.lang_id = language
        self.assert_named("inactive_language", self.backend)

    def test_open_incident(self):
        self.env["connector.incident"].create(
            {"name": "down", "fingerprint": "x", "backend_model": "test.backend", "backend_id": self.backend.id}
        )
        self.assert_named("open_incident", self.backend)

    def test_archived_backend(self):
        """What an archived backend has is no trouble."""
        self.open_circuit()
        self.set_stream(7200)
        self.backend.state = "error"
        self.backend.active = False
        self.assertEqual(self.codes(), set())


@tagged("post_install", "-at_install", "transaction")
class TestTerminal(DoctorCase):
    def run_command(self, name, *args):
        """Return (data, exit code) of a command, and check that it can be printed."""
        parser = argparse.ArgumentParser()
        COMMANDS[name].arguments(parser)
        self.env.flush_all()
        result = COMMANDS[name].run(self.env, parser.parse_args(args))
        self.env.invalidate_all()
        self.assertTrue(as_json(result.data))
        self.assertTrue(as_text(result.data))
        return result

    def failed(self, count=1):
        self.store("failed", count=count)
        return self.env["connector.job"].search([("state", "=", "failed"), ("channel", "=", "root.example.shop")])

    def test_status(self):
        """It tells the figures, and ends with 1 where something is the matter."""
        self.store(age_s=5, count=3)
        data, code = self.run_command("status")
        self.assertEqual((data["status"], code, data["jobs"]["pending"], data["workers"]), ("ok", 0, 3, 1))
        self.channel.paused = True
        data, code = self.run_command("status")
        self.assertEqual((data["status"], code, data["troubles"][0]["code"]), ("trouble", 1, "paused_channel"))

    def test_doctor(self):
        self.assertEqual(self.run_command("doctor"), ([], 0))
        self.open_circuit()
        data, code = self.run_command("doctor")
        self.assertEqual(([one["code"] for one in data], code), (["open_circuit"], 1))

    def test_workers(self):
        [worker] = self.run_command("workers").data
        self.assertEqual((worker["process"], worker["threads"]), (7, 4))

    def test_channels(self):
        """A channel is paused and resumed; an unknown one is refused."""
        self.run_command("channels", "--pause", "root.example.shop")
        self.assertTrue(self.channel.paused)
        data = self.run_command("channels", "--resume", "root.example.shop").data
        self.assertEqual([one["paused"] for one in data if one["channel"] == "root.example.shop"], [False])
        with self.assertRaises(UserError):
            self.run_command("channels", "--pause", "root.unknown")

    def test_jobs(self):
        """They are found by state and channel, those below included."""
        self.failed(2)
        self.store(channel="root", count=3)
        self.assertEqual(len(self.run_command("jobs", "--state", "failed", "--channel", "root.example").data), 2)
        self.assertEqual(len(self.run_command("jobs", "--limit", "4").data), 4)

    def test_requeue_and_cancel(self):
        """The jobs of a filter are requeued and cancelled; without a filter nothing is."""
        self.patch(self.env.registry["connector.job"], "_connector_commit", lambda self: None)
        jobs = self.failed(2)
        for name in ("requeue", "cancel"):
            with self.assertRaises(UserError):
                self.run_command(name)
        self.assertEqual(self.run_command("requeue", str(jobs[0].id)).data, {"action": "requeue", "jobs": 1})
        self.assertEqual(jobs.mapped("state"), ["pending", "failed"])
        data = self.run_command("cancel", "--channel", "root.example.shop", "--reason", "not wanted").data
        self.assertEqual(data["jobs"], 2)
        self.assertEqual(jobs.mapped("result"), ["not wanted"] * 2)

    def test_incidents(self):
        self.env["connector.incident"].create({"name": "down", "fingerprint": "x", "count": 3})
        [incident] = self.run_command("incidents").data
        self.assertEqual((incident["what"], incident["failures"]), ("down", 3))

    def test_text(self):
        """A long cell is cut to the terminal's width; line breaks break no table."""
        with patch.dict("os.environ", {"COLUMNS": "60"}):
            text = as_text([{"id": 1, "what": "a\nb " * 100, "more": "x" * 80}, {"id": 22, "what": "", "more": None}])
        lines = text.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertLessEqual(max(map(len, lines)), 60)
