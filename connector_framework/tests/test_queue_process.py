"""Real workers, real kills."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time

from odoo.tests import tagged

from .common import wait_until
from .measured import unmeasured_by_python_311
from .process_case import PROBE, PROBE_PATH, ProcessCase, odoo_command


@tagged("post_install", "-at_install", "process")
class TestWorkers(ProcessCase):
    def test_pending_survives_and_kill_loses_nothing(self):
        """Jobs enqueued while no worker lives run later; a worker killed in the middle loses none and doubles none."""
        self.enqueue("effect", [(f"k{i}", 0.02) for i in range(300)])
        worker = self.start_worker()
        wait_until(lambda: self.effects() > 30, 20)
        worker.kill()
        begun, claimed = self.sql(
            """SELECT count(*) FILTER (WHERE xmax <> xmin), count(*)
                 FROM connector_job WHERE state = 'running'"""
        )[0]
        self.start_worker()
        self.wait_states(60, done=300)
        self.assertEqual(self.effects(), 300)
        self.assertTrue(0 < begun < claimed, "the kill was to come in the middle")
        attempts = self.sql("SELECT attempt, crashes, count(*) FROM connector_job GROUP BY 1, 2 ORDER BY 1")
        self.assertEqual(attempts, [(1, 0, 300 - begun), (2, 1, begun)], "what had not begun loses nothing")

    def test_width_after_a_crash(self):
        """What a killed worker was running runs again at once, side by side: nothing waits for anything else."""
        first = self.start_worker(lease_s=600)
        self.enqueue("effect", [(f"k{i}", 5.0) for i in range(4)])
        self.wait_begun(4)
        first.kill()
        self.start_worker(lease_s=600)
        self.wait_states(60, done=4)
        runs = self.sql("SELECT min(date_started), max(date_started), count(*) FROM connector_job WHERE attempt = 2")
        self.assertEqual(runs[0][2], 4)
        self.assertLess((runs[0][1] - runs[0][0]).total_seconds(), 4, "not one after the other")

    def test_rate_after_a_crash(self):
        """One of two workers is killed: the other one goes on at its pace."""
        survivor, victim = self.start_worker(), self.start_worker()
        self.enqueue("effect", [(f"k{i}", 0.1) for i in range(2500)])
        rate = """SELECT count(*) FROM queue_probe_effect
                   WHERE pid = %s AND at > clock_timestamp() AT TIME ZONE 'utc' - %s * interval '1 second'"""
        wait_until(lambda: self.effects() > 50, 30)
        time.sleep(6)
        before = self.sql(rate, survivor.pid, 5)[0][0] / 5
        victim.kill()
        time.sleep(10)
        after = self.sql(rate, survivor.pid, 10)[0][0] / 10
        self.assertGreater(self.states().get("pending", 0), 0, "there was enough to do")
        self.assertGreaterEqual(after, 0.8 * before)
        self.assertEqual(self.sql("SELECT max(attempt) FROM connector_job WHERE crashes = 0"), [(1,)])

    def test_quarantine(self):
        """A job that was running in two crashes runs alone in its process; it starts when the others have ended."""
        self.enqueue("span", [(f"k{i}", 1.0) for i in range(8)])
        alone = self.enqueue("span", [("alone", 1.0)], priority=1)
        self.sql("UPDATE connector_job SET crashes = 2 WHERE id = ANY(%s)", alone)
        self.start_worker()
        self.wait_states(60, done=9)
        self.assertEqual(
            self.sql(
                """SELECT count(*) FROM queue_probe_run a, queue_probe_run b WHERE a.key = 'alone' AND b.key <> 'alone'
                      AND b.started < a.ended AND a.started < b.ended"""
            ),
            [(0,)],
        )

    def test_incomplete_worker(self):
        """A worker that lacks an installed addon claims nothing, and says so, once and in its record."""
        command = self.worker_command("--processes=1")
        addons = next(word for word in command if word.startswith("--addons-path="))
        without = addons.replace(f"{PROBE_PATH},", "")
        self.assertNotEqual(without, addons)
        incomplete = self.spawn(*[without if word == addons else word for word in command])
        missing = "SELECT missing_addons FROM connector_worker WHERE pid = %s"
        self.enqueue("effect", [("a",)])
        with self.environment() as env:
            env["res.lang"].as_job().exists()
        wait_until(lambda: self.sql(missing, incomplete.pid) == [(PROBE,)], 60, self.logs)
        time.sleep(3)  # several polls
        self.assertEqual(self.states(), {"pending": 2})
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(0,)])
        self.assertEqual(incomplete.log.read_text().count(f"that this process lacks: {PROBE}"), 1)
        complete = self.start_worker()
        self.wait_states(90, done=2)
        self.assertEqual(self.sql(missing, complete.pid), [(None,)])
        self.assertEqual(self.effects(), 1)

    def test_incomplete_run_pending(self):
        """run_pending claims nothing either where an installed addon is missing."""
        self.enqueue("effect", [("a",)])
        script = "print('RAN', env['connector.job'].run_pending())"
        command = odoo_command("shell", "-d", self.dbname, "--no-http")
        addons = next(word for word in command if word.startswith("--addons-path="))
        command = [addons.replace(f"{PROBE_PATH},", "") if word == addons else word for word in command]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=120)
        self.assertIn("RAN 0", done.stdout)
        self.assertEqual(self.states(), {"pending": 1})

    def test_takeover(self):
        """The job of a killed worker runs again where another worker lives, long before the lease has passed."""
        first = self.start_worker("--threads=1", lease_s=600)
        self.enqueue("effect", [("slow", 60)])
        self.wait_begun(1)
        self.start_worker("--threads=1", lease_s=600)
        first.kill()
        again = "SELECT attempt FROM connector_job WHERE state = 'running' AND attempt = 2"
        wait_until(lambda: self.sql(again), 60, self.logs)

    def test_loaded_before_it_counts(self):
        """A single process has loaded its database before it says that it lives: the first job does not wait."""
        self.assertIn("Registry loaded", self.start_worker().log.read_text())

    def test_graceful_stop(self):
        """SIGTERM: what has not begun is given back with its attempt, what runs ends, and the worker says goodbye."""
        worker = self.start_worker("--threads=2")
        self.enqueue("effect", [(f"k{i}", 3.0) for i in range(6)])
        wait_until(lambda: self.sql("SELECT 1 FROM connector_worker WHERE running = 2"), 10)
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(15), 0)
        self.assertEqual(self.states(), {"done": 2, "pending": 4})
        self.assertEqual(self.sql("SELECT max(attempt) FROM connector_job WHERE state = 'pending'"), [(0,)])
        self.assertEqual(self.sql("SELECT count(*) FROM connector_worker"), [(0,)])

    def test_stop_gives_back(self):
        """SIGTERM: what does not end within stop_timeout_s goes back, its attempt counted; the last attempt failed."""
        worker = self.start_worker(stop_timeout_s=1)
        self.enqueue("effect", [("long", 60)])
        self.enqueue("effect", [("last", 60)], max_attempts=1)
        self.wait_states(20, running=2)
        wait_until(lambda: self.sql("SELECT 1 FROM connector_worker WHERE running = 2"), 10)
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(15), 0)
        self.assertEqual(
            self.sql("SELECT state, attempt, exc_type FROM connector_job ORDER BY id"),
            [("pending", 1, None), ("failed", 1, "WorkerStopped")],
        )
        self.assertEqual((self.effects(), self.sql("SELECT count(*) FROM connector_worker")), (0, [(0,)]))

    def test_poison(self):
        """A job that kills its process ends failed after its attempts; its neighbours end done."""
        self.enqueue("poison", [()], max_attempts=2)
        self.enqueue("effect", [(f"k{i}", 0.3) for i in range(6)])
        deadline = time.monotonic() + 60
        worker = self.start_worker()
        while self.states() != {"done": 6, "failed": 1}:
            self.assertLess(time.monotonic(), deadline, f"{self.states()}: {self.logs()}")
            if worker.popen.poll() is not None:
                worker = self.start_worker()
            time.sleep(0.1)
        self.assertEqual(self.effects(), 6)
        self.assertEqual(
            self.sql("SELECT exc_message, attempt FROM connector_job WHERE state = 'failed'"), [("worker died", 2)]
        )
        self.assertLessEqual(self.sql("SELECT max(attempt) FROM connector_job WHERE state = 'done'")[0][0], 3)

    def test_poison_default(self):
        """With the default attempts it kills two workers beside others, then alone, and ends failed; no other does."""
        self.enqueue("poison", [()])
        self.enqueue("effect", [(f"k{i}", 0.3) for i in range(40)])
        kills, deadline = 0, time.monotonic() + 300
        worker = self.start_worker()
        while self.states() != {"done": 40, "failed": 1}:
            self.assertLess(time.monotonic(), deadline, f"{self.states()}: {self.logs()}")
            if worker.popen.poll() is not None:
                kills += 1
                worker = self.start_worker()
            time.sleep(0.1)
        self.assertEqual((self.effects(), kills), (40, 5))
        self.assertEqual(
            self.sql("SELECT exc_message, attempt, crashes FROM connector_job WHERE state = 'failed'"),
            [("worker died", 5, 5)],
        )
        attempts = self.sql("SELECT max(attempt), max(crashes) FROM connector_job WHERE state = 'done'")
        self.assertLessEqual(attempts[0][0], 3, "of each other two attempts at most were lost")
        self.assertLessEqual(attempts[0][1], 2)

    def test_sessions_cut(self):
        """The worker's session or a work session cut by PostgreSQL: everything ends done, once, and no process ends."""
        worker = self.start_worker()
        self.enqueue("effect", [(f"k{i}", 0.05) for i in range(100)], max_attempts=0)
        for _ in range(5):
            time.sleep(0.3)
            self.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                self.dbname,
            )
        self.wait_states(90, done=100)
        self.assertEqual(self.effects(), 100)
        self.assertIsNone(worker.popen.poll())

    def test_drain(self):
        """--drain runs what is due and ends with 0; what is not due stays."""
        self.enqueue("effect", [(f"k{i}",) for i in range(20)])
        self.enqueue("effect", [("late",)], eta=3600)
        process = self.spawn(*self.worker_command("--drain"))
        self.assertEqual(process.wait(60), 0, self.logs())
        self.assertEqual(self.states(), {"done": 20, "pending": 1})

    def test_drain_nothing_served(self):
        """--drain ends with 1 and says why where a database that was named cannot be served."""
        for name, why in ((f"{self.dbname}_missing", "out of reach"), ("postgres", "does not have the addon")):
            command = [name if word == self.dbname else word for word in self.worker_command("--drain")]
            process = self.spawn(*command)
            self.assertEqual(process.wait(60), 1, self.logs())
            self.assertRegex(process.log.read_text(), f"{name} is not served: .*{why}")

    def test_bad_setting(self):
        """A setting that is no number above 0 is said in one line that names it."""
        for value in ("many", "0", "-1", "nan"):
            process = self.spawn(*self.worker_command("--drain", poll_interval_s=value))
            self.assertEqual(process.wait(60), 1, self.logs())
            self.assertRegex(process.log.read_text().splitlines()[-1], f"poll_interval_s = '{value}' .* above 0")

    def test_channels(self):
        """--channels serves these and what is below them alone."""
        self.enqueue("effect", [("in",)], channel="root.shop.import")
        self.enqueue("effect", [("out",)], channel="root.other")
        process = self.spawn(*self.worker_command("--drain", "--channels", "root.shop"))
        self.assertEqual(process.wait(60), 0, self.logs())
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("in",)])

    def test_retry_and_checkpoint(self):
        """A job that is tried again leaves one effect; one that was killed goes on after its last checkpoint."""
        self.enqueue("flaky", [("flaky",)])
        self.enqueue("steps", [("s", 20, 0.1)])
        worker = self.start_worker()
        wait_until(lambda: self.effects() >= 5, 20)
        self.assertGreater(
            self.sql("SELECT max(done) FROM connector_job_progress")[0][0], 1, "progress is seen at once"
        )
        worker.kill()
        self.start_worker()
        self.wait_states(60, done=2)
        self.assertEqual(self.effects(), 21)

    def test_exclusive(self):
        """Of the jobs with one exclusive key at most one runs at a time, over processes, in order."""
        self.enqueue("span", [(str(i), 0.01) for i in range(60)], exclusive_key="one")
        self.enqueue("span", [(f"free{i}", 0.01) for i in range(60)])
        self.start_worker()
        self.start_worker()
        self.wait_states(60, done=120)
        spans = self.sql("SELECT key, started, ended FROM queue_probe_run WHERE key NOT LIKE 'free%%' ORDER BY started")
        self.assertEqual([span[0] for span in spans], [str(i) for i in range(60)])
        self.assertTrue(all(one[2] <= other[1] for one, other in itertools.pairwise(spans)))

    def test_group_commit(self):
        """Jobs of a method with group_commit share transactions; one that fails changes nothing for the others."""
        keys = [f"bad{i}" if i in (7, 50, 51) else f"k{i}" for i in range(100)]
        self.enqueue("tiny", [(key,) for key in keys])
        self.start_worker("--threads=1")
        self.wait_states(90, done=97, failed=3)
        self.assertEqual(self.effects(), 97)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])
        transactions = self.sql("SELECT count(DISTINCT xid) FROM queue_probe_effect")[0][0]
        self.assertLess(transactions, 90)

    @unmeasured_by_python_311
    def test_timeout_unmeasured_by_python_311(self):
        """An attempt past its timeout fails in a sleep, in a query and in a loop; the threads are not lost."""
        self.enqueue("query", [("query", 60)], timeout_s=1, max_attempts=1)
        self.enqueue("spin", [()], timeout_s=1, max_attempts=1)
        self.enqueue("effect", [("sleep", 20)], timeout_s=1, max_attempts=1)
        self.start_worker("--threads=2")
        self.wait_states(20, failed=3)
        self.assertEqual(self.sql("SELECT DISTINCT exc_type FROM connector_job"), [("TimeoutError",)])
        self.enqueue("effect", [("after",)])
        self.wait_states(10, failed=3, done=1)
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("after",)])

    def test_cancel_running(self):
        """A running job that is cancelled commits nothing."""
        ids = self.enqueue("effect", [("cancelled", 5)])
        self.start_worker()
        self.wait_states(10, running=1)
        with self.environment() as env:
            env["connector.job"].browse(ids).action_cancel()
        self.assertEqual(self.states(), {"cancelled": 1})
        self.enqueue("effect", [("other",)])
        self.wait_states(20, cancelled=1, done=1)
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("other",)])

    def test_failures_outside_of_a_thread(self):
        """A job that the heartbeat has failed, for its timeout or with its worker, is reported to its records."""
        (timed_out,) = self.enqueue("reported", [("slow", 60)], timeout_s=1, max_attempts=1)
        worker = self.start_worker()
        self.wait_states(20, failed=1)
        wait_until(lambda: self.sql("SELECT key FROM queue_probe_effect") == [(f"TimeoutError of job {timed_out}",)])
        self.sql("TRUNCATE queue_probe_effect")
        (lost,) = self.enqueue("reported", [("lost", 60)], max_attempts=1)
        self.wait_begun(1)
        self.start_worker()
        worker.kill()
        self.wait_states(90, failed=2)
        wait_until(lambda: self.sql("SELECT key FROM queue_probe_effect") == [(f"WorkerDied of job {lost}",)])

    def test_threaded_server(self):
        """The threaded server runs jobs by itself, and stops cleanly."""
        server = self.start_server()
        self.enqueue("effect", [("threaded",)])
        self.wait_states(20, done=1)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(20), 0)
        self.assertEqual(self.sql("SELECT count(*) FROM connector_worker"), [(0,)])

    def test_neutralized(self):
        """A neutralized database runs no job."""
        self.sql("INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')")
        try:
            self.enqueue("effect", [("never",)])
            process = self.spawn(*self.worker_command("--drain"))
            self.assertEqual(process.wait(60), 0)
            self.assertEqual(self.states(), {"pending": 1})
        finally:
            self.sql("DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
