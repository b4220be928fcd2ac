"""The duties of each second, with a clock that the test sets."""

from __future__ import annotations

from unittest.mock import MagicMock, patch

import psycopg2
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from ..queue import heartbeat as heartbeat_module
from ..queue.claimed import Claimed
from ..queue.heartbeat import ABANDONED_CHECK_S, STALE_AFTER_S, Heartbeat, Slot

_LOGGER = "odoo.addons.connector_framework.queue.heartbeat"


@tagged("post_install", "-at_install", "plain")
class TestHeartbeat(BaseCase):
    def setUp(self):
        super().setUp()
        self.clock = self.startPatcher(patch.object(heartbeat_module, "time"))
        self.clock.monotonic.return_value = 100.0
        self.worker, self.runs, self.changed = MagicMock(), MagicMock(), MagicMock()
        self.worker.heartbeat.return_value = True
        self.worker.reap.return_value = self.worker.rescue_abandoned.return_value = 0
        self.runs.slots.return_value = []
        self.runs.withdraw.return_value = []
        self.heartbeat = Heartbeat(
            self.worker, self.runs, registry=lambda: None, lease_s=30, known_ids=lambda: {3, 1}, changed=self.changed
        )

    def beat(self, now=100.0):
        self.clock.monotonic.return_value = now
        self.heartbeat._beat()

    def slot(self, *timeouts, began=100.0):
        jobs = [Claimed(n, timeout_s=timeout_s) for n, timeout_s in enumerate(timeouts)]
        return Slot(self.worker, jobs, MagicMock(), began)

    def test_reports(self):
        """The worker tells how many jobs run, those that share a transaction one by one, and whether it stops."""
        self.runs.slots.return_value = [self.slot(None), self.slot(None, None)]
        self.beat()
        self.worker.heartbeat.assert_called_once_with(3, stopping=False)
        self.heartbeat.stopping = True
        self.beat()
        self.worker.heartbeat.assert_called_with(3, stopping=True)

    def test_declared_dead(self):
        """A worker that was declared dead does nothing more: its jobs are those of others."""
        self.worker.heartbeat.return_value = False
        self.runs.slots.return_value = [self.slot(1, began=0.0)]
        with mute_logger(_LOGGER):
            self.beat()
        self.assertTrue(self.heartbeat.lost)
        for duty in ("give_back", "time_out", "reap", "rescue_abandoned"):
            getattr(self.worker, duty).assert_not_called()

    def test_stale(self):
        """Claimed jobs that no thread has begun for 2 s go back."""
        jobs = [Claimed(7)]
        self.runs.withdraw.return_value = jobs
        self.beat()
        self.runs.withdraw.assert_called_once_with(older_than_s=STALE_AFTER_S)
        self.worker.give_back.assert_called_once_with(jobs)

    def test_timeout(self):
        """An attempt past its time limit is ended, and its thread given up; one without a limit never is."""
        slot, other = self.slot(5), self.slot(None)
        self.runs.slots.return_value = [slot, other]
        self.beat(105.0)
        self.worker.time_out.assert_not_called()
        self.beat(105.1)
        self.worker.time_out.assert_called_once()
        self.assertEqual(self.worker.time_out.call_args.args, (slot.jobs[0],))
        self.assertTrue(8 <= self.worker.time_out.call_args.kwargs["delay_s"] <= 12)
        self.runs.retire.assert_called_once_with(slot)

    def test_others(self):
        """Each second it takes over from dead workers, each 10 s it looks for jobs of its own that no thread has."""
        for now in (100.0, 101.0, 100.0 + ABANDONED_CHECK_S, 101.0 + ABANDONED_CHECK_S):
            self.beat(now)
        self.assertEqual(self.worker.reap.call_count, 4)
        self.worker.reap.assert_called_with(30)
        self.worker.rescue_abandoned.assert_called_once_with([1, 3])
        self.changed.assert_not_called()

    def test_changed(self):
        """Jobs that it has put back wake the dispatcher."""
        for duty in (self.worker.reap, self.worker.rescue_abandoned):
            duty.return_value = 1
            self.beat(200.0)
            self.changed.assert_called_once_with()
            self.changed.reset_mock()
            duty.return_value = 0
            self.heartbeat._next_check = 0.0

    def test_late(self):
        """A worker that could not tell for two thirds of the lease claims nothing: it may count as dead elsewhere."""
        self.beat(200.0)
        for now, late in ((200.0, False), (220.0, False), (220.1, True)):
            self.clock.monotonic.return_value = now
            self.assertIs(self.heartbeat.late, late, now)
        self.beat(221.0)
        self.assertFalse(self.heartbeat.late)

    def test_errors(self):
        """A lost session ends the heartbeat and wakes the dispatcher; after any other error it goes on."""
        self.worker.heartbeat.side_effect = [ValueError("odd"), True, psycopg2.OperationalError("gone")]
        with patch.object(heartbeat_module, "HEARTBEAT_S", 0), mute_logger(_LOGGER), self.heartbeat:
            self.heartbeat._thread.join(10)
            self.assertFalse(self.heartbeat._thread.is_alive())
        self.assertEqual(self.worker.heartbeat.call_count, 3)
        self.assertTrue(self.heartbeat.lost)
        self.changed.assert_called_once_with()

    def test_end(self):
        """It ends with its block, and its thread with it."""
        with patch.object(heartbeat_module, "HEARTBEAT_S", 0), self.heartbeat as entered:
            self.assertIs(entered, self.heartbeat)
            self.assertTrue(self.heartbeat._thread.is_alive())
        self.assertFalse(self.heartbeat._thread.is_alive())
        self.assertFalse(self.heartbeat.lost)
