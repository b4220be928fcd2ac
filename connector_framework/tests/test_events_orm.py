"""What the ORM fires: create, write, unlink."""

from __future__ import annotations

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from ..events import on_record_change, on_record_create, on_record_unlink, on_record_write
from ..events.model_subscriptions import model_subscriptions
from .events_common import EventCase


@tagged("post_install", "-at_install", "transaction")
class TestOrmEvents(EventCase):
    def setUp(self):
        super().setUp()
        self.partners = self.env["res.partner"].create([{"name": "One"}, {"name": "Two"}])

    def test_create(self):
        """``on_record_create`` comes once per call, with all records and the list of values."""
        calls = self.listen(on_record_create, "res.partner")
        created = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        self.assertEqual([records for records, _payload in calls], [created])
        self.assertEqual([vals["name"] for vals in calls[0][1]], ["A", "B"])

    def test_create_of_one(self):
        """A create with a dict gives a list of one."""
        calls = self.listen(on_record_create, "res.partner.category")
        created = self.env["res.partner.category"].create({"name": "A"})
        self.assertEqual(calls, [(created, [{"name": "A"}])])

    def test_write(self):
        """``on_record_write`` comes once per call, with the whole recordset and the values."""
        calls = self.listen(on_record_write, "res.partner")
        self.partners.write({"ref": "x", "function": "y"})
        self.assertEqual(calls, [(self.partners, {"ref": "x", "function": "y"})])

    def test_write_by_assignment(self):
        """Assigning a field is a write."""
        calls = self.listen(on_record_write, "res.partner")
        self.partners.ref = "x"
        self.assertEqual(calls, [(self.partners, {"ref": "x"})])

    def test_write_fields(self):
        """With ``fields``, only a write of one of them fires."""
        calls = self.listen(on_record_write, "res.partner", fields=["ref"])
        self.partners.write({"function": "y"})
        self.assertEqual(calls, [])
        self.partners.write({"ref": "x", "function": "y"})
        self.assertEqual(calls, [(self.partners, {"ref": "x", "function": "y"})])

    def test_written_already(self):
        """In ``on_record_write`` the records have the new values, in ``on_record_create`` they exist."""
        seen = []
        self.subscribe(on_record_write, lambda records, vals: seen.append(records.mapped("ref")), "res.partner")
        self.subscribe(on_record_create, lambda records, vals_list: seen.append(records.exists()), "res.partner")
        self.partners.write({"ref": "x"})
        created = self.env["res.partner"].create({"name": "A"})
        self.assertEqual(seen, [["x", "x"], created])

    def test_when_the_orm_returns(self):
        """``on_record_write`` fires when the ORM's own write returns: an override of the model has work left to do."""
        order = []
        Partner = type(self.env["res.partner"])
        write = Partner.write

        def override(records, vals):
            result = write(records, vals)
            order.append("override")
            return result

        self.subscribe(on_record_write, lambda records, vals: order.append("consumer"), "res.partner")
        with patch.object(Partner, "write", override):
            self.partners[0].write({"ref": "x"})
        self.assertEqual(order, ["consumer", "override"])

    def test_unlink(self):
        """``on_record_unlink`` comes once per call, before: the records can still be read."""
        seen = []
        self.subscribe(on_record_unlink, lambda records: seen.append((records, records.mapped("name"))), "res.partner")
        self.partners.unlink()
        self.assertEqual(seen, [(self.partners, ["One", "Two"])])
        self.assertFalse(self.partners.exists())

    def test_nothing_to_do(self):
        """Calls on no records fire nothing."""
        calls = [self.listen(event, "res.partner") for event in (on_record_create, on_record_write, on_record_unlink)]
        Partner = self.env["res.partner"]
        Partner.create([])
        Partner.write({"name": "x"})
        Partner.unlink()
        self.assertEqual(calls, [[], [], []])

    def test_new_records(self):
        """Records that are not in the database (onchanges) fire nothing."""
        writes, creates = self.listen(on_record_write, "res.partner"), self.listen(on_record_create, "res.partner")
        record = self.env["res.partner"].new({"name": "x"})
        record.name = "y"
        record.write({"name": "z"})
        self.assertEqual(writes + creates, [])

    def test_environment(self):
        """The records are in the caller's environment: user, su, context."""
        user = new_test_user(self.env, "events_user", groups="base.group_user,base.group_partner_manager")
        calls = self.listen(on_record_write, "res.partner")
        self.partners.with_user(user).with_context(lang="en_US", mark=1).write({"ref": "x"})
        self.partners.with_user(user).sudo().write({"ref": "y"})
        (one, _vals), (two, _vals) = calls
        self.assertEqual((one.env.user, one.env.su, one.env.context.get("mark")), (user, False, 1))
        self.assertEqual((two.env.user, two.env.su), (user, True))

    def test_refused(self):
        """A write that the ORM refuses fires nothing."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        calls = self.listen(on_record_write, "res.partner")
        with self.assertRaises(AccessError):
            self.partners.with_user(user).write({"ref": "x"})
        self.assertEqual(calls, [])

    def test_refused_deletion(self):
        """A deletion that the user's rights do not allow fires nothing: whoever catches the refusal may go on."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        calls = self.listen(on_record_unlink, "res.partner")
        with self.assertRaises(AccessError):
            self.partners.with_user(user).unlink()
        self.assertEqual(calls, [])

    def test_exception(self):
        """An exception of a consumer reaches the caller and takes the write back with its transaction."""

        def fail(records, vals):
            raise ZeroDivisionError

        self.subscribe(on_record_write, fail, "res.partner")
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.partners.write({"ref": "x"})
        self.assertEqual(self.partners.mapped("ref"), [False, False])

    def test_several_models(self):
        """A consumer of several models gets each model's records by themselves."""
        calls = self.listen(on_record_write, ["res.partner", "res.partner.category"])
        category = self.env["res.partner.category"].create({"name": "A"})
        category.name = "B"
        self.partners[0].ref = "x"
        self.assertEqual([records for records, _vals in calls], [category, self.partners[0]])

    def test_every_model(self):
        """A consumer of every model sees all models but transient ones and the framework's bookkeeping."""
        calls = self.listen(on_record_create)
        self.env["res.partner.category"].create({"name": "A"})
        self.env["base.language.export"].create({})
        self.env["connector.job.channel"].create({"name": "root.events_test"})
        models = {records._name for records, _vals in calls}
        self.assertIn("res.partner.category", models)
        self.assertFalse(models & {"base.language.export", "connector.job.channel"})

    def test_named_transient_model(self):
        """A transient model that is named is seen."""
        calls = self.listen(on_record_create, "base.language.export")
        wizard = self.env["base.language.export"].create({})
        self.assertEqual([records for records, _vals in calls], [wizard])

    # -- silence --

    def test_no_events(self):
        """The context ``connector_no_events`` of the call silences create, write and unlink."""
        calls = [self.listen(event, "res.partner") for event in (on_record_create, on_record_write, on_record_unlink)]
        created = self.env["res.partner"].with_context(connector_no_events=True).create({"name": "A"})
        created.write({"ref": "x"})
        created.unlink()
        self.assertEqual(calls, [[], [], []])

    def test_no_events_false(self):
        """``connector_no_events=False`` silences nothing."""
        calls = self.listen(on_record_write, "res.partner")
        self.partners.with_context(connector_no_events=False).write({"ref": "x"})
        self.assertEqual(len(calls), 1)

    def test_registry_not_ready(self):
        """While the registry is being loaded nothing fires."""
        calls = self.listen(on_record_write, "res.partner")
        with patch.object(self.registry, "ready", False):
            self.partners.write({"ref": "x"})
        self.assertEqual(calls, [])
        self.partners.write({"ref": "y"})
        self.assertEqual(len(calls), 1)

    def test_addon_not_installed(self):
        """A consumer of an addon that is not installed is silent, and runs from the moment it is."""
        calls = []

        def consumer(records, vals):
            calls.append(vals)

        consumer.__module__ = "odoo.addons.events_no_such_addon.models"
        self.subscribe(on_record_write, consumer, "res.partner")
        self.partners.write({"ref": "x"})
        self.assertEqual(calls, [])
        with patch.object(self.registry, "_init_modules", self.registry._init_modules | {"events_no_such_addon"}):
            self.partners.write({"ref": "y"})
        self.partners.write({"ref": "z"})
        self.assertEqual(calls, [{"ref": "y"}])

    def test_muted(self):
        """A muted event fires nothing; the write is done."""
        calls = self.listen(on_record_write, "res.partner")
        with on_record_write.muted():
            self.partners.write({"ref": "x"})
        self.assertEqual((calls, self.partners.mapped("ref")), ([], ["x", "x"]))

    # -- what it costs --

    def test_no_query(self):
        """A consumer costs no query."""

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            count = self.env.cr.sql_log_count
            self.partners.write({"ref": str(count), "category_id": [Command.clear()]})
            self.env.flush_all()
            return self.env.cr.sql_log_count - count

        queries()
        without = queries()
        self.listen(on_record_write, "res.partner")
        self.listen(on_record_change, "res.partner")
        self.assertEqual(queries(), without)

    def test_nothing_to_do_without_consumer(self):
        """For a model that nobody listens to there is nothing to do, but to watch what others' changes recompute."""
        consumer = on_record_write.subscribe(lambda records, vals: None, "res.country")
        self.addCleanup(on_record_write.unsubscribe, consumer)
        self.assertIsNone(model_subscriptions(self.partners))
        self.subscribe(on_record_change, lambda records, fields: None, "res.country")
        found = model_subscriptions(self.partners)
        self.assertTrue(found.tracks)
        self.assertFalse(found.creates or found.writes or found.unlinks or found.collects)
        self.assertTrue(model_subscriptions(self.env["res.country"]).writes)
