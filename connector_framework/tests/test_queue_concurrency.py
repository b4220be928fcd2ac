"""Two transactions at the same keys, and what the planner makes of the hot statements."""

from __future__ import annotations

import json
import threading

from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import SerializationFailure

from ..queue import sql
from ..queue.prepared import Prepared
from ..queue.session import DatabaseSession
from ..queue.worker import Worker
from .common import wait_until
from .process_case import ProcessCase

_ERROR = {"exc_type": "X", "exc_message": "x", "exc_info": None, "user_message": None}


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
        self.assertEqual({job.priority for job in claimed[:80]}, {1})

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
                worker.skip(job, "x", None)
            case "failed":
                worker.fail(job, _ERROR)
            case "retried":
                worker.retry(job, 1000, True, _ERROR)
            case "given back":
                worker.give_back([job])
                worker.ended(job, False)
            case "cancelled":
                self.sql("UPDATE connector_job SET state = 'cancelled', worker_id = NULL WHERE id = %s", job.id)
                worker.sweep()
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
        self.assertEqual([job.channel for job in self.worker().claim(4)], ["root.a.x", "root.b"])

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
                worker.retry(job, 0, True, _ERROR)
            elif way == "give_back":
                worker.give_back([job])
            else:
                self.sql("UPDATE connector_job SET worker_id = -1 WHERE id = %s", job.id)
                worker.reap(30)
            rows = self.sql("SELECT id, state, result FROM connector_job ORDER BY id")
            self.assertEqual(
                rows, [(job.id, "cancelled", f"superseded by job {second}"), (second, "pending", None)], way
            )


#: Planned once for any values, so that is the plan to look at.
PREPARED = {"claim", "claim_limited", "look", "dead_workers", "take", "take several", "finish", "finish several"}


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
        three, ones, nothing = [row[0] for row in self.running], [1] * 3, [None] * 3
        one = three[:1]
        statements = {
            "claim": sql.claim(1, 10),
            "claim_limited": sql.claim_limited(1, 10),
            "park": sql.park(),
            "unpark": sql.unpark(["key 10"]),
            "release_due": sql.release_due(),
            "look": sql.look(),
            "take": sql.TAKE.query(one, [1], 1),
            "take several": sql.TAKE.query(three, ones, 1),
            "finish": sql.FINISH.query(one, [1], ["x"], [None], 1, one),
            "finish several": sql.FINISH.query(three, ones, nothing, nothing, 1, three),
            "retry": sql.retry(5, 1, 1, retry_after_s=10, count_attempt=True, error={}),
            "fail": sql.fail(5, 1, 1, error={"exc_type": "X"}),
            "give_back": sql.give_back(1),
            "release_dependents": sql.release_dependents([5]),
            "sweep": sql.release_dependents(),
            "cancel_dependents": sql.cancel_dependents(),
            "dead_workers": sql.dead_workers(30),
            "reap": sql.reap([1]),
            "find_identical": sql.find_identical(["id 12"]),
            "find_identical_running": sql.find_identical_running(["id 12"]),
            "end_session_of": sql.end_session_of(one),
            "unfinished": sql.unfinished(),
            "prune": sql.prune(1000),
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
        prepared = Prepared("tried", text)
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN; SET LOCAL plan_cache_mode = force_generic_plan")
            if name in PREPARED:
                cursor.execute(prepared.preparation)
                text = prepared.execution
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
