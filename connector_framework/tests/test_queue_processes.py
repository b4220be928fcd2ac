"""Several processes that run jobs: of the command, of the prefork and of the threaded server."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections import Counter

import psutil
from odoo.tests import BaseCase, tagged
from odoo.tools import config

from ..queue.processes import RETIRED, Processes
from ..settings import Settings, usable_cores
from .common import wait_until
from .process_case import Process, ProcessCase

MEMORY_MIB = 700


@tagged("post_install", "-at_install", "plain")
class TestSupervision(BaseCase):
    """Children that do nothing but end."""

    def starts(self, script: str, seconds: float, **options: object) -> list[float]:
        """Keep a shell script running for a while; return when it was started, in seconds since the beginning."""
        starts: list[float] = []
        began = time.monotonic()

        def spawn() -> int:
            starts.append(time.monotonic() - began)
            return os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)

        self.processes = Processes(1, spawn, stop_timeout_s=0, **options)
        self.processes.run(lambda: time.monotonic() - began > seconds)
        return starts

    def test_pause(self):
        """A child that dies soon is started again after 1 s, then 2 s; one that retires is replaced at once."""
        starts = self.starts("exit 1", 4)
        self.assertEqual(len(starts), 3)
        for (one, other), pause_s in zip(itertools.pairwise(starts), (1, 2), strict=True):
            self.assertTrue(pause_s <= other - one < pause_s + 0.9, starts)
        self.assertGreater(len(self.starts(f"exit {RETIRED}", 2)), 3)

    def test_through(self):
        """A child that is through with its work is not started again."""
        self.assertEqual(len(self.starts("exit 0", 30, through=(0, 1))), 1)
        self.assertEqual(self.processes.codes, [0])

    def test_no_process(self):
        """Where the system has no process to give, it is tried again later."""
        processes = Processes(1, lambda: os.posix_spawn("/nowhere", ["nowhere"], {}), stop_timeout_s=0)
        deadline = time.monotonic() + 1
        with self.assertLogs("odoo.addons.connector_framework.queue.processes", "ERROR") as logs:
            processes.run(lambda: time.monotonic() > deadline)
        self.assertEqual(len(logs.output), 1)

    def test_settings(self):
        """Nothing said: it depends on the server; cores are those that the process may use, at most 4."""
        self.assertIsNone(Settings().processes)
        self.assertEqual(usable_cores(), min(4, len(os.sched_getaffinity(0))))


class ProcessesCase(ProcessCase):
    def pids(self) -> list[int]:
        return [row[0] for row in self.sql("SELECT pid FROM connector_worker ORDER BY id")]

    def wait_workers(self, count: int, without: int = 0) -> list[int]:
        """Wait for so many live workers in as many processes, none of them ``without``; return their process ids."""

        def are_there() -> bool:
            pids = self.pids()
            return len(pids) == len(set(pids)) == count and without not in pids

        wait_until(are_there, 60, lambda: f"expected {count} workers, got {self.pids()}; {self.logs()}")
        return self.pids()

    def wait_gone(self, pids: list[int], timeout_s: float = 20) -> None:
        wait_until(lambda: not any(map(psutil.pid_exists, pids)), timeout_s, self.logs)

    def load(self, pids: list[int]) -> None:
        """Let each process load its registry, which may take longer on a busy machine than the jobs of a test."""
        while idle := set(pids) - {pid for (pid,) in self.sql("SELECT DISTINCT pid FROM queue_probe_run")}:
            self.assertEqual(set(self.pids()), set(pids), f"{idle} have run no job; {self.logs()}")
            self.enqueue("span", [("load", 0.3)] * 4 * len(pids))
            wait_until(lambda: set(self.states()) == {"done"}, 90, self.logs)
        self.sql("DELETE FROM queue_probe_run; DELETE FROM connector_job")

    def fill(self, pids: list[int], jobs: int, seconds: float) -> None:
        """Enqueue jobs, and wait until each of the four threads of each process runs one."""
        self.load(pids)
        self.enqueue("effect", [(f"k{i}", seconds) for i in range(jobs)])
        self.wait_begun(4 * len(pids))

    def pid_of(self, key: str) -> int:
        """Return which process has run a job."""
        return self.sql("SELECT pid FROM queue_probe_effect WHERE key = %s", key)[0][0]

    def check_stopped(self, process: Process, pids: list[int]) -> None:
        """Check that all workers have unregistered and their processes have ended."""
        self.assertEqual(process.wait(30), 0, self.logs())
        self.assertEqual(self.pids(), [])
        self.assertFalse([pid for pid in pids if psutil.pid_exists(pid)])

    def check_hard_limit(self, pids: list[int]) -> None:
        """Check that each process has Odoo's hard limit of memory for itself."""
        limits = {psutil.Process(pid).rlimit(psutil.RLIMIT_AS)[0] for pid in pids}
        self.assertEqual(limits, {config["limit_memory_hard"]})

    def check_memory_limit(self, pids: list[int]) -> None:
        """Check what becomes of a process that uses more than MEMORY_MIB: a job of it does so."""
        self.check_hard_limit(pids)
        hoard = self.enqueue("hoard", [(MEMORY_MIB, 12.0)])
        pid = "SELECT w.pid FROM connector_job j JOIN connector_worker w ON w.id = j.worker_id WHERE j.id = %s"
        wait_until(lambda: self.sql(pid, *hoard), 90, self.logs)
        used = self.sql(pid, *hoard)[0][0]
        stopping = "SELECT stopping FROM connector_worker WHERE pid = %s"
        wait_until(lambda: self.sql(stopping, used) == [(True,)], 11, self.logs)
        self.enqueue("effect", [(f"k{number}", 0.1) for number in range(20)])
        self.wait_states(10, running=1, done=20)
        self.wait_states(20, done=21)
        self.assertEqual(self.pid_of("hoard"), used, "what ran has ended")
        others = self.sql("SELECT DISTINCT pid FROM queue_probe_effect WHERE key <> 'hoard'")
        self.assertNotIn((used,), others, "and it has claimed no more")
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])
        self.wait_workers(len(pids), without=used)
        self.wait_gone([used])


@tagged("post_install", "-at_install", "process")
class TestCommand(ProcessesCase):
    def start(self, *args: str, **settings: object) -> tuple[Process, list[int]]:
        """Start the command with two processes; return it, and their ids."""
        process = self.spawn(*self.worker_command("--processes=2", *args, **settings))
        pids = self.wait_workers(2)
        self.assertNotIn(process.pid, pids)
        return process, pids

    def test_default(self):
        """The command has a process for each core, at most 4."""
        self.spawn(*self.worker_command())
        self.wait_workers(usable_cores())

    def test_setting(self):
        """The setting is what holds without the option; one process is the command's own."""
        self.spawn(*self.worker_command(processes=3))
        self.wait_workers(3)
        alone = self.spawn(*self.worker_command("--processes=1", processes=3))
        self.assertIn(alone.pid, self.wait_workers(4))

    def test_idle(self):
        """Without work a process holds one connection and no registry; the parent neither, and no other thread."""
        process, pids = self.start()
        names = [f"odoo-{pid}" for pid in (process.pid, *pids)]
        connections = "SELECT application_name FROM pg_stat_activity WHERE application_name = ANY(%s) ORDER BY 1"
        wait_until(lambda: self.sql(connections, names) == sorted((name,) for name in names[1:]), 10, self.logs)
        self.assertEqual(psutil.Process(process.pid).num_threads(), 1)
        self.assertNotIn("Registry loaded", process.log.read_text())
        self.enqueue("effect", [("one",)])
        self.wait_states(90, done=1)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:  # several looks at the queue
            time.sleep(0.1)
        self.assertEqual(process.log.read_text().count("Registry loaded"), 1, "one job is work for one process")
        own = {pid: psutil.Process(pid).memory_full_info().uss for pid in pids}
        self.assertLess(min(own.values()), 16 * 2**20, own)

    def test_share(self):
        """A few slow jobs are shared among the processes, and not all taken by the first that hears of them."""
        self.start()
        self.enqueue("span", [(f"k{i}", 0.1) for i in range(200)])
        self.wait_states(60, done=200)
        keys = ["a", "b", "c", "d"]
        for method, jobs in (("span", [(key, 0.5) for key in keys]), ("fan", [(keys, 0.5)])):
            with self.subTest(method):
                shared, rounds = 0, 6
                for _ in range(rounds):
                    self.sql("DELETE FROM queue_probe_run; DELETE FROM connector_job WHERE state = 'done'")
                    self.enqueue(method, jobs)
                    self.wait_states(20, done=4 + (method == "fan"))
                    shared += self.sql("SELECT count(DISTINCT pid) FROM queue_probe_run")[0][0] == 2
                self.assertGreater(shared, rounds / 2)

    def test_limits(self):
        """Capacity, rate and exclusive keys hold over all processes."""
        with self.environment() as env:
            channels = env["connector.job.channel"]
            channels.create([{"name": "root.two", "capacity": 2}, {"name": "root.rated", "rate_limit": 10}])
        self.start()
        self.enqueue("span", [(f"two {i}", 0.1) for i in range(30)], channel="root.two")
        self.enqueue("span", [(f"rated {i}", 0.0) for i in range(40)], channel="root.rated")
        self.enqueue("span", [(f"alone {i}", 0.02) for i in range(40)], exclusive_key="alone")
        self.enqueue("span", [(f"free {i}", 0.25) for i in range(60)])
        self.wait_states(60, done=170)
        runs = self.sql("SELECT key, pid, started, ended FROM queue_probe_run ORDER BY started")
        self.assertEqual(len({run[1] for run in runs}), 2, "both processes have run some")
        of = {kind: [run for run in runs if run[0].startswith(kind)] for kind in ("two", "rated", "alone")}
        at_once = [sum(other[2] <= run[2] < other[3] for other in of["two"]) for run in of["two"]]
        self.assertEqual(max(at_once), 2)
        self.assertEqual([run[0] for run in of["alone"]], [f"alone {i}" for i in range(40)])
        self.assertTrue(all(one[3] <= other[2] for one, other in itertools.pairwise(of["alone"])))
        starts = [run[2].timestamp() for run in of["rated"]]
        self.assertLessEqual(max(sum(at <= other < at + 1 for other in starts) for at in starts), 20)
        self.assertGreaterEqual(starts[-1] - starts[0], 2.5, "10 a second, and as many at once in the beginning")

    def test_killed_child(self):
        """kill -9 of a process: its jobs run again at once, another process takes its place, the others go on."""
        _parent, pids = self.start(lease_s=600)
        self.fill(pids, 8, 6.0)
        of = "SELECT array_agg(j.id ORDER BY j.id) FROM connector_job j JOIN connector_worker w ON w.id = j.worker_id"
        lost = self.sql(f"{of} WHERE w.pid = %s", pids[0])[0][0]
        os.kill(pids[0], signal.SIGKILL)
        killed = time.monotonic()
        again = "SELECT array_agg(id ORDER BY id) FROM connector_job WHERE state = 'running' AND attempt = 2"
        self.assertEqual(self.wait_workers_after(pids[0], again, lost), 2)
        self.assertLess(time.monotonic() - killed, 12)
        self.wait_states(90, done=8)
        self.assertEqual(self.effects(), 8)
        attempts = Counter(attempt for (attempt,) in self.sql("SELECT attempt FROM connector_job"))
        self.assertEqual(attempts, Counter({1: 8 - len(lost), 2: len(lost)}))

    def wait_workers_after(self, pid: int, query: str, expected: list[int]) -> int:
        """Wait for what a query returns after a process was killed; return how many workers live without it."""
        wait_until(lambda: self.sql(query) == [(expected,)], 20, self.logs)
        return len(self.wait_workers(2, without=pid))

    def test_killed_parent(self):
        """kill -9 of the parent: its processes finish what runs, claim no more, and end."""
        process, pids = self.start()
        self.fill(pids, 24, 4.0)
        done = self.states().get("done", 0)
        process.signal(signal.SIGKILL)
        self.wait_gone(pids)
        self.assertEqual(self.states(), {"done": done + 8, "pending": 16 - done})
        self.assertEqual(self.pids(), [])

    def test_stop(self):
        """SIGTERM: all finish what runs, give the rest back, and are gone with the parent, which ends with 0."""
        process, pids = self.start()
        self.fill(pids, 24, 3.0)
        done = self.states().get("done", 0)
        process.signal(signal.SIGTERM)
        self.check_stopped(process, pids)
        self.assertEqual(self.states(), {"done": done + 8, "pending": 16 - done})
        self.assertEqual(self.sql("SELECT max(attempt) FROM connector_job WHERE state = 'pending'"), [(0,)])

    def test_stop_of_the_group(self):
        """A signal to all of them at once, as from a terminal or systemd, stops them in order just so."""
        process, pids = self.start()
        self.fill(pids, 8, 3.0)
        os.killpg(process.pid, signal.SIGINT)
        self.check_stopped(process, pids)
        self.assertEqual(self.states(), {"done": 8})

    def test_forced(self):
        """A second signal to the parent ends all at once."""
        process, pids = self.start()
        self.fill(pids, 8, 60.0)
        process.signal(signal.SIGINT)
        wait_until(lambda: self.sql("SELECT bool_and(stopping) FROM connector_worker") == [(True,)], 10, self.logs)
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(5), 1)
        self.wait_gone(pids, 5)

    def test_drain(self):
        """--drain ends with 0 when all processes are through, also if one of them was killed and replaced."""
        self.enqueue("effect", [(f"k{i}", 0.1) for i in range(40)])
        self.enqueue("poison", [()], max_attempts=1)
        process = self.spawn(*self.worker_command("--drain", "--processes=2"))
        self.assertEqual(process.wait(60), 0, self.logs())
        self.assertEqual(self.states(), {"done": 40, "failed": 1})
        self.assertIn("(signal 9), it is replaced", process.log.read_text())

    def test_memory_limit(self):
        """Past limit_memory_soft a process finishes what runs, claims no more, ends, and is replaced."""
        _parent, pids = self.start(f"--limit-memory-soft={MEMORY_MIB * 2**20}")
        self.check_memory_limit(pids)


@tagged("post_install", "-at_install", "process", "server")
class TestPrefork(ProcessesCase):
    def start(self, *args: str, **settings: object) -> tuple[Process, list[int]]:
        server = self.start_server("--workers=1", *args, **settings)
        pids = self.wait_workers(settings.get("processes", usable_cores()))
        self.assertNotIn(server.pid, pids)
        return server, pids

    def test_default(self):
        """It has a process for each core, at most 4; one that is killed is replaced, all stop in order."""
        server, pids = self.start()
        self.fill(pids, 4 * len(pids), 2.0)
        os.kill(pids[0], signal.SIGKILL)
        self.wait_states(90, done=4 * len(pids))
        pids = self.wait_workers(len(pids), without=pids[0])
        self.enqueue("effect", [(f"last {i}", 2.0) for i in range(4)])
        self.wait_begun(4)
        server.signal(signal.SIGTERM)
        self.check_stopped(server, pids)
        self.assertEqual(self.states(), {"done": 4 * len(pids) + 4})

    def test_stop_of_one(self):
        """SIGTERM to one of them: it finishes what runs, and is replaced."""
        _server, pids = self.start(processes=1)
        self.enqueue("effect", [(f"k{i}", 3.0) for i in range(8)])
        self.wait_begun(4)
        os.kill(pids[0], signal.SIGTERM)
        self.wait_workers(1, without=pids[0])
        self.wait_states(20, done=8)
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_none(self):
        """``processes = 0``: jobs are run elsewhere."""
        server = self.spawn_server("--workers=1", processes=0)
        wait_until(lambda: "WorkerHTTP" in server.log.read_text(), 60, self.logs)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(30), 0, self.logs())
        self.assertNotIn("WorkerJobs", server.log.read_text())

    def test_killed_server(self):
        """kill -9 of the server: its processes finish what runs, claim no more, and end."""
        server, pids = self.start(processes=2)
        self.fill(pids, 24, 8.0)
        done = self.states().get("done", 0)
        server.signal(signal.SIGKILL)
        self.wait_gone(pids, 30)
        self.assertEqual(self.states(), {"done": done + 8, "pending": 16 - done})
        self.assertEqual(self.pids(), [])

    def test_memory_limit(self):
        """Past limit_memory_soft a process is replaced; it finishes what runs and claims no more."""
        _server, pids = self.start(f"--limit-memory-soft={MEMORY_MIB * 2**20}", processes=2)
        self.check_memory_limit(pids)


@tagged("post_install", "-at_install", "process", "server")
class TestThreaded(ProcessesCase):
    def start(self, *args: str, **settings: object) -> tuple[Process, list[int], psutil.Process]:
        """Start a server with two processes; return it, their ids, and their parent."""
        server = self.start_server(*args, processes=2, **settings)
        pids = self.wait_workers(2)
        (parent,) = psutil.Process(server.pid).children()
        self.assertEqual({child.pid for child in parent.children()}, set(pids))
        return server, pids, parent

    def test_processes(self):
        """``processes = 2``: two child processes instead of threads; they stop with the server."""
        server, pids, parent = self.start()
        self.check_hard_limit(pids)
        self.fill(pids, 8, 3.0)
        server.signal(signal.SIGTERM)
        self.check_stopped(server, [*pids, parent.pid])
        self.assertEqual(self.states(), {"done": 8})
        self.assertLessEqual({pid for (pid,) in self.sql("SELECT pid FROM queue_probe_effect")}, set(pids))

    def test_killed(self):
        """A killed process is replaced, a child or the parent of both."""
        _server, pids, parent = self.start()
        os.kill(pids[0], signal.SIGKILL)
        pids = self.wait_workers(2, without=pids[0])
        parent.kill()
        wait_until(lambda: len(self.pids()) == 2 and not set(self.pids()) & set(pids), 90, self.logs)
        self.wait_gone(pids)
        self.enqueue("effect", [("after",)])
        self.wait_states(20, done=1)

    def test_killed_server(self):
        """kill -9 of the server ends its processes for jobs."""
        server, pids, parent = self.start()
        self.fill(pids, 24, 4.0)
        done = self.states().get("done", 0)
        server.signal(signal.SIGKILL)
        self.wait_gone([*pids, parent.pid])
        self.assertEqual(self.states(), {"done": done + 8, "pending": 16 - done})
        self.assertEqual(self.pids(), [])
