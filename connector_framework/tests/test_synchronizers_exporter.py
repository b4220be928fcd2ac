"""Exporting and deleting."""

from __future__ import annotations

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import DependencyMissingError, ExternalNotFoundError, MappingError, PermanentError
from ..synchronizers import Deleter, Exporter
from .common import drain_jobs, trap_jobs
from .synchronizers_common import SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestExporter(SynchronizerCase):
    def test_creates(self):
        """A binding without external id is created there, whole, and bound to the new id."""
        binding = self.bind(name="Ann", email="ann@example.com")
        self.assertEqual(binding.export_record(fields=["name"]), "created")
        self.assertEqual(self.world.made("create"), [("create", {"name": "Ann", "email": "ann@example.com"})])
        self.assertEqual((binding.external_id, binding.sync_state), ("101", "synced"))
        self.assertTrue(binding.sync_date)

    def test_updates(self):
        """One that is bound is updated there."""
        self.world.put("test.partner", 7)
        binding = self.bind("7", name="Ann", email="a")
        self.assertEqual(binding.export_record(), "updated")
        self.assertEqual(self.world.made("create", "write"), [("write", "7", {"name": "Ann", "email": "a"})])

    def test_only_what_changed(self):
        """With names of fields only what they feed is sent."""
        self.world.put("test.partner", 7)
        binding = self.bind("7", name="Ann", email="ann@example.com")
        binding.export_record(fields=["email"])
        self.assertEqual(self.world.made("write"), [("write", "7", {"email": "ann@example.com"})])

    def test_fields_that_feed_nothing(self):
        """Fields that the mapper does not read lead to no call."""
        self.world.put("test.partner", 7)
        self.assertEqual(self.bind("7").export_record(fields=["comment"]), "unchanged")
        self.assertFalse(self.world.calls)

    def test_same_values(self):
        """What was sent already is not sent again, whole or in part; what differs since is."""
        binding = self.bind(name="Ann", email="a")
        binding.export_record()
        self.assertEqual(binding.export_record(), "unchanged")
        self.assertEqual(binding.export_record(fields=["name"]), "unchanged")
        self.assertFalse(self.world.made("write"))
        binding.name = "Anna"
        self.assertEqual(binding.export_record(fields=["name", "email"]), "updated")
        self.assertEqual(binding.export_record(fields=["name"]), "unchanged")
        self.assertEqual(len(self.world.made("write")), 1)

    def test_back_to_what_was_sent(self):
        """What was sent once is sent again when the other system has had something else meanwhile."""
        binding = self.bind(name="Ann", email="a")
        binding.export_record()
        self.world.put("test.partner", 101, name="Bea", email="a")
        self.import_record("101")
        self.assertEqual(binding.name, "Bea")
        binding.name = "Ann"
        self.assertEqual(binding.export_record(fields=["name"]), "updated")
        self.assertEqual(self.world.made("write"), [("write", "101", {"name": "Ann"})])

    def test_import_of_what_cannot_be_exported(self):
        """An import does not fail for what an export would; what was sent is forgotten then."""
        binding = self.bind(name="Ann", email="a")
        binding.export_record()

        class Refusing(Exporter):
            _apply_on = "test.partner"

            def _map(self, for_create, fields):
                raise DependencyMissingError("not bound yet")

        self.register(Refusing)
        self.world.put("test.partner", 101, name="Bea", email="a")
        self.assertEqual(self.import_record("101"), "updated")
        self.assertEqual(binding.export_hash, "{}")

    def test_parts_do_not_hide_each_other(self):
        """Of two changes that are exported one after the other, both are sent."""
        binding = self.bind(name="Ann", email="a")
        binding.export_record()
        binding.write({"name": "Anna", "email": "b"})
        binding.export_record(fields=["name"])
        binding.export_record(fields=["email"])
        self.assertEqual(
            self.world.made("write"), [("write", "101", {"name": "Anna"}), ("write", "101", {"email": "b"})]
        )

    def test_deleted_meanwhile(self):
        """A binding that is gone is no error: there is nothing to export."""
        binding = self.bind(name="Ann")
        with self.backend.work_on("test.partner") as work:
            exporter = work.unit(Exporter)
            binding.unlink()
            self.assertEqual(exporter.run(binding), "no longer exists")
        self.assertFalse(self.world.calls)

    def test_gone_there(self):
        """An update of a record that is gone there fails, saying so."""

        def before(method, model, *args):
            if method == "write":
                raise ExternalNotFoundError("no 7")

        self.world.before = before
        with self.assertRaisesRegex(ExternalNotFoundError, "no 7"):
            self.bind("7").export_record()

    def test_found_there(self):
        """With a natural key the record is looked for there first, and taken over instead of created again."""

        class ByName(Exporter):
            _apply_on = "test.partner"

            def _find_external(self, values):
                records = self.adapter.world.records.get("test.partner", {})
                return next((i for i, record in records.items() if record["name"] == values["name"]), None)

        self.register(ByName)
        self.world.put("test.partner", 7, name="Ann")
        binding = self.bind(name="Ann")
        binding.export_record()
        self.assertEqual(binding.external_id, "7")
        self.assertFalse(self.world.made("create"))
        self.assertEqual(len(self.world.made("write")), 1)

    def test_idempotency_key(self):
        """Each attempt to create a record has the same key, and each record and database has another one."""
        keys = []

        class Keyed(Exporter):
            _apply_on = "test.partner"

            def _create(self, values):
                keys.append(self._idempotency_key())
                return super()._create(values)

        self.register(Keyed)
        binding = self.bind(name="Ann")
        binding.export_record()
        binding.external_id = False
        binding.export_record()
        self.bind(name="Bob").export_record()
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        binding.external_id = False
        binding.export_record()
        self.assertEqual(keys[0], keys[1])
        self.assertEqual(len(set(keys)), 3)

    def test_steps(self):
        """The steps run in their order."""
        steps = []

        class Steps(Exporter):
            _apply_on = "test.partner"

        def step(name):
            def method(self, *args, **kwargs):
                steps.append(name)
                return getattr(super(Steps, self), name)(*args, **kwargs)

            return method

        names = ["_lock_binding", "_export_dependencies", "_map", "_validate", "_create", "_bind", "_after_export"]
        for name in names:
            setattr(Steps, name, step(name))
        self.register(Steps)
        self.bind(name="Ann").export_record()
        self.assertEqual(steps, names)

    def test_invalid_values(self):
        """Values that do not validate are not sent."""

        class Strict(Exporter):
            _apply_on = "test.partner"

            def _validate(self, values):
                raise MappingError({"email": "is missing"})

        self.register(Strict)
        with self.assertRaises(MappingError):
            self.bind(name="Ann").export_record()
        self.assertFalse(self.world.calls)

    def test_dependencies(self):
        """What a record refers to is bound and created there first, once."""

        class PartnerExporter(Exporter):
            _apply_on = "test.partner"

            def _export_dependencies(self):
                for tag in self.binding.category_id:
                    self.export_dependency(tag, "test.tag")

        self.register(PartnerExporter)
        tag = self.env["res.partner.category"].create({"name": "Gold"})
        first = self.bind(name="Ann", category_id=[(4, tag.id)])
        first.export_record()
        second = self.bind(name="Bob", category_id=[(4, tag.id)])
        second.export_record()
        self.assertEqual([call[1]["name"] for call in self.world.made("create")], ["Gold", "Ann", "Bob"])
        self.assertEqual(self.env["test.tag"].search([("odoo_id", "=", tag.id)]).external_id, "101")

    def test_several_bindings(self):
        """Each binding goes to its own backend."""
        bindings = self.bind(name="Ann") | self.bind(backend=self.other_backend, name="Bob")
        self.assertEqual(str(bindings.export_record()), "2 created")

    def test_outside_a_job_nothing_is_committed(self):
        """Without a job an export commits nothing: it ends with its caller's transaction."""
        commits = []
        self.patch(type(self.env.cr), "commit", commits.append)
        self.bind(name="Ann").export_record()
        self.assertEqual(commits, [])

    def test_written_with_its_origin(self):
        """What an export writes on the binding has the backend as its origin."""
        origins = []
        Partner = type(self.partners)
        write = Partner.write

        def watch(records, vals):
            origins.append((set(vals), records.env.context.get("connector_origin")))
            return write(records, vals)

        binding = self.bind(name="Ann")
        self.patch(Partner, "write", watch)
        binding.export_record()
        self.assertTrue(origins)
        self.assertEqual({origin for _, origin in origins}, {("test.backend", self.backend.id)})


@tagged("post_install", "-at_install", "transaction")
class TestExportJob(SynchronizerCase):
    def export(self, binding):
        job = binding.as_job().export_record()
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        return job

    def test_id_survives(self):
        """In a job the new id is committed as soon as it is bound: whatever fails next, nothing is created twice."""

        class Failing(Exporter):
            _apply_on = "test.partner"

            def _after_export(self, binding):
                binding.name = "lost"
                if fails:
                    raise ZeroDivisionError

        self.register(Failing)
        fails = [True]
        binding = self.bind(name="Ann", email="a")
        job = self.export(binding)
        self.assertEqual(job.state, "failed")
        self.assertEqual((binding.external_id, binding.name), ("101", "Ann"))
        fails.clear()
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual((job.state, job.result), ("done", "unchanged"))
        self.assertEqual(len(self.world.made("create")), 1)

    def test_binding_of_a_dependency_survives(self):
        """In a job the binding that is made for a dependency is committed before its record is created there."""

        class PartnerExporter(Exporter):
            _apply_on = "test.partner"

            def _export_dependencies(self):
                self.export_dependency(self.binding.category_id, "test.tag")

        self.register(PartnerExporter)
        tag = self.env["res.partner.category"].create({"name": "Gold"})
        binding = self.bind(name="Ann", category_id=[(4, tag.id)])

        def before(method, model, *args):
            if method == "create":
                raise PermanentError("refused")

        self.world.before = before
        self.assertEqual(self.export(binding).state, "failed")
        self.assertEqual(len(self.env["test.tag"].search([("odoo_id", "=", tag.id)])), 1)

    def test_state_of_the_job_is_kept(self):
        """The checkpoint of an export leaves the state that the job itself has kept."""
        seen = []

        class Noting(Exporter):
            _apply_on = "test.partner"

            def _export_dependencies(self):
                self.env["connector.job"].checkpoint({"mine": 1})

            def _after_export(self, binding):
                seen.append(self.env["connector.job"].checkpoint_state())

        self.register(Noting)
        self.export(self.bind(name="Ann"))
        self.assertEqual(seen, [{"mine": 1}])

    def test_one_at_a_time(self):
        """Two jobs that export the same binding exclude each other; an import of it does not hinder them."""
        binding = self.bind("1")
        with trap_jobs(self.env) as trap:
            binding.as_job().export_record()
            binding.as_job().export_record(fields=["name"])
            self.bind("2").as_job().export_record()
        keys = [job.options["exclusive_key"] for job in trap.jobs]
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[0], keys[2])


@tagged("post_install", "-at_install", "transaction")
class TestDeleter(SynchronizerCase):
    def test_deletes(self):
        """A record is deleted there by its external id; the binding is usually gone."""
        self.world.put("test.partner", 7)
        self.assertEqual(self.partners.export_delete_record(self.backend, "7"), "deleted")
        self.assertNotIn("7", self.world.records["test.partner"])

    def test_gone_already(self):
        """What is not there any more is as good as deleted."""
        self.assertEqual(self.partners.export_delete_record(self.backend, "7"), "was gone already")

    def test_steps(self):
        """The deletion and what comes after it can be replaced."""
        steps = []

        class Archiving(Deleter):
            _apply_on = "test.partner"

            def _delete(self, external_id):
                steps.append(external_id)

            def _after_delete(self, external_id):
                steps.append("after")

        self.register(Archiving)
        self.partners.export_delete_record(self.backend, "7")
        self.assertEqual(steps, ["7", "after"])
        self.assertFalse(self.world.calls)
