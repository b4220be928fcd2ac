"""What becomes of the jobs that wait for others."""

from __future__ import annotations

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..queue.sql import attempt
from .common import drain_jobs
from .test_queue_claim import ClaimCase


@tagged("post_install", "-at_install", "transaction")
class TestAfter(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})

    def test_after_and_eta(self):
        """A job that waits for others still waits for its time when they are done."""
        parent = self.partner.as_job().write({"ref": "parent"})
        later = self.partner.as_job(after=parent, eta=3600).write({"ref": "later"})
        drain_jobs(self)
        self.assertEqual((later.state, later.hold, self.partner.ref), ("pending", "eta", "parent"))

    def test_after_others(self):
        """A job that is stored after one that has failed waits for it; after one that is cancelled it is cancelled."""
        failed = self.partner.as_job().write({"no_such_field": 1})
        cancelled = self.partner.as_job(eta=3600).write({})
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        cancelled.action_cancel()
        self.assertEqual((failed.state, cancelled.state), ("failed", "cancelled"))
        jobs = [self.partner.as_job(after=parent).write({"ref": "x"}) for parent in (failed, cancelled)]
        drain_jobs(self)
        self.assertEqual([job.state for job in jobs], ["waiting", "cancelled"])
        self.assertFalse(self.partner.ref)


@tagged("post_install", "-at_install", "concurrency")
class TestDependents(ClaimCase):
    """What maintenance finds, and the end of a job."""

    def after(self, *parent_ids):
        """Store a job that waits for others; return its id."""
        with self.environment() as env:
            parents = env["connector.job"].browse(parent_ids)
            return env["queue.probe"].as_job(after=parents).effect("after").id

    def end(self, state, *job_ids):
        self.sql("UPDATE connector_job SET state = %s WHERE id = ANY(%s)", state, list(job_ids))

    def state(self, job_id):
        return self.sql("SELECT state FROM connector_job WHERE id = %s", job_id)[0][0]

    def test_all_done(self):
        """A job is free when all of its parents are done, or deleted; one that failed, or is still to end, keeps it."""
        first, second = self.store(1, 2)
        child = self.after(first, second)
        self.end("done", first)
        for state in ("pending", "waiting", "running", "failed"):
            with self.subTest(state):
                self.end(state, second)
                self.worker()
                self.assertEqual(self.state(child), "waiting")
        self.sql("DELETE FROM connector_job WHERE id = %s", second)
        self.worker()
        self.assertEqual(self.state(child), "pending")

    def test_cancelled(self):
        """A job whose parent is cancelled is cancelled, with what waits for it in turn; what does not wait is not."""
        first, second = self.store(1, 2)
        child, other = self.after(first), self.after(second)
        grandchild, ended = self.after(child), self.after(child)
        self.end("failed", ended)
        self.end("cancelled", first)
        self.worker()
        states = [self.state(job_id) for job_id in (child, grandchild, ended, other)]
        self.assertEqual(states, ["cancelled", "cancelled", "failed", "waiting"])

    def test_held(self):
        """A job whose row is held is passed by, and freed later."""
        (parent,) = self.store(1)
        first, second = self.after(parent), self.after(parent)
        self.end("done", parent)
        worker = self.worker()
        self.end("waiting", first, second)
        with self.held([first]):
            self.assertEqual(worker._session.execute(attempt.release_dependents([parent])), [(second,)])
        self.assertEqual(worker._session.execute(attempt.release_dependents([parent])), [(first,)])

    def test_of_these_parents(self):
        """A job that has ended frees those alone that wait for it, and no job that does not wait."""
        first, second = self.store(1, 2)
        worker = self.worker()
        children = self.after(first), self.after(second), self.after(first)
        self.end("done", first, second)
        self.end("failed", children[2])
        self.assertEqual(worker._session.execute(attempt.release_dependents([first])), [(children[0],)])

    def test_released_by_its_worker(self):
        """The worker that has ended a job frees what waits for it before it claims next, without maintenance."""
        (parent,) = self.store(1)
        child, worker = self.after(parent), self.worker()
        (job,) = worker.claim(1)
        self.assertTrue(worker.skip(job, "x"))
        self.assertEqual(self.claimed(worker), [child])

    def test_left_behind(self):
        """What a crash has left waiting is freed by the maintenance of a claim, each 10 s."""
        (parent,) = self.store(1)
        child, worker = self.after(parent), self.worker()
        (parked,) = self.store(2, exclusive_key="one")
        self.end("done", parent)
        self.sql("UPDATE connector_job SET hold = 'key' WHERE id = %s", parked)
        worker._next_maintenance = float("inf")
        self.assertEqual(self.claimed(worker), [])
        worker._next_maintenance = 0.0
        self.assertEqual(sorted(self.claimed(worker)), sorted([child, parked]))
        self.assertGreater(worker._next_maintenance, 0.0)
