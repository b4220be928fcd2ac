"""When both sides have changed a record."""

from __future__ import annotations

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..synchronizers import Importer
from .common import trap_jobs
from .synchronizers_common import SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestConflict(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.importer = self.register(type("WithPolicy", (Importer,), {"_apply_on": "test.partner"}))
        self.policy("ask")
        self.world.put("test.partner", 1, name="Ann", email="a")
        self.import_record("1")
        self.record = self.binding(1)

    def policy(self, policy):
        self.importer.conflict_policy = policy

    def change_both(self):
        self.record.name = "Here"
        self.world.put("test.partner", 1, name="There", email="a")
        self.world.calls = []

    def test_no_policy(self):
        """Without a policy the last one wins, and no call more than needed is made."""
        self.policy(None)
        self.change_both()
        self.assertEqual(self.record.export_record(), "updated")
        self.assertEqual([call[0] for call in self.world.calls], ["write"])
        self.world.put("test.partner", 1, name="Later", email="a")
        self.import_record("1")
        self.assertEqual(self.record.name, "Later")

    def test_import_asks(self):
        """An import of what has changed here too writes nothing, and leaves the difference for a person."""
        self.change_both()
        self.assertEqual(self.import_record("1"), "conflict: a person has to decide")
        self.assertEqual((self.record.name, self.record.sync_state), ("Here", "conflict"))
        self.assertEqual(self.record.conflict, {"name": {"odoo": "Here", "external": "There"}})
        self.assertEqual(self.record.conflict_text, "Name: Here here, There there")

    def test_import_asks_about_any_text(self):
        """What PostgreSQL cannot hold of the other side's value is shown without it."""
        self.change_both()
        self.world.put("test.partner", 1, name="There\0 \ud83d", email="a")
        self.assertEqual(self.import_record("1"), "conflict: a person has to decide")
        self.env.flush_all()
        self.assertEqual(self.record.conflict["name"]["external"], "There\ufffd \ufffd")

    def test_export_asks(self):
        """An export of what has changed there too sends nothing, and leaves the difference for a person."""
        self.change_both()
        self.assertEqual(self.record.export_record(), "conflict: a person has to decide")
        self.assertFalse(self.world.made("write"))
        self.assertEqual(self.record.conflict, {"name": {"odoo": "Here", "external": "There"}})
        self.assertIn("waits", self.record.export_record())

    def test_one_side_only(self):
        """A change of one side alone is no conflict, in either direction, time after time."""
        for name in ("A", "B"):
            self.record.name = f"{name} here"
            self.assertEqual(self.record.export_record(), "updated")
            self.world.records["test.partner"]["1"]["name"] = f"{name} there"
            self.assertEqual(self.import_record("1"), "updated")
            self.assertEqual(self.record.name, f"{name} there")

    def test_both_made_the_same_change(self):
        """Two equal changes are no conflict."""
        self.record.name = "Same"
        self.world.put("test.partner", 1, name="Same", email="a")
        self.assertEqual(self.import_record("1"), "updated")
        self.assertEqual(self.record.sync_state, "synced")

    def test_external_wins(self):
        """With "external" the import is written, and an export becomes an import."""
        self.policy("external")
        self.change_both()
        self.assertEqual(self.import_record("1"), "updated")
        self.assertEqual(self.record.name, "There")
        self.change_both()
        self.world.put("test.partner", 1, name="There 2", email="a")
        self.assertIn("other side", self.record.export_record())
        self.assertEqual(self.record.name, "There 2")
        self.assertFalse(self.world.made("write"))

    def test_odoo_wins(self):
        """With "odoo" the import is not written, once and for all, and the export is sent."""
        self.policy("odoo")
        self.change_both()
        self.assertIn("kept", self.import_record("1"))
        self.assertEqual(self.record.name, "Here")
        self.assertEqual(self.import_record("1"), "unchanged")
        self.assertEqual(self.record.export_record(), "updated")
        self.assertEqual(self.world.records["test.partner"]["1"]["name"], "Here")

    def test_forced_import(self):
        """A forced import is written whatever the policy says, and ends the conflict."""
        self.change_both()
        self.import_record("1")
        self.assertEqual(self.import_record("1", force=True), "updated")
        self.assertEqual((self.record.name, self.record.sync_state, self.record.conflict), ("There", "synced", False))

    def test_decided_for_odoo(self):
        """A person who decides for Odoo has its values exported."""
        self.change_both()
        self.import_record("1")
        with trap_jobs(self.env) as trap:
            self.record.action_keep_odoo()
        trap.assert_enqueued("export_record")
        trap.run()
        self.assertEqual(self.world.records["test.partner"]["1"]["name"], "Here")
        self.assertEqual((self.record.sync_state, self.record.conflict), ("synced", False))

    def test_decided_for_the_other_side(self):
        """A person who decides for the other side has its values imported."""
        self.change_both()
        self.import_record("1")
        with trap_jobs(self.env) as trap:
            self.record.action_keep_external()
        trap.assert_enqueued("import_record", (self.backend, "1"))
        trap.run()
        self.assertEqual((self.record.name, self.record.sync_state), ("There", "synced"))

    def test_for_managers(self):
        """Only managers decide."""
        user = new_test_user(self.env, "conflict-user", "connector_framework.group_connector_user")
        for action in ("action_keep_odoo", "action_keep_external"):
            with self.assertRaises(AccessError):
                getattr(self.record.with_user(user), action)()
