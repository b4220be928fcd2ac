"""Units and the session that they work in."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..adapters import Adapter
from ..binders import Binder
from ..exceptions import NoUnitError
from ..mappings import ExportMapper, ImportMapper
from ..references import ConnectorUnit, WorkSession
from ..synchronizers import Exporter, Importer
from .model_factory import add_models, example, example_1, example_models


class WorkCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)
        cls.backend = cls.env["test.backend"].create({"name": "Example"})
        cls.other = cls.env["test.backend"].create({"name": "Example 1", "version": "1"})

    def register(self, base, model_name=None, reference=example, **attributes):
        """Register a new class of a kind until the end of the test."""
        cls = type("Own" + base.__name__, (base,), {"_apply_on": model_name, **attributes})
        reference.register(cls)
        self.addCleanup(reference.unregister, cls)
        return cls


@tagged("post_install", "-at_install", "transaction")
class TestUnit(WorkCase):
    def test_what_a_unit_has(self):
        """A unit has its session, the session's environment, the backend and the empty recordset of its model."""
        self.register(Adapter, "test.partner")
        with self.backend.work_on("test.partner") as work:
            unit = work.unit(Adapter)
            self.assertIs(unit.work, work)
            self.assertIs(unit.env, work.env)
            self.assertEqual(unit.backend, self.backend)
            self.assertEqual((unit.model._name, len(unit.model)), ("test.partner", 0))
            self.assertIn("OwnAdapter", repr(unit))
            self.assertIn("test.partner", repr(unit))

    def test_shortcuts(self):
        """``adapter``, ``binder`` and ``binder_for`` are the units of that kind."""
        adapter = self.register(Adapter)
        binder = self.register(Binder, "test.tag")
        importer = self.register(Importer, "test.partner")
        with self.backend.work_on("test.partner") as work:
            unit = work.unit(Importer)
            self.assertIs(type(unit), importer)
            self.assertIs(type(unit.adapter), adapter)
            self.assertIs(unit.adapter, work.unit(Adapter))
            self.assertIs(type(unit.binder), Binder)
            self.assertIs(type(unit.binder_for("test.tag")), binder)
            self.assertEqual(unit.binder_for("test.tag").model._name, "test.tag")
            self.assertEqual(unit.unit(Adapter, "test.tag").work.model_name, "test.tag")

    def test_mapper(self):
        """The mapper of an importer is the import mapper, that of an exporter the export mapper."""
        import_mapper = self.register(ImportMapper, "test.partner")
        export_mapper = self.register(ExportMapper, "test.partner")
        with self.backend.work_on("test.partner") as work:
            self.assertIs(type(work.unit(Importer).mapper), import_mapper)
            self.assertIs(type(work.unit(Exporter).mapper), export_mapper)

    def test_binder_is_not_registered(self):
        """The default binder serves every binding model as it is; a registered one comes before it."""
        with self.backend.work_on("test.partner") as work:
            self.assertIs(type(work.unit(Binder)), Binder)
        own = self.register(Binder)
        with self.backend.work_on("test.partner") as work:
            self.assertIs(type(work.unit(Binder)), own)

    def test_no_unit(self):
        """A kind without a class is a NoUnitError."""
        with self.backend.work_on("test.partner") as work, self.assertRaisesRegex(NoUnitError, "test.partner"):
            work.unit(Adapter)

    def test_own_subclass_is_not_usable_as_it_is(self):
        """Of a kind that serves as it is, a subclass that is not registered does not."""
        other = type("Other", (Binder,), {})
        with self.backend.work_on("test.partner") as work, self.assertRaises(NoUnitError):
            work.unit(other)


@tagged("post_install", "-at_install", "transaction")
class TestSession(WorkCase):
    def test_one_instance(self):
        """A session makes one unit of a kind and model."""
        self.register(Adapter)
        with self.backend.work_on("test.partner") as work:
            self.assertIs(work.unit(Adapter), work.unit(Adapter))
            self.assertIs(work.unit(Adapter), work.unit(Adapter, "test.partner"))
            self.assertIsNot(work.unit(Adapter), work.unit(Adapter, "test.tag"))

    def test_other_model(self):
        """On another model all but the model is shared; coming back leads to the first."""
        with self.backend.work_on("test.partner", dry=True) as work:
            other = work.on("test.tag")
            self.assertEqual(other.model_name, "test.tag")
            self.assertIs(work.on("test.tag"), other)
            self.assertIs(other.on("test.partner"), work)
            self.assertIs(other.options, work.options)
            self.assertIs(other.shared, work.shared)
            self.assertIs(other.reference, work.reference)
            self.assertEqual(work.model_name, "test.partner")

    def test_client_is_shared(self):
        """The adapters of all models of a session share what is in ``work.shared``, and no other session does."""
        made = []

        def client(adapter):
            if "client" not in adapter.work.shared:
                made.append(adapter.work.model_name)
                adapter.work.shared["client"] = object()
            return adapter.work.shared["client"]

        self.register(Adapter, client=property(client))
        with self.backend.work_on("test.partner") as work:
            first = work.unit(Adapter).client
            self.assertIs(work.unit(Adapter, "test.tag").client, first)
            self.assertIs(work.unit(Adapter, "test.tag").unit(Adapter, "test.address").client, first)
            self.assertEqual(made, ["test.partner"])
            with self.backend.work_on("test.tag") as nested:
                self.assertIsNot(nested.unit(Adapter).client, first)
        self.assertEqual(made, ["test.partner", "test.tag"])

    def test_options(self):
        """Options reach the units of all models, and no other session."""
        self.register(Adapter)
        with self.backend.work_on("test.partner", dry=True, depth=2) as work:
            self.assertEqual(work.unit(Adapter, "test.tag").work.options, {"dry": True, "depth": 2})
            with self.other.work_on("test.partner") as nested:
                self.assertEqual(nested.options, {})

    def test_other_backend(self):
        """A session on another backend, within the first, has that one's reference and leaves the first as it is."""
        generic, special = self.register(Adapter), self.register(Adapter, reference=example_1)
        with self.backend.work_on("test.partner") as work, self.other.work_on("test.partner") as nested:
            self.assertEqual((work.backend, nested.backend), (self.backend, self.other))
            self.assertIs(type(work.unit(Adapter)), generic)
            self.assertIs(type(nested.unit(Adapter)), special)
            with work.origin():
                self.assertEqual(work.env.context["connector_origin"], ("test.backend", self.backend.id))
                self.assertNotIn("connector_origin", nested.env.context)

    def test_reference(self):
        """A session may be opened with another reference than the backend's."""
        special = self.register(Adapter, reference=example_1)
        work = WorkSession(self.backend, "test.partner", reference=example_1)
        self.assertIs(type(work.unit(Adapter)), special)

    def test_addons_of_the_database(self):
        """A session uses classes of installed addons only."""
        own = self.register(Adapter)
        self.register(Adapter, "test.partner", __module__="odoo.addons.no_such_addon.units")
        with self.backend.work_on("test.partner") as work:
            self.assertIs(type(work.unit(Adapter)), own)


@tagged("post_install", "-at_install", "transaction")
class TestOrigin(WorkCase):
    def test_origin(self):
        """Inside, the environment of all units names the backend; after it, it is the one from before."""
        self.register(Adapter)
        with self.backend.work_on("test.partner") as work:
            before, unit = work.env, work.unit(Adapter, "test.tag")
            with work.origin() as env:
                self.assertEqual(env.context["connector_origin"], ("test.backend", self.backend.id))
                self.assertIs(work.env, env)
                self.assertIs(unit.env, env)
                self.assertIs(unit.model.env, env)
                self.assertIs(unit.backend.env, env)
            self.assertIs(work.env, before)
            self.assertIs(unit.env, before)

    def test_keeps_the_context(self):
        """The origin is added to the context, nothing is lost."""
        with self.backend.with_context(lang="en_US", mine=1).work_on("test.partner") as work, work.origin() as env:
            self.assertEqual(env.context["mine"], 1)

    def test_nested(self):
        """An origin within an origin ends alone."""
        with self.backend.work_on("test.partner") as work, work.origin() as outer:
            with work.on("test.tag").origin():
                pass
            self.assertIs(work.env, outer)

    def test_nested_in_itself(self):
        """An origin within one of the same backend keeps its environment and leaves the flush to it."""
        flush = patch.object(type(self.env), "flush_all", side_effect=AssertionError("flushed twice"))
        with self.backend.work_on("test.partner") as work, work.origin() as outer:
            with flush, work.on("test.tag").origin() as inner:
                self.assertIs(inner, outer)
            self.assertIs(work.env, outer)

    def test_flushes(self):
        """It is flushed before the end, so that what is recomputed has the same origin."""
        with self.backend.work_on("test.partner") as work, work.origin() as env:
            partner = env["res.partner"].create({"name": "Before"})
            partner.name = "After"
        with patch.object(type(self.env.cr), "flush", side_effect=AssertionError("flushed too late")):
            self.env.cr.execute("SELECT name, complete_name FROM res_partner WHERE id = %s", [partner.id])
        self.assertEqual(self.env.cr.fetchone(), ("After", "After"))

    def test_error(self):
        """After an error the environment is the one from before, and nothing is flushed."""
        flush = patch.object(type(self.env), "flush_all", side_effect=AssertionError("flushed after an error"))
        with self.backend.work_on("test.partner") as work:
            before = work.env
            with self.assertRaises(ZeroDivisionError), flush, work.origin():
                raise ZeroDivisionError
            self.assertIs(work.env, before)


@tagged("post_install", "-at_install", "transaction")
class TestClose(WorkCase):
    def test_close(self):
        """The end of a session closes each unit that can be closed, on all models."""
        closed = []
        self.register(Adapter, close=lambda adapter: closed.append(adapter.work.model_name))
        with self.backend.work_on("test.partner") as work:
            work.unit(Adapter)
            work.unit(Adapter, "test.tag")
            work.unit(Binder)
            self.assertEqual(closed, [])
        self.assertEqual(sorted(closed), ["test.partner", "test.tag"])

    def test_error_in_one(self):
        """All are closed, though one of them fails, and its error is raised."""
        closed = []

        def close(adapter):
            closed.append(adapter.work.model_name)
            if adapter.work.model_name == "test.tag":
                raise ZeroDivisionError

        self.register(Adapter, close=close)
        with self.assertRaises(ZeroDivisionError), self.backend.work_on("test.partner") as work:
            for model_name in ("test.partner", "test.tag", "test.address"):
                work.unit(Adapter, model_name)
        self.assertEqual(len(closed), 3)

    def test_units_without_close(self):
        """A unit that has nothing to close is left alone."""
        plain = type("Plain", (ConnectorUnit,), {})
        example.register(plain)
        self.addCleanup(example.unregister, plain)
        with self.backend.work_on("test.partner") as work:
            self.assertIsInstance(work.unit(plain), plain)
