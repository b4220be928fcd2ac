"""Keys of any content and length, and what an absorbed call changes of the job that absorbs it."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..exceptions import RetryableError
from .common import drain_jobs
from .test_queue_outcomes import OutcomeCase

_RUNNER = "odoo.addons.connector_framework.queue.runner"


@tagged("post_install", "-at_install", "transaction")
class TestKeys(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})

    def store(self, **options):
        return self.partner.as_job(**options).write({"ref": "x"})

    def test_empty(self):
        """No call is lost without a word: an empty text is no key, as None is none."""
        partners = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        for empty in ("", None, False):
            with self.subTest(empty=empty):
                jobs = [
                    partner.as_job(identity_key=lambda record, vals, e=empty: record.ref or e).write({"city": "X"})
                    for partner in partners
                ]
                self.assertTrue(all(jobs), f"a job was not stored: {jobs}")
                self.assertNotEqual(*jobs)
        self.assertNotEqual(self.store(identity_key=""), self.store(identity_key=""))

    def test_empty_exclusive_key(self):
        """Jobs with an empty exclusive key do not wait for each other."""
        jobs = self.store(exclusive_key="") + self.store(exclusive_key="")
        self.assertEqual(jobs.mapped("exclusive_key"), [False, False])

    def test_long(self):
        """Keys of any length are told apart and found again."""
        for length in (2_000, 10_000, 1_000_000):
            with self.subTest(length=length):
                key = "k" * length
                first = self.store(identity_key=key, exclusive_key=key)
                self.assertEqual(self.store(identity_key=key, exclusive_key=key), first)
                self.assertNotEqual(self.store(identity_key=f"{key}x", exclusive_key=key), first)
        drain_jobs(self)
        self.assertEqual(first.state, "done")

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text(st.characters(codec=None, categories=None), min_size=1, max_size=30))
    def test_any_content(self, key):
        """Whatever a key holds, the same key absorbs and another one does not."""
        first = self.store(identity_key=key, exclusive_key=key)
        self.assertEqual(self.store(identity_key=key), first)
        self.assertNotEqual(self.store(identity_key=f"{key}\ud83d"), first)

    def test_no_text(self):
        """A key that is worked out and is no text is refused at the call."""
        with self.assertRaisesRegex(TypeError, "identity_key"):
            self.partner.as_job(identity_key=lambda record, vals: record.id).write({})


@tagged("post_install", "-at_install", "transaction")
class TestAbsorbed(OutcomeCase):
    def store(self, **options):
        return self.partner.as_job(identity_key="same", **options).write({"ref": "x"})

    def test_brought_forward(self):
        """An urgent call that a job absorbs gives the job its earlier eta and its more urgent priority."""
        job = self.store(eta=3600, priority=20)
        self.assertEqual(self.store(priority=5), job)
        self.assertEqual((job.priority, job.eta, job.hold), (5, False, False))
        drain_jobs(self)
        self.assertEqual(job.state, "done")

    def test_earlier_eta(self):
        """An eta that is earlier, and still to come, is taken over."""
        job = self.store(eta=3600)
        self.store(eta=600)
        self.assertEqual(job.hold, "eta")
        self.assertLess(job.eta, datetime.utcnow() + timedelta(seconds=700))

    def test_not_put_off(self):
        """A call that is less urgent changes nothing."""
        job = self.store(priority=5)
        self.store(eta=3600, priority=20)
        self.assertEqual((job.priority, job.eta, job.hold), (5, False, False))

    def test_not_put_off_later(self):
        """Nor does a later eta of the call move one that is still to come."""
        job = self.store(eta=600)
        eta = job.eta
        self.store(eta=3600)
        self.assertEqual((job.eta, job.hold), (eta, "eta"))

    def test_sooner_and_less_urgent(self):
        """Of eta and priority each is taken over by itself: a call that is sooner does not make the job less urgent."""
        job = self.store(eta=3600, priority=5)
        self.store(priority=20)
        self.assertEqual((job.eta, job.hold, job.priority), (False, False, 5))

    def test_waiting(self):
        """A job that waits for others absorbs, as a pending one does."""
        job = self.store(after=self.partner.as_job(eta=3600).write({}))
        self.assertEqual((job.state, self.store()), ("waiting", job))

    def test_running_until_start(self):
        """A running job whose own key does not count any more absorbs nothing, whatever the new call asks for."""
        seen = []

        def probe(records):
            if not seen:
                seen.append(records.as_job(identity_key="same", identity_until="done").probe().id)

        with self.method(probe):
            job = self.partner.as_job(identity_key="same").probe()
            drain_jobs(self)
        self.assertNotEqual(seen, job.ids)

    def test_call_until_start(self):
        """Nor does a running job whose key counts until it is done absorb a call whose own key does not."""
        seen = []

        def probe(records):
            if not seen:
                seen.append(records.as_job(identity_key="same").probe().id)

        with self.method(probe):
            job = self.partner.as_job(identity_key="same", identity_until="done").probe()
            drain_jobs(self)
        self.assertNotEqual(seen, job.ids)

    def test_keeps_the_pause_after_a_failure(self):
        """A job that waits for its next attempt keeps that time: calls in an outage do not use up its attempts."""

        def probe(records):
            raise RetryableError("down", retry_after_s=1000)

        with self.method(probe), mute_logger(_RUNNER):
            job = self.partner.as_job(identity_key="same").probe()
            drain_jobs(self)
            eta = job.eta
            self.assertEqual(self.partner.as_job(identity_key="same", priority=1).probe(), job)
        self.assertEqual((job.eta, job.hold, job.priority), (eta, "eta", 1))

    def test_map(self):
        """In one map call each absorbed call brings its own job forward."""
        jobs = self.partner.as_job(identity_key=lambda r, v: v["ref"], eta=3600)
        first = jobs.map("write", [({"ref": "a"},), ({"ref": "b"},), ({"ref": "c"},)])
        self.partner.as_job(identity_key=lambda r, v: v["ref"]).map("write", [({"ref": "c"},), ({"ref": "a"},)])
        self.assertEqual([bool(job.eta) for job in first], [False, True, False])

    def test_requeue_twins(self):
        """Of failed jobs with one key that are requeued together one runs again, the others are superseded by it."""
        with self.method(lambda records: 1 / 0), mute_logger(_RUNNER):
            jobs = self.env["connector.job"]
            for _ in range(3):
                jobs += self.partner.as_job(identity_key="same").probe()
                drain_jobs(self)
            other = self.partner.as_job(identity_key="other").probe()
            drain_jobs(self)
        self.assertEqual(set((jobs + other).mapped("state")), {"failed"})
        (jobs + other).action_requeue()
        self.assertEqual(jobs.mapped("state"), ["pending", "cancelled", "cancelled"])
        self.assertEqual(jobs[1:].mapped("result"), [f"superseded by job {jobs[0].id}"] * 2)
        self.assertEqual(other.state, "pending")

    def test_requeue_most_urgent(self):
        """The most urgent of them is the one that runs again."""
        with self.method(lambda records: 1 / 0), mute_logger(_RUNNER):
            jobs = self.env["connector.job"]
            for priority in (10, 5, 20):
                jobs += self.partner.as_job(identity_key="same", priority=priority).probe()
                drain_jobs(self)
        jobs.action_requeue()
        self.assertEqual(jobs.mapped("state"), ["cancelled", "pending", "cancelled"])

    def test_requeue_beside_waiting(self):
        """A waiting job has the key, too: one that comes back is superseded by it."""
        with self.method(lambda records: 1 / 0), mute_logger(_RUNNER):
            job = self.partner.as_job(identity_key="same").probe()
            drain_jobs(self)
        waiting = self.store(after=self.partner.as_job(eta=3600).write({}))
        self.assertEqual(waiting.state, "waiting")
        job.action_requeue()
        self.assertEqual((job.state, job.result), ("cancelled", f"superseded by job {waiting.id}"))

    def requeue_beside_running(self, **options):
        """Requeue a failed job from inside of a running one of its key; return both, and the state that it got.

        :param options: of the running job
        """
        with self.method(lambda records: 1 / 0), mute_logger(_RUNNER):
            job = self.partner.as_job(identity_key="same", identity_until="done").probe()
            drain_jobs(self)
        seen = []

        def probe(records):
            job.with_env(records.env).action_requeue()
            seen.append(job.with_env(records.env).state)

        with self.method(probe):
            running = self.partner.as_job(identity_key="same", **options).probe()
            drain_jobs(self, limit=1)
        return job, running, seen

    def test_requeue_beside_running_until_start(self):
        """A running job whose own key does not count any more keeps none from coming back."""
        _job, _running, seen = self.requeue_beside_running()
        self.assertEqual(seen, ["pending"])

    def test_requeue_beside_running(self):
        """A job whose key counts until it is done does not come back beside a running one of the key."""
        job, running, seen = self.requeue_beside_running(identity_until="done")
        self.assertEqual((seen, running.state), (["cancelled"], "done"))
        self.assertEqual(job.result, f"superseded by job {running.id}")
