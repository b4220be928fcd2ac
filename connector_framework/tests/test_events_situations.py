"""What fires in each situation: the rows of the table in ``docs/events.md``."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import BaseCase, new_test_user, tagged

from ..events import on_record_change, on_record_create, on_record_unlink, on_record_write
from ..events.model_subscriptions import heirs
from .events_common import EventCase


@tagged("post_install", "-at_install", "transaction")
class TestEventSituations(EventCase):
    def setUp(self):
        super().setUp()
        self.env["res.lang"]._activate_lang("fr_FR")
        self.Partner = self.env["res.partner"].with_context(tracking_disable=True)
        self.partner = self.Partner.create({"name": "Parent", "is_company": True})
        self.child = self.Partner.create({"name": "Child", "parent_id": self.partner.id})

    def log(self, *models):
        """Listen to all events of some models; return a function that gives what came.

        As (event, model, ids, names): the names of the fields given to create and write, or changed.
        """
        log = []

        def noted(kind, names):
            def consumer(records, **payload):
                log.append((kind, records._name, records.ids, names(*payload.values())))

            return consumer

        union = lambda vals_list: {name for vals in vals_list for name in vals}  # noqa: E731
        self.subscribe(on_record_create, noted("create", union), models)
        self.subscribe(on_record_write, noted("write", set), models)
        self.subscribe(on_record_unlink, noted("unlink", lambda: None), models)
        self.subscribe(on_record_change, noted("change", set), models)

        def came():
            self.env.cr.flush()
            found = list(log)
            log.clear()
            return found

        came()
        return came

    # -- who writes --

    def test_with_context(self):
        """with_context: the consumer has the context of the call; defaults in it reach no change consumer."""
        writes, changes = self.listen(on_record_write, "res.partner"), self.listen(on_record_change, "res.partner")
        self.child.with_context(mark=1, default_comment="x").function = "y"
        self.env.cr.flush()
        self.assertEqual([records.env.context["mark"] for records, _payload in writes + changes], [1, 1])
        self.assertEqual([r.env.context.get("default_comment") for r, _payload in writes + changes], ["x", None])

    def test_sudo(self):
        """sudo: the consumer is in sudo, too, as the same user."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        writes, changes = self.listen(on_record_write, "res.partner"), self.listen(on_record_change, "res.partner")
        self.child.with_user(user).sudo().function = "x"
        self.env.cr.flush()
        self.assertEqual([(r.env.user, r.env.su) for r, _payload in writes + changes], [(user, True)] * 2)

    def test_several_companies(self):
        """Several companies: a write in each is one change, in the company of the first."""
        one, two = self.env["res.company"].create([{"name": "One"}, {"name": "Two"}])
        self.env.user.company_ids += one + two
        writes, changes = self.listen(on_record_write, "res.partner"), self.listen(on_record_change, "res.partner")
        self.child.with_company(one).function = "x"
        self.child.with_company(two).function = "y"
        self.env.cr.flush()
        self.assertEqual([records.env.company for records, _vals in writes], [one, two])
        self.assertEqual([records.env.company for records, _fields in changes], [one])

    # -- ways to write --

    def test_load(self):
        """load(): the rows that are new in one create per batch, those that are known in a write each, one change."""
        Category = self.env["res.partner.category"]
        Category.load(["id", "name"], [["__import__.events_old", "Old"]])
        old = self.env.ref("__import__.events_old")
        came = self.log("res.partner.category")
        result = Category.load(["id", "name"], [["__import__.events_old", "Known"], ["a", "New"], ["b", "Newer"]])
        new = [id_ for id_ in result["ids"] if id_ != old.id]
        names = {"name"}
        self.assertCountEqual(
            [(kind, ids, fields & names) for kind, _model, ids, fields in came()],
            [("create", new, names), ("write", old.ids, names), ("change", [old.id, *new], names)],
        )

    def test_load_that_fails(self):
        """load() with an error: nothing is left of what consumers wrote for the rows that it took back."""
        Category = self.env["res.partner.category"]
        self.subscribe(
            on_record_change,
            lambda records, fields: self.partner.write({"comment": "changed"}),
            "res.partner.category",
        )
        calls = self.listen(on_record_change, "res.partner.category")
        result = Category.load(["name", "color"], [["Good", "1"], ["Bad", "no number"]])
        self.assertFalse(result["ids"])
        self.assertTrue(calls)
        self.assertFalse(calls[0][0].exists())
        self.env.cr.flush()
        self.assertFalse(self.partner.comment)

    def test_copy(self):
        """copy(): a create of the copy."""
        came = self.log("res.partner.category")
        copy = self.env["res.partner.category"].create({"name": "A"}).copy()
        self.assertIn(copy.ids, [ids for kind, _model, ids, _names in came() if kind == "create"])

    def test_archive(self):
        """action_archive(): a write of ``active``."""
        category = self.env["res.partner.category"].create({"name": "A"})
        came = self.log("res.partner.category")
        category.action_archive()
        self.assertEqual(
            came(),
            [(kind, "res.partner.category", category.ids, {"active"}) for kind in ("write", "change")],
        )

    def test_inverse(self):
        """A field with an inverse: its own name on its model, and what the inverse writes on the models it writes."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        came = self.log("res.users", "res.partner")
        user.name = "Renamed"
        found = came()
        self.assertIn(("write", "res.users", user.ids, {"name"}), found)
        self.assertIn(("write", "res.partner", user.partner_id.ids, {"name"}), found)

    # -- _inherits --

    def test_inherits_create(self):
        """_inherits, create: the parent's values fire on the parent's model, all of them on the child's."""
        came = self.log("res.users", "res.partner")
        user = self.env["res.users"].with_context(no_reset_password=True).create({"name": "A", "login": "events_a"})
        creates = [(model, ids, names) for kind, model, ids, names in came() if kind == "create"]
        self.assertEqual(
            [(model, ids) for model, ids, _names in creates],
            [
                ("res.partner", user.partner_id.ids),
                ("res.users", user.ids),
            ],
        )
        self.assertIn("name", creates[0][2])
        self.assertNotIn("login", creates[0][2])
        self.assertLessEqual({"name", "login"}, creates[1][2])

    def test_inherits_write(self):
        """_inherits, write through the child: fires on the parent's model too; on the parent: only there."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        came = self.log("res.users", "res.partner")
        user.write({"function": "x"})
        self.assertEqual(
            came(),
            [
                ("write", "res.partner", user.partner_id.ids, {"function"}),
                ("write", "res.users", user.ids, {"function"}),
                ("change", "res.partner", user.partner_id.ids, {"function"}),
                ("change", "res.users", user.ids, {"function"}),
            ],
        )
        user.partner_id.write({"function": "y"})
        self.assertEqual([model for _kind, model, _ids, _names in came()], ["res.partner"] * 2)

    def test_binding(self):
        """A binding model reports as changes the inherited fields that are written on its record, archived ones too."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        user.active = False
        other = new_test_user(self.env, "events_other", groups="base.group_user")
        with patch.object(type(user), "_reports_inherited_changes", True, create=True):
            changed = self.changes("res.users")
            (user | other).partner_id.write({"function": "x"})
            self.partner.write({"function": "not a user's"})
            self.assertEqual(changed(), [(user | other, {"function"})])
            user.partner_id.with_context(connector_origin=("a.backend", 1)).write({"function": "y"})
            ((records, fields),) = changed()
            self.assertEqual((records, fields), (user, {"function"}))
            self.assertEqual(records.env.context["connector_origin"], ("a.backend", 1))

    def test_binding_and_record(self):
        """A write through the binding, and one on its record, are one delivery of the binding model."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        with patch.object(type(user), "_reports_inherited_changes", True, create=True):
            changed = self.changes("res.users")
            user.write({"function": "x", "signature": "y"})
            user.partner_id.write({"ref": "z"})
            self.assertEqual(changed(), [(user, {"function", "signature", "ref"})])

    def test_binding_computed(self):
        """A field of the record that is recomputed is reported for the binding."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        user.partner_id.parent_id = self.partner
        with patch.object(type(user), "_reports_inherited_changes", True, create=True):
            changed = self.changes("res.users")
            self.partner.name = "Renamed"
            ((records, fields),) = changed()
            self.assertEqual(records, user)
            self.assertIn("complete_name", fields)

    def test_binding_own_field(self):
        """A field that the binding has of its own, under the same name, is not the record's."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        with patch.object(type(user), "_reports_inherited_changes", True, create=True):
            changed = self.changes("res.users")
            self.assertFalse(user._fields["active"].inherited)
            user.partner_id.write({"active": True})
            self.assertEqual(changed(), [])

    def test_binding_of_hidden_company(self):
        """The bindings are found whatever the writer may see."""
        other = new_test_user(self.env, "events_other", groups="base.group_user")
        writer = new_test_user(self.env, "events_writer", groups="base.group_user,base.group_partner_manager")
        with patch.object(type(other), "_reports_inherited_changes", True, create=True):
            changed = self.changes("res.users")
            self.env["ir.rule"].create(
                {
                    "name": "hidden",
                    "model_id": self.env["ir.model"]._get_id("res.users"),
                    "domain_force": "[('id', '=', user.id)]",
                }
            )
            other.partner_id.with_user(writer).sudo().with_env(self.env(user=writer)).write({"function": "x"})
            ((records, _fields),) = changed()
            self.assertEqual((records, records.env.user, records.env.su), (other, writer, False))

    def test_binding_without_consumer(self):
        """Without a consumer of the binding model nothing is collected for the record's model."""
        user = new_test_user(self.env, "events_user", groups="base.group_user")
        with patch.object(type(user), "_reports_inherited_changes", True, create=True):
            self.changes("res.country")
            user.partner_id.write({"function": "x"})
            changes = next(v for v in self.env.cr.precommit.data.values() if type(v).__name__ == "ChangeLog")
            self.assertFalse(any(changes.segments))

    # -- commands --

    def test_one2many_create(self):
        """Command.create: the line's create, and the field's name on the parent."""
        came = self.log("res.partner")
        self.partner.write({"child_ids": [Command.create({"name": "New"})]})
        new = self.partner.child_ids - self.child
        found = came()
        self.assertIn(("create", "res.partner", new.ids), [one[:3] for one in found])
        self.assertIn(("write", "res.partner", self.partner.ids, {"child_ids"}), found)
        ((ids, names),) = [(ids, names) for kind, _model, ids, names in found if kind == "change"]
        self.assertEqual(ids, sorted((self.partner | new).ids))
        self.assertIn("child_ids", names)

    def test_one2many_update(self):
        """Command.update: a write of the line."""
        came = self.log("res.partner")
        self.partner.write({"child_ids": [Command.update(self.child.id, {"ref": "x"})]})
        self.assertEqual(
            [(kind, ids, names) for kind, _model, ids, names in came()],
            [
                ("write", self.child.ids, {"ref"}),
                ("write", self.partner.ids, {"child_ids"}),
                ("change", (self.partner | self.child).ids, {"ref", "child_ids"}),
            ],
        )

    def test_one2many_delete(self):
        """Command.delete: the line's unlink; the line is in no change."""
        came = self.log("res.partner")
        self.partner.write({"child_ids": [Command.delete(self.child.id)]})
        found = came()
        self.assertIn(("unlink", "res.partner", self.child.ids, None), found)
        self.assertIn(("write", "res.partner", self.partner.ids, {"child_ids"}), found)
        self.assertFalse([ids for kind, _model, ids, _names in found if kind == "change" and self.child.id in ids])

    def test_one2many_link(self):
        """Command.link and unlink: a write of the line's many2one."""
        other = self.Partner.create({"name": "Other"})
        came = self.log("res.partner")
        self.partner.write({"child_ids": [Command.link(other.id)]})
        self.assertIn(("write", other.ids), [(kind, ids) for kind, _m, ids, names in came() if "parent_id" in names])
        self.partner.write({"child_ids": [Command.unlink(other.id)]})
        self.assertIn(("write", other.ids), [(kind, ids) for kind, _m, ids, names in came() if "parent_id" in names])

    def test_many2many(self):
        """many2many: the written field alone, not the other side's; Command.create also the line's create."""
        category = self.env["res.partner.category"].create({"name": "A"})
        came = self.log("res.partner", "res.partner.category")
        self.child.write({"category_id": [Command.link(category.id)]})
        self.assertEqual(
            came(),
            [(kind, "res.partner", self.child.ids, {"category_id"}) for kind in ("write", "change")],
        )
        self.child.write({"category_id": [Command.create({"name": "B"})]})
        new = self.child.category_id - category
        self.assertIn(("create", "res.partner.category", new.ids), [found[:3] for found in came()])

    # -- values by language and company --

    def test_translation_by_write(self):
        """A write in another language: the field's name, in the environment of that language."""
        category = self.env["res.partner.category"].create({"name": "Customer"})
        self.env.cr.flush()
        changes = self.listen(on_record_change, "res.partner.category")
        category.with_context(lang="fr_FR").name = "Client"
        self.env.cr.flush()
        ((records, fields),) = changes
        self.assertEqual((records.env.lang, fields, records.name), ("fr_FR", {"name"}, "Client"))

    def test_translation_by_update(self):
        """update_field_translations: a write of the field with its value in the caller's language, and a change."""
        category = self.env["res.partner.category"].create({"name": "Customer"})
        came = self.log("res.partner.category")
        calls = self.listen(on_record_write, "res.partner.category")
        category.update_field_translations("name", {"fr_FR": "Client"})
        self.assertEqual(came(), [(k, "res.partner.category", category.ids, {"name"}) for k in ("write", "change")])
        self.assertEqual(calls, [(category, {"name": "Customer"})])

    def test_translation_of_terms(self):
        """The same for the terms of a field that is translated term by term."""
        view = self.env["ir.ui.view"].create({"name": "events", "type": "qweb", "arch": "<p>Hello</p>"})
        came = self.log("ir.ui.view")
        view.update_field_translations("arch_db", {"fr_FR": {"Hello": "Bonjour"}})
        found = came()
        self.assertIn(("write", "ir.ui.view", view.ids), [one[:3] for one in found if "arch_db" in one[3]])
        self.assertIn(("change", "ir.ui.view", view.ids), [one[:3] for one in found if "arch_db" in one[3]])

    def test_company_dependent(self):
        """A company-dependent field: its name, in the environment of the company; a default of a company: nothing."""
        company = self.env["res.company"].create({"name": "Events"})
        changed = self.changes("res.partner")
        self.assertTrue(self.partner._fields["barcode"].company_dependent)
        self.partner.with_company(company).barcode = "1"
        ((records, fields),) = changed()
        self.assertEqual((records.env.company, fields, records.barcode), (company, {"barcode"}, "1"))
        self.env["ir.default"].set("res.partner", "barcode", "2", company_id=self.env.company.id)
        self.assertEqual(changed(), [])

    # -- what is not seen --

    def test_cascade(self):
        """Records that PostgreSQL deletes with another one: no unlink."""
        Category = self.env["res.partner.category"]
        parent = Category.create({"name": "Parent"})
        child = Category.create({"name": "Child", "parent_id": parent.id})
        came = self.log("res.partner.category")
        parent.unlink()
        self.assertFalse(child.exists())
        self.assertEqual(came(), [("unlink", "res.partner.category", parent.ids, None)])

    def test_sql(self):
        """Raw SQL: nothing; ``_write``, below write: a change."""
        came = self.log("res.partner")
        self.env.cr.execute("UPDATE res_partner SET ref = 'x' WHERE id = %s", [self.partner.id])
        self.assertEqual(came(), [])
        self.partner._write({"ref": "x"})
        self.assertEqual(came(), [("change", "res.partner", self.partner.ids, {"ref"})])

    def test_savepoint(self):
        """A savepoint that is rolled back: create, write and unlink have fired, the change does not."""
        came = self.log("res.partner")
        with closing(self.env.cr.savepoint()):
            self.child.function = "x"
        self.assertEqual(came(), [("write", "res.partner", self.child.ids, {"function"})])


@tagged("post_install", "-at_install", "plain")
class TestBindingPaths(BaseCase):
    def test_over_another_model(self):
        """A binding of a variant reports what changes on the template, by the path from the one to the other.

        An abstract model that bindings share has no records to report.
        """

        class Env(dict):
            def add(self, name, inherits, children, binding=False):
                self[name] = SimpleNamespace(
                    _name=name,
                    _inherits=inherits,
                    _inherits_children=set(children),
                    _reports_inherited_changes=binding,
                    _abstract=name == "mixin",
                    env=self,
                )

        env = Env()
        env.add("template", {}, ["variant", "binding.template", "mixin"])
        env.add("mixin", {"template": "odoo_id"}, [], True)
        env.add("variant", {"template": "tmpl_id"}, ["binding.variant"])
        env.add("binding.template", {"template": "odoo_id"}, [], True)
        env.add("binding.variant", {"variant": "odoo_id"}, [], True)
        self.assertEqual(
            list(heirs(env["template"])), [("binding.template", "odoo_id"), ("binding.variant", "odoo_id.tmpl_id")]
        )
        self.assertEqual(list(heirs(env["variant"])), [("binding.variant", "odoo_id")])
