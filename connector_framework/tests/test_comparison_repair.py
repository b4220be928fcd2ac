"""What is done about the lines of a comparison."""

from __future__ import annotations

from lxml import html
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
        self.run_jobs()
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
        self.run_jobs()
        self.assertFalse(record.exists() or binding.exists())
        self.assertEqual(line.state, "repaired")
        self.assert_in_step()

    def test_where_from(self):
        """A line says by which call the external values came, and opens what happened to the record."""
        self.outside(3)["email"] = "changed@there"
        line = self.line(self.compare(), "3")
        self.assertIs(line.brought_by, False)
        line.invalidate_recordset(["brought_by"])
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
        line.comparison_id.action_repair_all("bind", "missing_here")
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
        comparison.action_repair_all("import", "missing_here")
        self.run_jobs()
        self.assertEqual(
            {line.kind for line in comparison.line_ids if line.state == "open"}, {"different", "missing_there"}
        )
        comparison.action_repair_all("export", "missing_there")
        comparison.action_repair_all("import", "different")
        self.run_jobs()
        self.assertEqual(comparison.count_open, 0)
        self.assert_in_step()

    def test_ignore_whole_kind(self):
        """All of a kind can be ignored; the others stay open."""
        self.outside(3)["email"] = "changed@there"
        del self.world.records["test.partner"]["4"]
        comparison = self.compare()
        comparison.action_ignore_all("different")
        self.assertEqual({line.state for line in comparison.line_ids if line.kind == "different"}, {"ignored"})
        self.assertEqual({line.state for line in comparison.line_ids if line.kind != "different"}, {"open"})
        with self.assertRaises(UserError):
            comparison.action_ignore_all("all")

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

    # -- first as a dry run --------------------------------------------------------------------------------------------

    def review(self, action):
        """Return the dialog that an action opens, and the text of its dry run."""
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        return wizard, " ".join(html.fromstring(wizard.body).text_content().split())

    def test_review_lines(self):
        """The dry run of a repair changes nothing; confirmed, the repair does what it said."""
        self.world.put("test.partner", 101, name="New & <there>", email="new@example.com")
        self.outside(3)["email"] = "changed@there"
        comparison = self.compare()
        wizard, text = self.review(comparison.line_ids.action_review_import())
        self.assertEqual((wizard.count, wizard.note), (2, False))
        self.assertIn("Email p3@example.com → changed@there from email (PartnerImportMapper", text)
        self.assertIn("New & <there>", text)
        self.assertNotIn("<there>", wizard.body)
        self.assertFalse(self.binding(101))
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"open"})
        self.assertIn("2 jobs", wizard.action_repair()["params"]["message"])
        self.run_jobs()
        self.assert_in_step()

    def test_review_whole_kind(self):
        """Of a whole kind the first lines are tried, and it says of how many; confirmed, all are repaired."""
        for number in range(101, 108):
            self.world.put("test.partner", number, name=f"New {number}", email=f"{number}@example.com")
        comparison = self.compare()
        wizard, text = self.review(comparison.action_review_all("import", "missing_here"))
        self.assertEqual((wizard.count, wizard.note), (7, "This shows the first 5 of 7."))
        self.assertEqual([number for number in range(101, 108) if f"New {number}" in text], [*range(101, 106)])
        wizard.action_repair()
        self.run_jobs()
        self.assert_in_step()
        with self.assertRaises(UserError):
            comparison.action_review_all("import", "missing_here")

    def test_review_export(self):
        """What is missing there would be created anew, as the job does it."""
        del self.world.records["test.partner"]["4"]
        comparison = self.compare()
        _wizard, text = self.review(comparison.line_ids.action_review_export())
        self.assertIn("What is sent create name Partner 4", text)
        self.assertFalse(self.world.made("create"))
        self.assertEqual(self.binding(4).external_id, "4")

    def test_review_archive_and_delete(self):
        """Archiving and deleting are tried, too, one or all of a kind."""
        for number in ("4", "5"):
            del self.world.records["test.partner"][number]
        comparison, record = self.compare(), self.binding(4).odoo_id
        _wizard, text = self.review(self.line(comparison, "4").action_review_delete())
        self.assertIn("Deleted Contact: Partner 4", text)
        wizard, text = self.review(comparison.action_review_all("archive", "missing_there"))
        self.assertIn("Active Yes → No", text)
        self.assertTrue(record.exists() and record.active)
        wizard.action_repair()
        self.run_jobs()
        self.assertFalse(record.active)
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"repaired"})

    def test_review_bind(self):
        """Binding is tried, too; of a whole kind only lines with a proposal."""
        self.world.put("test.partner", 101, name="Known", email="k@example.com")
        self.world.put("test.partner", 102, name="Unknown", email="u@example.com")
        comparison, known = self.compare(), self.env["res.partner"].create({"name": "Known here"})
        self.line(comparison, "101").record_id = known.id
        wizard, text = self.review(comparison.action_review_all("bind", "missing_here"))
        self.assertEqual(wizard.count, 1)
        self.assertIn("Known here", text)
        wizard.action_repair()
        self.run_jobs()
        self.assertEqual(self.binding(101).odoo_id, known)

    def test_review_of_another_user(self):
        """A dialog is of the one who opened it."""
        self.outside(3)["email"] = "changed@there"
        one, other = (
            new_test_user(self.env, login, "connector_framework.group_connector_manager") for login in ("one", "two")
        )
        action = self.compare().line_ids.with_user(one).action_review_import()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.with_user(one).read(["body"])
        for call in (wizard.with_user(other).read, wizard.with_user(other).action_repair):
            with self.assertRaises(AccessError):
                call()
        with self.assertRaises(AccessError):
            wizard.with_user(one).write({"repair": "delete"})
