"""Importing: once, and no more than that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from odoo.sql_db import db_connect

from ....exceptions import (
    ConcurrentUpdateError,
    DependencyMissingError,
    ExternalNotFoundError,
    MappingError,
    SkipError,
)
from ....mappings import ImportMapper
from ....synchronizers import Importer
from ....synchronizers.importer import GONE
from ....synchronizers.keys import import_lock, lock_key
from ..jobs import make_due, trap_jobs
from ..wire import Failure
from .case import AcceptanceCase, needs

#: What is written beside what the mapper says.
BOOKKEEPING = {"sync_date", "sync_state", "import_hash", "export_hash", "conflict", "write_date", "write_uid"}

_OWN_LOCKS = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid() AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class ImportTests(AcceptanceCase):
    def content(self, binding) -> dict:
        """Return the stored values of a binding and of its record, as far as people see them."""
        names = [
            name
            for name, field in binding._fields.items()
            if (field.store or field.inherited) and field.type != "binary" and name not in BOOKKEEPING
        ]
        binding.invalidate_recordset()
        return binding.sudo().with_context(active_test=False).read(names, load=None)[0]

    @needs("import")
    def test_import(self):
        """A record is created with its binding, which knows the id and when; the job is done."""
        external_id = self.create_outside()
        job = self.import_job(external_id)
        self.assert_done(job, attempt=1)
        self.assertEqual(job.result, "created", "result of the job")
        binding = self.binding(external_id)
        self.assertEqual(len(binding), 1, "number of bindings of the external id")
        self.assertEqual(
            (binding.backend_id, binding.sync_state), (self.backend, "synced"), "the binding: backend, state"
        )
        self.assertTrue(binding.sync_date, "sync_date of the binding is empty")
        self.assertTrue(binding.external_id, "external_id of the binding is empty")

    @needs("import")
    def test_import_twice(self):
        """The same record again, forced or not, makes no second one."""
        external_id = self.create_outside()
        self.import_now(external_id)
        before = self.counts()
        self.import_now(external_id)
        self.assertEqual(self.import_now(external_id, force=True), "updated", "how the import ended")
        self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")
        self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    @needs("import")
    def test_import_unchanged(self):
        """A record that has not changed is read and nothing else: nothing is written, nothing sent."""
        external_id = self.create_outside()
        self.import_now(external_id)
        self.env.flush_all()
        with trap_jobs(self.env) as trap, self.statements() as changed:
            outcome = self.model.import_record(self.backend, external_id)
            self.env.flush_all()
        self.assertEqual(
            outcome,
            "unchanged",
            "does the peer answer something else each time? Such keys belong into the importer's volatile_keys",
        )
        ours = [text for text in changed if "connector_exchange" not in text and "connector_adapter_state" not in text]
        self.assertFalse(ours, "statements that changed something")
        self.assertFalse(trap.jobs, "jobs were enqueued")

    @needs("import")
    def test_import_changed(self):
        """What changes there changes here, on the same record."""
        external_id = self.create_outside()
        self.import_now(external_id)
        binding, counts = self.binding(external_id), self.counts()
        before = self.content(binding)
        self.change_outside(external_id)
        self.assertEqual(self.import_now(external_id), "updated", "does change_outside() change what is read?")
        self.assertNotEqual(self.content(binding), before, "change_outside() changed nothing that is mapped")
        self.assertEqual(self.counts(), counts, "numbers of bindings and of records: now, before")

    @needs("import")
    def test_import_concurrent(self):
        """While another process imports the record, an import waits, at no attempt's cost; there is one record."""
        external_id = self.create_outside()
        with trap_jobs(self.env) as trap:
            for _time in range(2):
                self.model.as_job().import_record(self.backend, external_id)
        keys = {job.options.get("exclusive_key") for job in trap.jobs}
        self.assertEqual(len(keys), 1, f"exclusive keys of two imports of one record: {keys}")
        self.assertTrue(
            keys.pop(), f"jobs of {self.model_name}.import_record exclude each other by an exclusive_key; not these"
        )
        locks = self.locks_of_an_import(external_id)
        self.assertTrue(locks, "an import takes an advisory lock by Importer._lock(); this one took none")
        before = self.counts()
        with self.another_process_holds(locks):
            job = self.import_job(external_id)
            self.assert_waits(job, ConcurrentUpdateError, attempt=0)
            self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")
        make_due(job)
        self.run_jobs()
        self.assert_done(job, attempt=1)
        self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    def locks_of_an_import(self, external_id) -> list[int]:
        """Return the keys of the advisory locks that an import takes; nothing else of it is left."""
        self.env.cr.execute(_OWN_LOCKS)
        before = {key for (key,) in self.env.cr.fetchall()}
        with self.env.cr.savepoint() as savepoint:
            self.import_now(external_id)
            self.env.cr.execute(_OWN_LOCKS)
            taken = {key for (key,) in self.env.cr.fetchall()} - before
            savepoint.rollback()
        self.env.invalidate_all()
        return sorted(taken)

    @contextlib.contextmanager
    def another_process_holds(self, locks: list[int]) -> Iterator[None]:
        """Hold advisory locks on a connection of its own."""
        with contextlib.closing(db_connect(self.env.cr.dbname).cursor()) as cr:
            for key in locks:
                cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
                self.assertTrue(cr.fetchone()[0])
            yield
            cr.rollback()

    @needs("import")
    def test_import_gone_outside(self):
        """A record that is gone there is marked and stays; nobody is alarmed."""
        external_id = self.create_outside()
        self.import_now(external_id)
        binding, before = self.binding(external_id), self.counts()
        self.delete_outside(external_id)
        job = self.import_job(external_id)
        self.assert_done(job, attempt=1)
        self.assertEqual(job.result, GONE, "result of the job")
        self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")
        self.assertEqual(binding.sync_state, "gone", "sync_state of the binding")

    @needs("import")
    def test_import_never_seen(self):
        """An id that is not there, any more or never was, makes nothing here and fails nothing."""
        external_id = self.create_outside()
        self.delete_outside(external_id)
        before = self.counts()
        job = self.import_job(external_id)
        self.assert_done(job)
        self.assertEqual(job.result, GONE, "result of the job")
        self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")

    @needs("import")
    def test_deleted_inside(self):
        """What is deleted here is deleted there if the connector does that, else imported anew; once."""
        external_id = self.create_outside()
        self.import_now(external_id)
        with trap_jobs(self.env) as trap:
            self.delete_inside(self.binding(external_id))
        self.assertFalse(self.binding(external_id), "delete_inside() left the binding")
        if trap.enqueued("export_delete_record"):
            trap.run()
            self.assertIsNone(self.outside_record(external_id), "the record is still there")
            self.assertEqual(self.import_now(external_id), GONE, "how the import ended")
            self.assertFalse(self.binding(external_id), "there is a binding")
        else:
            self.assertEqual(self.import_now(external_id), "created", "how the import ended")
            self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    @needs("import")
    def test_archived_inside(self):
        """What is archived here is still known: it is not imported a second time."""
        external_id = self.create_outside()
        self.import_now(external_id)
        binding = self.binding(external_id)
        record = binding.odoo_id if "odoo_id" in binding._fields else binding
        with self.quiet():
            if "active" in record._fields:
                record.with_env(self.env).active = False
                self.env.flush_all()
        before = self.counts()
        self.import_now(external_id, force=True)
        self.assertEqual(self.counts(), before, "numbers of bindings and of records: now, before")

    @needs("import")
    def test_import_is_not_exported(self):
        """What was imported, new or changed, is not sent back to where it came from."""
        external_id = self.create_outside()
        with trap_jobs(self.env) as trap:
            self.import_now(external_id)
        self.assertFalse(self.exports_in(trap), "a record that was imported is exported: is work.origin() left out?")
        self.change_outside(external_id)
        with trap_jobs(self.env) as trap:
            self.assertEqual(self.import_now(external_id), "updated", "how the import ended")
        self.assertFalse(self.exports_in(trap), "a change that was imported is exported: is work.origin() left out?")

    @needs("import")
    def test_external_id_zero(self):
        """0 is an external id as any other."""
        external_id = self.create_outside()
        with self.adapter() as adapter:
            record = adapter.read(external_id)
        with self.backend.work_on(self.model_name) as work:
            importer = work.unit(Importer)
            importer._read = lambda: record
            self.assertEqual(importer.run(0), "created", "how the import of id 0 ended")
            binding = importer.binding
            self.env.cr.flush()
            self.assertEqual(binding.external_id, "0", "external id of the binding")
            self.assertEqual(importer.run(0), "unchanged", "how the import of id 0 ended")
            self.assertEqual(importer.binding, binding, "binding of id 0: now, before")

    @needs("import")
    def test_mapping_covers_required_fields(self):
        """The mapper gives what the binding and its record need, and only fields that they have."""
        external_id = self.create_outside()
        with self.adapter() as adapter:
            record = adapter.read(external_id)
        with self.backend.work_on(self.model_name) as work:
            mapper = type(work.unit(ImportMapper)).__name__
            importer = work.unit(Importer)
            with importer._importing(external_id, record):
                _binding, values = importer._prepare(record, True)
        model = self.model
        self.assertFalse(set(values) - set(model._fields), f"{mapper} gives what {self.model_name} does not have")
        links, todo = set(), [model]
        while todo:
            for parent, link in todo.pop()._inherits.items():
                links.add(link)
                todo.append(self.env[parent])
        required = {
            name
            for name, field in model._fields.items()
            if field.required
            and (field.store or field.inherited)
            and field.type not in ("one2many", "many2many")
            and name not in links
            and not _is_computed(field)
        }
        given = set(values) | set(model.default_get(list(required)))
        self.assertFalse(
            required - given,
            f"{mapper} does not give these fields, which {self.model_name} requires and which have no default",
        )

    @needs("import", "batch_import")
    def test_import_chunk(self):
        """Records that one job imports together have an outcome each: what is wrong with one keeps no other one out."""
        ids = self.many_outside(50)
        # From the end: in a tree, no other record needs the last ones. A peer with few records plays fewer parts.
        parts = dict(zip(("bad", "gone", "skipped", "unchanged", "waiting", "locked"), reversed(ids[1:]), strict=False))
        good = [external_id for external_id in ids if external_id not in parts.values()]
        errors = {
            "bad": MappingError({"name": "is bad"}),
            "skipped": SkipError("not this one"),
            "waiting": DependencyMissingError("what it needs is not here yet"),
        }
        troubles = {parts[part]: error for part, error in errors.items() if part in parts}
        locks = []
        if "locked" in parts:
            key = lock_key(self.model, self.backend, import_lock(parts["locked"]))
            self.env.cr.execute("SELECT hashtextextended(%s, 0)", [key])
            locks = [self.env.cr.fetchone()[0]]
        if "unchanged" in parts:
            self.import_now(parts["unchanged"])
        with (
            self.another_process_holds(locks),
            self.troubled(troubles, parts.get("gone")),
            trap_jobs(self.env) as trap,
        ):
            outcomes = self.model.import_records(self.backend, ids)
            self.env.cr.flush()
        jobs = {job.args[1] for job in trap.enqueued("import_record")}
        own = {parts[part] for part in ("bad", "waiting", "locked") if part in parts}
        self.assertEqual(jobs, own, f"these get jobs of their own, and no others: {outcomes}")
        for external_id in good:
            self.assertEqual(len(self.binding(external_id)), 1, f"{external_id} was not imported: {outcomes}")
        for part, external_id in parts.items():
            if part != "unchanged":
                self.assertFalse(self.binding(external_id), f"{external_id}, {part}, was imported: {outcomes}")
        self.assertEqual(outcomes["own job"], len(own), outcomes)
        self.assertEqual((outcomes["gone"], outcomes["skipped"]), ("gone" in parts, "skipped" in parts), outcomes)
        self.assertEqual(outcomes["created"] + outcomes["unchanged"], len(good) + ("unchanged" in parts), outcomes)
        self.assertEqual(self.model.import_records(self.backend, good)["unchanged"], len(good))

    @contextlib.contextmanager
    def troubled(self, errors: dict, gone) -> Iterator[None]:
        """Have imports of some records raise errors, and one record be gone."""
        with self.backend.work_on(self.model_name) as work:
            importer = work.unit(Importer)
            cls, one_by_one = type(importer), importer.reads_one_by_one()
        check, read, read_many = cls._check_importable, cls._read, cls._read_many

        def checked(unit, record):
            if unit.external_id in errors:
                raise errors[unit.external_id]
            return check(unit, record)

        def read_one(unit):
            if unit.external_id == gone:
                raise ExternalNotFoundError(f"{gone} is gone")
            return read(unit)

        def read_several(unit, external_ids):
            return read_many(unit, [external_id for external_id in external_ids if external_id != gone])

        name, method = ("_read", read_one) if one_by_one else ("_read_many", read_several)
        with patch.object(cls, "_check_importable", checked), patch.object(cls, name, method):
            yield

    @needs("import")
    def test_timeline(self):
        """The calls of an import are on the binding's timeline, those of an attempt that failed too."""
        external_id = self.create_outside()
        self.wire.fail_next(Failure("unavailable"))
        job = self.import_job(external_id)
        make_due(job)
        self.run_jobs()
        self.assert_done(job)
        exchanges = self.binding(external_id).exchange_ids
        self.assertEqual(set(exchanges.mapped("job_id")), {job.id}, "do all calls go through Adapter._outside_call()?")
        self.assertEqual(set(exchanges.mapped("backend_id")), {self.backend.id}, "backends of the exchanges")
        self.assertEqual(
            set(map(bool, exchanges.mapped("error"))), {True, False}, "exchanges with an error, and without"
        )

    @needs("import", "batch_import")
    def test_batch_import(self):
        """A batch brings the records, a second one nothing new; all its jobs are done."""
        external_id = self.create_outside()
        jobs = self.env["connector.job"]
        last = max(jobs.search([], limit=1).ids, default=0)
        counts = []
        for _time in range(2):
            self.model.as_job().import_batch(self.backend, self.batch_filters)
            self.run_jobs()
            unfinished = jobs.search([("id", ">", last), ("state", "!=", "done")])
            self.assertFalse(unfinished.mapped(lambda job: (job.name, job.state, job.exc_message)))
            self.assertEqual(len(self.binding(external_id)), 1, "is the record among what batch_filters ask for?")
            counts.append(self.counts())
        self.assertEqual(*counts, "numbers of bindings and of records: after the first batch, after the second")


def _is_computed(field) -> bool:
    while field.inherited:
        field = field.inherited_field
    return bool(field.compute or field.related)
