"""What is done about the lines of a comparison."""

from __future__ import annotations

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..exceptions import RetryableError
from ..synchronizers import Exporter, Importer
from .common import make_due
from .comparison_common import ComparisonCase


@tagged("post_install", "-at_install", "transaction")
class TestRepair(ComparisonCase):
    def line(self, comparison, external_id):
        return comparison.line_ids.filtered(lambda line: line.external_id == external_id)

    def assert_in_step(self, **counts):
        """Check that a further comparison finds nothing."""
        again = self.compare()
        self.assert_done(again)
        self.assertFalse(again.line_ids.filtered(lambda line: line.state == "open").mapped("differences_text"))
        self.assertEqual(self.counts(again)[1:], (0, 0, 0, 0))

    def test_import(self):
        """What is missing or different here is imported, also what was changed here alone; then all is in step."""
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        self.outside(3)["email"] = "changed@there"
        self.binding(4).odoo_id.name = "Changed here"
        comparison = self.compare()
        self.assertEqual(len(comparison.line_ids), 3)
        comparison.line_ids.action_import()
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"open"})
        self.run_jobs()
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"repaired"})
        self.assertEqual(comparison.count_open, 0)
        self.assertEqual(self.binding(4).name, "Partner 4")
        self.assertEqual(self.binding(3).email, "changed@there")
        self.assertTrue(self.binding(101))
        self.assert_in_step()

    def test_export(self):
        """What is different is sent, though the last export sent the same; what is missing there is created anew."""
        self.binding(3).export_record()
        self.outside(3)["email"] = "changed@there"
        del self.world.records["test.partner"]["4"]
        record = self.binding(4)
        comparison = self.compare()
        comparison.line_ids.action_export()
        self.run_jobs()
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"repaired"})
        self.assertEqual(self.outside(3)["email"], "p3@example.com")
        self.assertNotEqual(record.external_id, "4")
        self.assertEqual(self.outside(record.external_id)["name"], "Partner 4")
        self.assert_in_step()

    def test_gone_and_exported(self):
        """A record that was marked as gone can be made anew."""
        del self.world.records["test.partner"]["4"]
        self.import_record("4")
        binding = self.binding(4)
        self.assertEqual(binding.sync_state, "gone")
        self.compare().line_ids.action_export()
        self.run_jobs()
        self.assertEqual(binding.sync_state, "synced")
        self.assert_in_step()

    def test_archive(self):
        """What is missing there can be archived here; it stays a line that can be ignored."""
        del self.world.records["test.partner"]["4"]
        binding, line = self.binding(4), self.compare().line_ids
        line.action_archive()
        self.assertEqual((line.state, binding.sync_state, binding.odoo_id.active), ("repaired", "gone", False))
        line = self.compare().line_ids
        line.action_ignore("deleted in the shop")
        self.assert_in_step()

    def test_delete(self):
        """What is missing there can be deleted here, with the user's own rights; nothing is sent for it."""
        del self.world.records["test.partner"]["4"]
        binding, line = self.binding(4), self.compare().line_ids
        record = binding.odoo_id
        manager = new_test_user(self.env, "deleting", "connector_framework.group_connector_manager")
        with self.assertRaises(AccessError):
            line.with_user(manager).action_delete()
        self.assertTrue(record.exists())
        line.action_delete()
        self.assertFalse(record.exists() or binding.exists())
        self.assertEqual(line.state, "repaired")
        self.assert_in_step()

    def test_where_from(self):
        """A line says by which call the external values came, and opens what happened to the record."""
        self.outside(3)["email"] = "changed@there"
        line = self.line(self.compare(), "3")
        exchange = self.env["connector.exchange"].create(
            {
                "method": "GET",
                "path": "/customers/3",
                "backend_model": self.backend._name,
                "backend_id": self.backend.id,
                "model_name": "test.partner",
                "external_id": "3",
                "job_id": 7,
            }
        )
        self.assertIn("GET /customers/3", line.brought_by)
        self.assertIn("job 7", line.brought_by)
        found = self.env["connector.timeline"].search(line.action_open_timeline()["domain"])
        self.assertIn(exchange.id, found.mapped("exchange_id"))

    def test_ignore(self):
        """What was ignored is not open in the next comparisons, as long as the same fields differ."""
        self.outside(3)["email"] = "changed@there"
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        comparison = self.compare()
        comparison.line_ids.action_ignore("known")
        for _time in range(2):
            again = self.compare()
            self.assertEqual(set(again.line_ids.mapped("state")), {"ignored"})
            self.assertEqual(set(again.line_ids.mapped("ignore_reason")), {"known"})
            self.assertEqual((self.counts(again), again.count_ignored), ((11, 0, 0, 0, 0), 2))
        self.outside(3)["name"] = "This too"
        line = self.line(self.compare(), "3")
        self.assertEqual(line.state, "open")

    def test_reopen(self):
        """What is no longer to be ignored is open again, in the next comparison too."""
        self.outside(3)["email"] = "changed@there"
        self.compare().line_ids.action_ignore("known")
        self.compare().line_ids.action_reopen()
        self.assertEqual(self.compare().line_ids.state, "open")

    def test_bind(self):
        """A record that is missing here can be bound to one that is here; its values stay."""
        partner = self.env["res.partner"].create({"name": "The same", "email": "here@example.com"})
        self.world.put("test.partner", 101, name="The same one", email="there@example.com")
        line = self.compare().line_ids
        with self.assertRaisesRegex(UserError, "Choose"):
            line.action_bind()
        line.record_id = partner.id
        line.action_bind()
        self.run_jobs()
        self.assertEqual(line.state, "repaired", line.reason)
        binding = self.binding(101)
        self.assertEqual((binding.odoo_id, binding.name), (partner, "The same"))
        self.assertEqual(binding.email, "there@example.com")
        line = self.compare().line_ids
        self.assertEqual((line.kind, list(line.differences)), ("different", ["name"]))

    def test_bind_wrong_ones(self):
        """Two bindings whose records were exchanged are put right by binding each to the right record."""
        first, second = self.binding(1), self.binding(2)
        one, two = first.odoo_id, second.odoo_id
        first.odoo_id, second.odoo_id = two, one
        comparison = self.compare()
        self.line(comparison, "1").record_id = one.id
        self.line(comparison, "2").record_id = two.id
        comparison.line_ids.action_bind()
        self.run_jobs()
        self.assertEqual((first.odoo_id, second.odoo_id), (one, two))
        self.assert_in_step()

    def test_bind_proposal(self):
        """Where the connector recognises a record, it is proposed."""
        waiting = self.bind(name="New there", email="new@example.com")

        class NaturalImporter(Importer):
            _apply_on = "test.partner"

            def _find_binding(self, record):
                return super()._find_binding(record) or self.model.search(
                    [("email", "=", record["email"]), ("backend_id", "=", self.backend.id)]
                )

        self.register(NaturalImporter)
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        line = self.line(self.compare(), "101")
        self.assertEqual((line.kind, line.record_id), ("missing_here", waiting.odoo_id.id))
        line.comparison_id.action_bind_all()
        self.run_jobs()
        self.assertEqual(waiting.external_id, "101")
        self.assert_in_step()

    def test_whole_kind(self):
        """All lines of a kind are repaired at once, in slices."""
        for number in (101, 102, 103):
            self.world.put("test.partner", number, name=f"New {number}", email=f"{number}@example.com")
        self.outside(3)["email"] = "changed@there"
        del self.world.records["test.partner"]["4"]
        comparison = self.compare()
        comparison.action_import_all()
        self.run_jobs()
        self.assertEqual(
            {line.kind for line in comparison.line_ids if line.state == "open"}, {"different", "missing_there"}
        )
        comparison.action_export_all()
        comparison.with_context(connector_comparison_kind="different").action_import_all()
        self.run_jobs()
        self.assertEqual(comparison.count_open, 0)
        self.assert_in_step()

    def test_ignore_whole_kind(self):
        """All of a kind can be ignored; the others stay open."""
        self.outside(3)["email"] = "changed@there"
        del self.world.records["test.partner"]["4"]
        comparison = self.compare()
        comparison.with_context(connector_comparison_kind="different").action_ignore_all()
        self.assertEqual({line.state for line in comparison.line_ids if line.kind == "different"}, {"ignored"})
        self.assertEqual({line.state for line in comparison.line_ids if line.kind != "different"}, {"open"})
        with self.assertRaises(UserError):
            comparison.with_context(connector_comparison_kind="all").action_ignore_all()

    def test_export_again(self):
        """An export that was made anew and whose job ends before its time is not made twice."""
        del self.world.records["test.partner"]["4"]
        line = self.compare().line_ids
        fails = [True]

        class Unlucky(Exporter):
            _apply_on = "test.partner"

            def _after_export(self, binding):
                if fails.pop():
                    raise RetryableError("after the new id was committed")

        self.register(Unlucky)
        line.action_export()
        self.run_jobs()
        self.assertEqual((line.state, len(self.world.made("create"))), ("open", 1))
        fails.append(False)
        make_due(self.env["connector.job"].search([("method_name", "=", "_export")]))
        self.run_jobs()
        self.assertEqual((line.state, len(self.world.made("create"))), ("repaired", 1))
        self.assert_in_step()

    def test_wrong_kind(self):
        """What cannot be repaired that way is refused, and nothing is done."""
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        del self.world.records["test.partner"]["4"]
        comparison = self.compare()
        for action in (
            comparison.line_ids.action_import,
            comparison.line_ids.action_export,
            comparison.line_ids.action_archive,
            comparison.line_ids.action_reopen,
        ):
            with self.assertRaises(UserError):
                action()
        self.assertFalse(self.env["connector.job"].search([("state", "=", "pending")]))

    def test_repair_fails(self):
        """A repair that fails leaves its line open, and its job to be requeued."""
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        line = self.compare().line_ids

        class Refusing(Importer):
            _apply_on = "test.partner"

            def _validate(self, values):
                raise ValueError("not good")

        self.register(Refusing)
        line.action_import()
        self.run_jobs()
        job = self.env["connector.job"].search([("method_name", "=", "_import")])
        self.assertEqual((line.state, job.state), ("open", "failed"))

    def test_gone_meanwhile(self):
        """A record that is gone when it is to be imported leaves its line open, with what happened."""
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        line = self.compare().line_ids
        del self.world.records["test.partner"]["101"]
        line.action_import()
        self.run_jobs()
        self.assertEqual((line.state, line.reason), ("open", "no longer exists"))
