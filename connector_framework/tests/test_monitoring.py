"""``/connector/metrics``, ``/connector/health``, and how far streams are behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unittest
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.http import Request, root
from odoo.tests import BaseCase, Form, HttpCase, TransactionCase, new_test_user, tagged
from odoo.tools import SQL, config, mute_logger
from psycopg2.errors import CheckViolation

from ..monitoring import metrics_text
from ..monitoring.exposition import Family, render
from ..queue.sql import metrics
from .model_factory import add_models, example_models

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

needs_client = unittest.skipUnless(
    text_string_to_metric_families, "prometheus_client of script/requirements.txt is not installed"
)
PROMTOOL = shutil.which("promtool")
needs_promtool = unittest.skipUnless(PROMTOOL, "Debian's package prometheus, which has promtool, is not installed")

DOCS = Path(__file__).resolve().parents[2] / "docs/monitoring"
TOKEN = "tök en-1"
SECRET = "s3cret-of-the-shop"

JOB = """
    INSERT INTO connector_job (state, hold, priority, channel_id, channel, attempt, max_attempts, crashes, user_id,
                               model_name, method_name, call, date_enqueued, eta, date_done, duration_s)
    SELECT %(state)s, %(hold)s, %(priority)s, id, name, 0, 5, 0, 1, 'res.partner', 'write', %(secret)s,
           statement_timestamp() AT TIME ZONE 'utc' - %(age_s)s * interval '1 second',
           statement_timestamp() AT TIME ZONE 'utc' - %(due_s)s * interval '1 second',
           CASE WHEN %(duration_s)s IS NOT NULL THEN statement_timestamp() AT TIME ZONE 'utc' END, %(duration_s)s
      FROM connector_job_channel, generate_series(1, %(count)s) WHERE name = %(channel)s"""


class MonitoringCase:
    """An empty queue, a backend with a stream, and rows as workers would leave them."""

    @classmethod
    def set_up_backend(cls):
        add_models(cls, example_models)
        cls.env.cr.execute(
            "DELETE FROM connector_job; DELETE FROM connector_worker; DELETE FROM connector_adapter_state"
        )
        cls.env["connector.stream"].search([]).unlink()
        cls.env["connector.job.channel"].search([]).write({"paused": False})
        cls.backend = cls.env["test.backend"].create({"name": "Shop", "code": "shop"})
        cls.channel = cls.backend.channel_id
        cls.stream = cls.env["connector.stream"].of(cls.backend, "orders")

    def store(self, state="pending", channel="root.example.shop", **values):
        defaults = {"hold": None, "priority": 10, "age_s": 0, "due_s": None, "duration_s": None, "count": 1}
        self.env.flush_all()
        self.env.cr.execute(JOB, {**defaults, "secret": SECRET, "state": state, "channel": channel, **values})

    def add_worker(self, seen_s=0, missing=None):
        self.env.cr.execute(
            """INSERT INTO connector_worker (host, pid, threads, running, stopping, last_seen, missing_addons)
               SELECT 'host', 7, 4, 2, false, clock_timestamp() AT TIME ZONE 'utc' - %s * interval '1 second', %s""",
            [seen_s, missing],
        )

    def open_circuit(self):
        self.env.cr.execute(
            """INSERT INTO connector_adapter_state (backend_model, backend_id, failures, opened_at, reason)
               VALUES ('test.backend', %s, 5, statement_timestamp() AT TIME ZONE 'utc', %s)""",
            [self.backend.id, SECRET],
        )

    def set_stream(self, behind_s, max_age_min=60):
        self.stream.write(
            {"imported_until": fields.Datetime.now() - timedelta(seconds=behind_s), "max_age_min": max_age_min}
        )
        self.env.flush_all()


@tagged("post_install", "-at_install", "transaction")
class TestStreamLag(MonitoringCase, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()

    def lag_s(self):
        self.stream.invalidate_recordset()
        return self.stream.lag_s

    def test_since_start_of_last_complete_run(self):
        """What changed after the start of a run may be missing, however long the run took."""
        began = datetime.now().replace(microsecond=0) - timedelta(hours=1)
        self.stream.advance({"since": "2020-01-01T00:00:00"}, began=began.isoformat())
        self.assertEqual(self.stream.imported_until, began)
        self.assertAlmostEqual(self.lag_s(), 3600, delta=5)

    def test_never_run(self):
        """A stream that never had a complete run is behind since it is there; one of before, since its last run."""
        self.env.cr.execute(
            "UPDATE connector_stream SET create_date = create_date - interval '2 hours' WHERE id = %s", [self.stream.id]
        )
        self.assertAlmostEqual(self.lag_s(), 7200, delta=5)
        self.stream.date_advanced = fields.Datetime.now() - timedelta(seconds=100)
        self.assertAlmostEqual(self.lag_s(), 100, delta=5)

    def test_oldest_due_job(self):
        """A due job of the backend's channel or below that is older counts; no other one does."""
        self.set_stream(10)
        self.env["connector.job.channel"]._ensure("root.example.shop.orders")
        self.env["connector.job.channel"]._ensure("root.example.shop2")
        self.store(channel="root.example.shop2", age_s=9000)
        self.store(hold="eta", age_s=9000, due_s=-60)
        self.store("failed", age_s=9000)
        self.assertAlmostEqual(self.lag_s(), 10, delta=5)
        self.store(channel="root.example.shop.orders", age_s=500)
        self.assertAlmostEqual(self.lag_s(), 500, delta=5)
        self.set_stream(700)
        self.assertAlmostEqual(self.lag_s(), 700, delta=5)

    def test_roles(self):
        """A Connector User sees how far a stream is behind, a Connector Manager says how far it may be."""
        user = new_test_user(self.env, "lag_user", "connector_framework.group_connector_user")
        manager = new_test_user(self.env, "lag_manager", "connector_framework.group_connector_manager")
        self.set_stream(100)
        self.assertAlmostEqual(self.stream.with_user(user).lag_s, 100, delta=5)
        with self.assertRaises(AccessError):
            self.stream.with_user(user).max_age_min = 5
        with Form(self.stream.with_user(manager)) as form:
            form.max_age_min = 5
        self.assertEqual(self.stream.max_age_min, 5)

    def test_promise(self):
        """A new stream promises an hour; less than nothing cannot be promised."""
        self.assertEqual(self.stream.max_age_min, 60)
        with mute_logger("odoo.sql_db"), self.assertRaises(CheckViolation), self.env.cr.savepoint():
            self.stream.max_age_min = -1
            self.env.flush_all()


@tagged("post_install", "-at_install", "transaction")
class TestMonitoringSql(MonitoringCase, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()

    def rows(self, query):
        self.env.cr.execute(query)
        return self.env.cr.fetchall()

    def test_indexes(self):
        """Each statement over the jobs reads the partial indexes alone."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for name, indexes in {
            "live_jobs": {"_claim", "_eta", "_parked", "_running", "_waiting", "_failed_channel"},
            "due_jobs": {"_claim", "_eta"},
            "durations": {"_finished"},
        }.items():
            with self.subTest(name):
                self.env.cr.execute(SQL("EXPLAIN %s", getattr(metrics, name)()))
                plan = "\n".join(line for (line,) in self.env.cr.fetchall())
                self.assertNotRegex(plan, r"Seq Scan on connector_job\b")
                for index in indexes:
                    self.assertIn(f" connector_job{index} ", plan)

    def test_counts(self):
        """Jobs of each state and kind of pending are counted, up to a bound."""
        self.store("waiting", count=2)
        self.store("failed", count=3)
        self.store("running", count=4)
        self.store(count=metrics.COUNTED + 1)
        self.store(channel="root", count=1)
        self.store(hold="eta", due_s=-60, channel="root", count=2)
        self.store(hold="key", channel="root", count=3)
        counts = {(state, channel): count for state, channel, count in self.rows(metrics.live_jobs())}
        shop = "root.example.shop"
        self.assertEqual(counts["waiting", shop], 2)
        self.assertEqual(counts["failed", shop], 3)
        self.assertEqual(counts["running", shop], 4)
        self.assertEqual(counts["pending", shop], metrics.COUNTED)
        self.assertEqual(counts["pending", "root"], 6)
        self.assertEqual(counts["failed", "root"], 0)

    def test_oldest_of_all_priorities(self):
        """The oldest due job is found behind others of its priority and in each priority; its time is what counts."""
        self.store(priority=5, age_s=10, count=5)
        self.store(priority=5, age_s=90)
        self.store(priority=50, age_s=300)
        self.store(priority=50, age_s=900, due_s=20)
        [(_id, channel, paused, age)] = self.rows(metrics.due_jobs())
        self.assertEqual((channel, paused), ("root.example.shop", False))
        self.assertAlmostEqual(age, 300, delta=5)
        self.store(hold="eta", age_s=9000, due_s=400)
        self.env["connector.job.channel"].search([("name", "=", "root")]).paused = True
        self.env.flush_all()
        [(_id, channel, paused, age)] = self.rows(metrics.due_jobs())
        self.assertTrue(paused)
        self.assertAlmostEqual(age, 400, delta=5)

    def test_durations(self):
        """Median and 95th percentile are of done jobs alone."""
        for seconds in range(1, 21):
            self.store("done", duration_s=seconds)
        self.store("cancelled", duration_s=1000)
        self.assertEqual(self.rows(metrics.durations()), [("root.example.shop", 20, [10.0, 19.0])])

    def test_estimates(self):
        """PostgreSQL's estimates of live and ended jobs come from the partial indexes; those of a state add up."""
        self.store("done", count=3)
        self.store("cancelled", count=2)
        self.store("failed", count=4)
        self.store(count=5)
        self.store(hold="key", count=6)
        self.env.cr.execute("ANALYZE connector_job")
        expected = [("ended", 5.0), ("failed", 4.0), ("pending", 11.0), ("waiting", 0.0)]
        self.assertEqual(self.rows(metrics.estimated_jobs()), expected)


class HttpMonitoringCase(MonitoringCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()

    def setUp(self):
        super().setUp()
        self.configure(f"metrics_token = {TOKEN}\n")

    def configure(self, text):
        """Have a configuration file with these lines in section [connector_framework]."""
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8"))
        file.write(f"[connector_framework]\n{text}")
        file.flush()
        self.enterContext(patch.dict(config._runtime_options, {"config": file.name}))

    def get(self, path, token=TOKEN):
        headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        return self.url_open(path, headers=headers, allow_redirects=False)


@tagged("post_install", "-at_install", "transaction")
class TestMonitoringAccess(HttpMonitoringCase):
    PATHS = ("/connector/metrics", "/connector/health")

    def test_no_token_configured(self):
        """Without a token in the configuration there is nothing to be found, whatever is sent."""
        for text in ("", "metrics_token =\n"):
            self.configure(text)
            for path in self.PATHS:
                for token in (None, TOKEN, ""):
                    self.assertEqual(self.get(path, token).status_code, 404)

    def test_wrong_token(self):
        """Who does not know the token is told how to prove that he does, and nothing else."""
        for path in self.PATHS:
            for token in (None, "wrong", TOKEN[:-1], f"{TOKEN}x"):
                answer = self.get(path, token)
                self.assertEqual(answer.status_code, 401)
                self.assertEqual(answer.headers["WWW-Authenticate"], 'Bearer realm="connector"')
                self.assertNotIn("connector_", answer.text)
            basic = self.url_open(path, headers={"Authorization": f"Basic {TOKEN}".encode()})
            self.assertEqual(basic.status_code, 401)

    def test_no_database(self):
        """Where the request names no database there is nothing to be found."""
        without = lambda request: (root.session_store.new(), None)  # noqa: E731
        self.patch(Request, "_get_session_and_dbname", without)
        for path in self.PATHS:
            self.assertEqual(self.get(path).status_code, 404)

    def test_only_get(self):
        """Nothing can be sent."""
        for path in self.PATHS:
            answer = self.url_open(path, data={"a": "b"}, headers={"Authorization": f"Bearer {TOKEN}".encode()})
            self.assertEqual(answer.status_code, 405)


@tagged("post_install", "-at_install", "transaction")
class TestMetrics(HttpMonitoringCase):
    def scrape(self):
        answer = self.get("/connector/metrics")
        self.assertEqual(answer.status_code, 200)
        return answer

    def samples(self, text):
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def fill(self):
        self.store(age_s=100, count=3)
        self.store("failed")
        self.store("done", duration_s=2)
        self.add_worker()
        self.add_worker(missing="sale")
        self.add_worker(seen_s=3600)
        self.open_circuit()
        self.set_stream(50, max_age_min=15)

    @needs_client
    def test_page(self):
        """The page is what Prometheus reads, with the figures of queue, workers, streams and circuits."""
        self.fill()
        answer = self.scrape()
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        samples = self.samples(answer.text)

        def value(name, **labels):
            return samples[name, frozenset(labels.items())]

        shop = {"channel": "root.example.shop"}
        backend = {"service": "example", "backend": "shop"}
        self.assertEqual(value("connector_jobs", state="pending", **shop), 3)
        self.assertEqual(value("connector_jobs", state="failed", **shop), 1)
        self.assertAlmostEqual(value("connector_oldest_due_job_age_seconds", **shop), 100, delta=10)
        self.assertEqual(value("connector_job_duration_p95_seconds", **shop), 2)
        self.assertEqual(value("connector_workers", complete="true"), 1)
        self.assertEqual(value("connector_workers", complete="false"), 1)
        self.assertEqual(value("connector_worker_threads"), 4)
        self.assertEqual(value("connector_worker_running_jobs"), 4)
        self.assertEqual(value("connector_channel_paused", **shop), 0)
        self.assertAlmostEqual(value("connector_stream_lag_seconds", stream="orders", **backend), 100, delta=10)
        self.assertEqual(value("connector_stream_max_age_seconds", stream="orders", **backend), 900)
        self.assertEqual(value("connector_circuit_open", **backend), 1)
        self.assertGreaterEqual(value("connector_jobs_enqueued_total"), 5)
        self.assertIn(("connector_attempts_failed_total", frozenset()), samples)
        self.assertNotIn(SECRET, answer.text)

    @needs_client
    def test_archived_backend(self):
        """An archived backend has no streams and no circuit to look at."""
        self.fill()
        self.backend.active = False
        self.env.flush_all()
        names = {name for name, labels in self.samples(self.scrape().text)}
        self.assertFalse({"connector_stream_lag_seconds", "connector_circuit_open"} & names)

    @needs_promtool
    def test_promtool_of_package_prometheus_checks_metrics(self):
        """promtool finds nothing to say about the page."""
        self.fill()
        done = subprocess.run(
            [PROMTOOL, "check", "metrics"], input=self.scrape().content, capture_output=True, check=False, timeout=30
        )
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


@tagged("post_install", "-at_install", "transaction")
class TestHealth(HttpMonitoringCase):
    def health(self):
        """Return status, and the code and subject of each reason."""
        answer = self.get("/connector/health")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertNotIn(SECRET, answer.text)
        found = answer.json()
        if answer.status_code == 200:
            self.assertEqual(found, {"status": "ok"})
            return []
        self.assertEqual((answer.status_code, found["status"]), (503, "trouble"))
        self.assertTrue(all(reason["message"] for reason in found["reasons"]))
        return [(reason["code"], reason["subject"]) for reason in found["reasons"]]

    def test_nothing_to_do(self):
        """Without work no worker is needed."""
        self.assertEqual(self.health(), [])

    def test_no_worker(self):
        """Due jobs need a worker that was seen within the lease; jobs of later need none."""
        self.store(hold="eta", due_s=-600)
        self.store("waiting")
        self.store("failed")
        self.add_worker(seen_s=31)
        self.assertEqual(self.health(), [])
        self.store()
        self.assertEqual(self.health(), [("no_worker", "")])
        self.add_worker(seen_s=5)
        self.assertEqual(self.health(), [])

    def test_left_behind(self):
        """Jobs that a dead worker left running need a worker, too."""
        self.store("running")
        self.assertEqual(self.health(), [("no_worker", "")])

    def test_old_job(self):
        """A due job is too old after a quarter of an hour, or what is set."""
        self.add_worker()
        self.store(age_s=800)
        self.assertEqual(self.health(), [])
        self.store(age_s=950)
        self.assertEqual(self.health(), [("old_job", "root.example.shop")])
        self.configure(f"metrics_token = {TOKEN}\nmax_due_age_s = 3600\n")
        self.assertEqual(self.health(), [])

    def test_paused_channel(self):
        """A paused channel is named when jobs are due in it."""
        self.add_worker()
        self.channel.paused = True
        self.store(hold="eta", due_s=-600)
        self.assertEqual(self.health(), [])
        self.store(age_s=9000)
        self.stream.max_age_min = 0
        self.env.flush_all()
        self.assertEqual(self.health(), [("paused_channel", "root.example.shop")])

    def test_incomplete_worker(self):
        """A worker without the code of an installed addon is named."""
        self.add_worker(missing="sale")
        self.assertEqual(self.health(), [("incomplete_worker", "host, process 7")])

    def test_late_stream(self):
        """A stream is late when it is behind its promise; without a promise it never is."""
        self.set_stream(890, max_age_min=15)
        self.assertEqual(self.health(), [])
        self.set_stream(950, max_age_min=15)
        self.assertEqual(self.health(), [("late_stream", "Shop: orders")])
        self.set_stream(950, max_age_min=0)
        self.assertEqual(self.health(), [])

    def test_open_circuit(self):
        """A backend to which nothing is sent is named, without what it said."""
        self.open_circuit()
        self.assertEqual(self.health(), [("open_circuit", "Shop")])


@tagged("post_install", "-at_install", "plain")
class TestMonitoringFiles(BaseCase):
    def test_escapes(self):
        """Quotes, backslashes and line ends of a label are escaped; a family without samples is left out."""
        family = Family("connector_x", "An x.")
        family.add(1.5, a='q"\\\n')
        family.add(2)
        expected = (
            '# HELP connector_x An x.\n# TYPE connector_x gauge\nconnector_x{a="q\\"\\\\\\n"} 1.5\nconnector_x 2\n'
        )
        self.assertEqual(render([family, Family("connector_y", "A y.")]), expected)

    def test_names(self):
        """Alert rules and dashboard name metrics that there are, and the guide lists all of them."""
        named = re.compile(r"\bconnector_[a-z0-9_]+")
        source = Path(metrics_text.__code__.co_filename).read_text(encoding="utf-8")
        there = set(re.findall(r'Family\(\s*"(\w+)"', source))
        self.assertEqual(len(there), 16)
        for name in ("alerts.yml", "grafana.json"):
            used = set(named.findall((DOCS / name).read_text(encoding="utf-8")))
            self.assertGreater(len(used), 5)
            self.assertLessEqual(used, there)
        guide = (DOCS.parent / "monitoring.md").read_text(encoding="utf-8")
        self.assertEqual(there - set(named.findall(guide)), set())

    @needs_promtool
    def test_promtool_of_package_prometheus_checks_rules(self):
        """promtool accepts the alert rules."""
        done = subprocess.run(
            [PROMTOOL, "check", "rules", DOCS / "alerts.yml"], capture_output=True, text=True, check=False, timeout=30
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
