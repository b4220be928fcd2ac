"""Which workers count as dead, and whose sessions are cut."""

from __future__ import annotations

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..queue.session import DatabaseSession
from ..queue.sql import attempt, workers
from ..queue.sql.schema import QUEUE_LOCK, REAP, WORKER_LOCK
from ..queue.worker import Worker
from .common import wait_until
from .test_queue_claim import ClaimCase

#: A number that the sequence of the workers does not reach.
_ID = 1_000_000


class LivenessCase(ClaimCase):
    def register(self, worker_id, silent_s):
        """Store a worker that was seen last so many seconds ago."""
        self.sql(
            """INSERT INTO connector_worker (id, host, pid, threads, date_started, last_seen, stopping, running)
               VALUES (%s, 'host', 1, 1, now(), (now() AT TIME ZONE 'utc') - %s * interval '1 second', false, 0)""",
            worker_id,
            silent_s,
        )

    def run_by(self, worker_id, state="running"):
        """Store a job that a worker runs, and return its id."""
        (job_id,) = self.store(10)
        self.sql(
            "UPDATE connector_job SET state = %s, worker_id = %s, attempt = 1 WHERE id = %s", state, worker_id, job_id
        )
        return job_id

    def seen(self):
        return self.sql("SELECT id FROM connector_worker WHERE id >= %s ORDER BY id", _ID)


@tagged("post_install", "-at_install", "concurrency")
class TestDeadWorkers(LivenessCase):
    def dead(self):
        return sorted(row[0] for row in self.ask(workers.dead_workers(3600)) if row[0] >= _ID)

    def test_lock(self):
        """A silent worker is dead when its lock is free, or after the lease; one that was seen just now never is."""
        lock = f"SELECT pg_advisory_lock({WORKER_LOCK}, id) FROM connector_worker WHERE id = ANY(%s)"
        for worker_id, silent_s in ((_ID, -3600), (_ID + 1, 60), (_ID + 2, 60), (_ID + 3, 7200), (_ID + 4, 7200)):
            self.register(worker_id, silent_s)
        with self.another_session(lock, [_ID + 2, _ID + 4]):
            self.assertEqual(self.dead(), [_ID + 1, _ID + 3, _ID + 4])

    def test_own_lock(self):
        """A worker holds its lock as long as its session lives: silent, it is not dead before the lease."""
        worker = Worker(DatabaseSession(self.dbname))
        self.sql("UPDATE connector_worker SET last_seen = last_seen - interval '10 minutes'")
        self.assertNotIn((worker.id,), self.ask(workers.dead_workers(3600)))
        worker._session.close()
        wait_until(lambda: (worker.id,) in self.ask(workers.dead_workers(3600)))

    def test_unregistered(self):
        """A worker that is not registered any more is dead as long as jobs name it that run."""
        self.run_by(_ID)
        self.run_by(_ID + 1, state="failed")
        self.assertEqual(self.dead(), [_ID])

    def test_one_reaper(self):
        """While another one takes over from dead workers there is none to take over from."""
        self.register(_ID, 60)
        with self.another_session(f"SELECT pg_advisory_xact_lock({QUEUE_LOCK}, {REAP})"):
            self.assertEqual(self.dead(), [])
        self.assertEqual(self.dead(), [_ID])

    def test_forgotten(self):
        """A dead worker is forgotten once it has no job that runs; live ones are not."""
        for worker_id in (_ID, _ID + 1, _ID + 2):
            self.register(worker_id, 60)
        self.run_by(_ID)
        self.run_by(_ID + 1, state="failed")
        self.ask(workers.forget_workers([_ID, _ID + 1]))
        self.assertEqual(self.seen(), [(_ID,), (_ID + 2,)])

    def test_heartbeat(self):
        """A heartbeat is that of its worker alone; of a worker that was forgotten it tells so."""
        worker = self.worker()
        self.register(_ID, 60)
        self.sql("UPDATE connector_worker SET last_seen = last_seen - interval '1 hour'")
        self.assertTrue(worker.heartbeat(3, stopping=True))
        recent = "last_seen > (now() AT TIME ZONE 'utc') - interval '10 minutes'"
        rows = self.sql(f"SELECT id, running, stopping FROM connector_worker WHERE {recent}")
        self.assertEqual(rows, [(worker.id, 3, True)])
        self.sql("DELETE FROM connector_worker WHERE id = %s", worker.id)
        self.assertFalse(worker.heartbeat(0))


@tagged("post_install", "-at_install", "concurrency")
class TestCutSessions(LivenessCase):
    """A session that is cut loses its work, and the rows that it holds are free."""

    def at_work(self, job_id):
        """Hold the row of a job, as its work does."""
        return self.another_session("SELECT 1 FROM connector_job WHERE id = %s FOR NO KEY UPDATE", job_id)

    def held(self, job_id):
        free = "SELECT id FROM connector_job WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"
        return not self.sql(free, job_id)

    def test_silent_for_the_lease(self):
        """The sessions of a dead worker are cut after the lease; before, it may be that only its lock was lost."""
        self.register(_ID, 60)
        job_id = self.run_by(_ID)
        with self.at_work(job_id):
            self.assertEqual(self.ask(workers.end_silent_sessions([_ID], 3600)), [])
            self.assertTrue(self.held(job_id))
            self.assertEqual(self.ask(workers.end_silent_sessions([_ID], 30)), [(True,)])
            wait_until(lambda: not self.held(job_id))

    def test_reaped(self):
        """Who takes over from a dead worker cuts its sessions, puts its jobs back as they get free, and forgets it."""
        self.register(_ID, 60)
        job_id, worker = self.run_by(_ID), self.worker()
        with self.at_work(job_id), mute_logger("odoo.addons.connector_framework.queue.worker"):
            wait_until(lambda: worker.reap(30))
        self.assertEqual(self.sql("SELECT state, worker_id FROM connector_job"), [("pending", None)])
        wait_until(lambda: not worker.reap(30) and not self.seen())

    def test_one_job(self):
        """The session of a job is cut, and no other one; that of a job which has not begun is none."""
        first, second, third = (self.run_by(_ID) for _ in range(3))
        with self.at_work(first), self.at_work(second):
            self.assertEqual(self.ask(workers.end_sessions([first, third])), [(True,)])
            wait_until(lambda: not self.held(first))
            self.assertTrue(self.held(second))

    def test_own(self):
        """A job that takes itself from its worker, as one that cancels itself does, is not cut by itself."""
        job_id, session = self.run_by(_ID), DatabaseSession(self.dbname)
        self.addCleanup(session.close)
        session.execute(SQL("BEGIN"))
        session.execute(SQL("SELECT 1 FROM connector_job WHERE id = %s FOR NO KEY UPDATE", job_id))
        self.assertEqual(session.execute(workers.end_sessions([job_id])), [])
        self.assertTrue(self.held(job_id))

    def test_running_alone(self):
        """A session that holds the row of a job that does not run is a person's: it is not cut."""
        job_id = self.run_by(_ID, state="failed")
        with self.at_work(job_id):
            self.assertEqual(self.ask(workers.end_sessions([job_id])), [])
            self.assertTrue(self.held(job_id))

    def test_begun(self):
        """A job has begun when its row was locked after the claim, even if that lock is gone."""
        worker = self.worker()
        self.store(1, 2)
        jobs = worker.claim(2)
        with self.at_work(jobs[0].id):
            pass
        found = self.ask(attempt.lost_jobs(workers.jobs_of([worker.id])))
        self.assertEqual({job_id: begun for job_id, begun, _exhausted in found}, {jobs[0].id: True, jobs[1].id: False})
