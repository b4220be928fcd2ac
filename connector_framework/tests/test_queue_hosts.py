"""The limits of channels over several processes on several hosts; a host that is lost."""

from __future__ import annotations

import unittest

from odoo.tests import tagged

from .common import wait_until
from .own_cluster import Host, OwnCluster, OwnServerCase


class HostsCase(OwnServerCase):
    """Workers on two hosts that share nothing but the database; processes where no hosts can be simulated."""

    @classmethod
    def make_cluster(cls):
        cls.no_hosts = Host.why_not()
        cls.hosts = [] if cls.no_hosts else [Host(), Host()]
        for host in cls.hosts:
            cls.addClassCleanup(host.close)
        return OwnCluster([host.gateway for host in cls.hosts])

    def start_on(self, number, *args, **settings):
        """Start a worker on one of the hosts."""
        if self.no_hosts:
            return self.start_there(self.cluster.host, self.cluster.port, *args, **settings)
        host = self.hosts[number % 2]
        return self.start_there(host.gateway, self.cluster.port, *args, on=host, **settings)

    def channel(self, name, **limits):
        """Make a channel below root, or change its limits."""
        parent = name.rpartition(".")[0]
        self.sql(
            """INSERT INTO connector_job_channel (id, name, parent_id, parent_path, capacity, rate_limit, paused,
                                                  timeout_s, max_attempts, keep_days)
               SELECT n.id, %s, p.id, p.parent_path || n.id || '/', %s, %s, false, 0, 5, 30
                 FROM (SELECT nextval('connector_job_channel_id_seq')::int AS id) n, connector_job_channel p
                WHERE p.name = %s ON CONFLICT (name) DO UPDATE
                  SET capacity = excluded.capacity, rate_limit = excluded.rate_limit""",
            name,
            limits.get("capacity", 0),
            limits.get("rate_limit", 0),
            parent,
        )


@tagged("post_install", "-at_install", "process", "server")
class TestLimits(HostsCase):
    def start_three(self):
        """Start three workers on two hosts and wait until they serve."""
        for number in range(3):
            self.start_on(number)
        wait_until(lambda: self.sql("SELECT count(*) FROM connector_worker")[0][0] == 3, 60, self.logs)

    def overlap(self, prefix):
        """Return how many jobs ran at the same time at most, as they saw it themselves."""
        return self.sql(
            """SELECT max(n) FROM (
                 SELECT (SELECT count(*) FROM queue_probe_run b
                          WHERE b.key LIKE %s AND b.started <= a.started AND b.ended > a.started) AS n
                   FROM queue_probe_run a WHERE a.key LIKE %s) x""",
            f"{prefix}%",
            f"{prefix}%",
        )[0][0]

    def processes(self, prefix):
        return self.sql("SELECT count(DISTINCT pid) FROM queue_probe_run WHERE key LIKE %s", f"{prefix}%")[0][0]

    def test_capacity(self):
        """Capacities of 1, 2 and, in their parent, of 5 are reached, never exceeded; lowered and paused ones hold."""
        self.channel("root.cap", capacity=5)
        for name, capacity in (("one", 1), ("two", 2), ("free", 0)):
            self.channel(f"root.cap.{name}", capacity=capacity)
            self.store(25, 0.1, "span", f"root.cap.{name}")
        self.start_three()
        self.wait_states(90, done=75)
        seen = [self.overlap(f"root.cap{name}") for name in (".one", ".two", ".free", "")]
        self.assertEqual((seen[0], seen[1], seen[3]), (1, 2, 5), seen)
        self.assertGreater(self.processes("root.cap"), 1)

        # Lowered while they run: the next claims obey, what runs goes on.
        self.sql("TRUNCATE queue_probe_run; TRUNCATE connector_job")
        self.store(100, 0.1, "span", "root.cap.free")
        wait_until(lambda: self.states().get("done", 0) > 10, 90, self.logs)
        lowered = self.sql(
            "UPDATE connector_job_channel SET capacity = 2 WHERE name = 'root.cap' RETURNING clock_timestamp()::text"
        )[0][0]
        wait_until(lambda: self.states().get("done", 0) > 40, 60, self.logs)
        # A job notes its span when it ends, so that look is back a while.
        late = self.sql(
            """SELECT max(n) FROM (SELECT (SELECT count(*) FROM queue_probe_run b
                 WHERE b.started <= a.started AND b.ended > a.started) AS n FROM queue_probe_run a
                 WHERE a.started > %s::timestamptz AT TIME ZONE 'utc' + interval '0.5 s') x""",
            lowered,
        )[0][0]
        self.assertEqual(late, 2)
        self.sql("UPDATE connector_job_channel SET paused = true WHERE name = 'root.cap'")
        wait_until(lambda: "running" not in self.states(), 20, self.logs)
        states = self.states()
        self.store(2, 0.0, "span", "root")
        wait_until(lambda: self.states().get("done") == states["done"] + 2, 20, self.logs)
        self.assertEqual(self.states()["pending"], states["pending"])
        self.sql("UPDATE connector_job_channel SET paused = false WHERE name = 'root.cap'")

    def test_rate(self):
        """50 a second from three processes: the mean of 10 seconds holds, no second sees more than twice as many."""
        self.channel("root.slow", rate_limit=50)
        self.start_three()
        rate = 0.0
        for _ in range(3):
            self.sql("TRUNCATE queue_probe_run, connector_job_bucket; TRUNCATE connector_job")
            self.store(550, 0.0, "span", "root.slow")
            self.wait_states(90, done=550)
            seconds, most = self.sql(
                """SELECT extract(epoch FROM max(started) - min(started))::float,
                          (SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY started
                              RANGE BETWEEN CURRENT ROW AND interval '1 second' FOLLOWING) AS n
                                                 FROM queue_probe_run) w)
                     FROM queue_probe_run"""
            )[0]
            rate = 550 / seconds
            self.assertLess(rate, 50 * 1.05)
            self.assertLessEqual(most, 100)
            # The bucket makes up for a worker that came late, up to a second; a machine that is busy for longer cannot.
            if rate > 50 * 0.8:
                break
        self.assertGreater(rate, 50 * 0.8)
        self.assertGreater(self.processes("root.slow"), 1)


@tagged("post_install", "-at_install", "process", "server")
class TestLostHost(HostsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.no_hosts:
            raise unittest.SkipTest(cls.no_hosts)

    def test_lost_host(self):
        """A host vanishes without a word: its job runs elsewhere within the lease; back again, it commits nothing."""
        workers = [self.start_on(number, "--threads=1", lease_s=4) for number in range(2)]
        wait_until(lambda: self.sql("SELECT count(*) FROM connector_worker")[0][0] == 2, 60, self.logs)
        self.store(1, 3.0)
        self.wait_begun(1)
        has_it = "SELECT w.pid FROM connector_job j JOIN connector_worker w ON w.id = j.worker_id"
        number = [worker.pid for worker in workers].index(self.sql(has_it)[0][0])
        lost, host = workers[number], self.hosts[number]
        host.pull()
        self.addCleanup(host.plug)
        self.wait_states(40, done=1)
        self.assertEqual(self.sql("SELECT attempt, crashes FROM connector_job"), [(2, 1)])
        done = self.sql("SELECT key, pid, xid FROM queue_probe_effect")
        self.assertNotEqual(done[0][1], lost.pid)

        host.plug()
        wait_until(
            lambda: self.sql("SELECT 1 FROM connector_worker WHERE pid = %s", lost.pid),
            60,
            lambda: f"the lost worker did not come back: {self.logs()}",
        )
        self.assertEqual(self.sql("SELECT key, pid, xid FROM queue_probe_effect"), done)
        self.assertEqual(self.states(), {"done": 1})
