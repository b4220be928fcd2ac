"""The fence: what a worker writes about a job counts while the job is its own, and not a moment longer."""

from __future__ import annotations

import psycopg2
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..queue.claimed import Failure
from ..queue.sql import actions, attempt, workers
from .test_queue_claim import ClaimCase

_ERROR = Failure("X", "x")
_WORKER = "odoo.addons.connector_framework.queue.worker"


class FenceCase(ClaimCase):
    def claim(self, count=1, **options):
        """Return a worker and jobs that it has claimed."""
        worker = self.worker()
        self.store(*[10] * count, **options)
        return worker, worker.claim(count)

    def rows(self, columns="state, attempt, worker_id, hold, result, exc_type, crashes"):
        return self.sql(f"SELECT {columns} FROM connector_job ORDER BY id")

    def finish(self, worker, jobs):
        """Run the last statement of the jobs' work; False: they are taken over."""
        nothing = [None] * len(jobs)
        started = self.sql("SELECT now() AT TIME ZONE 'utc'")[0] * len(jobs)
        try:
            worker._session.execute(attempt.finish(worker.id, jobs, nothing, started).as_sql())
        except psycopg2.Error as error:
            self.assertTrue(attempt.is_taken_over(error), error)
            return False
        return True


@tagged("post_install", "-at_install", "concurrency")
class TestFence(FenceCase):
    #: The ways in which a job is not that of a claim any more.
    ways = ("worker_id = worker_id + 1", "attempt = attempt + 1", "state = 'failed'")

    def test_own(self):
        """The fence lets a worker begin and finish what is its own."""
        worker, jobs = self.claim(2)
        self.assertEqual(len(worker._session.execute(attempt.lock(worker.id, jobs).as_sql())), 2)
        self.assertTrue(self.finish(worker, jobs))
        self.assertEqual(self.rows("state, attempt, worker_id"), [("done", 1, None)] * 2)

    def test_taken_over(self):
        """A job of another worker, of another attempt, or that does not run is neither begun nor ended."""
        for way in self.ways:
            with self.subTest(way):
                self.sql("TRUNCATE connector_job")
                worker, (job,) = self.claim()
                self.sql(f"UPDATE connector_job SET {way}")
                before = self.rows()
                self.assertEqual(worker._session.execute(attempt.lock(worker.id, [job]).as_sql()), [])
                self.assertFalse(self.finish(worker, [job]))
                self.assertFalse(worker.skip(job, "x"))
                self.assertFalse(worker.retry(job, _ERROR, delay_s=0))
                self.assertFalse(worker.fail(job, _ERROR))
                self.assertEqual(self.rows(), before)

    def test_given_back(self):
        """Only what still runs, and is the worker's, is given back."""
        for way in self.ways[::2]:
            with self.subTest(way):
                self.sql("TRUNCATE connector_job")
                worker, jobs = self.claim()
                self.sql(f"UPDATE connector_job SET {way}")
                before = self.rows()
                worker.give_back(jobs)
                self.assertEqual(self.rows(), before)

    def test_one_of_a_group(self):
        """Of jobs that share a transaction none is done when one of them is taken over."""
        worker, jobs = self.claim(2)
        self.sql("UPDATE connector_job SET attempt = 2 WHERE id = %s", jobs[1].id)
        self.assertFalse(self.finish(worker, jobs))
        self.assertEqual(self.rows("state"), [("running",), ("running",)])

    def test_ended_meanwhile(self):
        """A job that has ended between two looks at a dead worker is not taken from it."""
        worker, (job,) = self.claim()
        self.sql("UPDATE connector_job SET state = 'done'")
        self.assertEqual(self.ask(attempt.put_back_lost([job.id], begun=True)), [])
        self.assertEqual(self.ask(attempt.put_back_lost([job.id], begun=False)), [])
        self.assertEqual(self.ask(attempt.fail_lost([job.id], _ERROR, crashed=True)), [])
        self.assertEqual(self.ask(attempt.lost_jobs(workers.jobs_of([worker.id]))), [])
        self.assertEqual(self.rows("state"), [("done",)])

    def test_actions(self):
        """An action locks pending jobs, also while they are claimed; of running ones, those that have not begun."""
        _worker, jobs = self.claim(3)
        ids = [job.id for job in jobs]
        self.sql("UPDATE connector_job SET state = 'pending' WHERE id = %s", ids[0])
        self.assertEqual(self.ask(actions.lock_jobs(ids)), [(ids[0],)])
        self.assertEqual(self.ask(actions.lock_unbegun(ids)), [(ids[1],), (ids[2],)])
        with self.held(ids[:2]):
            self.assertEqual(self.ask(actions.lock_unbegun(ids)), [(ids[2],)])
            self.assertEqual(self.ask(actions.lock_jobs(ids[1:])), [])
            with self.assertRaises(psycopg2.errors.LockNotAvailable):
                self.ask(actions.lock_jobs(ids))


@tagged("post_install", "-at_install", "concurrency")
class TestEnds(FenceCase):
    """What the end of an attempt leaves in the job's row."""

    def test_done(self):
        """A success clears the failure of the attempt before, and counts from the moment at which the work began."""
        worker, jobs = self.claim()
        self.sql(
            "UPDATE connector_job SET exc_type = 'X', exc_message = 'x', exc_info = 'x', user_message = 'x',"
            " date_started = date_started - interval '1 hour'"
        )
        self.assertTrue(self.finish(worker, jobs))
        columns = "state, worker_id, exc_type, exc_message, exc_info, user_message, duration_s < 600"
        self.assertEqual(self.rows(columns), [("done", None, None, None, None, None, True)])
        self.assertEqual(self.rows("date_done - date_started < interval '10 minutes'"), [(True,)])

    def test_failed(self):
        """A failure clears the result, frees the job from its worker, and counts from the same moment."""
        worker, (job,) = self.claim()
        self.sql("UPDATE connector_job SET result = 'old', date_started = date_started - interval '1 hour'")
        (started,) = self.sql("SELECT now() AT TIME ZONE 'utc'")[0]
        self.assertTrue(worker.fail(job, _ERROR, started=started))
        columns = "state, worker_id, result, exc_type, duration_s < 600, date_started"
        self.assertEqual(self.rows(columns), [("failed", None, None, "X", True, started)])

    def test_retried(self):
        """A job that is tried again later belongs to no worker, and has neither end nor result."""
        worker, (job,) = self.claim()
        self.sql("UPDATE connector_job SET result = 'old', date_done = now()")
        self.assertTrue(worker.retry(job, _ERROR, delay_s=60))
        columns = "state, hold, worker_id, attempt, result, date_done, exc_type"
        self.assertEqual(self.rows(columns), [("pending", "eta", None, 1, None, None, "X")])

    def test_at_once(self):
        """A job that is tried again at once keeps the time before which it was not to run, and is claimable."""
        worker, (job,) = self.claim()
        self.sql("UPDATE connector_job SET eta = '2001-01-01'")
        self.assertTrue(worker.retry(job, _ERROR, delay_s=0))
        self.assertEqual(self.rows("state, hold, eta::text"), [("pending", None, "2001-01-01 00:00:00")])

    def test_crashed(self):
        """A crash is counted, also that of the last attempt; a job without a limit never has a last one."""
        for max_attempts, state in ((0, "pending"), (1, "failed"), (2, "pending")):
            with self.subTest(max_attempts=max_attempts):
                self.sql("TRUNCATE connector_job")
                worker, (job,) = self.claim(max_attempts=max_attempts)
                self.ask(attempt.lock(worker.id, [job]).as_sql())
                self.sql("UPDATE connector_job SET worker_id = -1")
                with mute_logger(_WORKER):
                    self.assertEqual(self.worker().reap(30), 1)
                self.assertEqual(self.rows("state, worker_id, crashes"), [(state, None, 1)])

    def test_not_waited_for(self):
        """What is put back, or failed, without waiting passes a job by whose work holds its row."""
        worker, (job,) = self.claim()
        with self.another_session("SELECT 1 FROM connector_job FOR NO KEY UPDATE"):
            self.assertFalse(worker.retry(job, _ERROR, delay_s=0, wait=False))
            self.assertFalse(worker.fail(job, _ERROR, wait=False))
            self.assertEqual(self.ask(attempt.put_back_lost([job.id], begun=True)), [])
            self.assertEqual(self.ask(attempt.fail_lost([job.id], _ERROR, crashed=True)), [])
            for end in (worker.retry, worker.fail):
                with self.assertRaises(psycopg2.errors.LockNotAvailable):
                    end(job, _ERROR, **({"delay_s": 0} if end == worker.retry else {}))
        self.assertEqual(self.rows("state"), [("running",)])

    def test_stopped(self):
        """What a worker that stops gives back has not failed: no attempt is kept, though one is used up."""
        worker, jobs = self.claim(2)
        self.ask(attempt.lock(worker.id, jobs[:1]).as_sql())
        worker.close()
        self.assertEqual(self.rows("state, attempt, exc_type"), [("pending", 1, None), ("pending", 0, None)])
        self.assertEqual(self.sql("SELECT 1 FROM connector_job_attempt WHERE job_id = %s", jobs[0].id), [])

    def test_stopped_at_work(self):
        """A worker that stops cuts the sessions of its jobs at work, puts these back, and is no worker any more."""
        worker, _jobs = self.claim()
        worker._session.execute(SQL("SET lock_timeout = 0"))
        with self.another_session("SELECT 1 FROM connector_job FOR NO KEY UPDATE"):
            worker.close()
        self.assertEqual(self.rows("state, attempt, worker_id"), [("pending", 1, None)])
        self.assertEqual(self.sql("SELECT 1 FROM connector_worker WHERE id = %s", worker.id), [])

    def test_key_of_a_dead_worker(self):
        """Where the last attempt of a dead worker held a key, the next job of the key is free."""
        worker, (job,) = self.claim(2, exclusive_key="one", max_attempts=1)
        (waiting,) = self.sql("SELECT id FROM connector_job WHERE hold = 'key'")[0]
        self.ask(attempt.lock(worker.id, [job]).as_sql())
        self.sql("UPDATE connector_job SET worker_id = -1 WHERE id = %s", job.id)
        other = self.worker()
        with mute_logger(_WORKER):
            self.assertEqual((other.reap(30), other.reap(30)), (1, 0))
        self.assertEqual(other.take_failed(), [job.id])
        self.assertEqual(self.claimed(other), [waiting])

    def test_causes_of_several(self):
        """Of jobs that fail together each has the incident of its own backend and company."""
        _worker, jobs = self.claim(4)
        own = [("a", 1, 1), ("a", 2, 1), ("b", 1, 1), ("a", 1, 2)]
        for job, values in zip(jobs, own, strict=True):
            columns = "backend_model = %s, backend_id = %s, company_id = %s"
            self.sql(f"UPDATE connector_job SET {columns} WHERE id = %s", *values, job.id)
        failed = self.ask(attempt.fail_lost([job.id for job in jobs], _ERROR, crashed=False))
        self.assertEqual(sorted(row[0] for row in failed), [job.id for job in jobs])
        found = """SELECT i.backend_model, i.backend_id, i.company_id
                     FROM connector_incident i JOIN connector_job j ON j.incident_id = i.id WHERE j.id = %s"""
        self.assertEqual([self.sql(found, job.id) for job in jobs], [[values] for values in own])
