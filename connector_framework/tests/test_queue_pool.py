"""How many jobs a pool of threads asks for."""

from __future__ import annotations

import threading
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..queue import pool as pool_module
from ..queue.claimed import Claimed
from ..queue.pool import AHEAD_MAX, Pool
from .common import wait_until


class _Runner:
    """Runs a job until it is told to end."""

    gate = threading.Semaphore(0)
    disconnected = threading.Event()

    def __init__(self, dbname):
        pass

    def run(self, worker, jobs):
        self.gate.acquire()
        if jobs[0].method_name == "breaks_the_runner":
            raise MemoryError

    def rest(self):
        pass

    close = rest

    def disconnect(self):
        self.disconnected.set()


class _Worker:
    has_releases = False


@tagged("post_install", "-at_install", "plain")
class TestPool(BaseCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(pool_module, "Runner", _Runner))
        self.clock = self.startPatcher(patch.object(pool_module, "time"))
        self.clock.monotonic.return_value = 0.0
        _Runner.gate = threading.Semaphore(0)
        self.woken = 0
        self.pool = Pool("no database", 2, self.wake)
        self.addCleanup(self.end)

    def wake(self):
        self.woken += 1

    def end(self):
        self.pool.withdraw()
        self.pool.close()
        _Runner.gate.release(1000)
        self.assertTrue(self.pool.join(10))

    def submit(self, count):
        jobs = [Claimed(n, model_name="res.lang", method_name="exists") for n in range(count)]
        begun = min(len(self.pool.slots()) + count, 2)
        self.pool.submit(_Worker(), jobs)
        wait_until(lambda: len(self.pool.slots()) == begun)

    def finish(self, count):
        """Let as many jobs end, and the next ones begin."""
        for _ in range(count):
            waiting = len(self.pool._queue)
            _Runner.gate.release()
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
        self.startPatcher(patch.object(_Runner, "disconnected", threading.Event()))
        self.submit(1)
        _Runner.gate.release()
        wait_until(lambda: self.pool.idle)
        self.assertFalse(_Runner.disconnected.wait(0.2))
        self.clock.monotonic.return_value = 1.0
        self.assertTrue(_Runner.disconnected.wait(10))

    def test_error_of_the_runner(self):
        """A thread survives an error of the runner itself and runs the next job; the pool has the first no more."""
        jobs = [Claimed(1, method_name="breaks_the_runner"), Claimed(2), Claimed(3)]
        self.pool.size = 1
        with self.assertLogs("odoo.addons.connector_framework.queue.pool", "ERROR") as logs:
            self.pool.submit(_Worker(), jobs)
            wait_until(self.pool.slots)
            (thread,) = [slot.thread for slot in self.pool.slots()]
            _Runner.gate.release()
            wait_until(lambda: self.pool.known_ids() == [2, 3])
        self.assertIn("put back", logs.output[0])
        wait_until(lambda: [slot.thread for slot in self.pool.slots()] == [thread])
