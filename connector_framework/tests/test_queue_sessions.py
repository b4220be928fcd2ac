"""What a job leaves on its thread's database session, and what others see of a job that has begun."""

from __future__ import annotations

import threading
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import SerializationFailure

from ..queue.runner import Runner
from ..queue.session import DatabaseSession, work_cursor
from ..queue.sql import attempt, workers
from ..queue.worker import Worker
from .common import wait_until
from .process_case import ProcessCase

_WORKER = "odoo.addons.connector_framework.queue.worker"
_RUNNER = "odoo.addons.connector_framework.queue.runner"


class WorkerCase(ProcessCase):
    def worker(self) -> Worker:
        worker = Worker(DatabaseSession(self.dbname))
        self.addCleanup(worker.close)
        return worker


@tagged("post_install", "-at_install", "concurrency")
class TestLeftBehind(ProcessCase):
    """One job leaves nothing behind for the next of its thread."""

    #: What a job does, and the question whose answer it must not change for the next one.
    ways = (
        ("SET statement_timeout = '50ms'", "SHOW statement_timeout"),
        ("SET search_path = pg_catalog, public", "SHOW search_path"),
        (
            "SELECT set_config('connector.secret', 'x', false)",
            "SELECT coalesce(current_setting('connector.secret', true), '')",
        ),
        ("CREATE TEMP TABLE left_behind (id int)", "SELECT count(*) FROM pg_class WHERE relname = 'left_behind'"),
        (
            "SELECT pg_advisory_lock(4711)",
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711",
        ),
        ("SET ROLE pg_monitor; RESET ROLE; SET LOCAL ROLE pg_monitor; RESET ROLE", "SELECT current_user"),
        ("SET ROLE {user}", "SELECT current_setting('role')"),
        ("LISTEN left_behind", "SELECT count(*) FROM pg_listening_channels()"),
        ("DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors WHERE is_holdable"),
    )

    def ask(self, registry, action, question, *, fails):
        """Run a job that does something, and another one that answers a question; return the answer."""
        answers = []

        def leave(records):
            records.env.cr.execute(action)
            records.env["connector.job"].checkpoint({})
            if fails:
                raise ValueError("broken")

        def look(records):
            records.env.cr.execute(question)
            answers.append(records.env.cr.fetchone())

        model = registry["queue.probe"]
        with (
            patch.object(model, "leave", leave, create=True),
            patch.object(model, "look", look, create=True),
            mute_logger(_RUNNER),
        ):
            with registry.cursor() as cr:
                probe = self.env_of(cr)["queue.probe"]
                if action:
                    probe.as_job(priority=1).leave()
                probe.as_job(priority=2).look()
            with registry.cursor() as cr:
                self.env_of(cr)["connector.job"].run_pending()
        return answers

    def env_of(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})

    def test_nothing(self):
        """Settings, temporary tables, session locks, roles, LISTEN and cursors end with the job, done or failed."""
        with self.environment() as env:
            registry = env.registry
        user = self.sql("SELECT current_user")[0][0]
        for action, question in self.ways:
            for fails in (False, True):
                with self.subTest(action=action, fails=fails):
                    fresh = self.ask(registry, "", question, fails=False)
                    self.assertTrue(fresh)
                    after = self.ask(registry, action.replace("{user}", f'"{user}"'), question, fails=fails)
                    self.assertEqual(after, fresh)

    def test_own_settings_stay(self):
        """The settings of the work's session are those that it was set up with, whatever ran on it."""
        with self.environment() as env:
            registry = env.registry
        settings = {"plan_cache_mode": "force_generic_plan", "idle_in_transaction_session_timeout": "0"}
        if self._connection.server_version >= 140_000:
            settings |= {"idle_session_timeout": "0", "client_connection_check_interval": "500ms"}
        question = f"SELECT {', '.join(f'current_setting({name!r})' for name in settings)}"
        cr = work_cursor(self.dbname)
        for _ in range(2):
            cr.execute(question)
            expected = cr.fetchone()
            self.assertEqual(expected, tuple(settings.values()))
            cr.rollback()
        cr.close()
        self.assertEqual(self.ask(registry, "RESET ALL", question, fails=False), [expected])

    def test_cache_of_the_cursor(self):
        """What Odoo's code keeps on a cursor ends with the job, too."""
        seen = []

        def look(records):
            seen.append(records.env.cr.cache.get("left_behind"))
            records.env.cr.cache["left_behind"] = True

        with self.environment() as env:
            registry = env.registry
        with patch.object(registry["queue.probe"], "look", look, create=True):
            with self.environment() as env:
                env["queue.probe"].as_job().map("look", [(), ()])
            with self.environment() as env:
                env["connector.job"].run_pending()
        self.assertEqual(seen, [None, None])

    def test_snapshot(self):
        """A job sees all that was committed before it began, after one that was done and after one that has failed."""
        worker, runner, seen = Worker(DatabaseSession(self.dbname)), Runner(self.dbname), []
        self.addCleanup(runner.close)
        self.addCleanup(worker.close)
        with self.environment() as env:
            model = env.registry["queue.probe"]
            self.startPatcher(patch.object(model, "fail", lambda records: 1 / 0, create=True))
            self.startPatcher(patch.object(model, "look", lambda records: seen.append(self.seen(records)), create=True))
            for name in ("fail", "look", "look"):
                getattr(env["queue.probe"].as_job(), name)()
        for n, job in enumerate(worker.claim(3)):
            self.sql("INSERT INTO ir_config_parameter (key, value) VALUES (%s, 'x')", f"connector.snapshot.{n}")
            with mute_logger(_RUNNER):
                runner.run(worker, [job])
        self.assertEqual(seen, [2, 3])

    def seen(self, records):
        records.env.cr.execute("SELECT count(*) FROM ir_config_parameter WHERE key LIKE 'connector.snapshot.%'")
        return records.env.cr.fetchone()[0]


@tagged("post_install", "-at_install", "concurrency")
class TestIdle(WorkerCase):
    def test_connection_of_an_idle_thread(self):
        """The connection of a thread that ends is closed; Odoo's pool would keep it open."""
        worker, runner, backends = self.worker(), Runner(self.dbname), []

        def look(records):
            records.env.cr.execute("SELECT pg_backend_pid()")
            backends.extend(records.env.cr.fetchone())

        with self.environment() as env:
            self.startPatcher(patch.object(env.registry["queue.probe"], "look", look, create=True))
            env["queue.probe"].as_job().look()
        runner.run(worker, worker.claim(1))
        self.assertEqual((self.states(), len(backends)), ({"done": 1}, 1))
        runner.disconnect()
        wait_until(lambda: not self.sql("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", backends), 10)

    def test_behind_a_pooler(self):
        """A session that lost its prepared statements: the job runs again at once, without a further attempt."""
        worker, runner = self.worker(), Runner(self.dbname)
        self.addCleanup(runner.close)
        self.enqueue("effect", [("a",), ("b",), ("c",)])
        for job in worker.claim(3):
            with mute_logger(_RUNNER):
                runner.run(worker, [job])
            with runner._cr.connection.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
            runner.rest()
        self.assertEqual(self.sql("SELECT state, attempt FROM connector_job"), [("done", 1)] * 3)
        self.assertEqual(self.effects(), 3)


@tagged("post_install", "-at_install", "concurrency")
class TestHooks(ProcessCase):
    def run_with(self, function):
        """Run a job that calls a function, and two that wait for it; return the runner's warnings."""
        with self.environment() as env:
            registry = env.registry
        with patch.object(registry["queue.probe"], "probe", function, create=True):
            with self.environment() as env:
                job = env["queue.probe"].as_job(exclusive_key="one").probe()
                env["queue.probe"].as_job(after=job).effect("child")
                env["queue.probe"].as_job(exclusive_key="one", priority=20).effect("next of the key")
            warnings = []
            with (
                self.environment() as env,
                patch(f"{_RUNNER}._logger.warning", lambda text, *a, **k: warnings.append(text)),
            ):
                env["connector.job"].run_pending()
        return "\n".join(warnings)

    def test_after_the_commit(self):
        """A hook that fails after the commit does not call a done job lost, nor run it again: it is a warning."""

        def probe(records):
            records.effect("job")
            records.env.cr.postcommit.add(lambda: 1 / 0)

        log = self.run_with(probe)
        self.assertEqual(self.states(), {"done": 3})
        self.assertEqual(self.effects(), 3)
        self.assertIn("is done; a postcommit hook of it failed", log)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_again_after_the_commit(self):
        """Nor does a serialization failure in such a hook run a done job again."""

        def probe(records):
            def refuse():
                raise SerializationFailure

            records.effect("job")
            records.env.cr.postcommit.add(refuse)

        self.run_with(probe)
        self.assertEqual(self.effects(), 3)

    def test_signals(self):
        """Other processes are told what a job has changed of the registry and its caches."""
        with self.environment() as env:
            registry = env.registry
        with patch.object(type(registry), "signal_changes", autospec=True) as signal:
            self.run_with(lambda records: None)
            self.assertGreaterEqual(signal.call_count, 3)

    def test_not_written_yet(self):
        """What a job has changed, and Odoo has not written yet, is written before the end of the job is."""

        def probe(records):
            partner = records.env.company.partner_id
            partner.ref = "cached"
            records.env.cr.precommit.add(lambda: partner.write({"city": "Hooked"}))

        self.run_with(probe)
        query = "SELECT p.ref, p.city FROM res_partner p JOIN res_company c ON c.partner_id = p.id"
        self.assertEqual((self.states(), self.sql(query)), ({"done": 3}, [("cached", "Hooked")]))

    def test_before_the_commit(self):
        """A hook that fails before the commit fails the job; nothing of it is committed."""

        def probe(records):
            records.effect("job")
            records.env.cr.precommit.add(lambda: 1 / 0)

        self.run_with(probe)
        self.assertEqual(self.states(), {"failed": 1, "waiting": 1, "done": 1})
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("next of the key",)])

    def test_in_the_rollback(self):
        """A hook of the rollback that fails changes nothing about how the job ends, nor about the next one."""

        def probe(records):
            records.env.cr.prerollback.add(lambda: 1 / 0)
            raise ValueError("broken")

        self.run_with(probe)
        self.assertEqual(self.states(), {"failed": 1, "waiting": 1, "done": 1})
        self.assertEqual(self.sql("SELECT exc_type FROM connector_job WHERE state = 'failed'"), [("ValueError",)])

    def test_closes_its_cursor(self):
        """A job that closes its cursor, or ends its transaction by itself, has an outcome, and the next one runs."""
        for end, states in (
            (lambda cr: cr.close(), {"pending": 1, "waiting": 1, "done": 1}),
            (lambda cr: cr.commit(), {"done": 3}),
            (lambda cr: cr.rollback(), {"done": 3}),
        ):
            self.sql("TRUNCATE connector_job, connector_job_dependency, queue_probe_effect")
            with self.subTest(states=states):
                self.run_with(lambda records, end=end: end(records.env.cr))
                self.assertEqual(self.states(), states)


@tagged("post_install", "-at_install", "concurrency")
class TestBegun(WorkerCase):
    """What had not begun when its worker died loses nothing; what had begun loses the attempt."""

    def claim(self, count=1, **options):
        """Enqueue jobs and claim them with a worker that dies; return it and them."""
        self.enqueue("effect", [(f"k{i}",) for i in range(count)], **options)
        worker = Worker(DatabaseSession(self.dbname))
        return worker, worker.claim(count)

    def die(self, worker):
        worker._session.execute(workers.unregister_worker(worker.id))
        worker._session.close()

    def begin(self, worker, job):
        """Lock the job's row as its work does, and lose the session."""
        with self.environment() as env:
            env.cr.execute(attempt.lock(worker.id, [job]).as_sql())
            self.assertEqual(len(env.cr.fetchall()), 1)
            env.cr.rollback()

    def reap(self):
        with mute_logger(_WORKER):
            return self.worker().reap(30)

    def test_not_begun(self):
        """A job that was claimed and not begun is pending again with its attempt, and without a mark."""
        worker, _jobs = self.claim(3)
        self.die(worker)
        self.assertEqual(self.reap(), 3)
        self.assertEqual(
            self.sql("SELECT DISTINCT state, attempt, crashes, exc_type FROM connector_job"), [("pending", 0, 0, None)]
        )

    def test_begun(self):
        """A job that had begun loses the attempt, and says why."""
        worker, jobs = self.claim(2)
        self.begin(worker, jobs[0])
        self.die(worker)
        self.assertEqual(self.reap(), 2)
        self.assertEqual(
            self.sql("SELECT state, attempt, crashes, exc_message FROM connector_job ORDER BY id"),
            [("pending", 1, 1, "worker died"), ("pending", 0, 0, None)],
        )

    def test_last_attempt(self):
        """The last attempt fails the job if it had begun, and only then."""
        worker, jobs = self.claim(2, max_attempts=1)
        self.begin(worker, jobs[0])
        self.die(worker)
        self.reap()
        self.assertEqual(
            self.sql("SELECT state, attempt, exc_message FROM connector_job ORDER BY id"),
            [("failed", 1, "worker died"), ("pending", 0, None)],
        )

    def test_in_a_limited_channel(self):
        """The same where limits are counted, by the other claim."""
        self.sql("UPDATE connector_job_channel SET capacity = 5 WHERE name = 'root'")
        worker, jobs = self.claim(2)
        self.begin(worker, jobs[0])
        self.die(worker)
        self.reap()
        self.assertEqual(self.sql("SELECT attempt, crashes FROM connector_job ORDER BY id"), [(1, 1), (0, 0)])

    def test_begun_again(self):
        """A job that is claimed again has not begun, whatever was before."""
        worker, jobs = self.claim(1)
        self.begin(worker, jobs[0])
        self.die(worker)
        self.reap()
        again = Worker(DatabaseSession(self.dbname))
        self.assertEqual([job.crashes for job in again.claim(1)], [1])
        self.die(again)
        self.reap()
        self.assertEqual(self.sql("SELECT attempt, crashes FROM connector_job"), [(1, 1)])

    def test_found_by_an_enqueuer(self):
        """A job that an enqueuer has found by its key before the claim has not begun by that."""
        self.enqueue("effect", [("k",)], identity_key="same")
        self.enqueue("effect", [("k",)], identity_key="same")
        worker = Worker(DatabaseSession(self.dbname))
        self.assertEqual(len(worker.claim(1)), 1)
        self.die(worker)
        self.reap()
        self.assertEqual(self.sql("SELECT attempt, crashes FROM connector_job"), [(0, 0)])

    def test_runs_on(self):
        """A job whose work session lives is not taken from its worker, though that counts as dead."""
        worker, jobs = self.claim(1)
        with self.environment() as env:
            env.cr.execute(attempt.lock(worker.id, jobs).as_sql())
            self.die(worker)
            self.assertEqual(self.reap(), 0)
            env.cr.rollback()
        self.assertEqual(self.reap(), 1)


@tagged("post_install", "-at_install", "concurrency")
class TestAbandoned(WorkerCase):
    def test_abandoned(self):
        """A job that its own live worker does not run any more is put back; one that it knows to have is not."""
        self.enqueue("effect", [("lost",), ("known",), ("fresh",)])
        worker = self.worker()
        lost, known, fresh = worker.claim(3)
        with self.environment() as env:
            env.cr.execute(attempt.lock(worker.id, [lost]).as_sql())
            env.cr.rollback()
        self.sql("UPDATE connector_job SET date_started = now() - interval '1 minute' WHERE id = %s", known.id)
        with mute_logger(_WORKER):
            self.assertEqual(worker.rescue_abandoned([known.id]), 0, "what was claimed just now may be on its way")
            self.sql(
                "UPDATE connector_job SET date_started = date_started - interval '1 minute' WHERE id = %s", lost.id
            )
            self.assertEqual(worker.rescue_abandoned([known.id]), 1)
        self.assertEqual(
            self.sql("SELECT state, attempt, crashes FROM connector_job ORDER BY id"),
            [("pending", 1, 0), ("running", 1, 0), ("running", 1, 0)],
        )
        self.assertEqual(fresh.attempt, 1)


@tagged("post_install", "-at_install", "concurrency")
class TestRequeueTogether(WorkerCase):
    def test_two_people(self):
        """Two people who requeue two failed jobs of one key: the second waits, and is run again by Odoo."""
        first = self.enqueue("effect", [("a",)], identity_key="same")
        self.sql("UPDATE connector_job SET state = 'failed'")
        second = self.enqueue("effect", [("a",)], identity_key="same")
        self.sql("UPDATE connector_job SET state = 'failed'")
        outcome = []
        with self.environment() as env, self.environment() as other:
            other.cr.execute("SELECT 1")
            env["connector.job"].browse(first).action_requeue()

            def requeue():
                try:
                    with mute_logger("odoo.sql_db"):
                        other["connector.job"].browse(second).action_requeue()
                except SerializationFailure as error:
                    other.cr.rollback()
                    outcome.append(error)

            thread = threading.Thread(target=requeue, daemon=True)
            thread.start()
            wait_until(lambda: self.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"))
            env.cr.commit()
            thread.join(10)
        self.assertEqual(len(outcome), 1)
        with self.environment() as env:
            env["connector.job"].browse(second).action_requeue()
        rows = self.sql("SELECT state, result FROM connector_job ORDER BY id")
        self.assertEqual(rows, [("pending", None), ("cancelled", f"superseded by job {first[0]}")])

    def test_reaped_together(self):
        """Jobs of one key that a dead worker ran together: one runs again, the others are superseded by it."""
        worker = Worker(DatabaseSession(self.dbname))
        ids = []
        for _ in range(3):
            ids += self.enqueue("effect", [("a",)], identity_key="same")
            worker.claim(1)
        worker._session.execute(workers.unregister_worker(worker.id))
        worker._session.close()
        with mute_logger(_WORKER):
            self.worker().reap(30)
        rows = self.sql("SELECT state, result FROM connector_job ORDER BY id")
        superseded = ("cancelled", f"superseded by job {ids[0]}")
        self.assertEqual(rows, [("pending", None), superseded, superseded])
