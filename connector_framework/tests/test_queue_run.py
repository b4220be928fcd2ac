"""How jobs run and end."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2.errors import DeadlockDetected, SerializationFailure

from ..exceptions import JobLostError, NetworkError, RetryableError, SkipError
from ..queue import job_options
from ..queue.runner import _UNEXPECTED
from .common import drain_jobs

_RUNNER = "odoo.addons.connector_framework.queue.runner"


def setting_of(cr) -> str:
    cr.execute("SHOW synchronous_commit")
    return cr.fetchone()[0]


@tagged("post_install", "-at_install", "transaction")
class TestRun(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})
        self.model = self.registry["res.partner"]

    @contextmanager
    def method(self, function, **options):
        """Give res.partner a method ``probe`` for a while."""
        self.registry.__dict__.pop("_connector_job_options", None)
        with patch.object(self.model, "probe", job_options(**options)(function), create=True):
            yield
        self.registry.__dict__.pop("_connector_job_options", None)

    def run_one(self, function, *args, records=None, call_options=None, **options):
        """Enqueue ``probe`` and run what is due; return the job."""
        with self.method(function, **options), mute_logger(_RUNNER, "odoo.sql_db"):
            job = (self.partner if records is None else records).as_job(**(call_options or {})).probe(*args)
            drain_jobs(self)
        return job

    def test_done(self):
        """What returns is done, its return value is the result as text."""
        job = self.run_one(lambda self, x: x + 1, 2)
        self.assertEqual((job.state, job.result, job.attempt), ("done", "3", 1))
        self.assertTrue(job.date_started <= job.date_done)
        self.assertFalse(job.worker_id)

    def test_environment(self):
        """A job runs as the caller's user, with his company, companies, language and su flag."""
        company = self.env["res.company"].create({"name": "Second"})
        user = new_test_user(self.env, "runner", "base.group_user,base.group_partner_manager")
        user.company_ids += company
        seen = []

        def probe(self):
            seen.append((self.env.uid, self.env.su, self.env.company.id, set(self.env.companies.ids), self.env.context))

        records = self.partner.with_user(user).with_context(
            lang="en_US",
            tz="Europe/Paris",
            active_test=False,
            secret="x",
            allowed_company_ids=[company.id, user.company_id.id],
        )
        self.run_one(probe, records=records)
        uid, su, company_id, companies, context = seen[0]
        self.assertEqual((uid, su, company_id), (user.id, False, company.id))
        self.assertEqual(companies, {company.id, user.company_id.id})
        self.assertEqual((context["lang"], context["tz"], context["active_test"]), ("en_US", "Europe/Paris", False))
        self.assertNotIn("secret", context)
        self.run_one(probe, records=records.sudo(), call_options={"keep_context": ["secret"]})
        self.assertTrue(seen[1][1])
        self.assertEqual(seen[1][4]["secret"], "x")

    def test_kept_context(self):
        """A kept key has its value as it was, of whatever type an argument may be."""
        seen = []
        records = self.partner.with_context(since=date(2026, 1, 2), who=self.partner, pair=(1, 2))
        names = ["since", "who", "pair", "missing"]
        self.run_one(
            lambda self: seen.append([self.env.context.get(name) for name in names]),
            records=records,
            call_options={"keep_context": names},
        )
        self.assertEqual(seen, [[date(2026, 1, 2), self.partner, (1, 2), None]])

    def test_argument_environment(self):
        """A record that is an argument comes with the rights it had: here those of the superuser."""
        user = new_test_user(self.env, "runner", "base.group_user")
        seen = []
        self.run_one(
            lambda self, one, other: seen.append((self.env.su, one.env.su, other.env.su, one.env.uid)),
            self.partner.with_user(user).sudo(),
            self.partner.with_user(user),
            records=self.partner.with_user(user),
        )
        self.assertEqual(seen, [(False, True, False, user.id)])

    def test_public_user(self):
        """A website's visitors have a user who is archived from the start: his jobs run."""
        public = self.env.ref("base.public_user")
        self.assertFalse(public.active)
        job = self.run_one(lambda self: self.env.uid, records=self.partner.with_user(public))
        self.assertEqual((job.state, job.result), ("done", str(public.id)))

    def test_archived_user(self):
        """The job of a user who is archived meanwhile fails, saying so."""
        user = new_test_user(self.env, "leaver", "base.group_user")
        job = self.partner.with_user(user).as_job().read(["name"])
        user.active = False
        with mute_logger(_RUNNER):
            drain_jobs(self)
        self.assertEqual(job.state, "failed")
        self.assertIn("leaver", job.exc_message)
        self.assertIn("archived", job.exc_message)

    def test_records_gone(self):
        """Records that are gone are left out; all gone: done, saying so; an empty recordset runs."""
        other = self.env["res.partner"].create({"name": "gone"})
        with self.method(lambda self: self.ids):
            both = (self.partner + other).as_job().probe()
            gone = other.as_job().probe()
            empty = self.env["res.partner"].as_job().probe()
            other.unlink()
            drain_jobs(self)
        self.assertEqual(both.result, str(self.partner.ids))
        self.assertEqual((gone.state, gone.result), ("done", "the records no longer exist"))
        self.assertEqual((empty.state, empty.result), ("done", "[]"))

    def test_failed(self):
        """Any other error fails the job at once, with type, message and traceback; its work is rolled back."""

        def probe(self):
            self.name = "changed"
            raise ValueError("broken \0 text")

        job = self.run_one(probe)
        self.assertEqual((job.state, job.exc_type, job.attempt), ("failed", "ValueError", 1))
        self.assertIn("broken", job.exc_message)
        self.assertIn("Traceback", job.exc_info)
        self.assertTrue(job.date_done)
        self.assertEqual(self.partner.name, "Job")

    def test_user_error(self):
        """What an Odoo error says is what its user is told."""

        def probe(self):
            raise UserError("Fill in the name.")

        self.assertEqual(self.run_one(probe).user_message, "Fill in the name.")
        self.assertIn("developer", self.run_one(lambda self: 1 / 0).user_message)

    def test_language(self):
        """What its user is told is in the language of the caller, else of the user."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["res.lang"]._activate_lang("de_DE")
        user = new_test_user(self.env, "runner", "base.group_user", lang="de_DE")
        for lang, language in (("fr_FR", "fr_FR"), (None, "de_DE")):
            records = self.partner.with_user(user).with_context(lang=lang)
            self.assertEqual(
                self.run_one(lambda self: 1 / 0, records=records).user_message, _UNEXPECTED._translate(language)
            )

    def test_async_commit(self):
        """A method may leave it to the disk when its work is safe; it is asked for by the method alone."""
        for async_commit, setting in ((False, "on"), (True, "off")):
            self.env.cr.execute("SET LOCAL synchronous_commit = on")
            job = self.run_one(lambda self: setting_of(self.env.cr), async_commit=async_commit)
            self.assertEqual(job.result, setting)

    def test_retry(self):
        """A retryable error puts the job back with the eta that it names, until no attempt is left."""

        def probe(self):
            raise NetworkError("down", retry_after_s=0)

        job = self.run_one(probe, call_options={"max_attempts": 3})
        self.assertEqual((job.state, job.attempt), ("failed", 3))
        self.assertIn("requeue it", job.user_message)
        self.assertNotIn("by itself", job.user_message)

        def later(self):
            raise RetryableError("later", retry_after_s=100)

        job = self.run_one(later)
        self.assertIn("by itself", job.user_message)
        self.assertEqual((job.state, job.hold, job.attempt, job.exc_message), ("pending", "eta", 1, "later"))
        self.env.cr.execute("SELECT extract(epoch FROM %s - (clock_timestamp() AT TIME ZONE 'utc'))", [job.eta])
        self.assertAlmostEqual(float(self.env.cr.fetchone()[0]), 100, delta=20)

    def test_retry_not_counted(self):
        """count_attempt=False gives the attempt back, also the last one."""

        def probe(self):
            raise RetryableError("wait", retry_after_s=100, count_attempt=False)

        job = self.run_one(probe, call_options={"max_attempts": 1})
        self.assertEqual((job.state, job.attempt), ("pending", 0))

    def test_retry_pattern(self):
        """The method's pattern says how long to wait from the n-th attempt on; without one 10 s, doubled each time."""

        def probe(self):
            raise RetryableError("again")

        def other(self):
            raise RetryableError("again")

        def pause(job):
            self.env.cr.execute("SELECT extract(epoch FROM %s - (clock_timestamp() AT TIME ZONE 'utc'))", [job.eta])
            return float(self.env.cr.fetchone()[0])

        job = self.run_one(probe, retry_pattern={1: 40, 5: 300})
        self.assertAlmostEqual(pause(job), 40, delta=5)
        self.assertTrue(7 < pause(self.run_one(other)) < 13)

    def test_again_at_once(self):
        """Serialization failures and deadlocks are rolled back and run again at once, which is no attempt."""
        errors = [SerializationFailure(), DeadlockDetected(), SerializationFailure()]

        def probe(self):
            self.ref = f"{self.ref or ''}x"
            if errors:
                raise errors.pop()

        job = self.run_one(probe)
        self.assertEqual((job.state, job.attempt, self.partner.ref), ("done", 1, "x"))

    def test_again_at_once_bounded(self):
        """After 5 of them in a row the attempt has failed, and the job is tried again later."""
        seen = []

        def probe(self):
            seen.append(1)
            raise SerializationFailure

        job = self.run_one(probe)
        self.assertEqual((len(seen), job.state, job.attempt, job.hold), (5, "pending", 1, "eta"))
        self.assertIn("SerializationFailure", job.exc_message)

    def test_skip(self):
        """SkipError rolls the work back and ends the job done, with the reason."""

        def probe(self):
            self.name = "changed"
            raise SkipError("nothing new")

        job = self.run_one(probe)
        self.assertEqual((job.state, job.result, self.partner.name), ("done", "nothing new", "Job"))

    def test_job_options_inherited(self):
        """A method's options are the defaults; the call's win; an override of the method keeps its base's."""
        with self.method(lambda self: None, priority=7, channel="root.opt", max_attempts=2):
            job = self.partner.as_job(priority=1).probe()
        self.assertEqual((job.priority, job.channel, job.max_attempts), (1, "root.opt", 2))

    def test_channel_defaults(self):
        """A channel's attempts and timeout are the defaults of its jobs."""
        self.env["connector.job.channel"].create({"name": "root.slow", "max_attempts": 9, "timeout_s": 60})
        job = self.partner.as_job(channel="root.slow").write({})
        self.assertEqual((job.max_attempts, job.timeout_s), (9, 60))
        job = self.partner.as_job(channel="root.slow", max_attempts=1, timeout_s=5).write({})
        self.assertEqual((job.max_attempts, job.timeout_s), (1, 5))

    def test_priority(self):
        """Lower priority first, then in order."""
        seen = []
        with self.method(lambda self, x: seen.append(x)):
            for x, priority in enumerate((10, 5, 10, 1)):
                self.partner.as_job(priority=priority).probe(x)
            drain_jobs(self)
        self.assertEqual(seen, [3, 1, 0, 2])

    def test_exclusive_key_order(self):
        """Jobs of one exclusive key run one after the other, in order, and none is left behind."""
        seen = []
        with self.method(lambda self, x: seen.append(x)):
            self.partner.as_job(exclusive_key="e").map("probe", [(x,) for x in range(25)])
            self.partner.as_job().map("probe", [(100 + x,) for x in range(3)])
            drain_jobs(self)
        self.assertEqual([x for x in seen if x < 100], list(range(25)))
        self.assertEqual(len(seen), 28)

    def test_capacity_and_pause(self):
        """A paused channel starts nothing, nor what is below it; resumed it does."""
        with self.method(lambda self: None):
            jobs = self.partner.as_job(channel="root.p.q").map("probe", [()] * 3)
            channel = self.env["connector.job.channel"].search([("name", "=", "root.p")])
            channel.action_pause()
            free = self.partner.as_job().probe()
            drain_jobs(self)
            self.assertEqual((set(jobs.mapped("state")), free.state), ({"pending"}, "done"))
            channel.action_resume()
            channel.capacity = 1
            drain_jobs(self)
        self.assertEqual(set(jobs.mapped("state")), {"done"})

    def test_run_channel_only(self):
        """run_pending(channel=) runs that channel and those below alone."""
        with self.method(lambda self: None):
            inside = self.partner.as_job(channel="root.only.deep").probe()
            outside = self.partner.as_job().probe()
            self.assertEqual(drain_jobs(self, channel="root.only"), 1)
        self.assertEqual((inside.state, outside.state), ("done", "pending"))

    def test_limit(self):
        """limit= runs that many at most and leaves the others as they were."""
        with self.method(lambda self: None):
            jobs = self.partner.as_job().map("probe", [()] * 5)
            self.assertEqual(drain_jobs(self, limit=2), 2)
        self.assertEqual(sorted(jobs.mapped("state")), ["done", "done", "pending", "pending", "pending"])
        self.assertEqual(set(jobs.filtered(lambda job: job.state == "pending").mapped("attempt")), {0})

    def test_job_enqueues(self):
        """What a job enqueues runs too; what it enqueued before it failed does not exist."""

        def probe(self, broken):
            self.as_job(description="child").write({"ref": "child"})
            if broken:
                raise ValueError("broken")

        self.run_one(probe, True)
        self.assertFalse(self.env["connector.job"].search_count([("name", "=", "child")]))
        self.run_one(probe, False)
        self.assertEqual(self.partner.ref, "child")

    def test_current_job(self):
        """A job's code can ask for its job; a context cannot pretend one; outside of a job there is none."""
        jobs = self.env["connector.job"]
        self.assertFalse(jobs.current())
        job = self.run_one(lambda self: self.env["connector.job"].current().id)
        self.assertEqual(job.result, str(job.id))
        for call in (lambda: jobs.report_progress(1, 2), lambda: jobs.checkpoint({}), jobs.checkpoint_state):
            with self.assertRaises(RuntimeError):
                call()

    def test_checkpoint(self):
        """What was committed at a checkpoint stays, and the next attempt gets its state."""
        states = []

        def probe(self):
            job = self.env["connector.job"]
            states.append(job.checkpoint_state())
            self.name = f"step {len(states)}"
            job.report_progress(len(states), 4)
            if len(states) == 1:
                job.checkpoint({"page": 2})
                self.name = "lost"
                raise RetryableError("down", retry_after_s=0)
            self.ref = self.name

        job = self.run_one(probe)
        self.assertEqual((job.state, job.attempt, states), ("done", 2, [None, {"page": 2}]))
        self.assertEqual(self.partner.name, "step 2")
        self.assertEqual(job.progress, 100)

    def test_requeue(self):
        """A failed job runs again with all its attempts; from a wrong state nothing changes."""
        outcome = [ValueError("broken"), None]

        def probe(self):
            error = outcome.pop(0)
            if error:
                raise error

        with self.method(probe), mute_logger(_RUNNER):
            job = self.partner.as_job().probe()
            with self.assertRaisesRegex(UserError, "Nothing was changed"):
                job.action_requeue()
            drain_jobs(self)
            self.assertEqual(job.state, "failed")
            job.action_requeue()
            self.assertEqual((job.state, job.attempt, job.exc_type), ("pending", 0, False))
            drain_jobs(self)
        self.assertEqual((job.state, job.attempt), ("done", 1))

    def test_requeue_waits(self):
        """A job that is requeued waits again for what it was to run after, if that is still to end."""
        parent = self.partner.as_job(eta=1000).write({"ref": "parent"})
        child = self.partner.as_job(after=parent).write({"ref": "child"})
        parent.action_cancel()
        self.assertEqual(child.state, "cancelled")
        (parent + child).action_requeue()
        self.assertEqual((parent.state, child.state), ("pending", "waiting"))
        drain_jobs(self)
        self.assertEqual((parent.state, child.state, self.partner.ref), ("done", "done", "child"))

        other = self.partner.as_job(after=self.partner.as_job(eta=1000).write({})).write({"ref": "other"})
        other.parent_ids.action_cancel()
        other.action_requeue()
        drain_jobs(self)
        self.assertEqual(other.state, "done", "a cancelled one does not keep it")

    def test_requeue_superseded(self):
        """A job whose identity key a pending one has taken ends cancelled when it would be pending again."""
        first = self.partner.as_job(identity_key="same").write({"no_such": 1})
        with mute_logger(_RUNNER):
            drain_jobs(self)
        second = self.partner.as_job(identity_key="same").write({"ref": "x"})
        self.assertNotEqual(first, second)
        first.action_requeue()
        self.assertEqual((first.state, first.result), ("cancelled", f"superseded by job {second.id}"))

    def test_unlink(self):
        """A deleted job counts as done for what waits for it."""
        parent = self.partner.as_job(eta=1000).write({})
        child = self.partner.as_job(after=parent).write({"ref": "child"})
        parent.unlink()
        drain_jobs(self)
        self.assertEqual((child.state, self.partner.ref), ("done", "child"))

    def test_model_gone(self):
        """A job whose method or model is gone fails with the reason, and can be shown, cancelled and deleted."""
        with self.method(lambda self: None):
            jobs = self.partner.as_job().map("probe", [(), ()])
        self.env.cr.execute("UPDATE connector_job SET model_name = 'no.model' WHERE id = %s", [jobs[1].id])
        with mute_logger(_RUNNER):
            drain_jobs(self)
        self.assertEqual(set(jobs.mapped("state")), {"failed"})
        self.assertIn("probe", jobs[0].exc_message)
        self.assertIn("model no.model does not exist any more", jobs[1].exc_message)
        self.assertTrue(jobs.read())
        jobs.action_cancel()
        jobs.unlink()
        self.assertFalse(jobs.exists())

    def test_call_unreadable(self):
        """A job whose stored call cannot be read fails, and can be shown, cancelled and deleted."""
        job = self.partner.as_job().write({})
        self.env.cr.execute("UPDATE connector_job SET call = '{broken' WHERE id = %s", [job.id])
        with mute_logger(_RUNNER):
            drain_jobs(self)
        self.assertEqual((job.state, job.exc_type), ("failed", "json.decoder.JSONDecodeError"))
        self.assertNotIn("broken", job.call)
        with self.assertRaises(UserError):
            job.action_open_record()
        job.action_cancel()
        job.unlink()

    def test_running_is_let_be(self):
        """A running job is neither requeued, nor set to done, nor deleted."""
        seen = []

        def probe(self):
            job = self.env["connector.job"].current()
            for action in (job.action_requeue, job.action_done, job.unlink):
                try:
                    action()
                except UserError:
                    seen.append(job.state)

        job = self.run_one(probe)
        self.assertEqual((seen, job.state), (["running"] * 3, "done"))

    def test_lost(self):
        """An attempt that is not the owner any more commits nothing and changes nothing."""

        def probe(self):
            self.name = "changed"
            # Somebody takes the job over, as the reaper does.
            self.env.cr.execute(
                "UPDATE connector_job SET attempt = attempt + 1 WHERE id = %s", [self.env["connector.job"].current().id]
            )

        with self.assertLogs(_RUNNER, logging.WARNING) as logs, self.method(probe):
            job = self.partner.as_job().probe()
            drain_jobs(self, limit=1)
        self.assertIn("taken over", "\n".join(logs.output))
        self.assertEqual(self.partner.name, "Job")
        self.assertNotEqual(job.state, "done")

    def test_lost_at_a_checkpoint(self):
        """An attempt that is not the owner any more ends with its checkpoint: what comes then is not begun."""
        begun = []

        def probe(self):
            job = self.env["connector.job"]
            self.env.cr.execute("UPDATE connector_job SET attempt = attempt + 1 WHERE id = %s", [job.current().id])
            begun.append("first")
            job.checkpoint({})
            begun.append("second")

        with mute_logger(_RUNNER), self.method(probe):
            self.partner.as_job().probe()
            drain_jobs(self, limit=1)
        self.assertEqual(begun, ["first"])

    def test_job_lost_is_not_an_exception(self):
        """A job's own ``except Exception`` does not swallow the loss of the job."""
        self.assertFalse(issubclass(JobLostError, Exception))

    def test_prune(self):
        """Done and cancelled jobs go after their channel's keep_days, failed ones stay."""
        self.env["connector.job.channel"].search([("name", "=", "root")]).keep_days = 2
        with mute_logger(_RUNNER):
            done = self.partner.as_job().write({"ref": "1"})
            failed = self.partner.as_job(max_attempts=1).write({"no_such": 1})
            fresh = self.partner.as_job().write({"ref": "2"})
            drain_jobs(self)
        self.env.cr.execute(
            "UPDATE connector_job SET date_done = date_done - interval '3 days' WHERE id = ANY(%s)",
            [(done + failed).ids],
        )
        self.env["connector.job"]._gc_jobs()
        self.assertEqual((done + failed + fresh).exists(), failed + fresh)

    def test_prune_in_batches(self):
        """What is not kept goes in batches, with its traces in other tables; what a waiting job names stays."""
        self.env["connector.job.channel"].search([("name", "=", "root")]).keep_days = 0
        with self.method(lambda self: self.env["connector.job"].report_progress(1, 2)):
            parents = self.partner.as_job().map("probe", [()] * 5)
            child = self.partner.as_job(after=parents[0] + self.partner.as_job(eta=1000).probe()).probe()
            drain_jobs(self)
        self.assertEqual(child.state, "waiting")
        jobs = self.env["connector.job"]
        self.assertEqual([jobs._gc_jobs(3), jobs._gc_jobs(3)], [(3, True), (1, False)])
        self.assertEqual(parents.exists(), parents[0])
        self.env.cr.execute("SELECT job_id FROM connector_job_progress WHERE job_id = ANY(%s)", [parents.ids])
        self.assertEqual(self.env.cr.fetchall(), [(parents[0].id,)])
