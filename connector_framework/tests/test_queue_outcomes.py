"""Whatever a job raises, returns, asks for or does to itself, its outcome is written and the worker goes on."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from unittest.mock import patch

import psycopg2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger
from psycopg2.pool import PoolError

from ..exceptions import NetworkError, RetryableError, SkipError
from ..queue import job_options
from .common import drain_jobs

_RUNNER = "odoo.addons.connector_framework.queue.runner"
_RETRY = "odoo.addons.connector_framework.queue.retry"
_texts = st.text(st.characters(codec=None, categories=None), max_size=40)


class _Speechless(Exception):
    def __str__(self):
        raise ValueError("no text")


class _SpeechlessResult:
    def __str__(self):
        raise ValueError("no text")


class _BadMessageError(NetworkError):
    @property
    def user_message(self):
        return _SpeechlessResult()


class OutcomeCase(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})

    @contextmanager
    def method(self, function, **options):
        """Give res.partner a method ``probe`` for a while."""
        self.registry.__dict__.pop("_connector_job_options", None)
        with patch.object(self.registry["res.partner"], "probe", job_options(**options)(function), create=True):
            yield
        self.registry.__dict__.pop("_connector_job_options", None)

    def run_one(self, function, **options):
        """Run ``probe`` once, and another job after it; return the first."""
        with self.method(function), mute_logger(_RUNNER, _RETRY, "odoo.sql_db"):
            job = self.partner.as_job(**options).probe()
            after = self.partner.as_job(priority=20).write({"ref": "after"})
            drain_jobs(self)
        self.assertEqual(after.state, "done", "the worker goes on")
        return job

    def ends(self, error, result=None):
        """Return the state of a job that raises the error, or returns the result."""

        def probe(records):
            if error:
                raise error
            return result

        job = self.run_one(probe)
        for name in ("exc_type", "exc_message", "exc_info", "user_message", "result"):
            (job[name] or "").encode()
        return job.state


@tagged("post_install", "-at_install", "transaction")
class TestTexts(OutcomeCase):
    def test_lone_surrogate(self):
        """Half an emoji, as JSON may hold it, in the text of an error: the job ends as with any other text."""
        for error, state in ((ValueError, "failed"), (SkipError, "done"), (RetryableError, "pending")):
            with self.subTest(error=error):
                self.assertEqual(self.ends(error("Ann \ud83d")), state)
        self.assertEqual(self.ends(None, "Ann \ud83d"), "done")

    def test_no_text(self):
        """An error, a result or a message that cannot say what it is ends the job all the same."""
        self.assertEqual(self.ends(_Speechless()), "failed")
        self.assertEqual(self.ends(None, _SpeechlessResult()), "done")
        self.assertEqual(self.ends(_BadMessageError("x")), "pending")

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_texts, st.sampled_from([ValueError, UserError, SkipError, RetryableError, SystemExit, KeyError]))
    def test_any_text(self, text, kind):
        """Whatever an error's text holds, the job ends as its type says."""
        expected = {SkipError: "done", RetryableError: "pending"}.get(kind, "failed")
        self.assertEqual(self.ends(kind(text)), expected)

    def test_long(self):
        """A result and an error of a million characters are cut."""
        job = self.run_one(lambda records: "x" * 1_000_000)
        self.assertEqual(job.state, "done")
        self.assertLess(len(job.result), 100_000)


@tagged("post_install", "-at_install", "transaction")
class TestWhatAJobAsksFor(OutcomeCase):
    def test_any_pause(self):
        """Whatever ``retry_after_s`` is, the job is tried again: what is no time counts as not said."""
        for pause in (float("nan"), float("inf"), -5, 10**30, 1e300, "soon", [], object(), True):
            with self.subTest(pause=pause):
                self.assertIn(self.ends(RetryableError("x", retry_after_s=pause)), ("pending", "failed"))

    def test_no_time(self):
        """Instead of no number of seconds the default pause is taken."""

        def probe(records):
            raise RetryableError("x", retry_after_s="soon")

        job = self.run_one(probe)
        self.env.cr.execute("SELECT extract(epoch FROM %s - (clock_timestamp() AT TIME ZONE 'utc'))", [job.eta])
        self.assertAlmostEqual(float(self.env.cr.fetchone()[0]), 10, delta=8)

    def test_any_progress(self):
        """Progress that is no number fails the job, and names what was reported."""
        for progress in ((float("nan"), 1), (1, float("inf")), ("half", 1), (None, None)):
            with self.subTest(progress=progress):
                job = self.run_one(lambda records, p=progress: records.env["connector.job"].report_progress(*p))
                self.assertEqual(job.state, "failed")

    def test_any_checkpoint(self):
        """A checkpoint of what JSON cannot hold fails the job; one with odd text is kept."""
        for state, expected in (({1, 2}, "failed"), (float("nan"), "failed"), ({"x": "\ud83d\0"}, "done")):
            with self.subTest(state=state):
                job = self.run_one(lambda records, s=state: records.env["connector.job"].checkpoint(s))
                self.assertEqual(job.state, expected)


@tagged("post_install", "-at_install", "transaction")
class TestOwnRow(OutcomeCase):
    def test_changes_its_row(self):
        """A job that changes or deletes its own row fails, saying so; its work is rolled back."""
        for change in (
            "UPDATE connector_job SET state = 'done', worker_id = NULL WHERE id = %s",
            "UPDATE connector_job SET attempt = attempt + 1 WHERE id = %s",
            "DELETE FROM connector_job WHERE id = %s",
        ):
            with self.subTest(change=change):

                def probe(records, change=change):
                    records.ref = "changed"
                    records.flush_recordset()
                    records.env.cr.execute(change, [records.env["connector.job"].current().id])

                job = self.run_one(probe)
                self.assertEqual(job.state, "failed")
                self.assertIn("its row changed", job.exc_message)
                self.assertNotEqual(self.partner.ref, "changed")

    def test_user_is_gone(self):
        """The job of a user who was deleted fails, saying so."""
        with self.method(lambda records: 1), mute_logger(_RUNNER):
            job = self.partner.as_job().probe()
            self.env.cr.execute("UPDATE connector_job SET user_id = 1000000 WHERE id = %s", [job.id])
            drain_jobs(self)
        self.env.cr.execute("SELECT state, exc_message FROM connector_job WHERE id = %s", [job.id])
        state, message = self.env.cr.fetchone()
        self.assertEqual(state, "failed")
        self.assertIn("user 1000000 of the job does not exist any more", message)

    def test_breaks_its_transaction(self):
        """A job that swallows an error of SQL, and leaves its transaction broken, fails."""

        def probe(records):
            with suppress(psycopg2.Error):
                records.env.cr.execute("SELECT 1 / 0")

        self.assertEqual(self.run_one(probe).state, "failed")


@tagged("post_install", "-at_install", "transaction")
class TestNoConnection(OutcomeCase):
    def test_second_connection(self):
        """A job that gets no second connection, as each call of an adapter takes one for a moment, is tried again."""
        for error in (
            PoolError("The Connection Pool Is Full"),
            psycopg2.OperationalError("connection failed: FATAL:  sorry, too many clients already"),
            psycopg2.OperationalError("FATAL:  the database system is starting up"),
        ):
            with self.subTest(error=error):
                self.assertEqual(self.ends(error), "pending")

    def test_other_errors_of_the_database(self):
        """An error of a statement fails the job, as ever: it would fail again."""
        self.assertEqual(self.run_one(lambda records: records.env.cr.execute("SELECT 1 / 0")).state, "failed")

    def test_before_it_begins(self):
        """Where the work itself gets no connection the job is tried again later, and loses no attempt."""
        refused = PoolError("The Connection Pool Is Full")
        with patch(f"{_RUNNER}.work_cursor", side_effect=refused), mute_logger(_RUNNER):
            job = self.partner.as_job().write({"ref": "x"})
            drain_jobs(self, limit=1)
        self.assertEqual((job.state, job.attempt, job.hold), ("pending", 0, "eta"))

    def test_logs_no_error(self):
        """It is a warning: nobody has to act."""
        refused = patch(f"{_RUNNER}.work_cursor", side_effect=PoolError("full"))
        with self.assertLogs(_RUNNER, logging.WARNING) as logs, self.method(lambda records: 1), refused:
            self.partner.as_job().probe()
            drain_jobs(self, limit=1)
        self.assertEqual({record.levelname for record in logs.records}, {"WARNING"})
