"""Sending what changes in Odoo, and nothing back to where it came from."""

from __future__ import annotations

from contextlib import contextmanager

from odoo.tests import new_test_user, tagged

from ..events import on_record_change, on_record_unlink
from ..mappings import changed_by, mapping, only_create
from ..synchronizers import delete_on_unlink, export_on_change
from .common import drain_jobs, trap_jobs
from .synchronizers_common import PartnerExportMapper, SynchronizerCase


class CityMapper(PartnerExportMapper):
    @mapping
    def city(self, record):
        return {"town": record.city}


@tagged("post_install", "-at_install", "transaction")
class TestExportOnChange(SynchronizerCase):
    def export_on_change(self, *args, **options):
        consumer = export_on_change(*args, **options)
        self.addCleanup(on_record_change.unsubscribe, consumer)
        return consumer

    @contextmanager
    def exports(self):
        """Yield a list that has (ids, fields) of the exports that the changes inside have enqueued, at its end."""
        exports = []
        with trap_jobs(self.env) as trap:
            yield exports
        exports += [(job.records.ids, job.kwargs["fields"]) for job in trap.jobs]

    def bound(self, *args, **values):
        """Return a new binding whose creation is history."""
        with self.exports():
            return self.bind(*args, **values)

    def test_changed_fields(self):
        """A change enqueues an export of the binding with the changed fields that the mapper reads."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        with self.exports() as exports:
            binding.write({"name": "Ann", "comment": "not exported"})
        self.assertEqual(exports, [(binding.ids, ["name"])])

    def test_inherited_fields(self):
        """A change of the record itself counts as one of its bindings, each of them."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        other = self.bound("2", self.other_backend, odoo_id=binding.odoo_id.id)
        with self.exports() as exports:
            binding.odoo_id.name = "Ann"
        self.assertCountEqual(exports, [(binding.ids, ["name"]), (other.ids, ["name"])])

    def test_fields_that_nobody_exports(self):
        """Fields that the mapper does not read, and the bookkeeping of bindings, enqueue nothing."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        with self.exports() as exports:
            binding.write({"comment": "x", "sync_date": "2026-01-01", "export_hash": "x", "external_id": "2"})
        self.assertEqual(exports, [])

    def test_undeclared_field(self):
        """A change of a field that only a method without @changed_by reads is exported, with what else has changed."""

        self.register(CityMapper)
        self.export_on_change("test.partner")
        binding = self.bound("1", name="Ann")
        with self.exports() as exports:
            binding.odoo_id.city = "Bern"
        self.assertEqual(exports, [(binding.ids, ["city"])])
        with self.exports() as exports:
            binding.write({"sync_date": "2026-01-01", "export_hash": "x", "import_hash": "y"})
        self.assertEqual(exports, [])

    def test_undeclared_field_is_sent(self):
        """The export of such a field sends what the method made of it, and nothing that did not change."""

        self.register(CityMapper)
        self.export_on_change("test.partner")
        self.world.put("test.partner", 1)
        binding = self.bound("1", name="Ann")
        with self.exports():
            binding.export_record()
        binding.odoo_id.city = "Bern"
        self.env.cr.flush()
        self.assertEqual(drain_jobs(self), 1)
        self.assertEqual(self.world.made("write")[-1], ("write", "1", {"town": "Bern"}))

    def test_field_that_finalize_reads(self):
        """A change of a field that only `finalize` reads is exported; with @changed_by, of those fields alone."""

        class Final(PartnerExportMapper):
            def finalize(self, map_record, values):
                return {**values, "town": map_record.source.city}

        class Declared(Final):
            @changed_by("city")
            def finalize(self, map_record, values):
                return super().finalize(map_record, values)

        self.export_on_change("test.partner")
        binding = self.bound("1")
        for cls, expected in ((Final, [(binding.ids, ["comment"])]), (Declared, [])):
            self.register(cls)
            with self.exports() as exports:
                binding.comment = cls.__name__
            self.assertEqual(exports, expected)
            with self.exports() as exports:
                binding.odoo_id.city = cls.__name__
            self.assertEqual(exports, [(binding.ids, ["city"])])

    def test_undeclared_method_of_new_records(self):
        """A method that runs for new records alone makes no change of others count."""

        class NewMapper(PartnerExportMapper):
            @only_create
            @mapping
            def city(self, record):
                return {"town": record.city}

        self.register(NewMapper)
        self.export_on_change("test.partner")
        binding = self.bound("1")
        with self.exports() as exports:
            binding.odoo_id.city = "Bern"
        self.assertEqual(exports, [])

    def test_new_binding(self):
        """A new binding without external id is exported whole, whatever fields it was created with."""
        self.export_on_change("test.partner", fields=["email"])
        partner = self.env["res.partner"].create({"name": "Ann"})
        with self.exports() as exports:
            binding = self.bind(odoo_id=partner.id)
        self.assertEqual(exports, [(binding.ids, None)])

    def test_declared_fields(self):
        """With fields= these count, and no others."""
        self.export_on_change("test.partner", fields=["name"])
        binding = self.bound("1")
        with self.exports() as exports:
            binding.email = "a"
        self.assertEqual(exports, [])
        with self.exports() as exports:
            binding.write({"name": "Ann", "email": "b"})
        self.assertEqual(exports, [(binding.ids, ["name"])])

    def test_model_of_odoo(self):
        """Subscribed to a model of Odoo, it exports the bindings of this addon's models, or of those that are named."""
        self.export_on_change("res.partner", binding_models=["test.partner"])
        binding = self.bound("1")
        self.bound("7", model="test.address", odoo_id=binding.odoo_id.id)
        with self.exports() as exports:
            binding.odoo_id.name = "Ann"
        self.assertEqual(exports, [(binding.ids, ["name"])])

    def test_no_echo(self):
        """The backend that a change came from does not get it back; another one does."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        other = self.bound("1", self.other_backend, odoo_id=binding.odoo_id.id)
        self.world.put("test.partner", 1, name="Ann", email="a")
        with self.exports() as exports:
            self.import_record("1")
        # The event unites the fields of all records: more may be named than changed.
        self.assertEqual(exports, [(other.ids, ["email", "name"])])

    def test_no_loop(self):
        """What an export writes on its binding starts no other export."""
        self.export_on_change("test.partner")
        binding = self.bound(name="Ann")
        with self.exports() as exports:
            binding.export_record()
        self.assertEqual(exports, [])

    def test_archived_backend(self):
        """An archived backend gets nothing."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        self.backend.active = False
        with self.exports() as exports:
            binding.name = "Ann"
        self.assertEqual(exports, [])

    def test_when(self):
        """A function may choose among the bindings."""
        self.export_on_change("test.partner", when=lambda bindings: bindings.filtered("email"))
        first, second = self.bound("1", email="a"), self.bound("2")
        with self.exports() as exports:
            (first | second).write({"name": "Ann"})
        self.assertEqual(exports, [(first.ids, ["name"])])

    def test_job_options(self):
        """Options are those of the jobs; the identity key names the binding and the fields."""
        self.export_on_change("test.partner", priority=3, channel="root.example")
        binding = self.bound("1")
        with trap_jobs(self.env) as trap:
            binding.write({"name": "Ann", "email": "a"})
            self.env.cr.flush()
        options = trap.jobs[0].options
        self.assertEqual((options["priority"], options["channel"]), (3, "root.example"))
        self.assertEqual(options["identity_key"], f"connector.export:test.partner:{binding.id}:email,name")

    def test_repeated_change(self):
        """While the job of a change waits, the same fields changed again add none; other fields do."""
        self.export_on_change("test.partner")
        binding = self.bound("1")
        jobs = self.env["connector.job"]
        before = jobs.search_count([])
        for values in ({"name": "A"}, {"name": "B"}, {"email": "c"}):
            binding.write(values)
            self.env.cr.flush()
        self.assertEqual(jobs.search_count([]) - before, 2)

    def test_user_without_access(self):
        """Who changes the record needs no access to bindings or backends, neither now nor when the job runs."""
        self.export_on_change("test.partner")
        self.world.put("test.partner", 1)
        binding = self.bound("1")
        user = new_test_user(self.env, "sync-user", "base.group_partner_manager")
        binding.odoo_id.with_user(user).name = "Ann"
        self.env.cr.flush()
        self.assertEqual(drain_jobs(self), 1)
        self.assertEqual(self.world.made("write"), [("write", "1", {"name": "Ann"})])

    def test_belongs_to_the_caller(self):
        """The consumer runs where the addon that asked for it is installed."""
        consumer = self.export_on_change("test.partner")
        self.assertEqual(consumer.__module__, __name__)


@tagged("post_install", "-at_install", "transaction")
class TestDeleteOnUnlink(SynchronizerCase):
    def setUp(self):
        super().setUp()
        consumer = delete_on_unlink("test.partner", priority=4)
        self.addCleanup(on_record_unlink.unsubscribe, consumer)

    def test_deletes_there(self):
        """A deleted binding is deleted there, also when it goes with its record; one that was never there is not."""
        record = self.bind("1").odoo_id
        never = self.bind()
        with trap_jobs(self.env) as trap:
            (record | never.odoo_id).unlink()
        self.assertEqual(
            [(job.method_name, job.args) for job in trap.jobs], [("export_delete_record", (self.backend, "1"))]
        )
        self.assertEqual(trap.jobs[0].options["priority"], 4)

    def test_not_to_its_origin(self):
        """What a backend deletes here is not deleted there."""
        binding = self.bind("1")
        with trap_jobs(self.env) as trap, self.backend.work_on("test.partner") as work, work.origin():
            binding.with_env(work.env).unlink()
        self.assertEqual(trap.jobs, [])

    def test_deleting_the_backend(self):
        """To delete a backend deletes nothing there."""
        self.bind("1", self.other_backend)
        with trap_jobs(self.env) as trap:
            self.other_backend.unlink()
        self.assertEqual(trap.jobs, [])
