"""``on_record_change``: what is delivered, when, and in whose name."""

from __future__ import annotations

import threading
from contextlib import closing
from copy import deepcopy
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged

from ..events import on_record_change
from ..events.changes import change_log, find_change_log
from ..exceptions import ConnectorError
from .events_common import EventCase

ORIGIN = ("a.backend", 1)
OTHER = ("a.backend", 2)


@tagged("post_install", "-at_install", "transaction")
class TestChange(EventCase):
    def setUp(self):
        super().setUp()
        self.Partner = self.env["res.partner"].with_context(tracking_disable=True)
        self.company = self.Partner.create({"name": "Company", "is_company": True})
        self.one, self.two = self.Partner.create(
            [{"name": "One", "parent_id": self.company.id}, {"name": "Two", "parent_id": self.company.id}]
        )
        self.changed = self.changes("res.partner")

    def only(self, expected_records):
        """Return the fields of the only delivery, which must be of these records."""
        found = self.changed()
        self.assertEqual([records for records, _fields in found], [expected_records])
        return found[0][1]

    def alias(self):
        """Return an alias domain and an alias, whose full name is recomputed when the domain's name changes."""
        domain = self.env["mail.alias.domain"].create({"name": "before.example.com"})
        alias = self.env["mail.alias"].create(
            {
                "alias_name": "events",
                "alias_domain_id": domain.id,
                "alias_model_id": self.env["ir.model"]._get_id("res.partner"),
            }
        )
        return domain, alias

    def pending(self, record, field):
        """Tell whether a field of a record is still to be recomputed."""
        return record in self.env.records_to_compute(record._fields[field])

    # -- what --

    def test_before_the_commit(self):
        """Nothing is delivered when something is written, all of it when the precommit callbacks run."""
        calls = self.listen(on_record_change, "res.partner")
        self.one.ref = "x"
        self.env.flush_all()
        self.assertEqual(calls, [])
        self.env.cr.precommit.run()
        self.assertEqual(calls, [(self.one, frozenset({"ref"}))])

    def test_once(self):
        """Once per model: all records, created and written, and the union of the fields."""
        self.one.ref = "x"
        self.two.function = "y"
        created = self.Partner.create({"name": "New", "street": "z"})
        self.one.ref = "xx"
        fields = self.only(self.one | self.two | created)
        self.assertLessEqual({"ref", "function", "name", "street"}, fields)
        self.assertEqual(self.changed(), [], "delivered once")

    def test_names_as_given(self):
        """The names are those given to write, not the ORM's own columns."""
        self.one.write({"ref": "x", "function": "y"})
        self.assertEqual(self.only(self.one), {"ref", "function"})

    def test_equal_value(self):
        """Changed means written: an equal value may be reported, and is."""
        self.one.ref = self.one.ref
        self.assertEqual(self.only(self.one), {"ref"})

    def test_own_columns_alone(self):
        """A write that changes nothing but ``write_date`` and its like is not reported."""
        self.one.write({})
        self.one.write({"write_date": "2020-01-01"})
        self.assertEqual(self.changed(), [])

    def test_parent_path_alone(self):
        """Nor is a record whose ``parent_path`` alone changed, because another one moved."""
        Category = self.env["res.partner.category"]
        top, other = Category.create([{"name": "Top"}, {"name": "Other"}])
        middle = Category.create({"name": "Middle", "parent_id": top.id})
        Category.create({"name": "Leaf", "parent_id": middle.id})
        changed = self.changes("res.partner.category")
        middle.parent_id = other
        self.assertEqual(changed(), [(middle, {"parent_id"})])

    def test_computed(self):
        """Stored computed fields are reported, also on records that nobody wrote."""
        self.company.name = "Renamed"
        fields = self.only(self.company | self.one | self.two)
        self.assertLessEqual({"name", "complete_name", "commercial_company_name"}, fields)

    def test_computed_on_flush(self):
        """A field that was recomputed and flushed in between is reported all the same."""
        self.company.name = "Renamed"
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertIn("complete_name", self.only(self.company | self.one | self.two))

    def test_computed_on_other_model(self):
        """A field that a write on another model recomputes is reported, in the environment of that write."""
        user = new_test_user(self.env, "events_user", groups="base.group_system")
        domain, alias = self.alias()
        changed = self.changes("mail.alias")
        domain.with_user(user).name = "after.example.com"
        ((records, fields),) = changed()
        self.assertIn(alias, records)
        self.assertEqual(fields, {"alias_full_name"})
        self.assertEqual((records.env.user, records.env.su), (user, False))

    def test_computed_many2many(self):
        """A stored many2many that is recomputed has no column, and is reported."""
        Type = self.env["mail.activity.type"]
        suggested = Type.create({"name": "Suggested"})
        record = Type.create(
            {"name": "A", "chaining_type": "suggest", "suggested_next_type_ids": [Command.link(suggested.id)]}
        )
        changed = self.changes("mail.activity.type", fields=["suggested_next_type_ids"])
        record.write({"chaining_type": "trigger", "triggered_next_type_id": suggested.id})
        ((records, _fields),) = changed()
        self.assertIn(record, records)
        self.assertFalse(record.suggested_next_type_ids)

    def test_precomputed(self):
        """A create reports what it computes before the INSERT."""
        created = self.Partner.create({"name": "New"})
        precomputed = [name for name, field in self.Partner._fields.items() if field.precompute and field.store]
        self.assertTrue(precomputed)
        self.assertLessEqual(set(precomputed), self.only(created))

    def test_created_without_values(self):
        """A created record is reported even if no value was given."""
        changed = self.changes("base.language.export")
        created = self.env["base.language.export"].create({})
        self.assertEqual([records for records, _fields in changed()], [created])

    def test_deleted(self):
        """Records that are deleted meanwhile are left out; all of them deleted: nothing is delivered."""
        (self.one | self.two).write({"ref": "x"})
        self.one.unlink()
        self.assertEqual(self.only(self.two), {"ref"})
        self.two.ref = "y"
        self.two.unlink()
        self.assertEqual(self.changed(), [])

    def test_deleted_by_cascade(self):
        """A record that PostgreSQL deletes with another one is left out as well."""
        Category = self.env["res.partner.category"]
        parent = Category.create({"name": "Parent"})
        child = Category.create({"name": "Child", "parent_id": parent.id})
        changed = self.changes("res.partner.category")
        child.name = "Changed"
        parent.unlink()
        self.assertEqual(changed(), [])

    def test_unlink_recomputes(self):
        """What a deletion makes recompute on other records is reported."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        partner = user.partner_id
        self.assertFalse(partner.partner_share)
        self.changed()
        user.unlink()
        self.assertIn("partner_share", self.only(partner))

    def test_fields(self):
        """With ``fields``, the consumer runs if one of them changed, computed ones too, and gets all that did."""
        changed = self.changes("res.partner", fields=["complete_name", "ref"])
        self.one.function = "x"
        self.assertEqual(changed(), [])
        self.one.name = "Renamed"
        ((records, fields),) = changed()
        self.assertEqual(records, self.one)
        self.assertLessEqual({"name", "complete_name"}, fields)

    def test_fields_are_frozen(self):
        """The fields are a frozenset: a consumer cannot change what the next one gets."""
        calls = self.listen(on_record_change, "res.partner")
        self.one.ref = "x"
        self.env.cr.flush()
        self.assertIsInstance(calls[0][1], frozenset)

    def test_low_level_write(self):
        """``_write`` is seen, raw SQL is not."""
        self.one._write({"ref": "x"})
        self.env.cr.execute("UPDATE res_partner SET ref = 'y' WHERE id = %s", [self.two.id])
        self.assertEqual(self.only(self.one), {"ref"})

    # -- nothing without need --

    def test_nothing_collected(self):
        """For a model without a consumer nothing is collected."""
        self.env["res.partner.category"].create({"name": "A"})
        self.env.flush_all()
        changes = find_change_log(self.env.cr)
        self.assertFalse(changes and any(changes.segments))

    # -- in whose name --

    def test_environment_of_first_writer(self):
        """The environment is that of the first writer: user, su, companies, language."""
        company = self.env["res.company"].create({"name": "Events"})
        user = new_test_user(
            self.env,
            "events_user",
            groups="base.group_user,base.group_partner_manager",
            company_id=company.id,
            company_ids=[Command.set([company.id])],
        )
        self.changed()
        context = {"allowed_company_ids": [company.id], "lang": "en_US"}
        self.one.with_user(user).with_context(**context).ref = "x"
        self.two.ref = "y"
        ((records, _fields),) = self.changed()
        env = records.env
        self.assertEqual(records, self.one | self.two)
        self.assertEqual((env.user, env.su, env.company, env.lang), (user, False, company, "en_US"))

    def test_sudo(self):
        """``su`` is set only if the first writer had it."""
        user = new_test_user(self.env, "events_user", groups="base.group_user,base.group_partner_manager")
        self.changed()
        self.one.with_user(user).sudo().ref = "x"
        ((records, _fields),) = self.changed()
        self.assertEqual((records.env.user, records.env.su), (user, True))

    def test_origins(self):
        """Each origin gets a delivery of its own, with its records and fields alone."""
        self.one.ref = "x"
        self.two.with_context(connector_origin=ORIGIN).function = "y"
        self.one.with_context(connector_origin=OTHER).website = "z"
        found = {records.env.context.get("connector_origin"): (records, fields) for records, fields in self.changed()}
        self.assertEqual(
            found, {None: (self.one, {"ref"}), ORIGIN: (self.two, {"function"}), OTHER: (self.one, {"website"})}
        )

    def test_origin_of_computed(self):
        """What is recomputed has the origin of the write that caused it, whoever flushes."""
        self.company.with_context(connector_origin=ORIGIN).name = "Renamed"
        self.env["res.partner.category"].create({"name": "Of nobody"})
        self.env.flush_all()
        ((records, fields),) = self.changed()
        self.assertEqual(records.env.context["connector_origin"], ORIGIN)
        self.assertIn("complete_name", fields)

    def test_origin_of_what_was_pending(self):
        """What was pending before an origin began to write does not become the origin's when it flushes."""
        domain, alias = self.alias()
        changed = self.changes("mail.alias")
        domain.name = "after.example.com"
        self.assertTrue(self.pending(alias, "alias_full_name"))
        with_origin = self.one.with_context(connector_origin=ORIGIN)
        with_origin.ref = "x"
        with_origin.env.flush_all()
        ((records, fields),) = changed()
        self.assertEqual((records.env.context.get("connector_origin"), fields), (None, {"alias_full_name"}))

    def within(self, action, record=None):
        """Rename a record (the company) with an origin; the action runs early in the ORM's own write."""
        record = self.company if record is None else record
        Model = type(record)
        modified = Model.modified

        def act(records, *args, before=False, **kwargs):
            if before and records == record:
                action()
            return modified(records, *args, before=before, **kwargs)

        with patch.object(Model, "modified", act):
            record.with_context(connector_origin=ORIGIN).write({"name": "renamed.example.com"})

    def test_origin_around(self):
        """A write of nobody within a write of an origin does not take over what the outer one makes recompute."""
        category = self.env["res.partner.category"].create({"name": "A"})
        self.within(lambda: category.write({"name": "B"}))
        self.env.flush_all()
        self.assertEqual(category.name, "B")
        found = self.changed()
        self.assertEqual([records.env.context.get("connector_origin") for records, _fields in found], [ORIGIN])
        self.assertIn("complete_name", found[0][1])

    def test_origin_within(self):
        """And what the inner one makes recompute is not the outer one's."""
        domain, _alias = self.alias()
        changed = self.changes("mail.alias")
        self.within(lambda: domain.write({"name": "after.example.com"}))
        ((records, fields),) = changed()
        self.assertEqual((records.env.context.get("connector_origin"), fields), (None, {"alias_full_name"}))

    def test_origin_over_a_savepoint(self):
        """A savepoint in the middle of a write delivers, and what comes after it still has the write's origin."""

        def savepoint():
            self.env["res.partner.category"].with_context(connector_origin=OTHER).create({"name": "Before"})
            with self.env.cr.savepoint():
                self.env["res.partner.category"].with_context(connector_origin=OTHER).create({"name": "Inside"})

        self.one.ref = "x"
        self.within(savepoint)
        self.env.flush_all()
        found = {records.env.context.get("connector_origin"): fields for records, fields in self.changed()}
        self.assertEqual(set(found), {None, ORIGIN})
        self.assertLessEqual({"name", "complete_name"}, found[ORIGIN])

    def test_origin_over_a_savepoint_without_writes(self):
        """The same if nothing is written in the savepoint, and somebody else flushes."""
        domain, alias = self.alias()
        changed = self.changes("mail.alias")

        def savepoint():
            with self.env.cr.savepoint():
                pass

        alias.alias_defaults = "{}"
        self.within(savepoint, domain)
        self.assertTrue(self.pending(alias, "alias_full_name"))
        self.env.flush_all()
        found = {records.env.context.get("connector_origin"): fields for records, fields in changed()}
        self.assertEqual(found, {None: {"alias_defaults"}, ORIGIN: {"alias_full_name"}})

    def test_origin_from_json(self):
        """An origin that came as a JSON list is the same as the tuple."""
        self.one.with_context(connector_origin=list(ORIGIN)).ref = "x"
        self.two.with_context(connector_origin=ORIGIN).ref = "x"
        self.only(self.one | self.two)

    def test_origin_that_is_none(self):
        """What is no pair, as any client may send it, is refused by the write itself; nothing is no origin."""
        for origin in ({"a": 1}, "shop.backend", ["shop.backend"], ["shop.backend", [1]], self.one | self.two, 5):
            with self.subTest(origin), self.assertRaisesRegex(ValueError, "connector_origin"):
                self.one.with_context(connector_origin=origin).ref = "x"
        for nothing in (None, False, [], ()):
            self.one.with_context(connector_origin=nothing).ref = "x"
        self.assertEqual(self.only(self.one), {"ref"})

    # -- silence --

    def test_no_events(self):
        """``connector_no_events`` silences what is written, created and recomputed by the call."""
        self.company.with_context(connector_no_events=True).name = "Renamed"
        self.Partner.with_context(connector_no_events=True).create({"name": "New"})
        self.one.ref = "x"
        self.assertEqual(self.only(self.one), {"ref"})

    def test_muted_while_writing(self):
        """While the event is muted nothing is collected, so nothing comes later either."""
        with on_record_change.muted():
            self.company.name = "Renamed"
        self.assertEqual(self.changed(), [])

    def test_muted_consumer(self):
        """A consumer that is muted while the changes are delivered does not get them, nor later."""
        calls = []
        consumer = lambda records, fields: calls.append(records)  # noqa: E731
        self.subscribe(on_record_change, consumer, "res.partner")
        self.one.ref = "x"
        with on_record_change.muted(consumer):
            self.assertEqual(self.only(self.one), {"ref"})
        self.env.cr.flush()
        self.assertEqual(calls, [])

    def test_registry_not_ready(self):
        """While the registry is being loaded nothing is collected."""
        with patch.object(self.registry, "ready", False):
            self.one.ref = "x"
            self.env.flush_all()
        self.assertEqual(self.changed(), [])

    # -- savepoints --

    def test_flushing_savepoint(self):
        """A flushing savepoint delivers what is pending when it begins, and what came inside when it ends."""
        calls = self.listen(on_record_change, "res.partner")
        self.one.ref = "x"
        with self.env.cr.savepoint():
            self.assertEqual([records for records, _fields in calls], [self.one])
            self.two.ref = "y"
        self.assertEqual([records for records, _fields in calls], [self.one, self.two])

    def test_rolled_back_savepoint(self):
        """What a rolled-back savepoint changed is never reported; what was before and comes after is."""
        self.one.ref = "x"
        with closing(self.env.cr.savepoint()):
            self.two.ref = "y"
            self.Partner.create({"name": "New"})
            self.env.flush_all()
        self.two.function = "z"
        self.assertEqual(self.changed(), [(self.one, {"ref"}), (self.two, {"function"})])

    def test_rolled_back_plain_savepoint(self):
        """The same for a savepoint that does not flush, whose rollback Odoo tells nobody."""
        self.one.ref = "x"
        self.env.flush_all()
        with closing(self.env.cr.savepoint(flush=False)):
            self.two.ref = "y"
            self.one.function = "y"
            self.env.flush_all()
            self.env.invalidate_all()
        self.two.website = "z"
        self.assertEqual(self.only(self.one | self.two), {"ref", "website"})

    def test_plain_savepoint_before_the_first_change(self):
        """The same if the savepoint began before anything was collected."""
        with closing(self.env.cr.savepoint(flush=False)):
            self.two.ref = "y"
            self.env.flush_all()
            self.env.invalidate_all()
        self.assertEqual(self.changed(), [])

    def test_plain_savepoint_not_flushed(self):
        """What is still to be flushed after the rollback reaches the database, and so is reported."""
        with closing(self.env.cr.savepoint(flush=False)):
            self.two.ref = "y"
        self.env.flush_all()
        self.env.cr.execute("SELECT ref FROM res_partner WHERE id = %s", [self.two.id])
        self.assertEqual(self.env.cr.fetchone(), ("y",))
        self.assertEqual(self.only(self.two), {"ref"})

    def test_nested_plain_savepoints(self):
        """Released inside rolled back: gone. Rolled back inside released: only the inner one's is gone."""
        with closing(self.env.cr.savepoint(flush=False)):
            with self.env.cr.savepoint(flush=False):
                self.one.ref = "a"
                self.env.flush_all()
            self.env.invalidate_all()
        self.assertEqual(self.changed(), [])
        with self.env.cr.savepoint(flush=False):
            self.one.ref = "a"
            self.env.flush_all()
            with closing(self.env.cr.savepoint(flush=False)):
                self.two.function = "b"
                self.env.flush_all()
                self.env.invalidate_all()
        self.assertEqual(self.only(self.one), {"ref"})

    def test_savepoint_rolled_back_twice(self):
        """A savepoint that is rolled back and used on keeps what came after."""
        with self.env.cr.savepoint(flush=False) as savepoint:
            self.one.ref = "a"
            self.env.flush_all()
            savepoint.rollback()
            self.env.invalidate_all()
            self.two.ref = "b"
        self.assertEqual(self.only(self.two), {"ref"})

    def test_many_savepoints_take_no_room(self):
        """Released savepoints leave no trace: the log does not grow with their number."""
        for number in range(20):
            with self.env.cr.savepoint(flush=False):
                self.one.ref = str(number)
        self.assertLessEqual(len(change_log(self.env.cr).segments), 2)
        self.assertEqual(change_log(self.env.cr)._marks, [])
        self.assertEqual(self.only(self.one), {"ref"})

    def test_hook_is_gone(self):
        """The hook that notices savepoints is there only while something is pending."""

        def hooks():
            return len(getattr(threading.current_thread(), "query_hooks", ()))

        before = hooks()
        self.one.ref = "x"
        self.assertEqual(hooks(), before + 1)
        self.changed()
        self.assertEqual(hooks(), before)
        self.one.ref = "y"
        self.env.cr.precommit.clear()
        self.env.flush_all()
        self.env.cr.execute("SELECT 1")
        self.assertLessEqual(hooks(), before + 1, "a lost log's hook leaves with the next query")

    def test_transaction_rolled_back(self):
        """What is rolled back with the transaction is forgotten, on a cursor of its own."""
        calls = self.listen(on_record_change, "res.partner.category")
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            env = self.env(cr=cr)
            env["res.partner.category"].create({"name": "A"})
            cr.rollback()
            cr.commit()
            self.assertEqual(calls, [])
            created = env["res.partner.category"].create({"name": "B"})
            cr.commit()
            self.assertEqual([records.ids for records, _fields in calls], [created.ids])

    # -- rounds --

    def test_further_round(self):
        """What consumers write is delivered in a further round."""
        rounds = []

        def consumer(records, fields):
            rounds.append((records, set(fields)))
            if "ref" in fields:
                records.write({"function": "set"})

        self.subscribe(on_record_change, consumer, "res.partner")
        self.one.ref = "x"
        self.env.cr.flush()
        self.assertEqual(rounds, [(self.one, {"ref"}), (self.one, {"function"})])

    def test_five_rounds(self):
        """A chain of five rounds is delivered."""
        steps = []

        def consumer(records, fields):
            steps.append(records.ref)
            if len(steps) < 5:
                records.ref = str(len(steps))

        self.subscribe(on_record_change, consumer, "res.partner")
        self.one.ref = "0"
        self.env.cr.flush()
        self.assertEqual(steps, ["0", "1", "2", "3", "4"])

    def test_endless(self):
        """After 5 rounds a ConnectorError names model, fields and consumers."""
        calls = []

        def never_ending(records, fields):
            calls.append(records)
            records.write({"ref": str(len(calls)), "function": "x"})

        self.subscribe(on_record_change, never_ending, "res.partner")
        self.one.ref = "x"
        with self.assertRaisesRegex(ConnectorError, r"res\.partner \(function, ref\) by .*never_ending"):
            self.env.cr.flush()
        self.env.cr.precommit.clear()
        self.assertEqual(len(calls), 5)

    def test_endless_in_savepoints(self):
        """Rounds within rounds count: a consumer that writes inside a savepoint of its own ends the same way."""
        calls = []

        def never_ending(records, fields):
            calls.append(records)
            with records.env.cr.savepoint():
                records.ref = str(len(calls))

        self.subscribe(on_record_change, never_ending, "res.partner")
        self.one.ref = "x"
        with self.assertRaisesRegex(ConnectorError, "5 rounds"):
            self.env.cr.flush()
        self.env.cr.precommit.clear()
        self.assertEqual(len(calls), 5)

    def test_uninterested_round(self):
        """A change that no consumer waits for is no round, so a consumer may write other fields without end."""
        calls = self.listen(on_record_change, "res.partner", fields=["ref"])
        self.subscribe(
            on_record_change, lambda records, fields: records.write({"function": "x"}), "res.partner", fields=["ref"]
        )
        self.one.ref = "x"
        self.env.cr.flush()
        self.assertEqual(len(calls), 1)

    def test_silent_consumer(self):
        """A consumer that writes with ``connector_no_events`` causes no round."""
        calls = []

        def consumer(records, fields):
            calls.append(set(fields))
            records.with_context(connector_no_events=True).ref = "set"

        self.subscribe(on_record_change, consumer, "res.partner")
        self.one.function = "x"
        self.env.cr.flush()
        self.assertEqual(calls, [{"function"}])

    def test_after_other_callbacks(self):
        """What other precommit callbacks write comes in the same delivery."""
        self.one.ref = "x"
        self.env.cr.precommit.add(lambda: self.two.write({"ref": "y"}))
        self.only(self.one | self.two)

    def test_exception(self):
        """An exception of a consumer leaves the flush, and so stops the commit."""

        def fail(records, fields):
            raise ZeroDivisionError("of the consumer")

        self.subscribe(on_record_change, fail, "res.partner")
        self.one.ref = "x"
        # Not assertRaises: Odoo's opens a savepoint, which would deliver before.
        with self.assertRaisesRegex(ZeroDivisionError, "of the consumer"):
            self.env.cr.flush()
        self.env.cr.precommit.clear()

    # -- Odoo's own tests --

    def test_copied(self):
        """Odoo's test case copies the pending data before each test: the copy is independent and complete."""
        self.one.ref = "x"
        data = deepcopy(self.env.cr.precommit.data)
        copied = next(value for value in data.values() if type(value).__name__ == "ChangeLog")
        self.two.ref = "y"
        self.assertEqual([change.ids for change in copied.take().values()], [{self.one.id}])
        self.only(self.one | self.two)


@tagged("post_install", "-at_install", "transaction")
class TestChangeOfClassSetup(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.calls = []

        def consumer(records, fields):
            cls.calls.append(records)

        on_record_change.subscribe(consumer, "res.partner.category")
        cls.addClassCleanup(on_record_change.unsubscribe, consumer)
        cls.category = cls.env["res.partner.category"].create({"name": "Pending"})

    def setUp(self):
        super().setUp()
        self.calls.clear()

    def test_pending_from_class_setup_1(self):
        """What a class's set-up left pending is delivered in its first test..."""
        self.env.cr.flush()
        self.assertEqual(self.calls, [self.category])

    def test_pending_from_class_setup_2(self):
        """... and in each other one."""
        self.env.cr.flush()
        self.assertEqual(self.calls, [self.category])
