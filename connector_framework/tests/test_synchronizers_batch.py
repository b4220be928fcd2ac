"""Importing many records, and how far an import got."""

from __future__ import annotations

from datetime import datetime
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..exceptions import MappingError, NetworkError, SkipError
from ..mappings.links import Link
from ..synchronizers import BulkImporter, DelayedBatchImporter, DirectBatchImporter, Importer
from .common import drain_jobs, trap_jobs
from .synchronizers_common import SynchronizerCase, WebsiteImportMapper


class BatchCase(SynchronizerCase):
    def fill(self, count, model="test.partner", **values):
        for number in range(1, count + 1):
            self.world.put(model, number, name=f"P{number}", **values)

    def import_batch(self, filters=None, model="test.partner"):
        return self.env[model].import_batch(self.backend, filters)

    def names(self):
        return sorted(self.partners.search([]).mapped("name"))


@tagged("post_install", "-at_install", "transaction")
class TestDelayedBatchImporter(BatchCase):
    def test_job_per_record(self):
        """Without a batch importer of its own a model gets a job for each record."""
        self.fill(3)
        with trap_jobs(self.env) as trap:
            self.import_batch()
        self.assertEqual(
            [(job.method_name, job.args) for job in trap.jobs],
            [("import_record", (self.backend, str(number))) for number in (1, 2, 3)],
        )
        self.assertFalse(self.world.made("read"))

    def test_one_insert_a_page(self):
        """The jobs of a page are stored in bulk."""
        self.fill(50)
        self.import_batch()
        with self.assertQueryCount(5):
            self.import_batch({"since": "0"})

    def test_page_by_page(self):
        """The next page is a job of its own, behind the records of this one, in the same channel."""
        self.world.page_size = 2
        self.fill(3)
        jobs = self.env["connector.job"]
        first = self.partners.as_job(priority=20, channel="root.example").import_batch(self.backend)
        drain_jobs(self, limit=1)
        stored = jobs.search([("id", ">", first.id)], order="id")
        self.assertEqual(stored.mapped("method_name"), ["import_record", "import_record", "_import_page"])
        self.assertEqual(stored.mapped("priority"), [20, 20, 21])
        self.assertEqual(set(stored.mapped("channel")), {"root.example"})
        drain_jobs(self)
        self.assertEqual(self.names(), ["P1", "P2", "P3"])
        self.assertEqual([call[2] for call in self.world.made("search")], [None, 2])
        order = [job.method_name for job in jobs.search([("id", ">=", first.id)], order="date_started, id")]
        self.assertEqual(order, ["import_batch", *["import_record"] * 2, "_import_page", "import_record"])

    def test_pages_keep_the_priority(self):
        """The records of every page have the same priority."""
        self.world.page_size = 1
        self.fill(3)
        self.partners.as_job(priority=5).import_batch(self.backend)
        drain_jobs(self)
        jobs = self.env["connector.job"].search([("method_name", "=", "import_record")])
        self.assertEqual(set(jobs.mapped("priority")), {5})
        self.assertEqual(len(jobs), 3)

    def test_waiting_records_are_not_enqueued_twice(self):
        """A record whose job is waiting gets no second one."""
        self.fill(2)
        self.import_batch()
        self.import_batch()
        self.assertEqual(self.env["connector.job"].search_count([("method_name", "=", "import_record")]), 2)

    def test_declared_channel_and_priority(self):
        """A batch importer may say channel and priority itself."""

        class Declared(DelayedBatchImporter):
            _apply_on = "test.partner"
            job_channel = "root.declared"
            job_priority = 3

        self.register(Declared)
        self.fill(1)
        with trap_jobs(self.env) as trap:
            self.import_batch()
        self.assertEqual((trap.jobs[0].options["channel"], trap.jobs[0].options["priority"]), ("root.declared", 3))

    def test_same_record_runs_alone(self):
        """Two jobs for the same record, forced or not, exclude each other."""
        with trap_jobs(self.env) as trap:
            self.partners.as_job().import_record(self.backend, "1")
            self.partners.as_job().import_record(backend=self.backend, external_id="1", force=True)
            self.partners.as_job().import_record(self.other_backend, "1")
        keys = [job.options["exclusive_key"] for job in trap.jobs]
        self.assertEqual(keys[0], keys[1])
        self.assertNotEqual(keys[0], keys[2])


@tagged("post_install", "-at_install", "transaction")
class TestDirectBatchImporter(BatchCase):
    def setUp(self):
        super().setUp()
        self.batch = self.register(type("Direct", (DirectBatchImporter,), {"_apply_on": "test.partner"}))
        self.world.page_size = 2

    def test_imports_at_once(self):
        """All pages are imported at once, without jobs."""
        self.fill(5)
        with trap_jobs(self.env) as trap:
            self.assertEqual(self.import_batch(), "5 records")
        self.assertEqual(trap.jobs, [])
        self.assertEqual(self.names(), ["P1", "P2", "P3", "P4", "P5"])

    def reported(self):
        """Import as a job of its own, and return what it reports: (done, of how many)."""
        reported = []
        jobs = type(self.env["connector.job"])
        self.partners.as_job().import_batch(self.backend)
        with patch.object(jobs, "report_progress", lambda self, done, total: reported.append((done, total))):
            drain_jobs(self)
        return reported

    def test_progress(self):
        """The job shows how many of the records that are known are done; until the last page there is one more."""
        self.world.page_size = 20
        self.fill(35)
        self.assertEqual(self.reported(), [(10, 40), (20, 40), (30, 35), (35, 35)])

    def test_total(self):
        """Where the API tells how many there are, the progress goes by that."""
        self.fill(5)
        self.batch._total = lambda batch, filters: 8
        self.assertEqual(self.reported(), [(2, 8), (4, 8), (5, 5)])

    def test_filters(self):
        """Filters go to the adapter as they are."""
        self.fill(1)
        self.import_batch({"group": 7})
        self.assertEqual(self.world.made("search"), [("search", {"group": 7}, None)])

    def test_skipped_records(self):
        """A record that is skipped leaves nothing behind, and does not end the batch."""

        class Choosy(Importer):
            _apply_on = "test.partner"

            def _after_import(self, binding):
                if binding.external_id == "2":
                    raise SkipError("not this one")

        self.register(Choosy)
        self.fill(3)
        self.import_batch()
        self.assertEqual(self.names(), ["P1", "P3"])

    def test_resumes(self):
        """A job commits page by page: its next attempt goes on with the page that failed."""
        self.fill(4)

        def before(method, model, *args):
            if args == ("3",) and not failed:
                failed.append(True)
                raise NetworkError("down", retry_after_s=0)

        failed = []
        self.world.before = before
        job = self.partners.as_job().import_batch(self.backend)
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self, limit=1)
        self.assertEqual((job.state, self.names()), ("pending", ["P1", "P2"]))
        drain_jobs(self)
        self.assertEqual((job.state, job.result), ("done", "4 records"))
        self.assertEqual(self.names(), ["P1", "P2", "P3", "P4"])
        self.assertEqual([call[1] for call in self.world.made("read")], ["1", "2", "3", "3", "4"])

    def test_within_another_job(self):
        """Within a job that does other things too nothing is committed in between, and no progress shown."""
        self.fill(4)
        checkpoints = []
        jobs = self.env["connector.job"]
        other = jobs.new({"method_name": "action_import", "model_name": "test.backend"})
        self.patch(type(jobs), "checkpoint", lambda records, state: checkpoints.append(state))
        self.patch(type(jobs), "report_progress", lambda records, done, total: checkpoints.append(done))
        self.patch(type(jobs), "current", lambda records: other)
        self.import_batch()
        self.assertEqual(checkpoints, [])
        self.assertEqual(len(self.names()), 4)


@tagged("post_install", "-at_install", "transaction")
class TestBulkImporter(BatchCase):
    def setUp(self):
        super().setUp()
        self.batch = self.register(type("Bulk", (BulkImporter,), {"_apply_on": "test.partner"}))

    def test_creates_together(self):
        """New records are created in one create, and are as if they had been imported one by one."""
        self.fill(10, email="a@example.com")
        creates = []
        Partner = type(self.partners)
        create = Partner.create
        self.patch(Partner, "create", lambda records, vals: creates.append(len(vals)) or create(records, vals))
        self.assertEqual(self.import_batch(), "10 records")
        self.assertEqual(creates, [10])
        self.assertEqual(len(self.names()), 10)
        binding = self.binding(3)
        self.assertEqual((binding.name, binding.sync_state, bool(binding.import_hash)), ("P3", "synced", True))
        self.assertEqual(self.import_record("3"), "unchanged")

    def test_looks_up_together(self):
        """What the records of a chunk refer to is looked up in one query, not one by one."""
        self.register(type("BulkTags", (BulkImporter,), {"_apply_on": "test.tag"}))
        for number in (1, 2, 3):
            self.world.put("test.tag", number, name=f"T{number}")
        self.import_batch(model="test.tag")
        for number in range(4, 16):
            self.world.put("test.tag", number, name=f"T{number}", parent=str(number % 3 + 1))
        asked = []
        to_id = Link.to_id
        self.patch(Link, "to_id", lambda link, external_id: asked.append(external_id) or to_id(link, external_id))
        self.import_batch(model="test.tag")
        self.assertFalse(asked)
        for number in range(4, 16):
            parent = self.binding(number % 3 + 1, "test.tag")
            self.assertEqual(self.binding(number, "test.tag").test_parent_id, parent)

    def test_maps_by_itself(self):
        """An importer that maps by itself needs no mapper here either."""
        self.register(type("Bulk", (BulkImporter,), {"_apply_on": "test.website"}))
        self.backend.reference.unregister(WebsiteImportMapper)
        self.addCleanup(self.backend.reference.register, WebsiteImportMapper)

        class Mapping(Importer):
            _apply_on = "test.website"

            def _map(self, record, binding):
                return {"name": record["name"].lower()}

        self.register(Mapping)
        self.world.put("test.website", 1, name="W1")
        self.assertEqual(self.import_batch(model="test.website"), "1 records")
        self.assertEqual(self.binding(1, "test.website").name, "w1")

    def test_updates_and_skips(self):
        """Known records are updated, unchanged ones are left alone."""
        self.fill(3)
        self.import_batch()
        self.binding(2).name = "Changed here"
        self.world.put("test.partner", 1, name="New name")
        self.world.put("test.partner", 4, name="P4")
        self.import_batch()
        self.assertEqual(self.names(), ["Changed here", "New name", "P3", "P4"])

    def test_hooks(self):
        """The importer's own steps run for each record, with its external id and record."""
        seen = []

        class Hooked(Importer):
            _apply_on = "test.partner"

            def _after_import(self, binding):
                seen.append((self.external_id, self.external_record["name"], binding.name))

        self.register(Hooked)
        self.fill(2)
        self.import_batch()
        self.assertEqual(seen, [("1", "P1", "P1"), ("2", "P2", "P2")])

    def test_bad_record(self):
        """When one record is refused, those of its chunk become jobs: the good ones get in, the bad one fails alone."""

        class Strict(Importer):
            _apply_on = "test.partner"

            def _validate(self, values):
                if values["name"] == "P2":
                    raise MappingError({"name": "is bad"})

        self.register(Strict)
        self.batch.chunk_size = 2
        self.fill(4)
        with mute_logger("odoo.addons.connector_framework.synchronizers.batch"):
            self.import_batch()
        self.assertEqual(self.names(), ["P3", "P4"])
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        self.assertEqual(self.names(), ["P1", "P3", "P4"])
        failed = self.env["connector.job"].search([("state", "=", "failed")])
        self.assertIn("name: is bad", failed.exc_message)

    def test_dependency_in_the_chunk(self):
        """A record that another one of its chunk depends on is imported once, and all of them in bulk."""

        class Dependent(Importer):
            _apply_on = "test.partner"

            def _import_dependencies(self, record):
                if record["name"] == "P3":
                    self.import_dependency("1", "test.partner")

        self.register(Dependent)
        self.fill(4)
        self.import_batch()
        self.assertEqual(self.names(), ["P1", "P2", "P3", "P4"])
        self.assertFalse(self.env["connector.job"].search([("method_name", "=", "import_record")]))

    def test_gone_meanwhile(self):
        """Records that disappear between search and read are left out."""
        self.fill(3)

        def before(method, model, *args):
            if args == ("2",):
                self.world.records[model].pop("2", None)

        self.world.before = before
        self.import_batch()
        self.assertEqual(self.names(), ["P1", "P3"])

    def test_fewer_statements(self):
        """A hundred records in bulk need a fraction of the statements that they need one by one."""
        self.fill(100)
        self.import_record("1")
        before = self.env.cr.sql_log_count
        self.import_record("2")
        self.env.flush_all()
        one = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        self.import_batch()
        self.env.flush_all()
        self.assertLess((self.env.cr.sql_log_count - before) / 98, one / 4)


class Since(DirectBatchImporter):
    _apply_on = "test.partner"
    stream = "test.partner"
    overlap_s = 60

    def _since_filters(self, since):
        return {"since": since.isoformat(" ")}


@tagged("post_install", "-at_install", "transaction")
class TestStream(BatchCase):
    def setUp(self):
        super().setUp()
        self.register(Since)
        self.now = datetime(2026, 5, 1, 12)
        self.patch(Since, "_now", lambda importer: self.now)
        self.stream = self.env["connector.stream"].of(self.backend, "test.partner")

    def searched(self):
        calls, self.world.calls = self.world.made("search"), []
        return [call[1] for call in calls]

    def test_incremental(self):
        """The first run imports all, the next one what has changed since the start of the first, with an overlap."""
        self.import_batch()
        self.now = datetime(2026, 5, 2, 12)
        self.import_batch()
        self.import_batch()
        self.assertEqual(self.searched(), [None, {"since": "2026-05-01 11:59:00"}, {"since": "2026-05-02 11:59:00"}])
        self.assertEqual(self.stream.cursor, {"since": "2026-05-02T11:59:00"})

    def test_named_as_the_model(self):
        """One batch importer of several models may have a stream for each, of the model's name."""
        self.register(type("Each", (Since,), {"_apply_on": ["test.partner", "test.tag"], "stream": True}))
        self.import_batch(model="test.tag")
        self.assertFalse(self.stream.cursor)
        self.assertTrue(self.env["connector.stream"].of(self.backend, "test.tag").cursor)
        self.import_batch()
        self.assertTrue(self.stream.cursor)

    def test_filters_of_ones_own(self):
        """A run with filters neither uses nor moves the stream."""
        self.import_batch({"group": 7})
        self.assertEqual(self.searched(), [{"group": 7}])
        self.assertFalse(self.stream.cursor)

    def test_failure(self):
        """A run that fails leaves the stream where it was."""
        self.import_batch()
        cursor = self.stream.cursor

        def before(method, model, *args):
            raise NetworkError("down")

        self.world.before = before
        self.now = datetime(2026, 5, 2, 12)
        with self.assertRaises(NetworkError), self.env.cr.savepoint():
            self.import_batch()
        self.assertEqual(self.stream.cursor, cursor)

    def test_last_page(self):
        """With jobs for the pages the stream moves with the last page, to the start of the first."""
        self.register(type("Delayed", (DelayedBatchImporter,), {**Since.__dict__, "_apply_on": "test.tag"}))
        self.world.page_size = 2
        self.fill(3, "test.tag", parent=None)
        stream = self.env["connector.stream"].of(self.backend, "test.partner")
        with patch.object(DelayedBatchImporter, "_now", lambda importer: self.now):
            with trap_jobs(self.env) as trap:
                self.import_batch(model="test.tag")
            self.assertFalse(stream.cursor)
            self.now = datetime(2026, 5, 3)
            page = trap.assert_enqueued("_import_page")
            with trap_jobs(self.env):
                page.run()
        self.assertEqual(stream.cursor, {"since": "2026-05-01T11:59:00"})

    def test_each_backend_has_its_own(self):
        """Two backends have streams of the same name and do not move each other's."""
        self.import_batch()
        other = self.env["connector.stream"].of(self.other_backend, "test.partner")
        self.assertFalse(other.cursor)
        self.assertEqual(self.env["connector.stream"].of(self.other_backend, "test.partner"), other)

    def test_rewind(self):
        """A manager rewinds to a date, or to the beginning; a user does not."""
        self.import_batch()
        self.searched()
        manager = new_test_user(self.env, "stream-manager", "connector_framework.group_connector_manager")
        user = new_test_user(self.env, "stream-user", "connector_framework.group_connector_user")
        self.stream.rewind_to = datetime(2026, 1, 1)
        with self.assertRaises(AccessError):
            self.stream.with_user(user).action_rewind()
        self.stream.with_user(manager).action_rewind()
        self.import_batch()
        self.stream.rewind_to = False
        self.stream.with_user(manager).action_rewind()
        self.import_batch()
        self.assertEqual(self.searched(), [{"since": "2026-01-01 00:00:00"}, None])

    def test_goes_with_its_backend(self):
        """A deleted backend takes its streams along."""
        self.env["connector.stream"].of(self.other_backend, "x")
        self.other_backend.unlink()
        self.assertEqual(self.env["connector.stream"].search([("backend_model", "=", "test.backend")]), self.stream)

    def test_without_filters_for_a_date(self):
        """A stream whose batch importer cannot filter by date says what to implement."""
        self.register(type("Other", (DirectBatchImporter,), {"_apply_on": "test.tag", "stream": "test.tag"}))
        self.import_batch(model="test.tag")
        with self.assertRaisesRegex(NotImplementedError, "_since_filters"):
            self.import_batch(model="test.tag")
