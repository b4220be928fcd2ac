"""Importing many records, and how far an import got."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..exceptions import MappingError, NetworkError, PermanentError, SkipError
from ..synchronizers import DelayedBatchImporter, DirectBatchImporter, Importer
from .common import drain_jobs, trap_jobs
from .synchronizers_common import SynchronizerCase, WorldAdapter


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
    def chunks(self, **attributes):
        return self.register(type("Chunks", (DelayedBatchImporter,), {"_apply_on": "test.partner", **attributes}))

    def test_chunks(self):
        """Without a batch importer of its own a model gets a job for each 50 records, and nothing is read."""
        self.fill(120)
        self.world.page_size = 200
        with trap_jobs(self.env) as trap:
            self.import_batch()
        self.assertEqual(
            [(job.method_name, len(job.args[1])) for job in trap.jobs],
            [("import_records", 50), ("import_records", 50), ("import_records", 20)],
        )
        self.assertEqual(trap.jobs[2].args, (self.backend, [str(number) for number in range(101, 121)]))
        self.assertFalse(self.world.made("read"))

    def test_job_per_record(self):
        """With chunks of one record each gets a job of its own."""
        self.chunks(chunk_size=1)
        self.fill(3)
        with trap_jobs(self.env) as trap:
            self.import_batch()
        self.assertEqual(
            [(job.method_name, job.args) for job in trap.jobs],
            [("import_record", (self.backend, str(number))) for number in (1, 2, 3)],
        )

    def test_one_insert_a_page(self):
        """The jobs of a page are stored in bulk."""
        self.chunks(chunk_size=1)
        self.fill(50)
        self.import_batch()
        with self.assertQueryCount(5):
            self.import_batch({"since": "0"})

    def test_page_by_page(self):
        """The next page is a job of its own, behind the records of this one, in the same channel."""
        self.chunks(chunk_size=1, stable_pages=True)
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
        jobs = self.env["connector.job"].search([("method_name", "=", "import_records")])
        self.assertEqual(set(jobs.mapped("priority")), {5})
        self.assertEqual(len(jobs), 3)

    def test_waiting_records_are_not_enqueued_twice(self):
        """A record, or a chunk, whose job is waiting gets no second one."""
        self.fill(2)
        self.import_batch()
        self.import_batch()
        self.assertEqual(self.env["connector.job"].search_count([("method_name", "=", "import_records")]), 1)
        self.chunks(chunk_size=1)
        self.import_batch()
        self.import_batch()
        self.assertEqual(self.env["connector.job"].search_count([("method_name", "=", "import_record")]), 2)

    def test_one_batch_at_a_time(self):
        """While a batch without filters waits, another one is not stored; one with filters is."""
        first = self.partners.as_job().import_batch(self.backend)
        self.assertEqual(self.partners.as_job().import_batch(self.backend), first)
        self.assertNotEqual(self.partners.as_job().import_batch(self.other_backend), first)
        filtered = self.partners.as_job().import_batch(self.backend, {"since": "0"})
        self.assertNotEqual(filtered, first)
        self.assertNotEqual(self.partners.as_job().import_batch(self.backend, {"since": "0"}), filtered)
        drain_jobs(self)
        self.assertNotEqual(self.partners.as_job().import_batch(self.backend), first)

    def test_archived_and_deleted_backends(self):
        """Nothing is imported from an archived backend, and the jobs of a deleted one end."""
        self.fill(1)
        archived = self.partners.as_job().import_batch(self.backend)
        self.backend.active = False
        deleted = self.partners.as_job().import_batch(self.other_backend)
        self.other_backend.unlink()
        drain_jobs(self)
        self.assertEqual((archived.state, deleted.state), ("done", "done"))
        self.assertIn("is archived", archived.result)
        self.assertIn("no longer exists", deleted.result)
        self.assertEqual(self.names(), [])

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

    def test_bad_record(self):
        """A record that cannot be imported gets a job of its own; the others are imported."""

        def validate(importer, values):
            if values["name"] == "P2":
                raise MappingError({"name": "is bad"})

        self.register(type("Strict", (Importer,), {"_apply_on": "test.partner", "_validate": validate}))
        self.fill(3)
        with mute_logger("odoo.addons.connector_framework.synchronizers.batch"):
            self.import_batch()
        self.assertEqual(self.names(), ["P1", "P3"])
        self.assertEqual(self.env["connector.job"].search([("method_name", "=", "import_record")]).state, "pending")

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

    def test_imported_until(self):
        """``imported_until`` is the start of the run, not its end."""
        began = datetime.now().replace(microsecond=0) - timedelta(hours=2)
        self.patch(type(self.env.cr), "now", lambda cr: began)
        self.import_batch()
        self.assertEqual(self.stream.imported_until, began)
        self.assertGreater(self.stream.date_advanced, began)

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

    def test_rewound_during_a_run(self):
        """A stream that is rewound while a run is on stays where it was rewound to; a deleted one begins anew."""
        self.register(type("Delayed", (DelayedBatchImporter,), {**Since.__dict__, "_apply_on": "test.tag"}))
        self.world.page_size = 2
        rewound = {"since": "2020-01-01T00:00:00"}
        for change, expected in (
            (lambda stream: stream.rewind(rewound), rewound),
            (lambda stream: stream.unlink(), None),
        ):
            self.stream = self.env["connector.stream"].of(self.backend, "test.partner")
            self.stream.cursor = {"since": "2025-01-01T00:00:00"}
            self.fill(3, "test.tag", parent=None, updated_at="2026-01-01")
            self.env["test.tag"].as_job().import_batch(self.backend)
            drain_jobs(self, limit=1)
            change(self.stream)
            drain_jobs(self)
            stream = self.env["connector.stream"].of(self.backend, "test.partner")
            self.assertEqual(stream.cursor or None, expected)


class Stream(DelayedBatchImporter):
    _apply_on = "test.partner"
    stream = True
    overlap_s = 0

    def _since_filters(self, since):
        return {"since": since.isoformat()}


def by_page(adapter, filters=None, cursor=None):
    """Page and limit, sorted by the date of change."""
    records, page, since = adapter._call("search"), cursor or 1, (filters or {}).get("since", "")
    ids = [i for date, i in sorted((one["updated_at"], i) for i, one in records.items()) if date >= since]
    ids = ids[(page - 1) * 2 : page * 2]
    return ids, page + 1 if len(ids) == 2 else None


@tagged("post_install", "-at_install", "transaction")
class TestPages(BatchCase):
    def setUp(self):
        super().setUp()
        self.register(Stream)

    def dated(self, count):
        for number in range(1, count + 1):
            self.world.put("test.partner", number, name=f"P{number}", updated_at=f"2026-01-{number:02}")

    def run_moving(self, count, moved, after):
        """Import by page numbers; after some jobs, records move to the end of the list."""
        self.patch(WorldAdapter, "search", by_page)
        self.dated(count)
        self.partners.as_job().import_batch(self.backend)
        drain_jobs(self, limit=after)
        for number in moved:
            self.world.records["test.partner"][str(number)]["updated_at"] = f"2999-01-{number:02}"
        drain_jobs(self)
        self.import_batch()
        drain_jobs(self)
        self.assertEqual(len(self.names()), count)

    def test_one_moves(self):
        """A record that changes between two pages moves another one over the edge of a page."""
        self.run_moving(5, [1], 3)

    def test_many_move(self):
        """As many records as two pages hold move: pages further back are read again, too."""
        self.run_moving(12, [1, 2, 3, 4, 5], 6)

    def test_stable_pages_are_read_once(self):
        """Pages by key are not read again."""
        self.patch(Stream, "stable_pages", True)
        self.world.page_size = 2
        self.dated(5)
        self.partners.as_job().import_batch(self.backend)
        drain_jobs(self)
        self.assertEqual([call[2] for call in self.world.made("search")], [None, 2, 4])

    def test_texts_are_stable(self):
        """A cursor that is a text is taken for a key or a snapshot; one that is a number for a page or an offset."""
        self.dated(4)
        for cursors, reads in ((("a", "b"), 3), ((2, 3), 5), (("2", "3"), 5)):
            self.world.calls = []

            def search(adapter, filters=None, cursor=None, cursors=cursors):
                adapter._call("search", filters, cursor)
                page = (None, *cursors).index(cursor)
                return [str(page + 1)], (*cursors, None)[page]

            self.patch(WorldAdapter, "search", search)
            self.partners.as_job().import_batch(self.backend, {})
            drain_jobs(self)
            self.assertEqual(len(self.world.made("search")), reads, cursors)

    def test_pages_that_never_end(self):
        """Whatever comes as the next cursor, a batch ends: done, or failed with the cursor in its message."""
        answers = {
            "the same again": lambda cursor: "same",
            "a circle": lambda cursor: {None: "a", "a": "b", "b": "c", "c": "a"}[cursor],
            "the same page": lambda cursor: (cursor or 0) + 1,
            "nothing": lambda cursor: "",
            "false": lambda cursor: False,
        }
        self.dated(1)
        for name, following in answers.items():
            calls = []

            def search(adapter, filters=None, cursor=None, following=following, calls=calls):
                calls.append(cursor)
                return ["1"] if isinstance(following(cursor), int) else [f"{len(calls)}"], following(cursor)

            with self.subTest(name):
                self.patch(WorldAdapter, "search", search)
                job = self.partners.as_job().import_batch(self.backend, {"name": name})
                with mute_logger("odoo.addons.connector_framework.queue.runner"):
                    drain_jobs(self)
                pages = self.env["connector.job"].search([("id", ">=", job.id), ("state", "=", "failed")])
                if name in ("nothing", "false"):
                    self.assertFalse(pages)
                    self.assertEqual(calls, [None])
                else:
                    self.assertIn("goes in a circle", pages.exc_message)
                    self.assertEqual(pages.exc_type.rpartition(".")[2], PermanentError.__name__)

    def test_a_schedule_that_is_quicker(self):
        """The first import gets to its end even if the schedule starts another run before a page is through."""
        self.world.page_size = 5
        self.dated(20)
        for _hour in range(30):
            self.partners.as_job(identity_key="import").import_batch(self.backend)
            drain_jobs(self, limit=4)
        self.assertEqual(len(self.names()), 20)

    def test_failed_records_are_tried_again(self):
        """A later run of the stream imports the records whose import failed, an hour after that at the earliest."""
        self.dated(3)
        is_bad = [True]

        def validate(importer, values):
            if values["name"] == "P2" and is_bad[0]:
                raise MappingError({"name": "is bad"})

        self.register(type("Strict", (Importer,), {"_apply_on": "test.partner", "_validate": validate}))

        def run():
            self.partners.as_job().import_batch(self.backend)
            with mute_logger("odoo.addons.connector_framework.queue.runner"):
                drain_jobs(self)

        run()
        failed = self.env["connector.job"].search([("state", "=", "failed")])
        self.assertEqual((failed.method_name, self.names()), ("import_record", ["P1", "P3"]))
        is_bad[0] = False
        run()
        self.assertEqual(failed.state, "failed")
        self.env.cr.execute("UPDATE connector_job SET date_done = date_done - interval '2 hours'")
        self.partners.as_job().import_batch(self.other_backend)
        drain_jobs(self)
        self.assertEqual(failed.state, "failed")
        run()
        self.assertEqual(failed.state, "done")
        self.assertEqual(self.binding(2).name, "P2")

    def test_one_run_at_a_time(self):
        """While pages or chunks of a run are to come, the next run reads nothing and leaves the stream alone."""
        self.world.page_size = 2
        self.dated(6)
        self.partners.as_job().import_batch(self.backend)
        drain_jobs(self, limit=1)
        again = self.partners.as_job(priority=1).import_batch(self.backend)
        drain_jobs(self, limit=1)
        self.assertIn("2 jobs left", again.result)
        self.assertEqual(len(self.world.made("search")), 1)
        drain_jobs(self)
        self.assertEqual(len(self.names()), 6)
        last = self.partners.as_job().import_batch(self.backend)
        drain_jobs(self)
        self.assertEqual(last.result, "0 records")
