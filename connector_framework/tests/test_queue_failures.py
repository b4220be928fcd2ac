"""Failed attempts are kept, and the failure of a job is reported to its records."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from ..exceptions import RateLimitedError, RetryableError, SkipError
from ..queue.runner import _report_failure
from ..queue.sql.attempt import failed_call
from .common import drain_jobs, make_due
from .test_queue_outcomes import OutcomeCase

_RUNNER = "odoo.addons.connector_framework.queue.runner"


class FailureCase(OutcomeCase):
    def attempts_of(self, job):
        job.invalidate_recordset()
        return [(attempt.number, attempt.exc_type, attempt.exc_message) for attempt in job.attempt_ids]

    def drain(self, job):
        """Run a job until it is not due any more, each retry included."""
        while drain_jobs(self):
            make_due(job)


@tagged("post_install", "-at_install", "transaction")
class TestAttempts(FailureCase):
    def fails(self, *errors, **options):
        """Return a job that raises these errors, one an attempt, and is done then."""
        left = list(errors)

        def probe(records):
            if left:
                raise left.pop(0)

        with self.method(probe):
            job = self.partner.as_job(**options).probe()
            self.drain(job)
        return job

    def test_each_is_kept(self):
        """Each failed attempt is kept with its error, the last one included."""
        job = self.fails(RetryableError("first"), RetryableError("second"), ValueError("third"))
        self.assertEqual(job.state, "failed")
        kind = "odoo.addons.connector_framework.exceptions.RetryableError"
        self.assertEqual(self.attempts_of(job), [(1, kind, "first"), (2, kind, "second"), (3, "ValueError", "third")])
        for attempt in job.attempt_ids:
            self.assertIn("Traceback", attempt.exc_info)
            self.assertIn("process", attempt.worker)
            self.assertLessEqual(attempt.started, attempt.ended)

    def test_after_a_success(self):
        """They stay when a later attempt succeeds."""
        job = self.fails(RetryableError("first"))
        self.assertEqual((job.state, len(job.attempt_ids)), ("done", 1))

    def test_success_and_skip(self):
        """An attempt that succeeds, or ends without work, is none."""
        self.assertFalse(self.fails().attempt_ids)
        self.assertFalse(self.fails(SkipError("nothing to do")).attempt_ids)

    def test_not_counted(self):
        """Waiting for a token is no attempt."""
        job = self.fails(RateLimitedError("wait", count_attempt=False))
        self.assertEqual((job.state, len(job.attempt_ids)), ("done", 0))

    def test_requeued(self):
        """A requeued job keeps those from before."""
        job = self.fails(ValueError("once"))
        job.action_requeue()
        with self.method(lambda records: 1 / 0):
            self.drain(job)
        self.assertEqual([number for number, _type, _message in self.attempts_of(job)], [1, 1])

    def test_deleted_with_the_job(self):
        """They go with their job."""
        job = self.fails(ValueError("once"))
        attempts = job.attempt_ids
        job.unlink()
        self.assertFalse(attempts.exists())

    def test_any_text(self):
        """Text that PostgreSQL cannot hold loses no attempt."""
        job = self.fails(RetryableError("a\0b \ud83d"), ValueError("x\0"))
        self.assertEqual(len(job.attempt_ids), 2)

    def test_rights(self):
        """A user sees the attempts of his own jobs alone, a connector user those of all."""
        job = self.fails(ValueError("once"))
        user = new_test_user(self.env, "plain", "base.group_user")
        self.assertFalse(self.env["connector.job.attempt"].with_user(user).search([]))
        user = new_test_user(self.env, "watching", "connector_framework.group_connector_user")
        self.assertEqual(self.env["connector.job.attempt"].with_user(user).search([]), job.attempt_ids)


@tagged("post_install", "-at_install", "transaction")
class TestOnFailure(FailureCase):
    def setUp(self):
        super().setUp()
        self.reported = []

        def report(records, job):
            self.reported.append((records, job.state, job.exc_message, records.env.uid))
            records.write({"comment": job.exc_message})

        self.hook("report", report)

    def hook(self, name, function):
        self.enterContext(patch.object(self.registry["res.partner"], name, function, create=True))

    def run_failing(self, error, hook="report", **options):
        def probe(records):
            records.write({"ref": "half done"})
            raise error

        with self.method(probe, on_failure=hook):
            job = self.partner.as_job(**options).probe()
            self.drain(job)
        return job

    def test_reported(self):
        """The method is called with the failed job, on its records, after the rollback of the work."""
        job = self.run_failing(ValueError("broken"))
        self.assertEqual([call[:3] for call in self.reported], [(self.partner, "failed", "broken")])
        self.assertIn("broken", self.partner.comment)
        self.assertFalse(self.partner.ref)
        self.assertEqual(job.state, "failed")

    def test_outside_of_the_job(self):
        """The job has ended when it is called: none is the current one."""
        current = []
        self.hook("look", lambda records, job: current.append(records.env["connector.job"].current()))
        self.run_failing(ValueError("broken"), hook="look")
        self.assertEqual(current, [self.env["connector.job"]])

    def test_as_the_user_of_the_job(self):
        """It runs as the job's user."""
        user = new_test_user(self.env, "seller", "base.group_user,base.group_partner_manager")
        self.partner = self.partner.with_user(user)
        self.run_failing(ValueError("broken"))
        self.assertEqual([call[3] for call in self.reported], [user.id])

    def test_once(self):
        """Retries report nothing; the last attempt does, once."""
        self.run_failing(RetryableError("again"), max_attempts=3)
        self.assertEqual(len(self.reported), 1)

    def test_error_in_it(self):
        """An error in the method is logged and changes nothing."""

        def broken(records, job):
            records.write({"comment": "written"})
            raise ZeroDivisionError

        self.hook("broken", broken)
        with self.assertLogs(_RUNNER, "WARNING") as logs:
            job = self.run_failing(ValueError("broken"), hook="broken")
        self.assertIn(f"job {job.id}: its on_failure method failed", "".join(logs.output))
        self.assertEqual((job.state, job.exc_message), ("failed", "broken"))
        self.assertFalse(self.partner.comment)

    def test_no_such_method(self):
        """A method that is not there is such an error."""
        with self.assertLogs(_RUNNER, "WARNING"):
            self.assertEqual(self.run_failing(ValueError("broken"), hook="missing").state, "failed")

    def test_records_are_gone(self):
        """It is called on those records that are left."""
        other = self.env["res.partner"].create({"name": "Other"})

        def probe(records):
            raise ValueError("broken")

        with self.method(probe, on_failure="report"):
            job = (self.partner | other).as_job().probe()
            other.unlink()
            self.drain(job)
        self.assertEqual(self.reported[0][0], self.partner)

    def test_requeued_meanwhile(self):
        """A job that was requeued in the meantime gets no call."""
        job = self.run_failing(ValueError("broken"))
        self.env.cr.execute(failed_call(job.id))
        self.assertEqual(self.env.cr.rowcount, 1)
        job.action_requeue()
        self.env.cr.execute(failed_call(job.id))
        self.assertEqual(self.env.cr.rowcount, 0)
        self.assertIsNone(_report_failure(self.env.cr, job.id))
        self.assertEqual(len(self.reported), 1)

    def test_without_one(self):
        """A job without such a method fails with nothing but its own line in the log."""
        with self.assertLogs(_RUNNER, "WARNING") as logs:
            self.run_failing(ValueError("broken"), hook=None)
        self.assertEqual(len(logs.output), 1)
