"""Exporting: once, and no echo."""

from __future__ import annotations

from unittest.mock import patch

from ....exceptions import NetworkError
from ..jobs import make_due, trap_jobs
from ..wire import Failure
from .case import AcceptanceCase, needs


class ExportTests(AcceptanceCase):
    @needs("export", "export_create")
    def test_export_create(self):
        """A binding without external id is created there, and gets the id."""
        binding = self.new_inside().with_env(self.env)
        self.assertFalse(binding.external_id, "create_inside() returns one that is not there yet")
        job = self.export_job(binding)
        self.assert_done(job, attempt=1)
        self.assertEqual(job.result, "created", "result of the job")
        self.assertTrue(binding.external_id, "external_id of the binding is empty")
        self.assertEqual(binding.sync_state, "synced", "sync_state of the binding")
        self.assertIn(job.id, binding.exchange_ids.mapped("job_id"), "the creation is not on the binding's timeline")
        self.assertIsNotNone(self.outside_record(self.key_of(binding)), "the record is not there")

    @needs("export")
    def test_export_unchanged(self):
        """What was sent already is not sent again."""
        binding = self.bound_outside()
        before = self.wire.sent()
        self.assertEqual(binding.export_record(), "unchanged", "how the export ended")
        self.assertEqual(self.wire.sent(), before, "calls that were sent: now, before")

    @needs("export")
    def test_export_update(self):
        """What changes here changes there, on the same record."""
        binding = self.bound_outside()
        key = self.key_of(binding)
        before = self.outside_record(key)
        last = max(self.env["connector.job"].search([], limit=1).ids, default=0)
        self.change_inside(binding)
        self.assert_done(self.export_job(binding), attempt=1)
        # A consumer of the change may have been quicker than our own job.
        jobs = self.env["connector.job"].search([("id", ">", last), ("method_name", "=", "export_record")])
        self.assertEqual(set(jobs.mapped("state")), {"done"}, "states of the export jobs")
        self.assertIn("updated", jobs.mapped("result"), "does change_inside() change what the export maps?")
        self.assertEqual(self.key_of(binding), key, "external id of the binding: now, before")
        self.assertNotEqual(self.outside_record(key), before, "the record there is as before")

    @needs("export", "import")
    def test_export_then_import(self):
        """What was exported and comes in again is no news: no second record, and nothing is sent back."""
        binding = self.bound_outside()
        key, counts = self.key_of(binding), self.counts()
        with trap_jobs(self.env) as trap:
            self.assertNotEqual(self.import_now(key), "created", "the import made a second record")
        self.assertFalse(self.exports_in(trap), "an exported record that was imported is exported again")
        self.assertEqual(self.counts(), counts, "numbers of bindings and of records: now, before")
        self.assertEqual(self.binding(key), binding, "binding of the external id: now, before")
        self.assertEqual(self.import_now(key), "unchanged", "how the import ended")
        self.assertEqual(binding.export_record(), "unchanged", "how the export ended")

    @needs("export")
    def test_export_gone_inside(self):
        """The job of a binding that was deleted meanwhile ends done; nothing is sent."""
        binding = self.bound_outside()
        self.run_jobs()
        job = binding.as_job().export_record()
        with self.quiet():
            binding.with_env(self.env).unlink()
            self.env.flush_all()
        before = self.wire.sent()
        self.run_jobs()
        self.assert_done(job)
        self.assertEqual(self.wire.sent(), before, "calls that were sent: now, before")

    @needs("export", "export_create")
    def test_export_unavailable(self):
        """A creation that meets a peer which is down is done on the second attempt, and once."""
        before = self.count_outside()
        binding = self.new_inside().with_env(self.env)
        self.wire.fail_next(Failure("unavailable"))
        job = self.export_job(binding)
        self.assert_waits(job, NetworkError, attempt=1)
        self.assertEqual(self.count_outside(), before, "number of records there: now, expected")
        make_due(job)
        self.run_jobs()
        self.assert_done(job, attempt=2)
        self.assertEqual(self.count_outside(), before + 1, "number of records there: now, expected")

    @needs("export", "export_create", "export_once")
    def test_export_answer_lost(self):
        """A creation whose answer was lost is not made a second time."""
        before = self.count_outside()
        binding = self.new_inside().with_env(self.env)
        with self.adapter() as adapter:
            cls = type(adapter)
        create, lost = cls.create, []

        def created_and_lost(adapter, data):
            external_id = create(adapter, data)
            if not lost:
                lost.append(external_id)
                raise NetworkError("the answer to the creation was lost on purpose")
            return external_id

        with patch.object(cls, "create", created_and_lost):
            job = self.export_job(binding)
            self.assert_waits(job, NetworkError, attempt=1)
            make_due(job)
            self.run_jobs()
        self.assert_done(job, attempt=2)
        self.assertEqual(self.count_outside(), before + 1, "the record was created twice there")
        self.assertEqual(binding.external_id, str(lost[0]), "external id of the binding: now, that of the lost answer")

    @needs("export_delete")
    def test_export_delete(self):
        """A record is deleted there; one that is gone already does no harm."""
        if "export_create" in self.not_supported or "export" in self.not_supported:
            key = self.create_outside()
        else:
            key = self.key_of(self.bound_outside())
        for result in ("deleted", "was gone already"):
            job = self.model.as_job().export_delete_record(self.backend, key)
            self.run_jobs()
            self.assert_done(job, attempt=1)
            self.assertEqual(job.result, result, "result of the job")
        self.assertIsNone(self.outside_record(key), "the record is still there")
