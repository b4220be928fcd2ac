"""The statements of people's actions: which jobs they change, and what they leave in their rows."""

from __future__ import annotations

from odoo.tests import TransactionCase, tagged

from ..queue.sql import actions


@tagged("post_install", "-at_install", "transaction")
class TestActions(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})

    def store(self, state="pending", **options):
        """Return a job in a state."""
        job = self.partner.as_job(**options).write({"ref": "x"})
        self.env.cr.execute("UPDATE connector_job SET state = %s WHERE id = %s", [state, job.id])
        job.invalidate_recordset()
        return job

    def ask(self, statement):
        rows = self.env.execute_query(statement)
        self.env.invalidate_all()
        return rows

    def in_each_state(self):
        """Return a job for each state."""
        names = ("waiting", "pending", "running", "done", "failed", "cancelled")
        return {name: self.store(name) for name in names}

    def test_requeue(self):
        """What waits, is pending or runs is left as it is: it may have changed since it was shown."""
        jobs = self.in_each_state()
        changed = {row[0] for row in self.ask(actions.requeue([job.id for job in jobs.values()]))}
        self.assertEqual(changed, {jobs[name].id for name in ("done", "failed", "cancelled")})

    def test_wait_again(self):
        """Of requeued jobs those wait again that are pending, not those that were superseded."""
        parent = self.store(eta=3600)
        jobs = {state: self.store(state, after=parent) for state in ("pending", "cancelled")}
        self.assertEqual(self.ask(actions.wait_again([job.id for job in jobs.values()])), [(jobs["pending"].id,)])

    def test_cancel_leaves_what_has_run(self):
        """Of the jobs that wait for a cancelled one, at any distance, those are cancelled that wait; with a reason."""
        parent = self.store("failed", eta=3600)
        child, done = self.partner.as_job(after=parent).write({}), self.store("done", after=parent)
        last = self.partner.as_job(after=child + done).write({})
        self.ask(actions.cancel(parent.ids, "by hand"))
        self.assertEqual([job.state for job in (parent, child, done, last)], ["cancelled"] * 2 + ["done", "cancelled"])
        self.assertEqual((parent.result, last.result), ("by hand", "a job that it waits for was cancelled"))
        self.assertFalse(parent.hold)

    def test_set_done(self):
        """A job that is set to done waits for nothing any more."""
        job = self.store(eta=3600)
        self.ask(actions.set_done(job.ids, "by hand"))
        self.assertEqual((job.state, job.hold, job.result), ("done", False, "by hand"))

    def test_cancelled_while_it_runs(self):
        """A job that is cancelled while it runs is no worker's any more."""
        job = self.store("running")
        self.env.cr.execute("UPDATE connector_job SET worker_id = 1 WHERE id = %s", [job.id])
        self.ask(actions.cancel(job.ids, None))
        self.assertEqual((job.state, job.worker_id), ("cancelled", 0))

    def test_run_now(self):
        """A job that waits for its time runs now; one that waits for others, or for its key, still waits."""
        later, waiting, parked = self.store(eta=3600), self.store("waiting", eta=3600), self.store(exclusive_key="one")
        self.env.cr.execute("UPDATE connector_job SET hold = 'key' WHERE id = %s", [parked.id])
        self.assertEqual(self.ask(actions.run_now((later + waiting + parked).ids)), [(later.id,)])
        self.assertEqual((later.hold, later.eta, parked.hold), (False, False, "key"))

    def test_running_with_keys(self):
        """The jobs that keep others of their key from running are those that run."""
        running = self.store("running", exclusive_key="one")
        self.store(exclusive_key="one")
        self.store("running", exclusive_key="two")
        self.assertEqual(self.ask(actions.running_with_keys(["one"])), [("one", running.id)])

    def test_progress(self):
        """Progress is a percentage: at most 100, and 0 of nothing."""
        for done, total, percent in ((1, 4, 25), (9, 4, 100), (5, 0, 0)):
            with self.subTest(done=done, total=total):
                job = self.store()
                self.env.cr.execute("INSERT INTO connector_job_progress VALUES (%s, %s, %s)", [job.id, done, total])
                self.assertEqual(self.ask(actions.read_progress(job.ids)), [(job.id, percent)])

    def test_forget(self):
        """Nothing of a deleted job is left in other tables, and other jobs keep what is theirs."""
        parent = self.store(eta=3600)
        job, other = self.store("cancelled", after=parent), self.store()
        child = self.store("waiting", after=job)
        for one in job + other:
            self.env.cr.execute("INSERT INTO connector_job_progress VALUES (%s, 1, 2)", [one.id])
            self.env.cr.execute("INSERT INTO connector_job_checkpoint VALUES (%s, '{}')", [one.id])
        self.assertEqual(len(self.ask(actions.read_dependencies(job.ids))), 2)
        job_id = job.id
        job.unlink()
        for table in ("progress", "checkpoint"):
            self.env.cr.execute(f"SELECT job_id FROM connector_job_{table} WHERE job_id >= %s", [job_id])
            self.assertEqual(self.env.cr.fetchall(), [(other.id,)], table)
        self.assertEqual(self.ask(actions.read_dependencies([job_id])), [])
        self.assertEqual(child.state, "waiting")

    def test_prune(self):
        """A job goes after its time though others have waited for it, as long as none waits any more."""
        self.env["connector.job.channel"].search([("name", "=", "root")]).keep_days = 2
        parent, named = self.store("done"), self.store("done")
        self.store("failed", after=parent)
        self.env.cr.execute("UPDATE connector_job SET date_done = now() - interval '3 days'")
        waiting = self.partner.as_job(after=self.store(eta=3600) + parent).write({})
        self.assertEqual(self.ask(actions.prune(10)), [(named.id,)])
        waiting.action_cancel()
        self.assertEqual(self.ask(actions.prune(10)), [(parent.id,)])

    def test_jobs_about(self):
        """Jobs are found by the model together with the record or the external id."""
        job, other = self.store(), self.store()
        for one, model, record_id, external_id in ((job, "a", 1, None), (job, "a", None, "x"), (other, "b", 1, "x")):
            self.env.cr.execute(
                "INSERT INTO connector_job_subject VALUES (%s, %s, %s, %s)", [one.id, model, record_id, external_id]
            )
        for model, record_ids, external_ids, expected in (
            ("a", [1], ["x"], job),
            ("b", [1], [], other),
            ("a", [2], ["y"], job.browse()),
            ("a", [], [], job.browse()),
            (None, [], ["x"], job + other),
        ):
            found = {row[0] for row in self.ask(actions.jobs_about(model, record_ids, external_ids))}
            self.assertEqual(found, set(expected.ids), (model, record_ids, external_ids))
