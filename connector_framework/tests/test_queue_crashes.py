"""The failure matrix of the queue: a crash at each point, and chaos; every effect exactly once."""

from __future__ import annotations

import json
import random
import signal
import sys
import time

from odoo import sql_db
from odoo.tests import tagged

from ..queue.sql import schema
from . import naive_worker
from .common import wait_until
from .process_case import ProcessCase


@tagged("post_install", "-at_install", "process", "crash")
class TestCrashes(ProcessCase):
    def crash_at(self, point: str, **settings):
        """Start a worker that crashes once at the point, armed now; return it and the flag."""
        flag = self.folder / f"flag-{point}"
        worker = self.start_worker(environ={"CONNECTOR_PROBE_CRASH": f"{point}:{flag}"}, **settings)
        flag.touch()
        return worker, flag

    def wait_end(self, worker):
        wait_until(lambda: worker.popen.poll() is not None, 20, lambda: f"the worker lives: {self.logs()}")

    def test_killed_after_the_claim(self):
        """Killed between the claim and the start: pending again, nothing is lost by it, then done."""
        worker, _flag = self.crash_at("claimed")
        self.enqueue("effect", [("a",)])
        self.wait_end(worker)
        self.assertEqual(self.sql("SELECT state, attempt FROM connector_job"), [("running", 1)])
        self.start_worker()
        self.wait_states(20, done=1)
        self.assertEqual(self.sql("SELECT attempt, crashes, exc_type FROM connector_job"), [(1, 0, None)])
        self.assertEqual(self.effects(), 1)

    def test_killed_before_the_commit(self):
        """Killed between the final update and the commit: the work is rolled back and done again."""
        worker, _flag = self.crash_at("before_commit")
        self.enqueue("effect", [("a",)])
        self.wait_end(worker)
        self.assertEqual(self.effects(), 0)
        self.start_worker()
        self.wait_states(20, done=1)
        self.assertEqual(self.effects(), 1)

    def test_killed_after_the_commit(self):
        """Killed right after the commit: done, not run again, and what waits for it is released by the sweep."""
        worker, _flag = self.crash_at("after_commit")
        with self.environment() as env:
            parent = env["queue.probe"].as_job(exclusive_key="key").effect("parent")
            env["queue.probe"].as_job(after=parent).effect("child")
            env["queue.probe"].as_job(exclusive_key="key", priority=20).effect("next of the key")
        self.wait_end(worker)
        self.assertEqual(self.sql("SELECT state, attempt FROM connector_job WHERE id = %s", parent.id), [("done", 1)])
        self.start_worker()
        self.wait_states(20, done=3)
        self.assertEqual(self.effects(), 3)
        self.assertEqual(self.sql("SELECT attempt FROM connector_job WHERE id = %s", parent.id), [(1,)])

    def test_connection_lost_before_the_commit(self):
        """The work session is lost before the commit: tried again, one effect."""
        worker, flag = self.crash_at("lost_before_commit")
        self.enqueue("effect", [("a",)])
        wait_until(lambda: not flag.exists(), 10)
        self.sql("UPDATE connector_job SET eta = now() AT TIME ZONE 'utc' WHERE hold = 'eta'")
        wait_until(lambda: self.sql("SELECT 1 FROM connector_job WHERE exc_message LIKE '%%session was lost%%'"), 10)
        self.sql("UPDATE connector_job SET eta = now() AT TIME ZONE 'utc' WHERE hold = 'eta'")
        self.wait_states(20, done=1)
        self.assertEqual(self.effects(), 1)
        self.assertIsNone(worker.popen.poll())

    def test_connection_lost_in_the_commit(self):
        """The connection is lost while the commit is under way, and it was committed: done, once."""
        _worker, flag = self.crash_at("lost_in_commit")
        self.enqueue("effect", [("a",)])
        self.wait_states(20, done=1)
        wait_until(lambda: not flag.exists(), 10)
        self.enqueue("effect", [("b",)])
        self.wait_states(20, done=2)
        self.assertEqual(self.effects(), 2)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_idle_session_lost(self):
        """A work session that is lost while nothing runs on it costs no attempt."""
        self.start_worker("--threads=1")
        self.enqueue("effect", [("a",)])
        self.wait_states(20, done=1)
        self.sql(
            """SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
                WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                  AND NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')"""
        )
        self.enqueue("effect", [("b",)])
        self.wait_states(20, done=2)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_idle_limits(self):
        """Limits of a role or a database on idle sessions end neither a job that waits nor a thread that rests."""
        settings = ["idle_in_transaction_session_timeout"]
        if self._connection.server_version >= 140_000:
            settings.append("idle_session_timeout")
        for setting in settings:
            self.sql(f'ALTER DATABASE "{self.dbname}" SET {setting} = 1500')
            self.addCleanup(self.sql, f'ALTER DATABASE "{self.dbname}" RESET {setting}')
        self.start_worker("--threads=1")
        self.enqueue("effect", [("a", 3.0)])
        self.wait_states(20, done=1)
        time.sleep(2)  # longer than a session may be idle; there is nothing to look for meanwhile
        self.enqueue("effect", [("b",)])
        self.wait_states(20, done=2)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_lock_limit(self):
        """A limit on waiting for locks is not for a worker that waits for its turn to claim."""
        self.sql(f'ALTER DATABASE "{self.dbname}" SET lock_timeout = 200')
        self.addCleanup(self.sql, f'ALTER DATABASE "{self.dbname}" RESET lock_timeout')
        self.sql("UPDATE connector_job_channel SET capacity = 1 WHERE name = 'root'")
        self.start_worker()
        workers = self.sql("SELECT id FROM connector_worker")
        self.sql("SELECT pg_advisory_lock(%s, %s)", schema.QUEUE_LOCK, schema.CLAIM)
        self.enqueue("effect", [("a",)])
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_until(lambda: self.sql(waiting), 20)
        time.sleep(0.5)  # longer than the limit
        self.assertTrue(self.sql(waiting), "it waits all the same")
        self.sql("SELECT pg_advisory_unlock(%s, %s)", schema.QUEUE_LOCK, schema.CLAIM)
        self.wait_states(20, done=1)
        self.assertEqual(self.sql("SELECT id FROM connector_worker"), workers)

    def test_failure_not_written(self):
        """The failure itself cannot be written: the job ends all the same, by the way of a dead worker."""
        worker, flag = self.crash_at("failure_unwritten")
        self.enqueue("tiny", [("bad",)])
        wait_until(lambda: not flag.exists(), 10)
        worker.kill()
        self.start_worker()
        self.wait_states(20, failed=1)
        self.assertEqual(self.effects(), 0)

    def test_frozen_worker(self):
        """A worker frozen for longer than its lease loses its job; thawed, it commits nothing and works again."""
        frozen = self.start_worker("--threads=1", lease_s=4)
        self.enqueue("effect", [("a", 1.0)])
        wait_until(lambda: self.sql("SELECT 1 FROM connector_worker WHERE running = 1"), 10)
        frozen.signal(signal.SIGSTOP)
        self.addCleanup(frozen.signal, signal.SIGCONT)
        self.start_worker("--threads=1", lease_s=4)
        self.wait_states(60, done=1)
        frozen.signal(signal.SIGCONT)
        self.enqueue("effect", [(f"after{i}", 0.2) for i in range(20)])
        self.wait_states(90, done=21)
        self.assertEqual(self.effects(), 21)
        wait_until(
            lambda: self.sql("SELECT 1 FROM connector_worker WHERE pid = %s", frozen.pid),
            20,
            lambda: f"the thawed worker did not come back: {self.logs()}",
        )

    def test_killed_in_a_query(self):
        """Killed while PostgreSQL runs a long query for it: run again long before that query would have ended."""
        worker = self.start_worker("--threads=1")
        self.enqueue("query", [("a", 60)])
        wait_until(
            lambda: self.sql(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND pid <> pg_backend_pid()"
            ),
            10,
        )
        self.start_worker("--threads=1")
        worker.kill()
        wait_until(
            lambda: self.sql("SELECT 1 FROM connector_job WHERE state = 'running' AND attempt = 2"), 15, self.logs
        )

    def test_dispatcher_cut(self):
        """Workers whose own sessions alone are cut again and again: nothing is lost, and each job ends done once."""
        self.start_worker("--threads=2")
        self.start_worker("--threads=2")
        self.enqueue("effect", [(f"k{i}", 0.3) for i in range(60)], max_attempts=0)
        cut = """SELECT pg_terminate_backend(pid) FROM pg_locks
                  WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        for _ in range(3):
            wait_until(lambda: self.sql("SELECT 1 FROM connector_job WHERE state = 'running'"), 90, self.logs)
            wait_until(lambda: self.sql(cut, schema.WORKER_LOCK), 90, self.logs)
        self.wait_states(90, done=60)
        self.assertEqual(self.effects(), 60)

    def test_wake_is_lost(self):
        """A commit whose wake never comes is found by the next poll."""
        self.start_worker()
        with self.environment() as env:
            env["queue.probe"].as_job().effect("a")
            env.cr.flush()
            env.cr.postcommit.clear()
        self.wait_states(20, done=1)

    def test_parents_end_at_once(self):
        """Children of two parents that end at the same time are released once, all of them."""
        with self.environment() as env:
            probe = env["queue.probe"]
            for i in range(150):
                parents = probe.as_job().map("effect", [(f"p{i}",), (f"q{i}",)])
                probe.as_job(after=parents).effect(f"c{i}")
        self.start_worker("--threads=2")
        self.start_worker("--threads=2")
        self.wait_states(60, done=450)
        self.assertEqual(self.effects(), 450)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def chaos(self, command, timeout_s: float, ready) -> int:
        """Have three workers work until the queue is empty; each time ``ready(workers)`` kill one; return how many."""
        chance = random.Random(7)
        workers = [self.spawn(*command()) for _ in range(3)]
        kills, deadline = 0, time.monotonic() + timeout_s
        while (states := self.states()).keys() & {"pending", "running"}:
            self.assertLess(time.monotonic(), deadline, f"{states} after {kills} kills; {self.logs()}")
            time.sleep(0.5)
            if ready(workers):
                victim = chance.randrange(3)
                workers[victim].kill()
                kills += 1
                workers[victim] = self.spawn(*command())
        return kills

    def all_up(self, workers) -> bool:
        """Tell whether every worker has done something since it was started."""
        pids = {pid for (pid,) in self.sql("SELECT DISTINCT pid FROM queue_probe_effect")}
        return pids >= {worker.pid for worker in workers}

    def test_chaos(self):
        """3 workers, 5000 jobs with the default attempts, a kill each time all are up: each effect exactly once.

        None fails, none is lost, and what had not begun loses nothing.
        """
        # Long enough in all that several workers are killed, however quick the machine is.
        self.enqueue("effect", [(f"k{i}", 0.06) for i in range(4500)])
        self.enqueue("effect", [(f"s{i}", 0.03) for i in range(500)], priority=9)
        kills = self.chaos(lambda: self.worker_command("--processes=1"), 400, self.all_up)
        self.assertEqual(self.states(), {"done": 5000})
        self.assertEqual(self.effects(), 5000)
        self.assertGreater(kills, 2)
        lost = self.sql("SELECT count(*), max(attempt) FROM connector_job WHERE attempt > 1")[0]
        self.assertTrue(0 < lost[0] <= kills * 4, f"{lost} by {kills} kills: at most what runs at a time")
        self.assertEqual(self.sql("SELECT count(*) FROM connector_job WHERE attempt <> crashes + 1"), [(0,)])

    def test_chaos_catches(self):
        """The same with workers that commit the work first and ``done`` after it: effects are met a second time."""
        self.enqueue("effect", [(f"k{i}",) for i in range(4000)])
        database = json.dumps(sql_db.connection_info_for(self.dbname)[1])
        ended = [0]

        def more_done(workers):
            now = sum(count for state, count in self.states().items() if state in ("done", "failed"))
            if now <= ended[0] + 100:
                return False
            ended[0] = now
            return True

        kills = self.chaos(lambda: [sys.executable, naive_worker.__file__, database], 200, more_done)
        self.assertGreater(kills, 1)
        self.assertGreater(self.states().get("failed", 0), 0)
