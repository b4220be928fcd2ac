"""Troubles of a running server: the dashboard and the doctor name each, and the step that they name mends it."""

from email.utils import formatdate
from time import time
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.connector_framework.monitoring.doctor import findings
from odoo.addons.connector_framework.tests.common import wait_until
from odoo.addons.connector_framework.tests.process_case import PROBE_PATH

from .common import Sandbox, server
from .test_process_import import ImportCase

#: Shown where a test fails.
JOBS = "SELECT name, state, result, eta, exc_message FROM connector_job ORDER BY id DESC LIMIT 8"
STREAMS = "SELECT name, cursor, imported_until, date_advanced, run_job_ids FROM connector_stream"
#: Seconds until a trouble is named, and until it is gone.
WITHIN_S = 90


@tagged("post_install", "-at_install", "process", "server")
class TestTroubles(ImportCase):
    def setUp(self):
        super().setUp()
        self.shop = self.enterContext(Sandbox())
        with self.environment() as env:
            # The shops of other tests are gone.
            env["magento.backend"].search([]).active = False
            backend = env["magento.backend"].create(
                {"name": "Shop", "url": self.shop.url, "api_user": self.shop.user, "api_key": self.shop.key}
            )
            backend.action_check_connection()
            backend.action_import_metadata()
            self.backend_id = backend.id
            # Nothing but what a test enqueues.
            env["ir.cron"].search([("model_id.model", "=", "magento.backend")]).nextcall = "2099-01-01"

    def named(self):
        """Return the codes that the dashboard shows, and those that the doctor finds, as of now."""
        with self.environment() as env:
            shown = env["connector.dashboard"].action_read()
            troubles = [*shown["troubles"], *(one for card in shown["cards"] for one in card["troubles"])]
            for trouble in troubles:
                self.assertTrue(trouble["message"] and trouble["step"])
            return {one["code"] for one in troubles}, {one.code for one in findings(env)}

    def wait_named(self, code):
        wait_until(
            lambda: all(code in codes for codes in self.named()), WITHIN_S, lambda: f"{self.named()} {self.logs()}"
        )

    def wait_gone(self, code):
        wait_until(
            lambda: not any(code in codes for codes in self.named()),
            WITHIN_S,
            lambda: f"{self.named()} {self.sql(JOBS)} {self.sql(STREAMS)}",
        )

    def on_backend(self, method, **values):
        """Do what a person does on the form: write, then press a button."""
        with self.environment() as env:
            backend = env["magento.backend"].browse(self.backend_id)
            backend.write(values)
            getattr(backend, method)()

    def channel(self, method, **values):
        with self.environment() as env:
            channel = env["magento.backend"].browse(self.backend_id).channel_id
            channel.write(values)
            if method:
                getattr(channel, method)()

    def test_workers(self):
        """No worker; one that lacks an addon; the scheduled action that stands in for one is off."""
        self.enqueue("effect", [("a",)])
        self.wait_named("no_worker")
        with self.environment() as env:
            own = env.ref("connector_framework.cron_run_pending")
            own.active = False
        self.wait_named("cron_off")
        with self.environment() as env:
            env.ref("connector_framework.cron_run_pending").active = True
        self.wait_gone("cron_off")

        command = self.worker_command("--processes=1")
        lacking = [word.replace(f"{PROBE_PATH},", "") for word in command]
        self.assertNotEqual(lacking, command)
        incomplete = self.spawn(*lacking)
        self.wait_named("incomplete_worker")
        incomplete.kill()
        self.start_server()
        self.wait_gone("incomplete_worker")
        self.wait_gone("no_worker")
        self.wait_states(90, done=1)

    def test_queue(self):
        """A paused channel; a full one; jobs that wait for one that has failed."""
        self.start_server()
        self.channel("action_pause")
        self.on_backend("action_import_categories")
        self.wait_named("paused_channel")
        self.channel("action_resume")
        self.wait_gone("paused_channel")
        wait_until(lambda: set(self.states()) == {"done"}, 120, self.logs)

        with self.environment() as env:
            name = env["magento.backend"].browse(self.backend_id).channel_id.name
        self.channel(None, capacity=1)
        self.enqueue("effect", [("slow", 30), ("next",)], channel=name)
        # It waits since long.
        self.sql(
            "UPDATE connector_job SET date_enqueued = date_enqueued - interval '2 minutes' WHERE state = 'pending'"
        )
        self.wait_named("full_channel")
        self.channel(None, capacity=2)
        self.wait_gone("full_channel")

        [failing] = self.enqueue("effect", [("b", "no number")], max_attempts=1)
        with self.environment() as env:
            job = env["connector.job"].browse(failing)
            env["queue.probe"].as_job(after=job).nothing()
        self.wait_named("failed_parent")
        with self.environment() as env:
            env["connector.job"].browse(failing).action_cancel()
        self.wait_gone("failed_parent")

    def test_shop(self):
        """A key that is wrong; a shop that answers 500; one that is down; one whose clock is wrong."""
        self.start_server()
        self.on_backend("action_import_categories", api_key="a key that was withdrawn")
        self.wait_named("wrong_key")
        self.on_backend("action_check_connection", api_key=self.shop.key)
        self.wait_gone("wrong_key")
        # What was refused has failed for good: its incident says so.
        with self.environment() as env:
            env["connector.incident"].search([("state", "=", "open")]).action_requeue()
        wait_until(lambda: set(self.states()) == {"done"}, 90, lambda: f"{self.sql(JOBS)}")

        self.shop.fail_at_rate(1, kinds=["http_500_empty"])
        self.on_backend("action_import_customers")
        self.on_backend("action_import_products")
        for _press in range(5):
            self.on_backend("action_check_connection")
        self.wait_named("open_circuit")
        self.shop.clear_failures()
        self.on_backend("action_check_connection")
        self.wait_gone("open_circuit")
        self.wait_gone("failed_check")

        with patch.object(server.Handler, "date_time_string", lambda *_args: formatdate(time() + 3600, usegmt=True)):
            self.on_backend("action_check_connection")
            self.wait_named("wrong_clock")
        self.on_backend("action_check_connection")
        self.wait_gone("wrong_clock")

    def test_schedule(self):
        """A stream that stands still; a scheduled action that is off; a copy of a database."""
        self.start_server()
        self.on_backend("action_import_customers")
        wait_until(lambda: set(self.states()) == {"done"}, 120, self.logs)
        self.sql("UPDATE connector_stream SET imported_until = imported_until - interval '2 hours'")
        self.wait_named("late_stream")
        self.on_backend("action_import_customers")
        self.wait_gone("late_stream")

        with self.environment() as env:
            env.ref("connector_magento.cron_import").active = False
        self.wait_named("cron_off")
        with self.environment() as env:
            env.ref("connector_magento.cron_import").active = True
        self.wait_gone("cron_off")

        with self.environment() as env:
            env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        self.wait_named("neutralized")
        with self.environment() as env:
            env["ir.config_parameter"].set_param("database.is_neutralized", False)
        self.wait_gone("neutralized")
