"""Imports and exports at the same time, on connections of their own and with real commits."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.orm.environments import Transaction
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger
from psycopg2.errors import SerializationFailure, UniqueViolation

from ..exceptions import ConcurrentUpdateError
from ..synchronizers import Exporter, Importer
from .model_factory import committed_models, example
from .synchronizers_common import UNITS, World, WorldAdapter

CHANNEL = "root.concurrency"


@tagged("post_install", "-at_install", "concurrency")
class TestConcurrency(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())
        cls.enterClassContext(committed_models(cls.registry))

    def setUp(self):
        super().setUp()
        self.addCleanup(self._delete_records)
        self.world = WorldAdapter.world = World()
        for cls in UNITS:
            example.register(cls)
            self.addCleanup(example.unregister, cls)
        with self.environment() as env:
            self.backend_id = env["test.backend"].create({"name": "Shop"}).id

    def _delete_records(self):
        with self.environment() as env:
            env["connector.job"].search([("channel", "=", CHANNEL)]).unlink()
            env["connector.job.channel"].search([("name", "=", CHANNEL)]).unlink()
            env["test.partner"].search([]).odoo_id.unlink()
            env["test.backend"].search([]).unlink()

    @contextmanager
    def environment(self):
        """Yield an environment on a connection of its own, and commit."""
        with self.registry.cursor() as cr:
            # Not looked up: a thread would wait for the lock of registries, which is held while tests run.
            cr.transaction = Transaction(self.registry)
            env = api.Environment(cr, SUPERUSER_ID, {})
            yield env
            env.cr.commit()

    def import_in(self, env, external_id="1"):
        return env["test.partner"].import_record(env["test.backend"].browse(self.backend_id), external_id)

    def records(self):
        with self.environment() as env:
            return env["test.partner"].search([]).mapped("name")

    def run_job(self, method, *args, **options):
        """Enqueue a job, run it in this process, and return (state, result, attempt)."""
        with self.environment() as env:
            args = [env["test.backend"].browse(self.backend_id), *args]
            job_id = getattr(env["test.partner"].as_job(channel=CHANNEL, **options), method)(*args).id
        return self.run_jobs()[job_id]

    def run_jobs(self):
        with self.environment() as env, mute_logger("odoo.addons.connector_framework.queue.runner"):
            env["connector.job"].run_pending(channel=CHANNEL)
        with self.environment() as env:
            jobs = env["connector.job"].search([("channel", "=", CHANNEL)])
            return {job.id: (job.state, job.result, job.attempt) for job in jobs}

    def test_two_imports_make_one_record(self):
        """Of two imports of one id at the same time one is put off, and finds the record the next time."""
        self.world.put("test.partner", 1, name="Ann")
        with self.environment() as first:
            self.assertEqual(self.import_in(first), "created")
            with self.assertRaises(ConcurrentUpdateError), self.environment() as second:
                self.import_in(second)
        with self.environment() as second:
            self.assertEqual(self.import_in(second), "unchanged")
        self.assertEqual(self.records(), ["Ann"])

    def test_other_records_are_not_hindered(self):
        """Imports of different ids do not wait for each other."""
        self.world.put("test.partner", 1, name="Ann")
        self.world.put("test.partner", 2, name="Bob")
        with self.environment() as first, self.environment() as second:
            self.import_in(first)
            self.assertEqual(self.import_in(second, "2"), "created")
        self.assertEqual(sorted(self.records()), ["Ann", "Bob"])

    def test_committed_after_the_snapshot(self):
        """The index stops an import that cannot see a binding which was committed after it had begun."""
        self.world.put("test.partner", 1, name="Ann")
        with self.assertRaises(UniqueViolation) as caught, mute_logger("odoo.sql_db"), self.environment() as late:
            late.cr.execute("SELECT 1")
            with self.environment() as quick:
                self.import_in(quick)
            self.import_in(late)
        self.assertEqual(caught.exception.diag.constraint_name, "test_partner_connector_key")
        self.assertEqual(self.records(), ["Ann"])

    def test_chunk_that_meets_a_new_record(self):
        """A chunk that cannot see what another process has committed since is run again, whole: no record is alone."""
        for number in range(1, 11):
            self.world.put("test.partner", number, name=f"P{number}")
        raced = []

        def validate(importer, values):
            if not raced:
                raced.append(True)
                with self.environment() as other:
                    # Not its lock: the other process has ended before this one came to it.
                    other["test.partner"].create(
                        {"backend_id": self.backend_id, "external_id": "7", "name": "Quick"},
                    )

        with patch.object(Importer, "_validate", validate):
            state = self.run_job("import_records", [str(number) for number in range(1, 11)])
        self.assertEqual(state, ("done", "9 created, 1 updated", 1))
        self.assertEqual(sorted(self.records()), sorted(f"P{number}" for number in range(1, 11)))

    def test_chunk_with_a_key_that_stays_taken(self):
        """A key that is taken for good keeps its own record out, and no other one."""
        for number in range(1, 6):
            self.world.put("test.partner", number, name=f"P{number}")
        with self.environment() as env:
            env["test.partner"].create({"backend_id": self.backend_id, "external_id": "taken", "name": "Taken"})

        def key_values(importer, values):
            return {"external_id": "taken" if values["name"] == "P3" else importer.external_id}

        with patch.object(Importer, "_key_values", key_values), mute_logger("odoo.sql_db"):
            state = self.run_job("import_records", [str(number) for number in range(1, 6)])
        self.assertEqual(state, ("done", "4 created, 1 own job", 1))

    def importer(self, env):
        """Return an importer with a work session that ends with the test."""
        backend = env["test.backend"].browse(self.backend_id)
        return self.enterContext(backend.work_on("test.partner")).unit(Importer)

    def test_turns(self):
        """Who could not see what was done in a turn before his own is told so, instead of doing it again."""
        with mute_logger("odoo.sql_db"), self.assertRaises(SerializationFailure), self.environment() as late:
            late.cr.execute("SELECT 1")
            with self.environment() as quick:
                self.importer(quick)._take_turn("ann@example.com")
            # Of the lock alone nothing is to be seen.
            self.importer(late)._lock("ann@example.com")
            self.importer(late)._take_turn("ann@example.com")

    def test_turns_at_the_same_time(self):
        """Who comes while another one has his turn is put off; other turns are not hindered."""
        with self.environment() as first, self.environment() as second:
            self.importer(first)._take_turn("ann@example.com")
            self.importer(second)._take_turn("bob@example.com")
            with self.assertRaises(ConcurrentUpdateError):
                self.importer(second)._take_turn("ann@example.com")

    def test_job_runs_again_at_once(self):
        """A job that the index stops runs again at once, in the same attempt, and finds the binding."""
        self.world.put("test.partner", 1, name="Ann")
        overtaken = []

        def before(method, model, *args):
            if method == "read" and not overtaken:
                overtaken.append(True)
                # Another path, that of an older version without the lock, say.
                with self.environment() as other:
                    values = {"backend_id": self.backend_id, "external_id": "1", "name": "Quick"}
                    other["test.partner"].create(values)

        self.world.before = before
        with mute_logger("odoo.sql_db"):
            self.assertEqual(self.run_job("import_record", "1"), ("done", "updated", 1))
        self.assertEqual(self.records(), ["Ann"])
        self.assertEqual(len(self.world.made("read")), 2)

    def test_many_at_once(self):
        """Eight threads that import the same twenty records, each until it succeeds, make twenty records."""
        for number in range(20):
            self.world.put("test.partner", number, name=f"P{number}")
        errors = []

        def work():
            for number in range(20):
                for _attempt in range(500):
                    try:
                        with self.environment() as env:
                            self.import_in(env, number)
                        break
                    except (ConcurrentUpdateError, UniqueViolation):
                        continue
                    except Exception as error:  # the test fails with it below
                        errors.append(error)
                        break
                else:
                    errors.append(f"{number} was never imported")

        with mute_logger("odoo.sql_db"):
            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        self.assertEqual(errors, [])
        self.assertEqual(sorted(self.records()), sorted(f"P{number}" for number in range(20)))

    def test_export_is_committed_before_the_rest(self):
        """The id of a record that was created outside is there for others while the export still goes on."""
        seen = []

        class Watching(Exporter):
            _apply_on = "test.partner"

            def _after_export(exporter, binding):  # self is the test
                with self.environment() as other:
                    seen.append(other["test.partner"].browse(binding.id).external_id)
                raise ZeroDivisionError

        example.register(Watching)
        self.addCleanup(example.unregister, Watching)
        with self.environment() as env:
            binding = env["test.partner"].create({"backend_id": self.backend_id, "name": "Ann"})
            job_id = binding.as_job(channel=CHANNEL).export_record().id
        self.assertEqual(self.run_jobs()[job_id][0], "failed")
        self.assertEqual(seen, ["101"])
        with self.environment() as env:
            env["connector.job"].browse(job_id).action_requeue()
        self.run_jobs()
        self.assertEqual(len(self.world.made("create")), 1)

    def test_export_while_somebody_writes(self):
        """An export of a binding that another transaction has locked is put off a moment, without a call outside."""
        with self.environment() as env:
            binding_id = env["test.partner"].create({"backend_id": self.backend_id, "name": "Ann"}).id
        with self.environment() as first:
            self.assertTrue(first["test.partner"].browse(binding_id).try_lock_for_update())
            with self.assertRaises(ConcurrentUpdateError) as caught, self.environment() as second:
                second["test.partner"].browse(binding_id).export_record()
        self.assertFalse(caught.exception.count_attempt)
        self.assertTrue(1 <= caught.exception.retry_after_s <= 4)
        self.assertEqual(self.world.calls, [])
