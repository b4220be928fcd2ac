"""When a job that was running in two crashes runs, and what runs beside it."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..queue import quarantine as quarantine_module
from ..queue.claimed import Claimed
from ..queue.quarantine import PATIENCE_S, Quarantine


class _Worker:
    """Notes what is put back."""

    def __init__(self):
        self.given_back = []
        self.delays = []

    def give_back(self, jobs):
        self.given_back += jobs

    def retry(self, job, failure, *, delay_s, count_attempt):
        assert not count_attempt
        self.delays.append(delay_s)


@tagged("post_install", "-at_install", "plain")
class TestQuarantine(BaseCase):
    def setUp(self):
        super().setUp()
        self.clock = self.startPatcher(patch.object(quarantine_module, "time"))
        self.clock.monotonic.return_value = 0.0
        self.worker = _Worker()
        self.quarantine = Quarantine(self.worker)
        self.innocent, self.once, self.twice, self.thrice = (Claimed(n + 1, crashes=n) for n in range(4))

    def test_once(self):
        """After one crash a job starts at once, beside others."""
        jobs = [self.innocent, self.once]
        self.assertEqual(self.quarantine.admit(jobs), jobs)
        self.assertFalse(self.quarantine.blocks(idle=False))

    def test_alone(self):
        """After two it waits until nothing else runs; nothing else starts before it has ended."""
        self.assertEqual(self.quarantine.admit([self.twice, self.innocent]), [self.innocent])
        self.assertIsNone(self.quarantine.next(idle=False))
        self.assertTrue(self.quarantine.blocks(idle=False))
        self.assertIs(self.quarantine.next(idle=True), self.twice)
        self.assertTrue(self.quarantine.blocks(idle=False), "it runs")
        self.assertFalse(self.quarantine.blocks(idle=True), "it has ended")

    def test_one_at_a_time(self):
        """Of several the others go back to the queue, for other processes."""
        self.assertEqual(self.quarantine.admit([self.twice, self.thrice]), [])
        self.assertEqual(self.worker.given_back, [self.thrice])

    def test_patience(self):
        """Where others run for long it is put back for a while, longer each time, and loses no attempt."""
        for number in range(3):
            self.quarantine.admit([self.twice])
            self.clock.monotonic.return_value += PATIENCE_S * 2**number - 1
            self.assertIsNone(self.quarantine.next(idle=False))
            self.assertTrue(self.quarantine.blocks(idle=False))
            self.clock.monotonic.return_value += 1
            self.assertIsNone(self.quarantine.next(idle=False))
            self.assertFalse(self.quarantine.blocks(idle=False), "others start meanwhile")
        self.assertEqual(self.worker.delays, [PATIENCE_S, 2 * PATIENCE_S, 4 * PATIENCE_S])

    def test_withdraw(self):
        """A process that ends takes the waiting job back."""
        self.quarantine.admit([self.twice])
        self.assertEqual(self.quarantine.withdraw(), [self.twice])
        self.assertFalse(self.quarantine.blocks(idle=False))
