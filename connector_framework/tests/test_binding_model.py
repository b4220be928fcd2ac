"""The binding mixin on concrete models: its key, its values, and what deleting does."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from unittest.mock import patch

from odoo import fields, models
from odoo.exceptions import AccessError, RedirectWarning, ValidationError
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from ..events import on_record_unlink, on_record_write
from ..models.binding import BindingKey
from .model_factory import add_models, example_models


class BindingCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, cls._models)
        cls.backend = cls.env["test.backend"].create({"name": "Shop"})
        cls.other_backend = cls.env["test.backend"].create({"name": "Other shop"})
        cls.partners = cls.env["test.partner"]

    _models = staticmethod(example_models)

    @classmethod
    def _bind(cls, external_id=False, backend=None, model="test.partner", **values):
        backend = backend or cls.backend
        if "odoo_id" not in values:
            values.setdefault("name", "Someone")
        return cls.env[model].create({"backend_id": backend.id, "external_id": external_id, **values})

    def _violation(self, function):
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation) as caught, self.env.cr.savepoint():
            function()
            self.env.flush_all()
        return caught.exception


@tagged("post_install", "-at_install", "transaction")
class TestBindingKey(BindingCase):
    def test_external_id_is_unique_on_a_backend(self):
        """A backend has one binding with an external id."""
        self._bind("1")
        error = self._violation(lambda: self._bind("1"))
        self.assertEqual(error.diag.constraint_name, "test_partner_connector_key")

    def test_backends_do_not_share_ids(self):
        """Another backend may have the same external id."""
        self._bind("1")
        self.assertTrue(self._bind("1", self.other_backend))

    def test_bindings_without_id_are_many(self):
        """Any number of bindings wait for their first export; an empty text is no id either."""
        bindings = self._bind() | self._bind(None) | self._bind("")
        self.env.flush_all()
        self.assertEqual(bindings.mapped("external_id"), [False, False, False])
        one = self._bind("1")
        one.external_id = ""
        self.env.flush_all()
        self.assertIs(one.external_id, False)

    def test_zero_is_an_id(self):
        """0 is stored, and is not nothing."""
        binding = self._bind(0)
        self.env.flush_all()
        binding.invalidate_recordset()
        self.assertEqual(binding.external_id, "0")

    def test_composite_key(self):
        """With several columns the tuple of them is what is unique."""
        first, second = self.env["test.website"].create(
            [{"backend_id": self.backend.id, "external_id": str(i), "name": f"W{i}"} for i in (1, 2)]
        )
        self._bind("7", model="test.customer", website_id=first.id)
        self.assertTrue(self._bind("7", model="test.customer", website_id=second.id))
        self._violation(lambda: self._bind("7", model="test.customer", website_id=first.id))

    def test_archived_bindings_keep_their_id(self):
        """An archived record still has its external id."""
        self._bind("1").odoo_id.active = False
        self._violation(lambda: self._bind("1"))

    def test_one_per_record(self):
        """With _one_per_record a record has one binding a backend."""
        tag = self._bind("1", model="test.tag").odoo_id
        error = self._violation(lambda: self._bind("2", model="test.tag", odoo_id=tag.id))
        self.assertEqual(error.diag.constraint_name, "test_tag_record_connector_key")
        self.assertTrue(self._bind("2", self.other_backend, "test.tag", odoo_id=tag.id))

    def test_many_per_record(self):
        """Without it a record has any number, each with data of its own."""
        partner = self._bind("1", email="a@example.com").odoo_id
        second = self._bind("2", odoo_id=partner.id, email="b@example.com")
        third = self._bind("1", self.other_backend, odoo_id=partner.id, email="c@example.com")
        self.assertEqual(len(self.partners.search([("odoo_id", "=", partner.id)])), 3)
        self.assertEqual((second | third).mapped("email"), ["b@example.com", "c@example.com"])
        self.assertFalse(partner.email)

    def test_error_names_the_other_binding(self):
        """What a person reads when the key is taken names the binding that has it, and the id."""
        other = self._bind(name="Ms. First")
        for external_id in ("42", "a (1), 2"):
            with self.subTest(external_id):
                other.external_id = external_id
                error = self._violation(lambda external_id=external_id: self._bind(external_id))
                message = self.partners._sql_error_to_message(error)
                self.assertIn("Ms. First", message)
                self.assertIn(str(other.id), message)
                self.assertIn(external_id, message)

    def test_error_that_cannot_tell(self):
        """Of two texts with commas PostgreSQL's message does not say where one ends: then no binding is named."""
        key = BindingKey("connector_key", ("external_id", "email"), "a")
        diagnostics = SimpleNamespace(message_detail="Key (external_id, email)=(a, b, c) already exists.")
        self.assertIn("same external key", key.get_error_message(self.partners, diagnostics))

    def test_error_names_the_other_composite_binding(self):
        """Many2ones of a composite key are named, not numbered."""
        website = self.env["test.website"].create({"backend_id": self.backend.id, "name": "France"})
        other = self._bind("7", model="test.customer", website_id=website.id)
        error = self._violation(lambda: self._bind("7", model="test.customer", website_id=website.id))
        message = other._sql_error_to_message(error)
        self.assertIn("France", message)
        self.assertIn(str(other.id), message)

    def test_index_name_keeps_its_end(self):
        """However long the table's name is, the index ends as the queue expects, within PostgreSQL's 63 characters."""

        class Model:
            _table = "x" * 60

        names = set()
        for table in ("x" * 60, "x" * 60 + "y"):
            Model._table = table
            name = BindingKey("connector_key", ("backend_id",), "a").full_name(Model)
            self.assertLessEqual(len(name), 63)
            self.assertTrue(name.endswith("_connector_key"))
            names.add(name)
        self.assertEqual(len(names), 2)

    def test_index_belongs_to_the_addon_of_the_model(self):
        """The index is uninstalled with the addon that defines the model, and no index is there for the mixin."""
        index = type(self.partners)._table_objects["test_partner_connector_key"]
        self.assertEqual(index._module, type(self.partners)._original_module)
        self.assertEqual(index.get_definition(self.registry), 'UNIQUE INDEX ("backend_id", "external_id")')
        self.assertFalse(type(self.env["connector.binding.mixin"])._table_objects)

    def test_key_that_is_no_column(self):
        """A key that names no column of the model is refused when the model is set up, naming model and column."""
        with (
            patch.object(type(self.partners), "_external_key", ("phone",)),
            self.assertRaisesRegex(TypeError, "test.partner.*'phone'"),
        ):
            # Inherited from the partner: no column of the binding.
            self.partners._post_model_setup__()

    def test_core_models_carry_nothing(self):
        """A binding adds no column to the model it is for."""
        columns = {name for name, field in self.env["res.partner"]._fields.items() if field.column_type}
        self.assertFalse(
            columns & {"external_id", "sync_date", "sync_state", "export_hash", "import_hash", "backend_id"}
        )


@tagged("post_install", "-at_install", "transaction")
class TestBindingValues(BindingCase):
    def test_not_copied(self):
        """A copy of a binding has no external id, hashes or dates: it is not bound."""
        binding = self._bind("1", sync_date="2026-01-01", sync_state="synced", import_hash="x", export_hash="y")
        copy = binding.copy()
        self.assertEqual(
            [copy[name] for name in ("external_id", "sync_date", "sync_state", "import_hash", "export_hash")],
            [False, False, "new", False, False],
        )

    def test_created_within_an_origin(self):
        """What is created within a backend's origin, without a backend of its own, is that backend's."""
        with self.backend.work_on("test.partner") as work, work.origin():
            binding = work.model.create({"name": "Line"})
            other = work.model.create({"name": "Line", "backend_id": self.other_backend.id})
        self.assertEqual(binding.backend_id, self.backend)
        self.assertEqual(other.backend_id, self.other_backend)

    def test_origin_of_another_kind(self):
        """The origin of another kind of backend says nothing about the backend of a binding."""
        bindings = self.partners.with_context(connector_origin=("res.company", self.env.company.id))
        created = bindings.create({"name": "x", "backend_id": self.backend.id})
        self.assertEqual(created.backend_id, self.backend)


@tagged("post_install", "-at_install", "transaction")
class TestBindingWrite(BindingCase):
    """What is written on a binding arrives on its record as if it were written there."""

    @staticmethod
    def _models():
        class User(models.Model):
            _name = "test.user"
            _description = "Test User"
            _inherit = "connector.binding.mixin"
            _inherits = {"res.users": "odoo_id"}

            backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade")
            odoo_id = fields.Many2one("res.users", required=True, ondelete="cascade")

        return [*example_models(), User]

    def test_in_one_call(self):
        """The record's own write() is called, once, with all of them."""
        binding, calls = self._bind(name="Ann"), []
        consumer = on_record_write.subscribe(
            lambda records, vals: calls.append((records, dict(vals))), models="res.partner"
        )
        self.addCleanup(on_record_write.unsubscribe, consumer)
        binding.write({"name": "Bob", "city": "Bern", "email": "own@example.com"})
        self.assertEqual(calls, [(binding.odoo_id, {"name": "Bob", "city": "Bern"})])

    def test_rules_of_the_record(self):
        """What the record's write() makes of a value stays, and what depends on it is computed."""
        binding = self._bind(name="Ann")
        binding.write({"name": "Bob", "website": "example.com"})
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((binding.odoo_id.website, binding.complete_name), ("http://example.com", "Bob"))

    def test_constraints(self):
        """The record's constraints hold."""
        binding = self._bind(name="Ann")
        with self.assertRaises(ValidationError):
            binding.write({"parent_id": binding.odoo_id.id})

    def test_inherited_twice(self):
        """A field that the record inherits in its turn is written where it is stored."""
        binding = self._bind("1", model="test.user", name="Ann", login="ann@example.com")
        binding.write({"name": "Bob"})
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual((binding.name, binding.odoo_id.partner_id.name), ("Bob", "Bob"))

    def test_another_record(self):
        """What is written together with another record is that record's."""
        binding, other = self._bind(name="Ann"), self.env["res.partner"].create({"name": "Bob"})
        before = binding.odoo_id
        binding.write({"odoo_id": other.id, "name": "Carl"})
        self.env.invalidate_all()
        self.assertEqual((before.name, other.name, binding.name), ("Ann", "Carl", "Carl"))

    def test_lines_are_added_once(self):
        """Commands of a list are carried out once."""
        binding = self._bind(name="Ann")
        binding.write({"city": "Bern", "child_ids": [Command.create({"name": "Child"})]})
        self.env.flush_all()
        self.assertEqual(self.env["res.partner"].search([("parent_id", "=", binding.odoo_id.id)]).name, "Child")


@tagged("post_install", "-at_install", "transaction")
class TestBindingUnlink(BindingCase):
    @staticmethod
    def _models():
        class Shelf(models.Model):
            _name = "test.shelf"
            _description = "Test Shelf"

            name = fields.Char()

        class Box(models.Model):
            _name = "test.box"
            _description = "Test Box"

            name = fields.Char()
            active = fields.Boolean(default=True)
            shelf_id = fields.Many2one("test.shelf", ondelete="cascade")
            parent_id = fields.Many2one("test.box", ondelete="cascade")

        class BoxBinding(models.Model):
            _name = "test.box.binding"
            _description = "Test Box Binding"
            _inherit = "connector.binding.mixin"
            _inherits = {"test.box": "odoo_id"}

            backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade")
            odoo_id = fields.Many2one("test.box", required=True, ondelete="cascade")

            def unlink(self):
                seen.extend((b.backend_id.name, b.external_id, b.env.user.id) for b in self)
                return super().unlink()

        return [*example_models(), Shelf, Box, BoxBinding]

    def setUp(self):
        super().setUp()
        seen.clear()

    def _box(self, external_id, **values):
        return self._bind(external_id, model="test.box.binding", **values).odoo_id

    def test_record_takes_its_bindings_along(self):
        """Before a record is deleted its bindings are, through the ORM, with backend and external id readable."""
        box = self._box("1")
        self._bind("2", self.other_backend, "test.box.binding", odoo_id=box.id)
        box.unlink()
        self.assertEqual([entry[:2] for entry in seen], [("Shop", "1"), ("Other shop", "2")])
        self.assertFalse(self.env["test.box.binding"].search([]))

    def test_archived_record(self):
        """The bindings of archived records go the same way."""
        box = self._box("1")
        box.active = False
        box.unlink()
        self.assertEqual([entry[:2] for entry in seen], [("Shop", "1")])

    def test_without_access_to_bindings(self):
        """Who may delete the record need not have access to bindings; the deletion is still his."""
        user = self.env["res.users"].create({"name": "U", "login": "u-unlink"})
        self.env["ir.model.access"].create(
            {
                "name": "box",
                "model_id": self.env["ir.model"]._get_id("test.box"),
                "group_id": self.env.ref("base.group_user").id,
                "perm_read": True,
                "perm_unlink": True,
            }
        )
        self._box("1").with_user(user).unlink()
        self.assertEqual(seen, [("Shop", "1", user.id)])

    def test_what_the_database_deletes_along(self):
        """Records that foreign keys delete along lose their bindings through the ORM too, at any depth."""
        shelf = self.env["test.shelf"].create({"name": "S"})
        outer = self._box("1", shelf_id=shelf.id)
        middle = self.env["test.box"].create({"name": "not bound", "parent_id": outer.id})
        self._box("2", parent_id=middle.id)
        self._box("3")
        shelf.unlink()
        self.assertEqual(sorted(entry[1] for entry in seen), ["1", "2"])
        self.assertEqual(self.env["test.box.binding"].search([]).external_id, "3")

    def test_refused(self):
        """When Odoo refuses to delete the record, its bindings are still there."""
        partner = self._bind("1").odoo_id
        self.env["res.users"].create({"name": "U", "login": "u-refused", "partner_id": partner.id})
        with self.assertRaises(RedirectWarning), self.env.cr.savepoint():
            partner.unlink()
        self.assertTrue(self.partners.search([("odoo_id", "=", partner.id)]))

    def test_not_allowed(self):
        """Who may not delete the record does not lose it its bindings either, even if the refusal is caught."""
        box = self._box("1")
        user = self.env["res.users"].create({"name": "U", "login": "u-not-allowed"})
        self.env.flush_all()
        with suppress(AccessError):
            box.with_user(user).unlink()
        self.assertEqual(seen, [])
        self.assertTrue(self.env["test.box.binding"].search([("odoo_id", "=", box.id)]))

    def test_consumer_of_the_record(self):
        """A consumer of the record's deletion still finds its bindings; those are deleted next."""
        box, found = self._box("1"), []

        def consumer(records):
            found.extend(self.env["test.box.binding"].search([("odoo_id", "in", records.ids)]).mapped("external_id"))

        on_record_unlink.subscribe(consumer, "test.box")
        self.addCleanup(on_record_unlink.unsubscribe, consumer)
        box.unlink()
        self.assertEqual((found, [entry[1] for entry in seen]), (["1"], ["1"]))

    def test_deleting_a_binding(self):
        """To delete a binding leaves the record."""
        box = self._box("1")
        self.env["test.box.binding"].search([]).unlink()
        self.assertTrue(box.exists())

    def test_deleting_a_backend_without_the_right(self):
        """Who may not delete a backend does not lose it its streams either."""
        user = new_test_user(self.env, "u-backend", "connector_framework.group_connector_user")
        stream = self.env["connector.stream"].of(self.backend, "test.box.binding")
        with suppress(AccessError):
            self.backend.with_user(user).unlink()
        self.assertTrue(stream.exists())

    def test_deleting_a_backend(self):
        """To delete a backend is no deletion of records: nothing fires, bindings are gone, records are not."""
        box = self._box("1", backend=self.other_backend)
        self.other_backend.unlink()
        self.assertEqual(seen, [])
        self.assertTrue(box.exists())

    def test_models_without_bindings(self):
        """Models that no binding is for, and on whose deletion none goes along, are not looked at."""
        cascades = self.env["base"]._connector_cascades()
        self.assertIn("test.box", cascades)
        self.assertIn("test.shelf", cascades)
        self.assertNotIn("ir.sequence", cascades)
        self.assertNotIn("test.backend", cascades)


#: What the binding of a box saw when it was deleted.
seen = []
