"""Which jobs a claim takes: the order, exclusive keys, and limits that are counted over all workers."""

from __future__ import annotations

import contextlib

import psycopg2
from odoo import sql_db
from odoo.tests import tagged
from odoo.tools import SQL
from psycopg2.errors import LockNotAvailable

from ..queue.session import DatabaseSession
from ..queue.sql import claim
from ..queue.sql.schema import PARK, QUEUE_LOCK
from ..queue.worker import Worker
from .process_case import ProcessCase


class ClaimCase(ProcessCase):
    def setUp(self):
        super().setUp()
        self.sql("TRUNCATE connector_job_bucket")

    def worker(self, channels=None) -> Worker:
        """Return a worker that waits for no lock, and whose maintenance is not due."""
        worker = Worker(DatabaseSession(self.dbname), channels=channels)
        self.addCleanup(worker.close)
        worker._session.execute(SQL("SET lock_timeout = '500ms'"))
        worker.maintain()
        return worker

    def store(self, *priorities, **options):
        """Store a job for each priority; return their ids."""
        return [self.enqueue("effect", [(str(n),)], priority=n, **options)[0] for n in priorities]

    def claimed(self, worker, limit=10):
        return [job.id for job in worker.claim(limit)]

    def limit(self, channel, **limits):
        for name, value in limits.items():
            self.sql(f"UPDATE connector_job_channel SET {name} = %s WHERE name = %s", value, channel)
            self.addCleanup(self.sql, f"UPDATE connector_job_channel SET {name} = 0 WHERE name = %s", channel)

    def ask(self, statement):
        """Run a statement of the queue by itself."""
        return self.worker()._session.execute(statement)

    @contextlib.contextmanager
    def another_session(self, query, *params):
        """Hold what a statement locks."""
        connection = psycopg2.connect(**sql_db.connection_info_for(self.dbname)[1])
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(query, params)
            try:
                yield
            finally:
                with contextlib.suppress(psycopg2.Error):  # it was cut
                    connection.rollback()

    def held(self, ids):
        """Hold rows as an enqueuer does that has found them by their key."""
        return self.another_session("SELECT 1 FROM connector_job WHERE id = ANY(%s) FOR SHARE", ids)


@tagged("post_install", "-at_install", "concurrency")
class TestClaimOrder(ClaimCase):
    def test_over_channels(self):
        """The most urgent job of all channels comes first, then the oldest."""
        first = self.store(20, 10, channel="root.b") + self.store(10, 5, channel="root.a")
        worker = self.worker()
        order = [self.claimed(worker, 1) for _ in first]
        self.assertEqual(order, [[first[3]], [first[1]], [first[2]], [first[0]]])

    def test_held_rows(self):
        """A job whose row is held is passed by, not waited for, where limits are counted too."""
        for capacity in (0, 5):
            with self.subTest(capacity=capacity):
                self.sql("TRUNCATE connector_job")
                ids = self.store(1, 2)
                self.limit("root", capacity=capacity)
                with self.held(ids[:1]):
                    self.assertEqual(self.claimed(self.worker()), ids[1:])

    def test_due(self):
        """All jobs whose time has come are claimed, but for one whose row is held."""
        ids = self.store(1, 2, 3, eta=3600)
        later = self.store(4, eta=7200)
        self.sql("UPDATE connector_job SET eta = eta - interval '90 minutes'")
        with self.held(ids[:1]):
            self.assertEqual(self.claimed(self.worker()), ids[1:])
        self.assertEqual(
            self.sql("SELECT id FROM connector_job WHERE hold = 'eta' ORDER BY id"), [(ids[0],), (later[0],)]
        )

    def test_more_urgent(self):
        """A long job asks whether a more urgent one waits; one like it is not more urgent."""
        self.store(20, 5)
        asked = [bool(self.ask(claim.more_urgent(priority))) for priority in (4, 5, 6)]
        self.assertEqual(asked, [False, False, True])


@tagged("post_install", "-at_install", "concurrency")
class TestClaimKeys(ClaimCase):
    """Of the jobs with one exclusive key the most urgent one runs, then the oldest."""

    def test_order(self):
        """The first claim of a key takes the most urgent job, and so does each one after its holder has ended."""
        ids = self.store(20, 5, 10, 11, exclusive_key="one")
        worker, order = self.worker(), []
        while jobs := worker.claim(10):
            order += [job.id for job in jobs]
            worker.skip(jobs[0], "x")
        self.assertEqual(order, [ids[1], ids[2], ids[3], ids[0]])

    def test_order_of_age(self):
        """Of two that are as urgent the older one comes first."""
        ids = self.store(5, 5, exclusive_key="one")
        self.assertEqual(self.claimed(self.worker()), ids[:1])

    def test_beside_a_running_one(self):
        """A new job of a key that runs is passed by without an error, where limits are counted too."""
        for capacity in (0, 5):
            with self.subTest(capacity=capacity):
                self.sql("TRUNCATE connector_job")
                self.limit("root", capacity=capacity)
                worker = self.worker()
                self.store(10, exclusive_key="one")
                self.assertEqual(len(worker.claim(1)), 1)
                self.store(1, exclusive_key="one")
                free = self.store(10)
                self.assertEqual(self.claimed(worker), free)

    def test_after_the_parked_ones(self):
        """A new job of a key waits for parked ones that come before it, though none of the key runs."""
        worker, other = self.worker(), self.worker()
        parked = self.store(10, 10, exclusive_key="one")[1:]
        (job,) = worker.claim(10)
        worker.skip(job, "x")
        self.store(10, exclusive_key="one")
        self.assertEqual(self.claimed(other), [], "the worker of the first one has freed none yet")
        urgent = self.store(5, exclusive_key="one")
        self.assertEqual(self.claimed(other), urgent)
        self.assertEqual(self.sql("SELECT hold FROM connector_job WHERE id = ANY(%s)", parked), [("key",)])

    def test_park(self):
        """Parked are the jobs of keys that run; a row that is held is left alone."""
        worker = self.worker()
        self.store(1, exclusive_key="one")
        worker.claim(1)
        held = self.store(1, exclusive_key="one")
        parked = self.store(1, exclusive_key="one")
        self.store(1, exclusive_key="two")
        with self.held(held):
            self.assertEqual(self.ask(claim.park()), [(parked[0],)])

    def test_unpark_held(self):
        """A parked job whose row is held is not waited for."""
        ids = self.store(1, exclusive_key="one")
        worker = self.worker()
        self.sql("UPDATE connector_job SET hold = 'key'")
        with self.held(ids):
            self.assertEqual(worker._session.execute(claim.unpark(["one"])), [])
        self.assertEqual(worker._session.execute(claim.unpark(["one"])), [(ids[0],)])

    def test_park_and_unpark(self):
        """Parking waits for each freeing that is under way, and it for parking: else a job stays parked for long.

        Two that free do not wait for each other.
        """
        lock = f"SELECT pg_advisory_xact_lock{{}}({QUEUE_LOCK}, {PARK})"
        worker = self.worker()
        with self.another_session(lock.format("_shared")):
            worker._session.execute(claim.unpark(["one"]))
            with self.assertRaises(LockNotAvailable):
                worker._session.execute(claim.park())
        with self.another_session(lock.format("")), self.assertRaises(LockNotAvailable):
            worker._session.execute(claim.unpark(["one"]))


@tagged("post_install", "-at_install", "concurrency")
class TestClaimLimits(ClaimCase):
    def let_pass(self, seconds):
        """Turn the clock of the buckets back."""
        self.sql("UPDATE connector_job_bucket SET at = at - %s * interval '1 second'", seconds)

    def bucket(self):
        """Return (channel, tokens, whether it is of this minute) of each bucket."""
        return self.sql(
            """SELECT c.name, b.tokens, b.at > (now() AT TIME ZONE 'utc') - interval '1 minute'
                 FROM connector_job_bucket b JOIN connector_job_channel c ON c.id = b.channel_id"""
        )

    def test_full_channel_ahead(self):
        """Jobs of a channel that is full do not keep those behind them from one claim."""
        first = self.store(1, 2, 3, 4, 5, channel="root.a")[0]
        others = self.store(6, 7, 8, channel="root.b")
        self.limit("root.a", capacity=1)
        self.assertEqual(self.claimed(self.worker(), limit=3), [first, *others[:2]])

    def test_no_place_below(self):
        """A job that finds no place in its channel does not take that of another one in the channel above both."""
        ids = [self.store(n, channel=f"root.{name}")[0] for n, name in enumerate(("a.x", "a.y", "b", "b"))]
        self.limit("root", capacity=2)
        self.limit("root.a", capacity=1)
        self.assertEqual(self.claimed(self.worker()), [ids[0], ids[2]])

    def test_capacity(self):
        """What any worker runs in a channel, or below it, counts."""
        ids = self.store(1, channel="root.a.x") + self.store(2, 3, channel="root.a.y")
        self.limit("root.a", capacity=2)
        self.assertEqual(self.claimed(self.worker()), ids[:2])
        self.assertEqual(self.claimed(self.worker()), [])
        self.limit("root.a", capacity=3)
        self.assertEqual(self.claimed(self.worker()), ids[2:])

    def test_most_urgent(self):
        """The last place goes to the most urgent job, in its channel and in the one above."""
        ids = self.store(20, channel="root.a.x") + self.store(10, 5, channel="root.a.y")
        self.limit("root.a", capacity=1)
        self.assertEqual(self.claimed(self.worker()), ids[2:])

    def test_channels(self):
        """A worker of some channels leaves the jobs of others alone."""
        self.store(1, channel="root.b")
        ids = self.store(2, channel="root.a.x")
        self.limit("root", capacity=5)
        self.assertEqual(self.claimed(self.worker(channels=["root.a"])), ids)
        self.assertEqual(self.claimed(self.worker(channels=["root.nowhere"])), [])

    def test_first_of_a_rate(self):
        """A channel with a rate and without a bucket starts with one job; the next one comes when its time has come."""
        ids = self.store(1, 1, 1, channel="root.a")
        self.limit("root.a", rate_limit=0.01)
        worker = self.worker()
        self.assertEqual(self.claimed(worker), ids[:1])
        self.assertEqual(self.claimed(worker), [])
        self.let_pass(250)
        self.assertEqual(self.claimed(worker), ids[1:2], "however long nothing came, of a slow rate one is due")
        self.assertEqual(self.claimed(worker), [])

    def test_first_of_many(self):
        """The first job of each channel with a rate starts at once, whatever the clock does between two looks at it."""
        with self.environment() as env:
            for number in range(40):
                env["queue.probe"].as_job(channel=f"root.a.{number}").effect(str(number))
        self.sql("UPDATE connector_job_channel SET rate_limit = 0.01 WHERE name LIKE 'root.a.%'")
        self.assertEqual(len(self.claimed(self.worker(), 40)), 40)

    def test_clock_set_back(self):
        """When PostgreSQL's clock is set back, one job starts at once, and the rate goes on from there."""
        ids = self.store(1, 1, 1, channel="root.a")
        self.limit("root.a", rate_limit=5)
        worker = self.worker()
        self.claimed(worker)
        self.let_pass(-3600)
        self.assertEqual(self.claimed(worker), ids[1:2])
        self.assertEqual(self.bucket(), [("root.a", 0, True)])

    def test_burst(self):
        """After a pause as many start as a second's worth, and they are spent."""
        ids = self.store(*[1] * 8, channel="root.a.x")
        self.limit("root.a", rate_limit=5)
        worker = self.worker()
        self.claimed(worker)
        self.let_pass(3600)
        self.assertEqual(self.claimed(worker), ids[1:6])
        self.assertEqual(self.bucket(), [("root.a", 0, True)])


@tagged("post_install", "-at_install", "concurrency")
class TestPoll(ClaimCase):
    def test_claimable(self):
        """There is something to claim where jobs are claimable, or parked: their key may have been freed."""
        worker = self.worker()
        self.assertFalse(worker.poll().claimable)
        self.store(1, eta=60)
        self.assertFalse(worker.poll().claimable)
        self.store(1, exclusive_key="one")
        self.assertTrue(worker.poll().claimable)
        self.sql("UPDATE connector_job SET hold = 'key' WHERE exclusive_key = 'one'")
        self.assertTrue(worker.poll().claimable)

    def test_next_eta(self):
        """The next time at which a job is due is that of the first one."""
        worker = self.worker()
        self.assertIsNone(worker.poll().next_eta_s)
        self.store(1, eta=7200)
        self.store(2, eta=3600)
        self.assertTrue(3000 < worker.poll().next_eta_s <= 3600)

    def test_addons(self):
        """An addon that is to be upgraded or removed counts as installed: its code is needed until it is gone."""
        worker = self.worker()
        before = worker.poll()
        self.assertFalse(before.changing)
        change = "UPDATE ir_module_module SET state = %s WHERE name = 'connector_queue_probe'"
        self.addCleanup(self.sql, change, "installed")
        for state in ("to upgrade", "to remove"):
            with self.subTest(state=state):
                self.sql(change, state)
                poll = worker.poll()
                self.assertEqual((poll.changing, poll.installed), (True, before.installed))
                self.assertIn("connector_queue_probe", worker.installed_addons())


@tagged("post_install", "-at_install", "concurrency")
class TestUnfinished(ClaimCase):
    def test_unfinished(self):
        """A worker that drains ends when no job is due or runs; what is paused, or below it, counts as nothing."""
        worker = self.worker()
        (job_id,) = self.store(1, channel="root.a.x")
        running = "state = 'running', worker_id = 1"
        for paused, row, unfinished in (
            (False, "hold = NULL", True),
            (False, "hold = 'key', exclusive_key = 'one'", True),
            (False, "hold = 'eta', eta = now() - interval '1 day'", True),
            (False, "hold = 'eta', eta = now() + interval '1 day'", False),
            (True, "hold = NULL", False),
            (True, running, True),
            (False, running, True),
            (False, "state = 'done', worker_id = NULL", False),
        ):
            with self.subTest(row, paused=paused):
                self.sql(f"UPDATE connector_job SET {row} WHERE id = %s", job_id)
                self.sql("UPDATE connector_job_channel SET paused = %s WHERE name = 'root.a'", paused)
                self.assertEqual(worker._session.execute(claim.unfinished()), [(unfinished,)])
