"""How many jobs a pool of threads asks for, and what it does with those that it has."""

from __future__ import annotations

import sys
import threading
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..exceptions import JobLostError
from ..queue import pool as pool_module
from ..queue.claimed import Claimed
from ..queue.pool import AHEAD_MAX, Pool
from .common import wait_until
from .measured import unmeasured_by_python_311


class _Runner:
    """Runs a job until it is told to end."""

    gate: threading.Semaphore
    disconnected: threading.Event
    #: The ids of the jobs that were run together, and the other calls.
    groups: list[list[int]]
    calls: list[str]

    def __init__(self, dbname):
        pass

    @classmethod
    def of_test(cls):
        """Return a class of its own: threads of another test may be about to end."""
        what = {"gate": threading.Semaphore(0), "disconnected": threading.Event(), "groups": [], "calls": []}
        return type("Runner", (cls,), what)

    def run(self, worker, jobs):
        self.groups.append([job.id for job in jobs])
        self.gate.acquire()
        if jobs[0].method_name == "breaks_the_runner":
            raise MemoryError

    def rest(self):
        self.calls.append("rest")

    def close(self):
        self.calls.append("close")

    def report(self, worker):
        self.calls.append("report")

    def send_news(self, worker):
        self.calls.append("news")

    def disconnect(self):
        self.disconnected.set()


class _Worker:
    has_releases = has_failed = has_news = has_ended_jobs = False

    def __init__(self, **has):
        vars(self).update(has)


@tagged("post_install", "-at_install", "plain")
class TestPool(BaseCase):
    def setUp(self):
        super().setUp()
        self.runner = self.startPatcher(patch.object(pool_module, "Runner", _Runner.of_test()))
        self.clock = self.startPatcher(patch.object(pool_module, "time"))
        self.clock.monotonic.return_value = 0.0
        self.woken = 0
        self.pool = Pool("no database", 2, self.wake)
        self.addCleanup(self.end)

    def wake(self):
        self.woken += 1

    def end(self):
        self.pool.withdraw()
        self.pool.close()
        self.runner.gate.release(1000)
        self.assertTrue(self.pool.join(10))

    def submit(self, count, **has):
        jobs = [Claimed(n, model_name="res.lang", method_name="exists") for n in range(count)]
        begun = min(len(self.pool.slots()) + count, 2)
        self.pool.submit(_Worker(**has), jobs)
        wait_until(lambda: len(self.pool.slots()) == begun)

    def finish(self, count):
        """Let as many jobs end, and the next ones begin."""
        for _ in range(count):
            waiting = len(self.pool._queue)
            self.runner.gate.release()
            wait_until(lambda waiting=waiting: len(self.pool._queue) == waiting - 1)

    def test_new(self):
        """A new pool takes one job after the other, as of slow ones, for each thread."""
        self.assertEqual(self.pool.room, (1, 0))
        self.submit(1)
        self.assertEqual(self.pool.room, (1, 0))
        self.submit(1)
        self.assertEqual(self.pool.room, (0, 0))

    def test_forgets(self):
        """After a second without a job it is like new: other jobs may come."""
        self.pool._average_s = 0.001
        self.clock.monotonic.return_value = 1.0
        self.assertEqual(self.pool.room, (2, AHEAD_MAX - 2))
        self.clock.monotonic.return_value = 1.1
        self.assertEqual(self.pool.room, (1, 0))

    def test_forgets_nothing_while_it_runs(self):
        """While a job runs the last ones count, however long ago they ended."""
        self.pool._average_s = 0.001
        self.submit(1)
        self.clock.monotonic.return_value = 60.0
        self.assertEqual(self.pool.room, (1, AHEAD_MAX - 1))

    def test_learns(self):
        """The pace is that of the last jobs: one slow job among quick ones makes the pool careful."""
        self.pool._average_s = 0.001
        self.submit(1)
        self.clock.monotonic.return_value = 10.0
        self.runner.gate.release()
        wait_until(lambda: self.pool.idle)
        self.assertEqual(self.pool.room, (1, 0))

    def test_releases(self):
        """It asks for more as soon as a job has ended for which others wait, however many are ahead."""
        self.pool._average_s = 0.001
        self.submit(2 + AHEAD_MAX, has_releases=True)
        self.finish(1)
        self.assertEqual(self.woken, 1)

    def test_quick_jobs(self):
        """While jobs are quick many are asked for ahead, but not before half of them have begun."""
        self.pool._average_s = 0.001
        self.assertEqual(self.pool.room, (2, AHEAD_MAX - 2))
        self.submit(2 + AHEAD_MAX)
        self.assertEqual(self.pool.room, (0, 0))
        self.finish(AHEAD_MAX // 2 - 1)
        self.assertEqual((self.pool.room, self.woken), ((0, 0), 0))
        self.finish(2)
        self.assertEqual((self.pool.room, self.woken), ((0, AHEAD_MAX // 2 + 1), 1))

    def test_stuck_threads(self):
        """Nothing is asked for ahead while every thread has been at its job for long, however quick the others were."""
        self.pool._average_s = 0.001
        self.submit(2)
        self.assertEqual(self.pool.room, (0, AHEAD_MAX))
        self.clock.monotonic.return_value = 60.0
        self.assertEqual(self.pool.room, (0, 0))

    def test_slow_jobs(self):
        """Slow jobs are asked for one by one, and nothing ahead of them."""
        self.pool._average_s = 0.1
        self.assertEqual(self.pool.room, (1, 0))
        self.submit(2)
        self.assertEqual(self.pool.room, (0, 0))

    def test_idle_thread(self):
        """A thread without work for long ends, and its connection with it."""
        self.startPatcher(patch.object(pool_module, "IDLE_S", 0.05))
        self.submit(1)
        self.runner.gate.release()
        wait_until(lambda: self.pool.idle)
        wait_until(lambda: self.runner.calls == ["rest"])
        self.assertFalse(self.runner.disconnected.wait(0.2))
        self.clock.monotonic.return_value = 1.0
        self.assertTrue(self.runner.disconnected.wait(10))

    def test_error_of_the_runner(self):
        """A thread survives an error of the runner itself and runs the next job; the pool has the first no more."""
        jobs = [Claimed(1, method_name="breaks_the_runner"), Claimed(2), Claimed(3)]
        self.pool.size = 1
        with self.assertLogs(pool_module.__name__, "ERROR") as logs:
            self.pool.submit(_Worker(), jobs)
            wait_until(self.pool.slots)
            (thread,) = [slot.thread for slot in self.pool.slots()]
            self.runner.gate.release()
            wait_until(lambda: self.pool.known_ids() == [2, 3])
        self.assertIn("put back", logs.output[0])
        self.assertEqual(self.runner.calls, ["close"], "its cursor is given back")
        wait_until(lambda: [slot.thread for slot in self.pool.slots()] == [thread])

    def run_all(self, jobs):
        """Run jobs on one thread; return the ids of those that were run together."""
        self.pool.size = 1
        self.runner.groups.clear()
        self.runner.gate.release(len(jobs))
        self.pool.submit(_Worker(), jobs)
        wait_until(lambda: self.pool.idle)
        return self.runner.groups

    def test_groups(self):
        """Jobs of one method are run together, as many as it says; one that counts by itself is not among them."""
        self.pool._group_size = lambda job: 3
        for odd in (
            {"method_name": "x"},
            {"model_name": "x"},
            {"exclusive_key": "x"},
            {"timeout_s": 1},
            {"crashes": 1},
        ):
            with self.subTest(odd=odd):
                options = {"model_name": "res.lang", "method_name": "exists"}
                jobs = [Claimed(n, **{**options, **(odd if n == 3 else {})}) for n in range(6)]
                self.assertEqual(self.run_all(jobs), [[0, 1, 2], [3], [4, 5]])

    def test_large_groups(self):
        """Enough are asked for ahead to fill the groups of a method, until others have run instead."""
        self.pool._group_size = lambda job: 1000 if job.method_name == "grouped" else 1
        for job, ahead in ((Claimed(1, method_name="grouped"), 1000), (Claimed(2), 999)):
            self.pool._average_s = 0.0001
            self.run_all([job])
            self.assertEqual(self.pool.room, (1, ahead - 1))

    def test_withdraw(self):
        """What no thread has begun can be taken back, all of it, or if it has waited for so long."""
        self.submit(4)
        self.clock.monotonic.return_value = 1.0
        self.assertEqual(self.pool.withdraw(older_than_s=2.0), [])
        self.assertEqual(sorted(self.pool.known_ids()), [0, 1, 2, 3])
        self.clock.monotonic.return_value = 2.0
        self.assertEqual([job.id for job in self.pool.withdraw(older_than_s=2.0)], [2, 3])
        self.assertEqual(sorted(self.pool.known_ids()), [0, 1])
        self.submit(1)
        self.assertEqual(len(self.pool.withdraw()), 1)
        self.assertEqual(self.pool.withdraw(), [])

    def test_closed(self):
        """A pool that is closed begins no job, waits for those that run, and has those that wait given back."""
        self.submit(3)
        self.assertFalse(self.pool.idle)
        self.pool.close()
        self.assertFalse(self.pool.join(0.0))
        self.runner.gate.release(3)
        self.assertTrue(self.pool.join(10))
        self.assertEqual((self.pool.known_ids(), self.pool.idle), ([2], False))

    def test_closed_without_work(self):
        """A thread without work ends when the pool is closed."""
        self.submit(1)
        self.runner.gate.release()
        wait_until(lambda: self.runner.calls == ["rest"])
        self.pool.close()
        self.assertTrue(self.runner.disconnected.wait(10))

    def test_retired(self):
        """A thread whose job was taken from it counts no more, another one takes its place; it ends with its call."""
        thread_error = self.startPatcher(patch.object(pool_module, "ctypes"))
        self.submit(2)
        self.assertFalse(self.pool.idle)
        slot = self.pool.slots()[0]
        for _ in range(2):
            self.pool.retire(slot)
            self.assertEqual((len(self.pool.slots()), self.woken), (1, 1))
        thread_error.pythonapi.PyThreadState_SetAsyncExc.assert_called_once()
        thread_error.c_ulong.assert_called_once_with(slot.thread.ident)
        thread_error.py_object.assert_called_once_with(JobLostError)
        self.submit(1)
        self.assertNotIn(slot.thread, [one.thread for one in self.pool.slots()])
        self.runner.gate.release(3)
        slot.thread.join(10)
        self.assertFalse(slot.thread.is_alive())
        wait_until(lambda: self.pool.idle)
        self.assertEqual(self.pool.known_ids(), [])

    @unmeasured_by_python_311
    def test_retired_at_the_end_unmeasured_by_python_311(self):
        """A thread that is given up just when its job has ended leaves no lock behind."""
        self.submit(1)
        (slot,) = self.pool.slots()
        with self.pool._lock:
            self.runner.gate.release()
            wait_until(lambda: self.is_in("_ended", slot.thread))
            self.pool.retire(slot)
        slot.thread.join(10)
        free = threading.Event()
        threading.Thread(target=lambda: (self.pool.idle, free.set()), daemon=True).start()
        self.assertTrue(free.wait(10), "the lock of the pool belongs to a thread that has ended")
        self.submit(1)
        self.runner.gate.release()
        wait_until(lambda: self.pool.idle)

    def is_in(self, name, thread):
        """Tell whether a thread is in a function of that name."""
        frame = sys._current_frames().get(thread.ident)
        while frame is not None and frame.f_code.co_name != name:
            frame = frame.f_back
        return frame is not None

    def test_reports(self):
        """Failures are reported outside of the threads of jobs; all else only where the registry is loaded already."""
        for loaded, worker, reports in (
            (False, _Worker(has_failed=True), True),
            (False, _Worker(has_news=True, has_ended_jobs=True), False),
            (True, _Worker(has_news=True), True),
            (True, _Worker(has_ended_jobs=True), True),
            (True, _Worker(), False),
        ):
            self.runner.calls.clear()
            with self.subTest(worker=vars(worker)), patch.object(pool_module, "Registry") as registry:
                registry.registries = {"no database": 1} if loaded else {}
                self.pool.report(worker)
                names = {thread.name for thread in threading.enumerate()}
                if reports:
                    wait_until(lambda: self.runner.calls == ["report", "news", "close"])
                else:
                    self.assertNotIn("connector reports no database", names)
                    self.assertEqual(self.runner.calls, [])
