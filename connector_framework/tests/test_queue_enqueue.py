"""What as_job stores."""

from __future__ import annotations

import inspect
from datetime import timedelta
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..queue import job_options
from ..queue.options import MAX_WAIT_S
from .common import drain_jobs, trap_jobs


@tagged("post_install", "-at_install", "transaction")
class TestEnqueue(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Job"})

    def test_defaults(self):
        """A job without options: pending, priority 10, channel root, 5 attempts, its method's docstring as name."""
        job = self.partner.as_job().write({"ref": "1"})
        self.assertEqual(
            (job.state, job.priority, job.channel, job.max_attempts, job.attempt), ("pending", 10, "root", 5, 0)
        )
        self.assertEqual((job.model_name, job.method_name, job.user_id), ("res.partner", "write", self.env.user))
        self.assertTrue(job.name)
        self.assertFalse(job.hold, "it can be claimed at once")
        self.assertEqual(self.partner.ref, False, "nothing runs at once")

    def test_options(self):
        """Every option of the call is on the job."""
        job = self.partner.as_job(
            priority=3,
            channel="root.a.b",
            max_attempts=0,
            identity_key="i",
            exclusive_key="e",
            timeout_s=1.5,
            description="D",
        ).write({})
        self.assertEqual(
            (job.priority, job.channel, job.max_attempts, job.identity_key, job.exclusive_key, job.timeout_s, job.name),
            (3, "root.a.b", 0, "i", "e", 1.5, "D"),
        )

    def test_description(self):
        """The description may be worked out from the call, as keys may."""
        jobs = self.env["res.partner"].as_job(description=lambda records, name: f"Make {name}")
        jobs = jobs.map("name_create", [("a",), ("b",)])
        self.assertEqual(jobs.sorted("id").mapped("name"), ["Make a", "Make b"])

    def test_description_without_docstring(self):
        """A job of a method without a docstring is called by the method's name."""
        with patch.object(self.registry["res.partner"], "bare", lambda records: None, create=True):
            self.assertEqual(self.env["res.partner"].as_job().bare().name, "bare")

    def test_description_names_records(self):
        """A job without a description is called by its method's docstring and the names of its records."""
        partners = self.env["res.partner"].create([{"name": f"P{i}"} for i in range(5)])
        line = inspect.getdoc(self.registry["res.partner"].write).partition("\n")[0].rstrip(".")
        self.assertEqual(partners[0].as_job().write({}).name, f"{line}: P0")
        self.assertEqual(partners.as_job().write({}).name, f"{line}: P0, P1, P2 and 2 more")
        self.assertEqual(self.env["res.partner"].as_job().write({}).name, line)
        jobs = partners.as_job(split=3).write({})
        self.assertEqual(jobs.mapped("name"), [f"{line}: P0, P1, P2", f"{line}: P3, P4"])

    def test_description_of_odd_records(self):
        """Names of any length and content fit, and records that cannot be read are called by their ids."""
        odd = self.env["res.partner"].create({"name": "x" * 5000})
        self.assertLess(len(odd.as_job().write({}).name), 200)
        gone = self.env["res.partner"].create({"name": "gone"})
        gone.unlink()
        self.assertIn(f"res.partner {gone.id}", gone.as_job().write({}).name)
        job = self.partner.as_job(description="Ann \ud83d\0").write({})
        self.assertEqual(job.name, "Ann \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}")

    def test_description_reads_once(self):
        """The names of many records are read by one query."""
        partners = self.env["res.partner"].create([{"name": f"P{i}"} for i in range(30)])
        self.partner.as_job().write({})
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(2 + 30):
            for partner in partners:
                partner.as_job().write({})

    def test_channel_created(self):
        """An unknown channel is made, with those above it."""
        self.partner.as_job(channel="root.new.deep").write({})
        channel = self.env["connector.job.channel"].search([("name", "=", "root.new.deep")])
        self.assertEqual(channel.parent_id.name, "root.new")
        self.assertEqual(channel.parent_id.parent_id.name, "root")

    def test_channel_declared_later(self):
        """A channel that was made on use becomes the one that an addon's data declares, with its values."""
        job = self.env.company.as_job(channel="root.test.later").read()
        data = [
            {"xml_id": f"connector_framework.test_{name}", "noupdate": True, "values": {"name": path, "capacity": 3}}
            for name, path in (("new", "root.test.new"), ("later", "root.test.later"))
        ]
        channels = self.env["connector.job.channel"]._load_records(data)
        self.assertEqual(channels.mapped("name"), ["root.test.new", "root.test.later"])
        self.assertEqual((channels[1], channels[1].capacity), (job.channel_id, 3))

    def test_channel_bad(self):
        """A channel that is no path is refused."""
        for path in ("a..b", ".a", "a b", "a;b"):
            with self.assertRaises(ValidationError, msg=path):
                self.partner.as_job(channel=path).write({})

    def test_channel_below_root(self):
        """A path that does not begin with root is below root, wherever it is said."""
        job = self.partner.as_job(channel="shop.import").write({})
        self.assertEqual((job.channel, job.channel_id.parent_id.parent_id.name), ("root.shop.import", "root"))
        channel = self.env["connector.job.channel"].create({"name": "carrier", "capacity": 2})
        self.assertEqual((channel.name, channel.parent_id.name), ("root.carrier", "root"))
        channel.write({"name": "carrier", "capacity": 3})
        self.assertEqual(self.partner.as_job(channel="carrier").write({"ref": "1"}).channel_id, channel)
        rooted = self.partner.as_job(channel="rooted").write({})
        self.assertEqual(rooted.channel, "root.rooted")
        self.assertEqual(drain_jobs(self, channel="shop"), 1)
        self.assertFalse(self.env["connector.job.channel"].search([("parent_id", "=", False), ("name", "!=", "root")]))

    def test_channel_too_long(self):
        """A channel that is too long for an index is refused."""
        with self.assertRaises(ValidationError):
            self.partner.as_job(channel="x" * 3000).write({})

    def test_channel_changed_just_now(self):
        """What the same transaction has changed of a channel counts for the next job, before anything is flushed."""
        channel = self.env["connector.job.channel"].create({"name": "root.just"})
        self.env.flush_all()
        channel.max_attempts, channel.timeout_s = 9, 60
        job = self.partner.as_job(channel="root.just").write({})
        self.assertEqual((job.max_attempts, job.timeout_s), (9, 60))
        channel.timeout_s = 0
        self.assertFalse(self.partner.as_job(channel="root.just").write({}).timeout_s)
        new = self.env["connector.job.channel"].create({"name": "root.just.new", "max_attempts": 2})
        self.assertEqual(self.partner.as_job(channel="root.just.new").write({}).channel_id, new)

    def test_absurd_options(self):
        """A number that PostgreSQL cannot hold, or that is none, is refused at the call, naming the option."""
        absurd = {
            "priority": (2**31, -(2**31), 10**30),
            "max_attempts": (2**31, -1),
            "eta": (10**12, -(10**12), 10**400, float("nan"), float("inf"), timedelta.max, 1e300),
            "timeout_s": (10**12, 10**400, float("nan"), float("inf"), -1),
            "split": (0, -1),
        }
        for name, values in absurd.items():
            for value in values:
                with self.subTest(option=name, value=value), self.assertRaisesRegex(ValueError, name):
                    self.partner.as_job(**{name: value})
        for pattern in ({0: 1}, {1: -1}, {1: float("nan")}, {1: float("inf")}, {"1": 1}, {1: "soon"}):
            with self.subTest(pattern=pattern), self.assertRaisesRegex(ValueError, "retry_pattern"):
                job_options(retry_pattern=pattern)

    def test_extreme_options(self):
        """The least and the greatest number of an option are taken."""
        extremes = {
            "priority": (2**31 - 1, 1 - 2**31),
            "max_attempts": (0, 2**31 - 1),
            "eta": (MAX_WAIT_S, -MAX_WAIT_S),
            "timeout_s": (0, MAX_WAIT_S),
            "split": (1, 2**31 - 1),
        }
        for name, values in extremes.items():
            for value in values:
                with self.subTest(option=name, value=value):
                    self.assertEqual(len(self.partner.as_job(**{name: value}).write({})), 1)
        job_options(retry_pattern={1: 0, 2: MAX_WAIT_S})

    def test_none(self):
        """An option that is None counts as not given: the method's is taken, or the default."""
        names = ("priority", "eta", "channel", "max_attempts", "identity_key", "timeout_s", "description", "split")
        declared = job_options(priority=3)(lambda records: None)
        with patch.object(self.registry["res.partner"], "declared", declared, create=True):
            job = self.partner.as_job(**dict.fromkeys(names)).declared()
        self.assertEqual((job.state, job.priority, job.channel, job.max_attempts), ("pending", 3, "root", 5))

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(["priority", "max_attempts", "eta", "timeout_s"]),
        st.one_of(st.integers(), st.floats(), st.timedeltas(), st.datetimes()),
    )
    def test_any_number(self, name, value):
        """Any value is stored, or refused at the call: never by an error of SQL, which would break the transaction."""
        try:
            job = self.partner.as_job(**{name: value}).write({})
        except (TypeError, ValueError) as error:
            self.assertIn(name, str(error))
        else:
            self.assertEqual(job.state, "pending")

    def test_eta(self):
        """eta takes seconds, a timedelta or a naive UTC datetime; such a job is not claimed before."""
        now = fields.Datetime.now()
        for eta in (60, timedelta(seconds=60), now + timedelta(seconds=60)):
            job = self.partner.as_job(eta=eta).write({"ref": "late"})
            self.assertAlmostEqual((job.eta - now).total_seconds(), 60, delta=5)
            self.assertEqual(job.hold, "eta")
        self.assertEqual(drain_jobs(self), 0)
        self.assertFalse(self.partner.as_job(eta=now - timedelta(seconds=60)).write({}).hold, "its time has come")

    def test_unknown_method(self):
        """An unknown method and a dunder are AttributeErrors at once; private methods may be called."""
        with self.assertRaisesRegex(AttributeError, "no_such_method"):
            self.partner.as_job().no_such_method()
        with self.assertRaises(AttributeError):
            self.partner.as_job().__len__()
        self.assertTrue(self.partner.as_job()._compute_display_name())

    def test_unknown_option(self):
        """An unknown option and a wrong type are TypeErrors that name the option."""
        with self.assertRaisesRegex(TypeError, "prio"):
            self.partner.as_job(prio=1)
        for priority in ("1", True):
            with self.assertRaisesRegex(TypeError, "priority"):
                self.partner.as_job(priority=priority)
        with self.assertRaisesRegex(TypeError, "keep_context"):
            self.partner.as_job(keep_context="lang")
        for after in ([1], self.partner):
            with self.assertRaisesRegex(TypeError, "connector.job"):
                self.partner.as_job(after=after)
        with self.assertRaisesRegex(ValueError, "max_attempts"):
            self.partner.as_job(max_attempts=-1)

    def test_unsaved(self):
        """A job on records that are not saved is refused."""
        with self.assertRaisesRegex(TypeError, "not saved"):
            self.env["res.partner"].new({"name": "x"}).as_job().write({})

    def test_map(self):
        """map stores a job a tuple and returns as many records, in order."""
        jobs = self.env["res.partner"].as_job().map("name_create", [("a",), ("b",), ("c",)])
        self.assertEqual(len(jobs), 3)
        drain_jobs(self)
        self.assertEqual(
            self.env["res.partner"].search([("name", "in", ["a", "b", "c"])], order="id").mapped("name"),
            ["a", "b", "c"],
        )
        self.assertEqual(jobs.sorted("id"), jobs)

    def test_map_takes_tuples(self):
        """What map is given for a job is a tuple or a list: a text is not taken for its letters."""
        with self.assertRaisesRegex(TypeError, "ab"):
            self.env["res.partner"].as_job().map("name_create", ["ab"])

    def test_map_or_split(self):
        """map and split do not go together."""
        with self.assertRaisesRegex(ValueError, "split"):
            self.partner.as_job(split=1).map("write", [({},)])

    def test_map_inserts(self):
        """A thousand jobs are stored by one statement."""
        self.partner.as_job().write({})
        self.env.flush_all()
        with self.assertQueryCount(1):
            self.env["res.partner"].as_job().map("name_create", [(str(i),) for i in range(1000)])

    def test_identity_key(self):
        """While a job with the key is pending no second one is stored; the first is returned."""
        first = self.partner.as_job(identity_key="k").write({"ref": "1"})
        again = self.partner.as_job(identity_key="k").write({"ref": "2"})
        self.assertEqual(first, again)
        other = self.partner.as_job(identity_key=lambda records, vals: f"k{vals['ref']}").write({"ref": "3"})
        self.assertEqual(other.identity_key, "k3")
        drain_jobs(self)
        self.assertEqual(first.state, "done")
        self.assertNotEqual(
            self.partner.as_job(identity_key="k").write({"ref": "4"}), first, "done, it absorbs nothing"
        )

    def test_identity_key_map(self):
        """In one map call identity hits are repeated, and the order is kept."""
        jobs = (
            self.env["res.partner"]
            .as_job(identity_key=lambda records, name: name if name != "plain" else None)
            .map("name_create", [("b",), ("a",), ("plain",), ("b",)])
        )
        self.assertEqual(
            [job.identity_key for job in self.env["connector.job"].browse(jobs._ids)], ["b", "a", False, "b"]
        )
        self.assertEqual(jobs._ids[0], jobs._ids[3])

    def test_split(self):
        """split=N stores a job for N records each."""
        partners = self.env["res.partner"].create([{"name": str(i)} for i in range(5)])
        jobs = partners.as_job(split=2).write({"ref": "split"})
        self.assertEqual(len(jobs), 3)
        drain_jobs(self)
        self.assertEqual(set(partners.mapped("ref")), {"split"})

    def test_after(self):
        """A job runs when all that it waits for is done."""
        parents = self.env["res.partner"].as_job().map("name_create", [("p1",), ("p2",)])
        child = self.partner.as_job(after=parents).write({"ref": "after"})
        self.assertEqual(child.state, "waiting")
        self.assertEqual(child.parent_ids, parents)
        drain_jobs(self)
        self.assertEqual((child.state, self.partner.ref), ("done", "after"))

    def test_after_failed(self):
        """A failed parent lets the child wait; set to done it releases the child; cancelled it cancels the child."""
        for action, state in (("action_done", "pending"), ("action_cancel", "cancelled")):
            parent = self.partner.as_job(max_attempts=1).write({"no_such_field": 1})
            child = self.partner.as_job(after=parent).write({"ref": "x"})
            grandchild = self.partner.as_job(after=child).write({"ref": "y"})
            drain_jobs(self)
            self.assertEqual((parent.state, child.state), ("failed", "waiting"))
            getattr(parent, action)()
            if state == "cancelled":
                self.assertEqual((child.state, grandchild.state), ("cancelled", "cancelled"))
            else:
                drain_jobs(self)
                self.assertEqual((child.state, grandchild.state), ("done", "done"))

    def test_after_done_already(self):
        """A job that waits for what is done already is pending at once."""
        parent = self.partner.as_job().write({"ref": "1"})
        drain_jobs(self)
        self.assertEqual(self.partner.as_job(after=parent).write({"ref": "2"}).state, "pending")

    def test_rollback(self):
        """A savepoint that is rolled back takes the job with it."""
        before = self.env["connector.job"].search_count([])
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.partner.as_job().write({})
            1 / 0  # noqa: B018
        self.assertEqual(self.env["connector.job"].search_count([]), before)

    def test_closed_to_the_orm(self):
        """Nobody makes, changes or copies a job through the ORM, the superuser included."""
        job = self.partner.as_job().write({})
        for env in (self.env, self.env(user=self.env.ref("base.user_admin"))):
            with self.assertRaises(AccessError):
                env["connector.job"].create({"name": "x", "state": "pending"})
            with self.assertRaises(AccessError):
                job.with_env(env).write({"priority": 0})
            with self.assertRaises(AccessError):
                job.with_env(env).copy()

    def test_trap(self):
        """The trap collects calls, checks options and arguments, and runs them in the caller's transaction."""
        with trap_jobs(self.env) as trap:
            self.partner.as_job(priority=2).write({"ref": "trapped"})
            self.partner.as_job(identity_key="t").write({"ref": "once"})
            self.partner.as_job(identity_key="t").write({"ref": "once"})
        self.assertEqual(len(trap.jobs), 2)
        trap.assert_enqueued("write", args=({"ref": "trapped"},), priority=2)
        trap.assert_enqueued(self.partner.write)
        with self.assertRaisesRegex(AssertionError, "enqueued was"):
            trap.assert_enqueued("unlink")
        self.assertFalse(self.env["connector.job"].search_count([("identity_key", "=", "t")]))
        self.assertEqual(trap.run(), 2)
        self.assertEqual(self.partner.ref, "once")

    def test_trap_returns(self):
        """What the trap returns stands for the jobs: as many as calls, in order, identity hits repeated."""
        with trap_jobs(self.env) as trap:
            jobs = self.partner.as_job(identity_key=lambda records, vals: vals["ref"], description="Twice").map(
                "write", [({"ref": "a"},), ({"ref": "b"},), ({"ref": "a"},)]
            )
            self.partner.as_job(after=jobs).write({"ref": "c"})
        self.assertEqual([job == jobs[0] for job in (jobs[0], jobs[1], jobs[2])], [True, False, True])
        self.assertEqual((jobs[0].name, jobs[0].state, jobs[0].channel), ("Twice", "pending", "root"))
        trap.assert_enqueued("write", priority=10, channel="root", after=jobs)


@tagged("post_install", "-at_install", "transaction")
class TestAccess(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plain = new_test_user(cls.env, "plain", "base.group_user")
        cls.user = new_test_user(cls.env, "conn_user", "connector_framework.group_connector_user")
        cls.manager = new_test_user(cls.env, "conn_manager", "connector_framework.group_connector_manager")
        cls.partner = cls.env["res.partner"].create({"name": "Job"})

    def test_own_jobs(self):
        """A plain user sees his own jobs alone, a connector user those of his companies; the call is for managers."""
        mine = self.partner.with_user(self.plain).as_job().write({})
        other = self.partner.as_job().write({"api_key": "s3cret"})
        self.assertEqual(mine.with_user(self.plain).search([("id", "in", (mine + other).ids)]), mine)
        self.assertEqual(len(mine.with_user(self.user).search([("id", "in", (mine + other).ids)])), 2)
        with self.assertRaises(AccessError):
            other.with_user(self.user).read(["call"])
        shown = other.with_user(self.manager).read(["call"])[0]["call"]
        self.assertIn("***", shown)
        self.assertNotIn("s3cret", shown)
        positional = self.env["res.users"].as_job()._change_password("s3cret2")
        self.assertNotIn("s3cret2", positional.with_user(self.manager).call)

    def test_company_rule(self):
        """A connector user does not see the jobs of a company that he is not in."""
        company = self.env["res.company"].create({"name": "Other"})
        job = self.partner.with_company(company).as_job().write({})
        self.assertEqual(job.company_id, company)
        self.assertFalse(self.env(user=self.user, context={})["connector.job"].search([("id", "=", job.id)]))

    def test_actions_are_for_managers(self):
        """Only managers requeue, cancel, set to done and delete."""
        job = self.partner.with_user(self.plain).as_job().write({})
        for user in (self.plain, self.user):
            for action in ("action_requeue", "action_cancel", "action_done", "unlink"):
                with self.assertRaises(AccessError):
                    getattr(job.with_user(user), action)()
        job.with_user(self.manager).action_cancel()
        self.assertEqual(job.state, "cancelled")
        job.with_user(self.manager).unlink()
        self.assertFalse(job.exists())
