"""What a worker notes about the jobs that it ends, and what it makes of the answers of the database."""

from __future__ import annotations

from unittest.mock import MagicMock, patch

import psycopg2
from odoo.tests import BaseCase, tagged
from psycopg2.errors import UniqueViolation

from ..queue import worker as worker_module
from ..queue.claimed import Claimed, Failure
from ..queue.news import NEWS_S
from ..queue.sql import incidents
from ..queue.worker import Poll, Worker


@tagged("post_install", "-at_install", "plain")
class TestNotes(BaseCase):
    def setUp(self):
        super().setUp()
        self.clock = self.startPatcher(patch.object(worker_module, "time"))
        self.clock.monotonic.return_value = 100.0
        self.session = MagicMock()
        self.session.execute.return_value = [(1,)]
        self.worker = Worker(self.session)
        self.session.reset_mock()

    def test_has_work(self):
        """There is work where jobs can be claimed, or the time of one has come."""
        for claimable, next_eta_s, expected in (
            (True, None, True),
            (False, None, False),
            (False, 1.0, False),
            (False, 0.0, True),
            (False, -1.0, True),
        ):
            poll = Poll(False, False, 3, claimable, next_eta_s)
            self.assertIs(poll.has_work, expected, poll)

    def test_exhausted(self):
        """The last attempt is the one that makes up the number of them; where that is 0 there is no last one."""
        for attempt, max_attempts, expected in ((1, 0, False), (1, 1, True), (2, 3, False), (3, 3, True), (4, 3, True)):
            job = Claimed(1, attempt=attempt, max_attempts=max_attempts)
            self.assertIs(job.exhausted, expected, job)

    def test_news(self):
        """That jobs have ended is told once, and again after 2 seconds at the earliest."""
        self.assertFalse(self.worker.take_ended_jobs())
        self.worker.ended(Claimed(1))
        self.assertTrue(self.worker.take_ended_jobs())
        self.assertFalse(self.worker.take_ended_jobs())
        self.worker.ended(Claimed(2))
        for passed, expected in ((NEWS_S - 0.1, False), (NEWS_S, True)):
            self.clock.monotonic.return_value = 100.0 + passed
            self.assertIs(self.worker.take_ended_jobs(), expected)

    def test_keys(self):
        """It has something to free when a job with an exclusive key has ended, until that is freed."""
        self.worker.ended(Claimed(1))
        self.assertFalse(self.worker.has_releases)
        self.worker.ended(Claimed(2, exclusive_key="one"))
        self.assertTrue(self.worker.has_releases)
        self.session.execute.return_value = [(False,)]
        self.worker.release()
        self.assertFalse(self.worker.has_releases)

    def test_keys_of_any_end(self):
        """So it has whatever the end was, a retry included."""
        job, failure = Claimed(2, exclusive_key="one"), Failure("X", "x")
        for end in (
            lambda: self.worker.retry(job, failure, delay_s=1),
            lambda: self.worker.fail(job, failure),
            lambda: self.worker.skip(job, "nothing to do"),
        ):
            self.session.execute.return_value = [(2, "pending", None)]
            self.assertTrue(end())
            self.assertTrue(self.worker.has_releases)
            self.session.execute.return_value = [(False,)]
            self.worker.release()
            self.assertFalse(self.worker.has_releases)

    def test_due_reports(self):
        """Its maintenance finds that messages about incidents are due, though none of its own jobs has failed."""
        asks = incidents.due_reports().code
        for due in (False, True):
            self.session.execute.side_effect = lambda query, due=due, **how: [(due,)] if query.code == asks else []
            self.worker.maintain()
            self.assertIs(self.worker.has_news, due)

    def test_drained(self):
        """It is drained when no job is left that is due or runs."""
        for unfinished in (True, False):
            self.session.execute.return_value = [(unfinished,)]
            self.assertIs(self.worker.is_drained(), not unfinished)

    def test_failed(self):
        """Failed jobs are handed out once, for their methods; messages about incidents may be due then."""
        self.session.execute.return_value = [(7, "failed", None)]
        self.assertTrue(self.worker.fail(Claimed(7), Failure("X", "x")))
        self.assertTrue(self.worker.has_failed)
        self.assertTrue(self.worker.has_news)
        self.assertEqual((self.worker.take_failed(), self.worker.take_failed()), ([7], []))
        self.assertTrue(self.worker.has_news)
        self.session.execute.return_value = [(True,)]
        self.assertEqual((self.worker.take_reports(), self.worker.take_reports()), (True, False))

    def test_reports_of_others(self):
        """Where another process has written the messages meanwhile none is due."""
        self.session.execute.return_value = [(7, "failed", None)]
        self.worker.fail(Claimed(7), Failure("X", "x"))
        self.worker.take_failed()
        self.session.execute.return_value = [(False,)]
        self.assertFalse(self.worker.take_reports())

    def test_two_that_meet(self):
        """A statement that meets another one in a unique index is run again, ten times at most."""
        self.session.execute.side_effect = [*[UniqueViolation] * 9, []]
        self.worker.give_back([Claimed(1)])
        self.session.execute.side_effect = UniqueViolation
        self.session.execute.reset_mock()
        with self.assertRaises(UniqueViolation):
            self.worker.give_back([Claimed(1)])
        self.assertEqual(self.session.execute.call_count, 10)

    def test_other_errors(self):
        """An error that is not about the fence is no answer: it is raised."""
        self.session.execute.side_effect = psycopg2.OperationalError("gone")
        with self.assertRaises(psycopg2.OperationalError):
            self.worker.skip(Claimed(1), "x")
