"""Two transactions at the same keys, and what the planner makes of the hot statements."""

from __future__ import annotations

import contextlib
import json
import threading
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger
from psycopg2.errors import SerializationFailure

from ..queue.claimed import Claimed, Failure
from ..queue.options import JobValues
from ..queue.prepared import PreparedStatements
from ..queue.session import DatabaseSession
from ..queue.sql import actions, attempt, claim, enqueue, workers
from ..queue.worker import Worker
from .common import wait_until
from .process_case import ProcessCase

_ERROR = Failure("X", "x")


@tagged("post_install", "-at_install", "concurrency")
class TestQueueConcurrency(ProcessCase):
    def worker(self) -> Worker:
        worker = Worker(DatabaseSession(self.dbname))
        self.addCleanup(worker.close)
        return worker

    def second_enqueuer(self, env, outcome):
        """Store a job of the same key in a thread, in a transaction that has begun.

        Its id, or its error, is the outcome. The environment is made by the caller: Odoo's lock on the registries is
        held by the thread that runs the tests.
        """

        def enqueue():
            try:
                with mute_logger("odoo.sql_db"):
                    outcome.append(env["queue.probe"].as_job(identity_key="same").effect("b").id)
                    env.cr.commit()
            except SerializationFailure as error:
                env.cr.rollback()
                outcome.append(error)

        env.cr.execute("SELECT 1")
        return threading.Thread(target=enqueue, daemon=True)

    def blocked(self):
        return self.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")

    def test_identity_first_commits(self):
        """The second caller waits for the first one's commit, fails to serialize, and absorbs when run again."""
        outcome = []
        with self.environment() as env, self.environment() as other:
            thread = self.second_enqueuer(other, outcome)
            first = env["queue.probe"].as_job(identity_key="same").effect("a").id
            thread.start()
            wait_until(self.blocked)
            env.cr.commit()
            thread.join(10)
        self.assertIsInstance(outcome[0], SerializationFailure)
        with self.environment() as env:
            self.assertEqual(env["queue.probe"].as_job(identity_key="same").effect("b").id, first)
        self.assertEqual(self.states(), {"pending": 1})

    def test_identity_first_rolls_back(self):
        """The second caller waits for the first one's rollback and stores its own job."""
        outcome = []
        with self.environment() as env, self.environment() as other:
            thread = self.second_enqueuer(other, outcome)
            env["queue.probe"].as_job(identity_key="same").effect("a")
            thread.start()
            wait_until(self.blocked)
            env.cr.rollback()
            thread.join(10)
        self.assertIsInstance(outcome[0], int)
        self.assertEqual(self.states(), {"pending": 1})

    def test_found_job_is_not_claimed(self):
        """A job that an enqueuer has found by its key is claimed after that transaction only: it sees the change."""
        self.enqueue("effect", [("a",)], identity_key="same")
        worker = self.worker()
        with self.environment() as env:
            env["queue.probe"].as_job(identity_key="same").effect("a")
            self.assertEqual(worker.claim(5), [])
            env.cr.commit()
            self.assertEqual(len(worker.claim(5)), 1)

    def test_change_while_it_runs(self):
        """A running job absorbs nothing: a second one is stored, unless it is to count until it is done."""
        for until, count in (("start", 2), ("done", 1)):
            self.sql("TRUNCATE connector_job")
            self.enqueue("effect", [("a",)], identity_key="same", identity_until=until)
            self.assertEqual(len(self.worker().claim(5)), 1)
            self.enqueue("effect", [("a",)], identity_key="same", identity_until=until)
            self.assertEqual(sum(self.states().values()), count, until)

    def test_claims_do_not_overlap(self):
        """Claims at the same time get different jobs, all of them, most urgent first."""
        with self.environment() as env:
            for priority in (3, 1, 2):
                env["queue.probe"].as_job(priority=priority).map("effect", [(f"{priority}-{i}",) for i in range(100)])
        claimed, lock = [], threading.Lock()

        def claim(worker):
            while jobs := worker.claim(7):
                with lock:
                    claimed.extend(jobs)

        threads = [threading.Thread(target=claim, args=(self.worker(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(claimed), 300)
        self.assertEqual(len({job.id for job in claimed}), 300)
        ids = [job.id for job in claimed[:80]]
        self.assertEqual(self.sql("SELECT DISTINCT priority FROM connector_job WHERE id = ANY(%s)", ids), [(1,)])

    def test_exclusive_claims(self):
        """Of many jobs with one key claims at the same time get one; no error shows."""
        self.enqueue("effect", [(f"{i}",) for i in range(50)], exclusive_key="one")
        claimed = []
        threads = [
            threading.Thread(target=lambda w: claimed.extend(w.claim(10)), args=(self.worker(),)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(claimed), 1)

    def test_exclusive_holder_ends(self):
        """However the holder of an exclusive key ends, the next job of the key is claimed, and none is left parked."""
        for way in ("done", "failed", "retried", "given back", "cancelled", "reaped"):
            self.sql("TRUNCATE connector_job")
            ids = self.enqueue("effect", [(f"{i}",) for i in range(3)], exclusive_key="one")
            worker = self.worker()
            for position, job_id in enumerate(ids):
                (job,) = worker.claim(4)
                self.assertEqual(job.id, ids[0] if way in ("given back", "reaped") else job_id, way)
                self.assertEqual(self.sql("SELECT count(*) FROM connector_job WHERE hold = 'key'"), [(2 - position,)])
                if way in ("given back", "reaped"):
                    break
                self.end(worker, job, way)
            self.end(worker, job, way)
            self.assertEqual(len(worker.claim(4)), way in ("given back", "reaped"), way)

    def end(self, worker, job, way):
        match way:
            case "done":
                worker.skip(job, "x")
            case "failed":
                worker.fail(job, _ERROR)
            case "retried":
                worker.retry(job, _ERROR, delay_s=1000)
            case "given back":
                worker.give_back([job])
                worker.ended(job)
            case "cancelled":
                self.sql("UPDATE connector_job SET state = 'cancelled', worker_id = NULL WHERE id = %s", job.id)
                worker.maintain()
            case "reaped":
                self.sql("UPDATE connector_job SET worker_id = -1 WHERE id = %s", job.id)
                with mute_logger("odoo.addons.connector_framework.queue.worker"):
                    worker.reap(30)

    def test_full_channel_in_a_full_one(self):
        """What finds no place in one of its channels takes none of what another job finds in all of its own."""
        with self.environment() as env:
            for channel, key in (("a.x", "1"), ("a.x", "2"), ("a.y", "3"), ("a.y", "4"), ("b", "5"), ("b", "6")):
                env["queue.probe"].as_job(channel=f"root.{channel}").effect(key)
        self.sql("UPDATE connector_job_channel SET capacity = 2 WHERE name = 'root'")
        self.sql("UPDATE connector_job_channel SET capacity = 1 WHERE name = 'root.a'")
        self.addCleanup(self.sql, "UPDATE connector_job_channel SET capacity = 0")
        ids = [job.id for job in self.worker().claim(4)]
        channels = self.sql("SELECT channel FROM connector_job WHERE id = ANY(%s) ORDER BY id", ids)
        self.assertEqual(channels, [("root.a.x",), ("root.b",)])

    @contextlib.contextmanager
    def begin_late(self, job: Claimed, worker: Worker):
        """Let a claimed job lock its row just after sessions were cut, too late to be cut itself; yield what it got."""
        got: list[list] = []
        cut = workers.end_sessions
        session = DatabaseSession(self.dbname)
        session.execute(SQL("BEGIN"))
        thread = threading.Thread(target=lambda: got.append(session.execute(attempt.lock(worker.id, [job]))))

        def end_sessions(job_ids):
            thread.start()
            thread.join(1)
            return cut([])

        with patch.object(workers, "end_sessions", end_sessions):
            yield got
        if thread.ident:
            thread.join(10)
        session.close()

    def test_actions_before_a_job_begins(self):
        """A claimed job that begins too late to be cut is not waited for: the action ends, and the job cannot begin."""

        def cancel(worker, job):
            with self.environment() as env:
                env.cr.execute("SET LOCAL lock_timeout = '5s'")
                env["connector.job"].browse(job.id).action_cancel()

        for state, act in (
            ("cancelled", cancel),
            ("pending", lambda worker, job: worker.time_out(job, delay_s=60)),
            ("pending", lambda worker, job: worker.close()),
        ):
            with self.subTest(state=state):
                self.sql("TRUNCATE connector_job")
                self.enqueue("effect", [("late",)], timeout_s=1)
                worker = self.worker()
                worker._session.execute(SQL("SET lock_timeout = '5s'"))
                (job,) = worker.claim(1)
                with self.begin_late(job, worker) as got:
                    act(worker, job)
                self.assertEqual(self.states(), {state: 1})
                self.assertFalse(any(got))

    def test_bulk_enqueuers_do_not_deadlock(self):
        """Two that store the same keys in opposite order: one of them, or both, succeed; none is a deadlock."""
        keys = [str(i) for i in range(200)]
        errors = []

        def enqueue(env, order):
            try:
                with mute_logger("odoo.sql_db"):
                    env["queue.probe"].as_job(identity_key=lambda records, key: key).map(
                        "effect", [(k,) for k in order]
                    )
                    env.cr.commit()
            except SerializationFailure:
                env.cr.rollback()
            except Exception as error:
                errors.append(error)

        with self.environment() as env, self.environment() as other:
            threads = [threading.Thread(target=enqueue, args=args) for args in ((env, keys), (other, keys[::-1]))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        self.assertEqual(errors, [])
        self.assertEqual(self.states(), {"pending": 200})

    def test_superseded_on_the_way_back(self):
        """A job that would be pending again while another has its key ends cancelled, however it comes back."""
        worker = self.worker()
        for way in ("retry", "give_back", "reap"):
            self.sql("TRUNCATE connector_job")
            self.enqueue("effect", [("a",)], identity_key="same")
            (job,) = worker.claim(1)
            second = self.enqueue("effect", [("a",)], identity_key="same")[0]
            if way == "retry":
                worker.retry(job, _ERROR, delay_s=60)
            elif way == "give_back":
                worker.give_back([job])
            else:
                self.sql("UPDATE connector_job SET worker_id = -1 WHERE id = %s", job.id)
                worker.reap(30)
            rows = self.sql("SELECT id, state, hold, result, date_done IS NOT NULL FROM connector_job ORDER BY id")
            superseded = (job.id, "cancelled", None, f"superseded by job {second}", True)
            self.assertEqual(rows, [superseded, (second, "pending", None, None, False)], way)


#: Planned once for any values, so that is the plan to look at.
PREPARED = {"claim", "claim_limited", "poll", "dead_workers", "lock", "lock several", "finish", "finish several"}


@tagged("post_install", "-at_install", "concurrency")
class TestQueuePlans(ProcessCase):
    """With 100 000 jobs pending and as many done, no hot statement reads the table through or sorts what waits."""

    def setUp(self):
        super().setUp()
        self.sql(
            """INSERT INTO connector_job (state, priority, channel_id, channel, attempt, max_attempts, crashes, call,
                                          date_enqueued, date_done, exclusive_key, identity_key, hold, eta, worker_id)
               SELECT CASE WHEN i % 2 = 0 THEN 'pending' ELSE 'done' END, 10, c.id, c.name, 0, 5, 0, '{}', now(),
                      CASE WHEN i % 2 = 1 THEN now() END, CASE WHEN i % 10 = 0 THEN 'key ' || i END,
                      CASE WHEN i % 10 = 2 THEN 'id ' || i END, CASE WHEN i % 10 = 4 THEN 'eta' END,
                      now() + interval '1 day', NULL
                 FROM generate_series(1, 200000) i, connector_job_channel c WHERE c.name = 'root'"""
        )
        self.running = self.sql(
            """UPDATE connector_job SET state = 'running', worker_id = 1, attempt = 1 WHERE id IN (
                   SELECT id FROM connector_job WHERE state = 'pending' AND hold IS NULL LIMIT 3) RETURNING id"""
        )
        self.sql("VACUUM ANALYZE connector_job")
        self.session = DatabaseSession(self.dbname)
        self.addCleanup(self.session.close)

    def test_plans(self):
        """Every statement on the way of a job goes by an index and reads few rows."""
        three = [Claimed(row[0]) for row in self.running]
        one, nothing = three[:1], [None] * 3
        values = JobValues(
            model_name="res.lang",
            method_name="exists",
            priority=1,
            user_id=1,
            company_id=1,
            identity_until_done=False,
            state="pending",
            channel="root",
            eta=None,
            eta_s=None,
            max_attempts=None,
            timeout_s=None,
        )
        statements = {
            "claim": claim.claim(1, 10),
            "claim_limited": claim.claim_limited(1, 10),
            "park": claim.park(),
            "unpark": claim.unpark(["key 10"]),
            "release_due": claim.release_due(),
            "poll": claim.poll(),
            "unfinished": claim.unfinished(),
            "lock": attempt.lock(1, one),
            "lock several": attempt.lock(1, three),
            "finish": attempt.finish(1, one, ["x"], [None]),
            "finish several": attempt.finish(1, three, nothing, nothing),
            "retry": attempt.retry(1, Claimed(5), delay_s=10, count_attempt=True, failure=_ERROR),
            "fail": attempt.fail(1, Claimed(5), failure=_ERROR),
            "give_back": attempt.give_back(1, [5]),
            "lost jobs of a dead worker": attempt.lost_jobs(workers.jobs_of([1])),
            "abandoned jobs": attempt.lost_jobs(workers.abandoned_by(1, [5])),
            "lock_unbegun": actions.lock_unbegun([5]),
            "fail_lost": attempt.fail_lost([5], _ERROR, crashed=True),
            "put_back_lost": attempt.put_back_lost([5], begun=True, failure=_ERROR),
            "release_dependents": attempt.release_dependents([5]),
            "maintenance": attempt.release_dependents(),
            "cancel_dependents": attempt.cancel_dependents(),
            "dead_workers": workers.dead_workers(30),
            "end_sessions": workers.end_sessions([5]),
            "requeue": actions.requeue([5]),
            "prune": actions.prune(1000),
            "find_identical": enqueue.find_identical(["id 12"], values),
            "find_identical_running": enqueue.find_identical_running(["id 12"]),
            "hasten": enqueue.hasten([12], values),
        }
        for name, statement in statements.items():
            with self.subTest(statement=name):
                self.check(name, statement)

    def check(self, name, statement):
        text = statement.code.strip()
        params = list(statement.params)
        if text.startswith("SELECT pg_advisory"):
            lock, text = text.split(";", 1)
            params = params[lock.count("%s") :]
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN; SET LOCAL plan_cache_mode = force_generic_plan")
            if name in PREPARED:
                text = PreparedStatements().execution(statement, cursor.execute)
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", params)
            plan = cursor.fetchone()[0]
            cursor.execute("ROLLBACK; DEALLOCATE ALL")
        plan = json.loads(plan) if isinstance(plan, str) else plan
        for node in self.nodes(plan[0]["Plan"]):
            read = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
            if node.get("Relation Name") == "connector_job":
                self.assertNotEqual(node["Node Type"], "Seq Scan", f"{name} reads the table through")
                self.assertLess(read, 2000, f"{name}: {node['Node Type']} reads {read} rows")
            if node["Node Type"] == "Sort":
                self.assertLess(read, 2000, f"{name} sorts {read} rows")

    def nodes(self, plan):
        yield plan
        for inner in plan.get("Plans", []):
            yield from self.nodes(inner)
