"""Comparing both sides: what is in step, what is not, and what a repair leaves of it."""

from __future__ import annotations

from typing import Any

from ..jobs import trap_jobs
from .case import AcceptanceCase, needs


class ComparisonTests(AcceptanceCase):
    def compare(self, filters: Any = None) -> Any:
        """Return a comparison that has run."""
        comparison = self.env["connector.comparison"].compare(self.backend, self.model_name, filters)
        self.run_jobs()
        self.env.invalidate_all()
        self.assertEqual(comparison.state, "done", comparison.error)
        return comparison

    def shown(self, comparison: Any) -> list[tuple]:
        """Return what a comparison has found, for messages."""
        return [(one.kind, one.external_id, one.differences, one.reason) for one in comparison.line_ids]

    def assert_found(self, comparison: Any, kind: str, external_id: str) -> None:
        """Check that a comparison has found one thing."""
        found = [(line.kind, line.external_id) for line in comparison.line_ids]
        self.assertEqual(found, [(kind, external_id)], self.shown(comparison))

    def imported(self) -> list[str]:
        """Import the records of a batch; return their ids as they are stored, in a tree the lowest last."""
        self.model.as_job().import_batch(self.backend, self.batch_filters)
        self.run_jobs()
        bindings = self.model.with_context(active_test=False).search([("backend_id", "=", self.backend.id)])
        return bindings.mapped("external_id")

    @needs("import", "batch_import")
    def test_compare_in_step(self):
        """What was imported is in step: no difference is made up, nothing is written, nothing is sent."""
        self.create_outside()
        self.imported()
        self.env.flush_all()
        with trap_jobs(self.env):
            comparison = self.env["connector.comparison"].compare(self.backend, self.model_name, self.batch_filters)
        self.env.flush_all()
        before = self.counts()
        with trap_jobs(self.env) as trap:
            comparison.sudo()._run()
            self.env.flush_all()
        self.assertEqual(comparison.state, "done", comparison.error)
        self.assertGreater(comparison.count_in_step, 0)
        self.assertFalse(
            self.shown(comparison),
            "does the import write other values than it maps? Such fields belong into a Comparer's not_compared",
        )
        self.assertFalse(trap.jobs, "jobs were enqueued")
        self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")

    @needs("import", "batch_import")
    def test_compare_and_repair(self):
        """What is missing here or changed there is found, imported, and in step then."""
        self.create_outside()
        external_id = self.imported()[-1]
        self.change_outside(external_id)
        comparison = self.compare(self.batch_filters)
        lines = comparison.line_ids
        self.assert_found(comparison, "different", external_id)
        self.assertTrue(lines.differences)
        with self.quiet():
            self.binding(external_id).with_env(self.env).unlink()
        self.env.flush_all()
        comparison = self.compare(self.batch_filters)
        lines = comparison.line_ids
        self.assert_found(comparison, "missing_here", external_id)
        lines.action_import()
        self.run_jobs()
        self.env.invalidate_all()
        self.assertEqual(lines.state, "repaired", lines.reason)
        self.assertFalse(self.shown(self.compare(self.batch_filters)))

    @needs("import", "batch_import")
    def test_compare_changed_here(self):
        """What was changed here and not sent is found, and put right by an import; unless an import would keep it."""
        self.create_outside()
        external_id = self.imported()[-1]
        binding = self.binding(external_id)
        with self.quiet():
            self.change_inside(binding.with_env(self.env))
            self.env.flush_all()
        comparison = self.compare(self.batch_filters)
        for line in comparison.line_ids:
            self.assertEqual((line.kind, line.external_id), ("different", external_id), self.shown(comparison))
            line.action_import()
        self.run_jobs()
        self.env.invalidate_all()
        self.assertFalse(self.shown(self.compare(self.batch_filters)))

    @needs("import", "batch_import")
    def test_compare_missing_there(self):
        """What was deleted there is found, whether an import has seen it or not, and nothing else is called so."""
        self.create_outside()
        external_id = self.imported()[-1]
        self.delete_outside(external_id)
        comparison = self.compare()
        found = comparison.line_ids.filtered(lambda line: line.kind == "missing_there")
        self.assertEqual(found.mapped("external_id"), [external_id])
        self.assertEqual(found.binding_id, self.binding(external_id).id)
