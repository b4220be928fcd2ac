"""How a comparison runs: its jobs, what happens meanwhile, and what it costs."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..comparison import PRIORITY, Run, run
from ..exceptions import ExternalNotFoundError, RetryableError
from ..models.job import ConnectorJob
from ..synchronizers import DelayedBatchImporter
from .common import make_due, trap_jobs
from .comparison_common import ComparisonCase


class RunCase(ComparisonCase):
    def setUp(self):
        super().setUp()
        # Steps of several records each, and several steps.
        self.enterContext(patch.object(Run, "_chunk_size", lambda run: 3))

    @contextmanager
    def at_checkpoints(self, do):
        """Call ``do(env, number)`` after each checkpoint inside."""
        checkpoint, numbers = ConnectorJob.checkpoint, []

        def saved(jobs, state):
            checkpoint(jobs, state)
            numbers.append(None)
            do(jobs.env, len(numbers))

        with patch.object(ConnectorJob, "checkpoint", saved):
            yield numbers

    def put_out_of_step(self):
        """Make faults of all kinds, on several pages."""
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        del self.world.records["test.partner"]["2"]
        self.outside(5)["email"] = "changed@there"
        self.outside(12)["name"] = "Changed there"
        self.binding(9).odoo_id.name = "Changed here"
        self.env.flush_all()


@tagged("post_install", "-at_install", "transaction")
class TestComparisonRun(RunCase):
    def test_killed_anywhere(self):
        """A comparison that ends at any step, before or after its commit, goes on there: the result is the same."""
        self.put_out_of_step()
        with self.at_checkpoints(lambda env, number: None) as steps:
            whole = self.compare()
        expected = self.lines(whole), self.counts(whole)
        self.assertEqual(len(expected[0]), 5)
        self.assertGreater(len(steps), 6)
        for killed_at in range(1, len(steps) + 1):
            for is_committed in (True, False):
                with self.subTest(killed_at=killed_at, is_committed=is_committed):
                    comparison = self.killed(killed_at, is_committed)
                    self.assertEqual((self.lines(comparison), self.counts(comparison)), expected)
                    self.assertEqual(len(comparison.line_ids), 5)

    def killed(self, step, is_committed):
        """Return a comparison whose job has ended at a step, and was run again."""
        checkpoint, numbers = ConnectorJob.checkpoint, []

        def saved(jobs, state):
            numbers.append(None)
            if is_committed:
                checkpoint(jobs, state)
            if len(numbers) == step:
                raise RetryableError("killed")
            if not is_committed:
                checkpoint(jobs, state)

        with patch.object(ConnectorJob, "checkpoint", saved):
            comparison = self.compare()
            job = self.env["connector.job"].browse(comparison.job_id)
            self.assertEqual(job.state, "pending")
            make_due(job)
            self.run_jobs()
        self.assert_done(comparison)
        return comparison

    def test_changes_meanwhile(self):
        """What changes there while it runs, and is imported before the end, is no difference."""

        def live(env, number):
            if number == 1:
                self.outside(12)["name"] = "Changed during the run"
                self.world.put("test.partner", 13, name="New during the run", email="x@example.com")
                del self.world.records["test.partner"]["11"]
                self.outside(1)["name"] = "Changed behind its back"
            if number == 5:
                env["test.partner"].import_records(self.backend.with_env(env), ["12", "13", "1"])
                env["test.partner"].search([("external_id", "=", "11"), ("backend_id", "=", self.backend.id)]).unlink()

        with self.at_checkpoints(live):
            comparison = self.compare()
        self.assert_done(comparison)
        self.assertFalse(self.lines(comparison))
        self.assertEqual(self.counts(comparison)[1:], (0, 0, 0, 0))

    def test_changes_each_time(self):
        """A record that never stands still ends as a difference, and the line says that it changes."""

        def live(env, number):
            self.outside(12)["name"] = f"Changed {number} times"

        with self.at_checkpoints(live):
            comparison = self.compare()
        line = comparison.line_ids
        self.assertEqual((line.kind, line.external_id), ("different", "12"))
        self.assertTrue(line.reason)

    def test_gives_way(self):
        """As soon as a more urgent job is due, the comparison goes on in another job behind it."""
        ran = []

        def live(env, number):
            if number in (1, 3):
                env["test.partner"].as_job().import_record(self.backend.with_env(env), "1")

        def before(method, model, *args):
            if method == "read":
                ran.append(args[0])

        self.world.before = before
        with self.at_checkpoints(live):
            comparison = self.compare()
        jobs = self.env["connector.job"].search([("method_name", "=", "_run")])
        self.assert_done(comparison)
        self.assertEqual(len(jobs), 3)
        self.assertEqual(set(jobs.mapped("state")), {"done"})
        self.assertEqual(self.counts(comparison), (12, 0, 0, 0, 0))
        self.assertEqual(ran.index("1", 1), 3, "the import came before the second step")

    def test_slices(self):
        """After some minutes a job hands over to another one; each gets further, also where all of a step is gone."""
        for number in ("51", "52", "53", "54"):
            self.world.put("test.partner", number, name="Short", email="x")

        def before(method, model, *args):
            if method == "read" and len(args[0]) > 1 and args[0] > "50":
                raise ExternalNotFoundError("gone")

        self.world.before = before
        with patch.object(run, "SLICE_S", -1), self.at_checkpoints(lambda env, number: None) as steps:
            comparison = self.compare()
        self.assert_done(comparison)
        self.assertEqual(self.counts(comparison), (12, 0, 0, 0, 0))
        jobs = self.env["connector.job"].search_count([("method_name", "=", "_run")])
        self.assertEqual(jobs, len(steps) + 1)

    def test_jobs(self):
        """A comparison is behind all work, in the backend's channel; of a backend one runs at a time."""
        with trap_jobs(self.env) as trap:
            for model in ("test.partner", "test.tag"):
                self.env["connector.comparison"].compare(self.backend, model)
            self.env["connector.comparison"].compare(self.other_backend, "test.partner")
        keys = [job.options["exclusive_key"] for job in trap.jobs]
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[0], keys[2])
        self.assertEqual({job.options["priority"] for job in trap.jobs}, {PRIORITY})
        self.assertEqual(trap.jobs[0].options["channel"], self.backend.channel_id.name)

    def test_stop(self):
        """A comparison that is stopped ends with its step; what it has found stays."""

        def live(env, number):
            if number == 2:
                env["connector.comparison"].search([]).action_stop()

        with self.at_checkpoints(live):
            comparison = self.compare()
        self.assertEqual(comparison.state, "stopped")
        self.assertLess(comparison.count_read, 12)
        self.assertFalse(self.env["connector.comparison.note"].search([]))
        with self.assertRaises(UserError):
            comparison.action_stop()

    def test_stop_pending(self):
        """One that has not begun is cancelled with its job."""
        comparison = self.env["connector.comparison"].compare(self.backend, "test.partner")
        self.env.flush_all()
        comparison.action_stop()
        job = self.env["connector.job"].browse(comparison.job_id)
        self.assertEqual((comparison.state, job.state), ("stopped", "cancelled"))

    def test_failed_and_requeued(self):
        """A comparison whose job fails says why; requeued, it goes on where it was."""

        def fails(env, number):
            if number == 3:
                raise TypeError("something unforeseen")

        self.put_out_of_step()
        with self.at_checkpoints(fails):
            comparison = self.compare()
        self.assertEqual(comparison.state, "failed")
        self.assertIn("something unforeseen", comparison.error)
        self.assertTrue(comparison.count_read)
        reads = len(self.world.made("read"))
        self.env["connector.job"].browse(comparison.job_id).action_requeue()
        self.run_jobs()
        self.assert_done(comparison)
        self.assertFalse(comparison.error)
        self.assertEqual(len(comparison.line_ids), 5)
        self.assertLess(len(self.world.made("read")) - reads, 12)

    def test_backend_archived(self):
        """Of an archived backend nothing is compared, and the comparison says so."""
        comparison = self.env["connector.comparison"].compare(self.backend, "test.partner")
        self.backend.active = False
        self.run_jobs()
        self.assertEqual(comparison.state, "failed")
        self.assertIn("archived", comparison.error)

    def test_progress(self):
        """The job shows how far it is."""
        shown = []

        def report(jobs, done, total):
            shown.append((done, total))

        with patch.object(ConnectorJob, "report_progress", report):
            self.compare()
        self.assertEqual(shown[0], (3, 12))
        self.assertEqual(shown[-1], (12, 12))

    def test_statements(self):
        """The statements do not grow with the records of a step, and there are few a record."""
        self.enterContext(patch.object(Run, "_chunk_size", lambda run: 50))
        self.world.page_size = 1000
        counts = {}
        for size in (100, 300):
            for number in range(1, size + 1):
                self.world.put("test.partner", number, name=f"Partner {number}", email=f"p{number}@example.com")
            self.partners.import_records(self.backend, [str(number) for number in range(1, size + 1)])
            with trap_jobs(self.env):
                comparison = self.env["connector.comparison"].compare(self.backend, "test.partner").sudo()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            comparison._run()
            self.env.flush_all()
            counts[size] = self.env.cr.sql_log_count - before
            self.assertEqual(comparison.count_in_step, size)
        self.assertLess((counts[300] - counts[100]) / 200, 0.25, counts)

    def test_old_ones_are_deleted(self):
        """Ended comparisons go after some months, all but the last complete one of each model."""
        comparisons = [self.compare() for _number in range(2)]
        stray = self.env["connector.comparison"].compare(self.backend, "test.partner")
        self.env.flush_all()
        self.env["connector.job"].browse(stray.job_id).action_cancel()
        self.env.cr.execute(
            "UPDATE connector_comparison SET create_date = %s", [fields.Datetime.now() - timedelta(days=100)]
        )
        self.env.invalidate_all()
        self.env["connector.comparison"]._gc_comparisons()
        self.assertFalse(comparisons[0].exists())
        self.assertTrue(comparisons[1].exists())

    def test_goes_with_the_backend(self):
        """The comparisons of a backend are deleted with it."""
        comparison = self.compare()
        self.backend.unlink()
        self.assertFalse(comparison.exists())


@tagged("post_install", "-at_install", "transaction")
class TestComparisonAccess(RunCase):
    def setUp(self):
        super().setUp()
        self.put_out_of_step()
        self.comparison = self.compare()

    def test_user(self):
        """A connector user sees comparisons, and can start, stop and repair none."""
        user = new_test_user(self.env, "viewer", groups="connector_framework.group_connector_user")
        seen = self.comparison.with_user(user)
        self.assertEqual(len(seen.line_ids), 5)
        self.assertTrue(seen.line_ids[0].read())
        lines = seen.line_ids
        for action in (
            seen.action_stop,
            seen.action_compare_again,
            partial(seen.action_review_all, "import", "missing_here"),
            partial(seen.action_repair_all, "import", "missing_here"),
            partial(seen.action_ignore_all, "different"),
            lines.action_review_import,
            lines.action_import,
            lines.action_export,
            lines.action_bind,
            lines.action_archive,
            lines.action_delete,
            lines.action_ignore,
            lines.action_reopen,
        ):
            with self.assertRaises(AccessError):
                action()
        with self.assertRaises(AccessError):
            lines.write({"ignore_reason": "me"})

    def test_others(self):
        """Whoever is no connector user sees nothing of it."""
        user = new_test_user(self.env, "clerk", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.comparison.with_user(user).read()
        with self.assertRaises(AccessError):
            self.comparison.line_ids.with_user(user).read()

    def test_companies(self):
        """A manager of another company sees and repairs nothing of this one."""
        other = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(
            self.env,
            "other manager",
            groups="connector_framework.group_connector_manager",
            company_id=other.id,
            company_ids=[other.id],
        )
        self.assertFalse(self.env["connector.comparison"].with_user(user).search([]))
        self.assertFalse(self.env["connector.comparison.line"].with_user(user).search([]))
        with self.assertRaises(AccessError):
            self.comparison.line_ids.with_user(user).action_import()

    def test_manager(self):
        """A manager repairs, though he may not write comparisons themselves."""
        user = new_test_user(self.env, "manager", groups="connector_framework.group_connector_manager")
        lines = self.comparison.line_ids.with_user(user)
        lines.filtered(lambda line: line.external_id == "5").action_import()
        self.run_jobs()
        self.assertEqual(self.binding(5).email, "changed@there")
        with self.assertRaises(AccessError):
            self.comparison.with_user(user).write({"state": "done"})


@tagged("post_install", "-at_install", "transaction")
class TestComparisonStart(RunCase):
    def setUp(self):
        super().setUp()

        class Batch(DelayedBatchImporter):
            _apply_on = "test.partner"
            stream = True

        self.register(Batch)
        self.stream = self.env["connector.stream"].of(self.backend, "test.partner")

    def test_on_a_stream(self):
        """A stream compares the model that it imports; while that goes on, no second time."""
        action = self.stream.action_compare()
        comparison = self.env["connector.comparison"].browse(action["res_id"])
        self.assertEqual((comparison.model_name, comparison.state), ("test.partner", "pending"))
        self.assertEqual(self.stream.action_compare()["res_id"], comparison.id)
        self.run_jobs()
        self.assert_done(comparison)
        self.assertNotEqual(self.stream.action_compare()["res_id"], comparison.id)
        other = self.env["connector.stream"].of(self.backend, "of nothing")
        with self.assertRaises(UserError):
            other.action_compare()

    def test_on_a_backend(self):
        """A backend compares all that is imported from it and can be searched there."""
        action = self.backend.action_compare()
        comparisons = self.env["connector.comparison"].search(action["domain"])
        self.assertEqual(
            set(comparisons.mapped("model_name")), {"test.partner", "test.tag", "test.customer", "test.website"}
        )
        self.run_jobs()
        self.assertEqual(set(comparisons.mapped("state")), {"done"})
        opened = self.backend.action_open_comparisons()
        self.assertEqual(self.env["connector.comparison"].search(opened["domain"]), comparisons)

    def test_access(self):
        """Managers alone start a comparison."""
        user = new_test_user(self.env, "viewer", groups="connector_framework.group_connector_user")
        for record in (self.stream, self.backend):
            with self.assertRaises(AccessError):
                record.with_user(user).action_compare()

    def test_scheduled(self):
        """A stream that says so is compared every so many days, and no other one is."""
        comparisons = self.env["connector.comparison"]
        comparisons._cron_compare()
        self.assertFalse(comparisons.search([]))
        self.stream.compare_every_days = 7
        for days, count in ((0, 1), (0, 1), (3, 1), (7, 2)):
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE connector_comparison SET create_date = create_date - interval '1 day' * %s, state = 'done'",
                [days],
            )
            self.env.invalidate_all()
            comparisons._cron_compare()
            self.assertEqual(comparisons.search_count([]), count, days)

    def test_views(self):
        """The views can be read, and buttons are there for those who may press them."""
        user = new_test_user(self.env, "viewer", groups="connector_framework.group_connector_user")
        manager = new_test_user(self.env, "manager", groups="connector_framework.group_connector_manager")
        for model in ("connector.comparison", "connector.comparison.line"):
            for view_type in ("list", "form", "search"):
                self.env[model].with_user(user).get_view(view_type=view_type)
        for who, buttons in ((user, 1), (manager, 2)):
            arch = self.env["test.backend"].with_user(who).get_view(view_type="form")["arch"]
            self.assertEqual(arch.count("_compar"), buttons, arch)
