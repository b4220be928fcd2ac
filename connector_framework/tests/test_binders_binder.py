"""The binder: from an external id to binding and record, and back."""

from __future__ import annotations

from datetime import datetime

from odoo.tests import new_test_user, tagged

from ..binders import Binder, lookups_kept
from ..exceptions import ConfigurationError, ExternalConflictError
from .model_factory import example
from .synchronizers_common import SynchronizerCase


class BinderCase(SynchronizerCase):
    model_name = "test.partner"

    def setUp(self):
        super().setUp()
        self.binder = self.binder_of(self.model_name)

    def binder_of(self, model_name, backend=None):
        work = self.enterContext((backend or self.backend).work_on(model_name))
        return work.unit(Binder)


@tagged("post_install", "-at_install", "transaction")
class TestBinderToInternal(BinderCase):
    def test_binding(self):
        """An external id gives its binding, or with unwrap the record."""
        binding = self.bind("1")
        self.assertEqual(self.binder.to_internal("1"), binding)
        self.assertEqual(self.binder.to_internal("1", unwrap=True), binding.odoo_id)

    def test_none(self):
        """An unknown id gives an empty recordset of the right model; no id at all does too, and matches nothing."""
        self.bind()
        for external_id in ("1", None, False, ""):
            with self.subTest(external_id):
                self.assertEqual(self.binder.to_internal(external_id), self.env["test.partner"])
                self.assertEqual(self.binder.to_internal(external_id, unwrap=True), self.env["res.partner"])

    def test_zero_and_numbers(self):
        """0 is an id, and a number and its text are the same one."""
        zero, one = self.bind("0"), self.bind("1")
        self.assertEqual([self.binder.to_internal(0), self.binder.to_internal("0")], [zero, zero])
        self.assertEqual(self.binder.to_internal(1), one)

    def test_archived(self):
        """Archived records count, and the result does not change how later searches treat them."""
        binding = self.bind("1")
        binding.odoo_id.active = False
        found = self.binder.to_internal("1")
        self.assertEqual(found, binding)
        self.assertEqual(found.env.context, self.binder.env.context)
        self.assertEqual(self.binder.to_internal("1", unwrap=True), binding.odoo_id)

    def test_backend(self):
        """The bindings of other backends are others."""
        self.bind("1", self.other_backend)
        self.assertFalse(self.binder.to_internal("1"))

    def test_without_being_registered(self):
        """Every binding model has a binder without any class registered for it."""
        self.assertEqual(example.classes(Binder), [])
        self.assertIs(type(self.binder), Binder)

    def test_model_without_record(self):
        """A binding that stands for no record of Odoo cannot be unwrapped."""
        self.bind("1", model="test.website")
        binder = self.binder_of("test.website")
        self.assertEqual(binder.to_internal("1").external_id, "1")
        with self.assertRaisesRegex(ConfigurationError, "test.website has no odoo_id"):
            binder.to_internal("1", unwrap=True)


@tagged("post_install", "-at_install", "transaction")
class TestBinderToExternal(BinderCase):
    def test_external_id(self):
        """A binding gives its external id, or with wrap the record does."""
        binding = self.bind("1")
        self.assertEqual(self.binder.to_external(binding), "1")
        self.assertEqual(self.binder.to_external(binding.odoo_id, wrap=True), "1")

    def test_one_query(self):
        """A record's external id takes one query, though the record is wrapped first."""
        record = self.bind("1").odoo_id
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            self.assertEqual(self.binder.to_external(record, wrap=True), "1")

    def test_none(self):
        """A binding without external id, a record without binding, and no record give None."""
        self.assertIsNone(self.binder.to_external(self.bind()))
        self.assertIsNone(self.binder.to_external(self.env["res.partner"].create({"name": "x"}), wrap=True))
        self.assertIsNone(self.binder.to_external(self.env["test.partner"]))
        self.assertIsNone(self.binder.to_external(self.env["res.partner"], wrap=True))

    def test_zero(self):
        """0 is an id on the way back too."""
        self.assertEqual(self.binder.to_external(self.bind("0")), "0")

    def test_other_backend(self):
        """The binding of another backend does not wrap a record here."""
        record = self.bind("1", self.other_backend).odoo_id
        self.assertIsNone(self.binder.to_external(record, wrap=True))
        self.assertEqual(self.binder_of("test.partner", self.other_backend).to_external(record, wrap=True), "1")

    def test_several_bindings(self):
        """A record with several bindings on the backend is ambiguous: the error names them."""
        first = self.bind("1")
        second = self.bind("2", odoo_id=first.odoo_id.id)
        self.assertEqual(self.binder.wrap(first.odoo_id), first | second)
        with self.assertRaisesRegex(ConfigurationError, "several bindings"):
            self.binder.to_external(first.odoo_id, wrap=True)
        with self.assertRaisesRegex(ConfigurationError, "several bindings"):
            self.binder.to_external_many(first.odoo_id)

    def test_wrap_and_unwrap(self):
        """wrap and unwrap are each other's inverse, for many and for none."""
        bindings = self.bind("1") | self.bind("2")
        bindings[1].odoo_id.active = False
        records = self.binder.unwrap(bindings)
        self.assertEqual(records._name, "res.partner")
        self.assertEqual(self.binder.wrap(records), bindings)
        self.assertFalse(self.binder.wrap(self.env["res.partner"]))


@tagged("post_install", "-at_install", "transaction")
class TestBinderMany(BinderCase):
    def test_to_internal_many(self):
        """The bindings come by the ids that were asked for, unknown ones left out, in one query."""
        first, second = self.bind("1"), self.bind("2")
        self.bind("1", self.other_backend)
        self.env.flush_all()
        self.env.invalidate_all()
        self.backend.id, self.binder.backend.active  # noqa: B018  # read before counting
        with self.assertQueryCount(1):
            found = self.binder.to_internal_many(["1", 2, "3", None])
        self.assertEqual(found, {"1": first, 2: second})

    def test_lookups_kept(self):
        """While lookups are kept an id that is bound is looked up once, and one that is not each time."""
        first = self.bind("1")
        with lookups_kept(self.binder.work):
            self.assertEqual(self.binder.to_internal("1"), first)
            with self.assertQueryCount(0):
                self.assertEqual(self.binder.to_internal("1"), first)
            self.assertFalse(self.binder.to_internal("2"))
            second = self.bind("2")
            self.assertEqual(self.binder.to_internal("2"), second)
            self.binder.bind("3", second)
            self.assertFalse(self.binder.to_internal("2"))
        first.unlink()
        self.assertFalse(self.binder.to_internal("1"))

    def test_to_internal_many_of_none(self):
        """No ids need no query."""
        with self.assertQueryCount(0):
            self.assertEqual(self.binder.to_internal_many([]), {})
            self.assertEqual(self.binder.to_internal_many([None, ""]), {})

    def test_to_external_many_of_bindings(self):
        """The ids of bindings come by binding, those without left out, in one query."""
        first, second, without = self.bind("1"), self.bind("2"), self.bind()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            found = self.binder.to_external_many(first | second | without)
        self.assertEqual(found, {first: "1", second: "2"})

    def test_to_external_many_of_records(self):
        """The ids of records come by record, unbound ones left out, in one query."""
        first, second = self.bind("1").odoo_id, self.bind("0").odoo_id
        other = self.bind("3", self.other_backend).odoo_id
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            found = self.binder.to_external_many(first | second | other)
        self.assertEqual(found, {first: "1", second: "0"})

    def test_to_external_many_of_records_that_wait(self):
        """A binding that waits for its first export is none yet: its record is left out, and it makes no second one."""
        waiting, bound = self.bind().odoo_id, self.bind("1").odoo_id
        self.bind(odoo_id=bound.id)
        self.assertEqual(self.binder.to_external_many(waiting | bound), {bound: "1"})


@tagged("post_install", "-at_install", "transaction")
class TestBinderBind(BinderCase):
    def test_binds(self):
        """bind writes the external id, as text, and the date."""
        binding = self.bind()
        self.binder.bind(7, binding)
        self.assertEqual((binding.external_id, binding.sync_state), ("7", "synced"))
        self.assertLess(abs((binding.sync_date - datetime.utcnow()).total_seconds()), 600)

    def test_date(self):
        """The date of an earlier binding is replaced."""
        binding = self.bind("7", sync_date=datetime(2020, 1, 1))
        self.binder.bind("7", binding)
        self.assertGreater(binding.sync_date, datetime(2026, 1, 1))

    def test_idempotent(self):
        """The same again writes nothing."""
        binding = self.bind()
        self.binder.bind("7", binding)
        self.env.flush_all()
        with self.assertQueryCount(0):
            self.binder.bind("7", binding)
            self.env.flush_all()
        self.assertEqual(self.binder.to_internal("7"), binding)

    def test_replaces(self):
        """Another id for the same binding takes the place of the first."""
        binding = self.bind("7")
        self.binder.bind("8", binding)
        self.assertEqual(binding.external_id, "8")
        self.assertFalse(self.binder.to_internal("7"))

    def test_conflict(self):
        """An id that another binding has is refused, also when that one is archived; nothing is written."""
        other, binding = self.bind("7"), self.bind("8")
        other.odoo_id.active = False
        with self.assertRaises(ExternalConflictError) as caught:
            self.binder.bind("7", binding)
        self.assertIn(str(other.id), str(caught.exception))
        self.assertEqual(binding.external_id, "8")

    def test_conflict_out_of_sight(self):
        """A binding that the user may not read has its id all the same."""
        other, binding = self.bind("7"), self.bind("8")
        self.env["ir.rule"].create(
            {
                "name": "not the other one",
                "model_id": self.env["ir.model"]._get_id("test.partner"),
                "domain_force": f"[('id', '!=', {other.id})]",
            }
        )
        user = new_test_user(
            self.env, "binder", "connector_framework.group_connector_manager,base.group_partner_manager"
        )
        binder = self.binder_of(self.model_name, self.backend.with_user(user))
        self.assertFalse(binder.to_internal("7"))
        with self.assertRaises(ExternalConflictError):
            binder.bind("7", binding.with_user(user))

    def test_no_conflict_over_backends(self):
        """The same id of another backend is no conflict."""
        self.bind("7", self.other_backend)
        binding = self.bind()
        self.binder.bind("7", binding)
        self.assertEqual(binding.external_id, "7")

    def test_zero(self):
        """0 can be bound."""
        binding = self.bind()
        self.binder.bind(0, binding)
        self.assertEqual(binding.external_id, "0")

    def test_nothing(self):
        """Nothing cannot be bound."""
        binding = self.bind()
        for external_id in (None, False, ""):
            with self.subTest(external_id), self.assertRaisesRegex(ValueError, "no external id"):
                self.binder.bind(external_id, binding)

    def test_one_binding(self):
        """bind takes one binding."""
        with self.assertRaises(ValueError):
            self.binder.bind("7", self.bind() | self.bind())

    def test_binding_of_this_backend(self):
        """bind takes neither the record in place of its binding, nor the binding of another backend."""
        with self.assertRaisesRegex(ValueError, "no binding"):
            self.binder.bind("7", self.bind().odoo_id)
        with self.assertRaisesRegex(ValueError, "another backend"):
            self.binder.bind("7", self.bind(backend=self.other_backend))


@tagged("post_install", "-at_install", "transaction")
class TestBinderCompositeKey(BinderCase):
    model_name = "test.customer"

    def setUp(self):
        super().setUp()
        self.one = self.bind("1", model="test.website")
        self.two = self.bind("2", model="test.website")

    def customer(self, website, external_id, **values):
        return self.bind(external_id, model="test.customer", website_id=website.id, **values)

    def test_tuple(self):
        """A key is a tuple in the order of _external_key; a many2one by its id, or as the record."""
        first, second = self.customer(self.one, "7"), self.customer(self.two, "7")
        self.assertEqual(self.binder.to_internal((self.one.id, "7")), first)
        self.assertEqual(self.binder.to_internal([self.two, 7]), second)
        self.assertEqual(self.binder.to_external(second), (self.two.id, "7"))

    def test_many(self):
        """Many keys take one query too, and pairs that nobody asked for do not get in."""
        first, second = self.customer(self.one, "7"), self.customer(self.two, "8")
        self.customer(self.one, "8")
        self.env.flush_all()
        self.env.invalidate_all()
        keys = [(self.one.id, "7"), (self.two.id, "8"), (self.two.id, "7")]
        with self.assertQueryCount(1):
            found = self.binder.to_internal_many(keys)
        self.assertEqual(found, {keys[0]: first, keys[1]: second})
        self.assertEqual(self.binder.to_external_many(first | second), {first: keys[0], second: keys[1]})

    def test_bind(self):
        """bind writes all columns, and refuses the key of another binding."""
        binding = self.bind(model="test.customer")
        self.binder.bind((self.one.id, "7"), binding)
        self.assertEqual((binding.website_id, binding.external_id), (self.one, "7"))
        with self.assertRaises(ExternalConflictError):
            self.binder.bind((self.one.id, "7"), self.bind(model="test.customer"))

    def test_incomplete(self):
        """A binding that lacks a part of its key has no external id, and none can be bound that lacks one."""
        self.assertIsNone(self.binder.to_external(self.customer(self.one, False)))
        self.assertFalse(self.binder.to_internal((None, "7")))
        with self.assertRaisesRegex(ValueError, "no external id"):
            self.binder.bind((self.one.id, None), self.bind(model="test.customer"))

    def test_wrong_shape(self):
        """A key of the wrong shape says what it should be."""
        for key in ("7", (1, 2, 3)):
            with self.subTest(key), self.assertRaisesRegex(ValueError, "a tuple of website_id, external_id"):
                self.binder.to_internal(key)

    def test_sufficient_column(self):
        """Where one column alone tells a record, its value stands for the tuple, on request of the connector."""
        self.register(
            type("CustomerBinder", (Binder,), {"_apply_on": "test.customer", "sufficient_column": "external_id"})
        )
        binder = self.binder_of("test.customer")
        customer = self.customer(self.two, "7")
        other = self.customer(self.one, "8")
        self.assertEqual(binder.to_internal(7), customer)
        self.assertEqual(binder.to_internal((self.two.id, "7")), customer)
        self.assertFalse(binder.to_internal((self.one.id, "7")))
        self.assertEqual(binder.to_internal_many(["7", (self.one.id, "8")]), {"7": customer, (self.one.id, "8"): other})
