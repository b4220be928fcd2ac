"""Importing one record."""

from __future__ import annotations

from datetime import datetime

from odoo.tests import tagged
from odoo.tools import SQL

from ..binders import Binder
from ..exceptions import ConcurrentUpdateError, DependencyMissingError, MappingError, SkipError
from ..synchronizers import Importer
from ..synchronizers.keys import import_lock, lock_key
from .synchronizers_common import CustomerImportMapper, SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestImporter(SynchronizerCase):
    def test_creates(self):
        """The first import creates binding and record, bound and dated, with what is for new records only."""
        self.world.put("test.partner", 1, name="Ann", email="ann@example.com")
        self.assertEqual(self.import_record("1"), "created")
        binding = self.binding(1)
        self.assertEqual((binding.name, binding.odoo_id.name, binding.email), ("Ann", "Ann", "ann@example.com"))
        self.assertEqual((binding.backend_id, binding.sync_state), (self.backend, "synced"))
        self.assertIn("imported", binding.comment)
        self.assertEqual(binding.sync_date, self.env.cr.now().replace(microsecond=0))
        self.assertTrue(binding.import_hash)

    def test_updates(self):
        """The next one updates them, and leaves alone what is for new records."""
        self.world.put("test.partner", 1, name="Ann")
        self.import_record("1")
        binding = self.binding(1)
        binding.comment = False
        self.world.put("test.partner", 1, name="Anna")
        self.assertEqual(self.import_record("1"), "updated")
        self.assertEqual(binding.name, "Anna")
        self.assertFalse(binding.comment)
        self.assertEqual(len(self.partners.search([])), 1)

    def test_number_and_text_are_one_id(self):
        """42 and "42" are the same record, and 0 is one."""
        for external_id in (42, 0):
            with self.subTest(external_id):
                self.world.put("test.partner", external_id, name="Ann")
                self.assertEqual(self.import_record(external_id), "created")
                self.assertEqual(self.import_record(str(external_id)), "unchanged")

    def test_unchanged_is_skipped(self):
        """What has the same content as the last time is not written, whatever the order of its keys."""
        self.world.put("test.partner", 1, name="Ann", email="a")
        self.import_record("1")
        self.binding(1).name = "Changed here"
        self.world.put("test.partner", 1, email="a", name="Ann")
        before = self._versions()
        self.assertEqual(self.import_record("1"), "unchanged")
        self.assertEqual(self._versions(), before)
        self.assertEqual(self.binding(1).name, "Changed here")

    def _versions(self):
        """Return what tells the present version of each row from an earlier one."""
        self.env.flush_all()
        self.env.cr.execute("SELECT id, xmin::text, cmin::text FROM test_partner ORDER BY id")
        return self.env.cr.fetchall()

    def test_forced(self):
        """With force the same content is imported again."""
        self.world.put("test.partner", 1, name="Ann")
        self.import_record("1")
        self.binding(1).name = "Changed here"
        self.assertEqual(self.import_record("1", force=True), "updated")
        self.assertEqual(self.binding(1).name, "Ann")

    def test_volatile_keys(self):
        """Keys that change with each reading are no change."""

        class Volatile(Importer):
            _apply_on = "test.partner"
            volatile_keys = ("read_at",)

        self.register(Volatile)
        self.world.put("test.partner", 1, name="Ann", read_at=1)
        self.import_record("1")
        self.world.put("test.partner", 1, name="Ann", read_at=2)
        self.assertEqual(self.import_record("1"), "unchanged")

    def test_older_than_the_last_import(self):
        """A record that changed clearly before the last import is skipped; one within the clocks' tolerance is not."""

        class Dated(Importer):
            _apply_on = "test.partner"
            updated_at = "updated_at"

        self.register(Dated)
        self.world.put("test.partner", 1, name="Ann", updated_at="2026-01-01 11:54:59")
        binding = self.bind("1", sync_date=datetime(2026, 1, 1, 12))
        self.assertEqual(self.import_record("1"), "unchanged")
        self.world.put("test.partner", 1, name="Ann", updated_at="2026-01-01 11:55:01")
        self.assertEqual(self.import_record("1"), "updated")
        self.assertGreater(binding.sync_date, datetime(2026, 1, 1, 12))

    def test_gone(self):
        """A record that is gone there raises nothing: the result says so, and the binding, if there is one."""
        self.assertEqual(self.import_record("1"), "no longer exists")
        binding = self.bind("1")
        self.assertEqual(self.import_record("1"), "no longer exists")
        self.assertEqual(binding.sync_state, "gone")
        self.world.put("test.partner", 1, name="Back")
        self.import_record("1")
        self.assertEqual(binding.sync_state, "synced")

    def test_archived(self):
        """An archived record is updated, not created again."""
        self.world.put("test.partner", 1, name="Ann")
        binding = self.bind("1")
        binding.odoo_id.active = False
        self.assertEqual(self.import_record("1"), "updated")
        self.assertEqual(binding.name, "Ann")

    def test_other_backend(self):
        """The same id on another backend is another record."""
        self.bind("1", self.other_backend)
        self.world.put("test.partner", 1, name="Ann")
        self.assertEqual(self.import_record("1"), "created")

    def test_origin(self):
        """What is written has the backend as its origin, until the end of the writing."""
        origins = []

        class Watching(Importer):
            _apply_on = "test.partner"

            def _after_import(self, binding):
                origins.append((binding.env.context.get("connector_origin"), self.env.context.get("connector_origin")))

            def _map(self, record, binding):
                origins.append(self.env.context.get("connector_origin"))
                return super()._map(record, binding)

        self.register(Watching)
        self.world.put("test.partner", 1, name="Ann")
        self.import_record("1")
        origin = ("test.backend", self.backend.id)
        self.assertEqual(origins, [None, (origin, origin)])

    def test_steps(self):
        """The steps run in their order, once each, and know the external record."""
        steps = []

        class Steps(Importer):
            _apply_on = "test.partner"

        def step(name):
            def method(self, *args, **kwargs):
                steps.append((name, self.external_id, self.external_record is not None))
                return getattr(super(Steps, self), name)(*args, **kwargs)

            return method

        names = (
            "_read",
            "_is_unchanged",
            "_import_dependencies",
            "_map",
            "_validate",
            "_update",
            "_bind",
            "_after_import",
        )
        for name in names:
            setattr(Steps, name, step(name))
        self.register(Steps)
        self.world.put("test.partner", 1, name="Ann")
        self.bind("1")
        self.import_record("1")
        self.assertEqual([entry[0] for entry in steps], list(names))
        self.assertEqual({entry[1:] for entry in steps[1:]}, {("1", True)})

    def test_not_importable(self):
        """A record that must not be imported is skipped with its reason, and nothing is written."""

        class Choosy(Importer):
            _apply_on = "test.partner"

            def _check_importable(self, record):
                raise SkipError("too old")

        self.register(Choosy)
        self.world.put("test.partner", 1, name="Ann")
        with self.assertRaisesRegex(SkipError, "too old"):
            self.import_record("1")
        self.assertFalse(self.binding(1))

    def test_invalid_values(self):
        """Values that do not validate are not written."""

        class Strict(Importer):
            _apply_on = "test.partner"

            def _validate(self, values):
                if not values["email"]:
                    raise MappingError({"email": "is missing"})

        self.register(Strict)
        self.world.put("test.partner", 1, name="Ann", email=None)
        with self.assertRaisesRegex(MappingError, "email: is missing"):
            self.import_record("1")
        self.assertFalse(self.binding(1))

    def test_translations(self):
        """Values in other languages are written in those languages."""
        self.env["res.lang"]._activate_lang("fr_FR")

        class Translated(Importer):
            _apply_on = "test.tag"

            def _translations(self, record):
                return self.mapper.translations({"fr_FR": {**record, "name": record["name_fr"]}})

        self.register(Translated)
        self.world.put("test.tag", 1, name="Gold", name_fr="Or")
        self.import_record("1", "test.tag")
        tag = self.binding(1, "test.tag").odoo_id
        self.assertEqual((tag.name, tag.with_context(lang="fr_FR").name), ("Gold", "Or"))


class TagImporter(Importer):
    _apply_on = "test.tag"

    def _import_dependencies(self, record):
        self.import_dependency(record.get("parent"), "test.tag")


@tagged("post_install", "-at_install", "transaction")
class TestImportDependencies(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.register(TagImporter)

    def test_imported_first(self):
        """What a record refers to is imported before it, at any depth."""
        self.world.put("test.tag", 1, name="A", parent=2)
        self.world.put("test.tag", 2, name="B", parent=3)
        self.world.put("test.tag", 3, name="C", parent=None)
        self.import_record("1", "test.tag")
        tag = self.binding(1, "test.tag")
        self.assertEqual(tag.test_parent_id.test_parent_id.name, "C")

    def test_bound_already(self):
        """What is bound already is not read again."""
        self.bind("2", model="test.tag", name="B")
        self.world.put("test.tag", 1, name="A", parent=2)
        self.import_record("1", "test.tag")
        self.assertEqual(self.world.made("read"), [("read", "1")])

    def test_circle(self):
        """Records that depend on each other end in a clear error, not in an endless loop."""
        self.world.put("test.tag", 1, name="A", parent=2)
        self.world.put("test.tag", 2, name="B", parent=1)
        with self.assertRaisesRegex(DependencyMissingError, "'?1'?"):
            self.import_record("1", "test.tag")
        self.assertEqual(len(self.world.made("read")), 2)

    def test_gone(self):
        """A dependency that is gone there is left to the mapper, which says what is missing."""
        self.world.put("test.tag", 1, name="A", parent=2)
        with self.assertRaisesRegex(DependencyMissingError, "2"):
            self.import_record("1", "test.tag")

    def test_skipped(self):
        """A dependency that is skipped leaves nothing, and does not skip the record that needs it."""

        class Choosy(TagImporter):
            _apply_on = "test.tag"

            def _after_import(self, binding):
                if self.external_id == 2:
                    raise SkipError("not this one")

        self.register(Choosy)
        self.world.put("test.tag", 1, name="A", parent=2)
        self.world.put("test.tag", 2, name="B", parent=None)
        with self.assertRaisesRegex(DependencyMissingError, "2"):
            self.import_record("1", "test.tag")
        self.assertFalse(self.binding(2, "test.tag"))

    def test_returns_the_binding(self):
        """import_dependency returns the binding, imported now or before, empty for none."""
        self.world.put("test.tag", 2, name="B", parent=None)
        with self.backend.work_on("test.partner") as work:
            importer = work.unit(Importer)
            first = importer.import_dependency(2, "test.tag")
            self.assertEqual(first.name, "B")
            self.assertEqual(importer.import_dependency("2", "test.tag"), first)
            self.assertEqual(importer.import_dependency(None, "test.tag"), first.browse())
            self.assertNotIn("connector_origin", first.env.context)

    def test_forced(self):
        """With force it is imported even if it is bound."""
        binding = self.bind("2", model="test.tag", name="B")
        self.world.put("test.tag", 2, name="C", parent=None)
        with self.backend.work_on("test.partner") as work:
            work.unit(Importer).import_dependency("2", "test.tag", force=True)
        self.assertEqual(binding.name, "C")


@tagged("post_install", "-at_install", "transaction")
class TestImportCompositeKey(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.one = self.bind("1", model="test.website", name="One")
        self.two = self.bind("2", model="test.website", name="Two")

    def test_part_of_the_key(self):
        """An id that is only a part of the key is completed by what the mapper gives."""
        self.world.put("test.customer", 5, name="Ann", website=1)
        self.assertEqual(self.import_record("5", "test.customer"), "created")
        self.assertEqual(self.import_record("5", "test.customer"), "unchanged")
        self.assertEqual(self.binding(5, "test.customer").website_id, self.one)
        self.world.put("test.customer", 5, name="Bob", website=2)
        self.assertEqual(self.import_record("5", "test.customer"), "created")
        self.assertEqual(len(self.binding(5, "test.customer")), 2)

    def test_rest_of_the_key_is_a_dependency(self):
        """The rest of the key may be a record that is imported as a dependency."""

        class CustomerImporter(Importer):
            _apply_on = "test.customer"

            def _import_dependencies(self, record):
                self.import_dependency(record["website"], "test.website")

        self.register(CustomerImporter)
        self.world.put("test.website", 3, name="Three")
        self.world.put("test.customer", 5, name="Ann", website=3)
        self.assertEqual(self.import_record("5", "test.customer"), "created")
        self.assertEqual(self.binding(5, "test.customer").website_id.name, "Three")

    def test_sufficient_column(self):
        """Where the external id alone tells the binding, its record is mapped once, and not at all if unchanged."""
        mapped = []

        class Mapper(CustomerImportMapper):
            def finalize(self, map_record, values):
                mapped.append(values["name"])
                return values

        self.register(Mapper)
        self.register(type("One", (Binder,), {"_apply_on": "test.customer", "sufficient_column": "external_id"}))
        self.world.put("test.customer", 5, name="Ann", website=1)
        self.assertEqual(self.import_record("5", "test.customer"), "created")
        self.assertEqual(self.binding(5, "test.customer").website_id, self.one)
        self.assertEqual(self.import_record("5", "test.customer"), "unchanged")
        self.assertEqual(mapped, ["Ann"])

    def test_whole_key(self):
        """A whole key is a tuple; the adapter reads by it."""
        self.world.put("test.customer", (self.two.id, "5"), name="Ann")
        self.assertEqual(self.import_record((self.two.id, "5"), "test.customer"), "created")
        binding = self.binding(5, "test.customer")
        self.assertEqual((binding.website_id, binding.external_id), (self.two, "5"))


@tagged("post_install", "-at_install", "transaction")
class TestImportLock(SynchronizerCase):
    def test_another_process_imports_it(self):
        """While another transaction imports the same record, the import is put off and costs no attempt."""
        self.world.put("test.partner", 1, name="Ann")
        self.world.put("test.partner", 2, name="Bob")
        name = lock_key(self.partners, self.backend, import_lock(1))
        # A connection of its own: a test cursor would share the lock.
        with self.registry._db.cursor() as cr:
            cr.execute(SQL("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", name))
            with self.assertRaises(ConcurrentUpdateError) as caught:
                self.import_record(1)
            self.assertEqual(self.import_record("2"), "created")
            cr.rollback()
        self.assertFalse(caught.exception.count_attempt)
        self.assertEqual(self.world.made("read"), [("read", "2")])
        self.assertEqual(self.import_record("1"), "created")
