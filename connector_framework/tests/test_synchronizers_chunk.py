"""Importing a chunk: together, and each record with an outcome of its own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import psycopg2.errors
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..exceptions import (
    ConcurrentUpdateError,
    DependencyMissingError,
    MappingError,
    NetworkError,
    PermanentError,
    RateLimitedError,
    RetryableError,
    SkipError,
)
from ..synchronizers import Importer
from ..synchronizers.keys import import_lock, lock_key
from .common import drain_jobs, trap_jobs
from .synchronizers_common import PartnerImportMapper, WebsiteImportMapper, WorldAdapter
from .test_synchronizers_batch import BatchCase

QUIET = ("odoo.sql_db", "odoo.addons.connector_framework.queue.runner")


def read_many(adapter, ids, fields=None):
    records = adapter._call("read_many", list(ids))
    return {i: dict(records[i]) for i in ids if i in records}


class ChunkCase(BatchCase):
    def setUp(self):
        super().setUp()
        self.patch(WorldAdapter, "read_many", read_many)

    def importer(self, model="test.partner", base=Importer, **attributes):
        return self.register(type("Special", (base,), {"_apply_on": model, "__module__": __name__, **attributes}))

    def run_chunk(self, *ids, model="test.partner", force=False):
        """Import a chunk and return (outcomes, the jobs that it enqueued)."""
        with trap_jobs(self.env) as trap:
            outcomes = self.env[model].import_records(self.backend, list(ids), force=force)
            self.env.flush_all()
        return dict(outcomes), trap.jobs

    def enqueued(self, jobs):
        return [(job.method_name, job.args[1]) for job in jobs]


@tagged("post_install", "-at_install", "transaction")
class TestChunk(ChunkCase):
    def test_creates_together(self):
        """New records are read and created in one call each, and are as if they had been imported one by one."""
        self.fill(10, email="a@example.com")
        creates = []
        Partner = type(self.partners)
        create = Partner.create
        self.patch(Partner, "create", lambda records, vals: creates.append(len(vals)) or create(records, vals))
        outcomes, jobs = self.run_chunk(*map(str, range(1, 11)))
        self.assertEqual((outcomes, jobs, creates), ({"created": 10}, [], [10]))
        self.assertEqual([call[0] for call in self.world.calls], ["read_many"])
        binding = self.binding(3)
        self.assertEqual((binding.name, binding.sync_state, bool(binding.import_hash)), ("P3", "synced", True))
        self.assertEqual(self.import_record("3"), "unchanged")

    def test_result_of_the_job(self):
        """The result of the job is the counts by outcome."""
        self.fill(3)
        job = self.partners.as_job().import_records(self.backend, ["1", "2", "3", "9"])
        drain_jobs(self)
        self.assertEqual((job.state, job.result), ("done", "3 created, 1 gone"))

    def test_quiet(self):
        """Imports write no creation note and subscribe nobody, unless the importer says otherwise."""
        self.fill(2)
        self.run_chunk("1")
        self.assertFalse(self.binding(1).odoo_id.message_ids)
        self.importer(_quiet=False)
        self.run_chunk("2")
        self.assertTrue(self.binding(2).odoo_id.message_ids)

    def test_looks_up_together(self):
        """What the records refer to is looked up in one query, and so are their own bindings."""
        for number in (1, 2, 3):
            self.world.put("test.tag", number, name=f"T{number}")
        self.run_chunk("1", "2", "3", model="test.tag")
        for number in range(4, 24):
            self.world.put("test.tag", number, name=f"T{number}", parent=str(number % 3 + 1))
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.run_chunk(*map(str, range(4, 24)), model="test.tag")
        self.assertLess(self.env.cr.sql_log_count - before, 25)
        for number in range(4, 24):
            parent = self.binding(number % 3 + 1, "test.tag")
            self.assertEqual(self.binding(number, "test.tag").test_parent_id, parent)

    def test_maps_by_itself(self):
        """An importer that maps by itself needs no mapper here either."""
        self.backend.reference.unregister(WebsiteImportMapper)
        self.addCleanup(self.backend.reference.register, WebsiteImportMapper)
        self.importer("test.website", _map=lambda importer, record, binding: {"name": record["name"].lower()})
        self.world.put("test.website", 1, name="W1")
        self.assertEqual(self.run_chunk("1", model="test.website")[0], {"created": 1})
        self.assertEqual(self.binding(1, "test.website").name, "w1")

    def test_updates_and_skips(self):
        """Known records are updated, unchanged ones are left alone, with force they are written."""
        self.fill(3)
        ids = ["1", "2", "3", "4"]
        self.run_chunk(*ids)
        self.binding(2).name = "Changed here"
        self.world.put("test.partner", 1, name="New name")
        self.world.put("test.partner", 4, name="P4")
        self.assertEqual(self.run_chunk(*ids)[0], {"updated": 1, "unchanged": 2, "created": 1})
        self.assertEqual(self.names(), ["Changed here", "New name", "P3", "P4"])
        self.assertEqual(self.run_chunk(*ids, force=True)[0], {"updated": 4})
        self.assertEqual(self.binding(2).name, "P2")

    def test_hooks(self):
        """The importer's own steps run for each record, with its external id and record."""
        seen = []

        def after(importer, binding):
            seen.append((importer.external_id, importer.external_record["name"], binding.name))

        self.importer(_after_import=after)
        self.fill(2)
        self.run_chunk("1", "2")
        self.assertEqual(seen, [("1", "P1", "P1"), ("2", "P2", "P2")])

    def test_create_of_ones_own(self):
        """An importer's own ``_create`` is called for each record; its own ``_create_many`` once."""

        def create(importer, values):
            return Importer._create(importer, {**values, "comment": f"made for {importer.external_id}"})

        created = []

        def create_many(importer, values_list):
            created.append(len(values_list))
            return Importer._create_many(importer, values_list)

        self.fill(4)
        one = self.importer(_create=create)
        self.run_chunk("1", "2")
        self.assertEqual(
            [self.binding(i).comment for i in (1, 2)], ["<span>made for 1</span>", "<span>made for 2</span>"]
        )
        self.importer(base=one, _create_many=create_many)
        self.run_chunk("3", "4")
        self.assertEqual(created, [2])

    def test_read_of_ones_own(self):
        """An importer's own ``_read`` is called for each record."""
        self.importer(_read=lambda importer: {"name": f"read {importer.external_id}"})
        self.assertEqual(self.run_chunk("1", "2")[0], {"created": 2})
        self.assertEqual(self.names(), ["read 1", "read 2"])

    def test_an_adapters_own_read(self):
        """An adapter that overrides ``read`` alone has it called, whatever ``read_many`` it inherits."""

        class Special(WorldAdapter):
            _apply_on = "test.partner"

            def read(self, external_id, fields=None):
                return {"name": f"special {external_id}"}

        self.register(Special)
        self.assertEqual(self.run_chunk("1", "2")[0], {"created": 2})
        self.assertEqual(self.names(), ["special 1", "special 2"])

    def test_the_same_twice(self):
        """An id that comes twice, as a number and as a text, is imported once."""
        self.fill(1)
        self.patch(WorldAdapter, "read_many", lambda adapter, ids, fields=None: {i: {"name": "P1"} for i in ids})
        self.assertEqual(self.run_chunk(1, "1")[0], {"created": 1})

    def test_fewer_statements(self):
        """A hundred records in a chunk need a fraction of the statements that they need one by one."""
        self.fill(100)
        self.import_record("1")
        before = self.env.cr.sql_log_count
        self.import_record("2")
        self.env.flush_all()
        one = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        self.run_chunk(*map(str, range(3, 101)))
        self.assertLess((self.env.cr.sql_log_count - before) / 98, one / 4)


@tagged("post_install", "-at_install", "transaction")
class TestChunkIsolation(ChunkCase):
    """One bad record never holds the others back."""

    def check(self, size=5, bad="3", **values):
        """All but the bad one get in, which has a job of its own with its own error."""
        self.fill(size)
        self.world.records["test.partner"][bad].update(values)
        with mute_logger(*QUIET):
            self.partners.as_job(max_attempts=1).import_batch(self.backend)
            drain_jobs(self)
        expected = sorted(f"P{number}" for number in range(1, size + 1) if str(number) != bad)
        self.assertEqual(self.names(), expected)
        return self.env["connector.job"].search([("method_name", "=", "import_record")])

    def test_of_fifty(self):
        """Of fifty records one is refused by the database, whose culprit is not told: 49 get in."""
        self.env.cr.execute("ALTER TABLE res_partner ADD CONSTRAINT not_33 CHECK (name <> 'bad')")
        self.assertEqual(self.check(50, "33", name="bad").state, "failed")

    def test_text_that_cannot_be_stored(self):
        """A NUL in a name."""
        self.check(name="a\0b")

    def test_text_that_is_no_unicode(self):
        """Half an emoji in a name."""
        self.check(name="\ud83d")

    def test_selection(self):
        """A value that a selection does not have."""
        self.register(type("Kinds", (PartnerImportMapper,), {"direct": [("kind", "type")], "__module__": __name__}))
        self.assertIn("no such type", self.check(kind="no such type").exc_message)

    @contextmanager
    def failing_at(self, step, error):
        """Have a step fail for record 3."""

        def hook(importer, *args):
            if importer.external_id == "3":
                raise error
            return getattr(Importer, step)(importer, *args)

        failing = type("Failing", (Importer,), {"_apply_on": "test.partner", "__module__": __name__, step: hook})
        self.backend.reference.register(failing)
        try:
            yield
        finally:
            self.backend.reference.unregister(failing)

    def test_each_step(self):
        """Whatever step fails, and however."""
        for step in ("_check_importable", "_map", "_validate", "_create", "_after_import"):
            for error in (MappingError({"name": "is bad"}), ValueError("bad"), DependencyMissingError("not here yet")):
                with (
                    self.subTest(step=step, error=error),
                    self.failing_at(step, error),
                    self.env.cr.savepoint() as savepoint,
                ):
                    jobs = self.check()
                    self.assertEqual(len(jobs), 1)
                    self.assertEqual(jobs.exc_message, str(error))
                    savepoint.rollback()

    def test_update(self):
        """An update that fails."""
        self.fill(5)
        self.run_chunk("1", "2", "3", "4", "5")
        with self.failing_at("_update", ValueError("bad")):
            outcomes, jobs = self.run_chunk("1", "2", "3", "4", "5", force=True)
        self.assertEqual(outcomes, {"updated": 4, "own job": 1})
        self.assertEqual([(job.method_name, job.args[1:]) for job in jobs], [("import_record", ("3", True))])

    def test_skipped(self):
        """A record that is skipped, before or after it was written, leaves nothing behind and gets no job."""
        for step in ("_check_importable", "_after_import"):
            self.fill(4)
            with self.failing_at(step, SkipError("not this one")):
                outcomes, jobs = self.run_chunk("1", "2", "3", "4", force=True)
            self.assertEqual(outcomes.pop("skipped"), 1)
            self.assertFalse(jobs)
            self.assertFalse(self.binding(3))

    def test_bad_reading(self):
        """Where a chunk cannot be read, its records are read one by one; the one that cannot be gets a job."""

        def bad_read_many(adapter, ids, fields=None):
            raise ValueError("not valid JSON")

        self.patch(WorldAdapter, "read_many", bad_read_many)
        self.fill(4)

        def before(method, model, *args):
            if args == ("3",):
                raise PermanentError("cannot be read")

        self.world.before = before
        outcomes, jobs = self.run_chunk("1", "2", "3", "4")
        self.assertEqual((outcomes, self.enqueued(jobs)), ({"created": 3, "own job": 1}, [("import_record", "3")]))

    def test_outage(self):
        """In an outage the chunk is tried again as a whole."""

        def before(method, model, *args):
            raise NetworkError("down")

        self.world.before = before
        self.fill(3)
        with trap_jobs(self.env) as trap, self.assertRaises(NetworkError):
            self.partners.import_records(self.backend, ["1", "2", "3"])
        self.assertFalse(trap.jobs)

    def test_rate_limit(self):
        """With a rate limit, what was read is imported, and the others are imported together later."""
        self.patch(WorldAdapter, "read_many", WorldAdapter.__mro__[1].read_many)
        self.fill(5)
        reads = []

        def before(method, model, *args):
            if method == "read":
                reads.append(args)
                if len(reads) > 2:
                    raise RateLimitedError("slow down", retry_after_s=7, count_attempt=False)

        self.world.before = before
        outcomes, jobs = self.run_chunk("1", "2", "3", "4", "5")
        self.assertEqual(outcomes, {"created": 2, "postponed": 3})
        self.assertEqual(self.enqueued(jobs), [("import_records", ["3", "4", "5"])])
        self.assertEqual(jobs[0].options["eta"], 7)
        self.assertEqual(len(reads), 3)

    def test_locked_by_another_process(self):
        """A record that another process imports gets a job of its own, later."""
        self.fill(3)
        name = lock_key(self.partners, self.backend, import_lock("2"))
        with self.registry._db.cursor() as cr:
            cr.execute(SQL("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", name))
            outcomes, jobs = self.run_chunk("1", "2", "3")
            cr.rollback()
        self.assertEqual((outcomes, self.enqueued(jobs)), ({"own job": 1, "created": 2}, [("import_record", "2")]))
        self.assertGreaterEqual(jobs[0].options["eta"], 1)

    def test_race(self):
        """Records that meet another process at something shared are imported together later; all of them: again."""

        def hook(importer, record):
            if record["name"] in racing:
                raise ConcurrentUpdateError("another process makes this tax", retry_after_s=2)

        self.importer(_import_dependencies=hook)
        self.fill(4)
        racing = {"P2", "P3"}
        outcomes, jobs = self.run_chunk("1", "2", "3", "4")
        self.assertEqual(outcomes, {"created": 2, "postponed": 2})
        self.assertEqual(self.enqueued(jobs), [("import_records", ["2", "3"])])
        with self.assertRaises(ConcurrentUpdateError):
            self.run_chunk("2", "3")

    def test_serialization_failure(self):
        """What only a new transaction can see is left to the worker, which runs the chunk again."""

        def hook(importer, values):
            raise psycopg2.errors.SerializationFailure("could not serialize access")

        self.importer(_validate=hook)
        self.fill(2)
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            self.run_chunk("1", "2")

    def test_all_bad(self):
        """When all are refused, each gets its own job, in a bounded number of attempts."""
        self.fill(50)
        with mute_logger("odoo.sql_db"), patch.object(Importer, "_create_many", autospec=True) as create:
            create.side_effect = ValueError("bad")
            outcomes, jobs = self.run_chunk(*map(str, range(1, 51)))
        self.assertEqual(outcomes, {"own job": 50})
        self.assertEqual(len(jobs), 50)
        self.assertLess(create.call_count, 60)


@tagged("post_install", "-at_install", "transaction")
class TestChunkGone(ChunkCase):
    def bound(self, count):
        self.fill(count)
        self.run_chunk(*map(str, range(1, count + 1)))

    def lose(self, numbers):
        for number in numbers:
            self.world.records["test.partner"].pop(str(number))

    def test_gone(self):
        """What the answer leaves out is gone; what never was here is nothing."""
        self.bound(3)
        self.lose([2])
        outcomes, jobs = self.run_chunk("1", "2", "3", "99")
        self.assertEqual((outcomes, jobs), ({"unchanged": 2, "gone": 2}, []))
        self.assertEqual(self.binding(2).sync_state, "gone")

    def test_gone_and_back(self):
        """A record that is there again, unchanged, is gone no longer."""
        self.bound(2)
        record = self.world.records["test.partner"]["1"]
        self.lose([1])
        self.run_chunk("1", "2")
        self.world.records["test.partner"]["1"] = record
        self.assertEqual(self.run_chunk("1", "2")[0], {"unchanged": 2})
        self.assertEqual(self.binding(1).sync_state, "synced")

    def test_all_gone_at_once(self):
        """Suspiciously many at once are no deletions: the job fails with a question, and none is marked."""
        self.bound(30)
        self.lose(range(1, 31))
        with self.assertRaisesRegex(PermanentError, "30 records of test.partner") as caught:
            self.run_chunk(*map(str, range(1, 31)))
        self.assertIn("Accept Deletions Until", str(caught.exception.user_message))
        self.assertEqual(set(self.partners.search([]).mapped("sync_state")), {"synced"})

    def test_many_gone_of_a_chunk(self):
        """The others of the chunk are imported; those that are gone get a job with the question."""
        self.bound(30)
        self.lose(range(1, 25))
        self.world.put("test.partner", 31, name="P31")
        outcomes, jobs = self.run_chunk(*map(str, range(1, 32)))
        self.assertEqual(outcomes, {"postponed": 24, "unchanged": 6, "created": 1})
        self.assertEqual(self.enqueued(jobs), [("import_records", [str(i) for i in range(1, 25)])])

    def test_one_by_one(self):
        """The limit holds for jobs of single records, too."""
        self.bound(30)
        self.lose(range(1, 31))
        for number in range(1, 21):
            self.import_record(str(number))
        self.env.flush_all()
        with self.assertRaises(PermanentError):
            self.import_record("21")

    def test_a_person_accepts(self):
        """What a person says is deleted is marked."""
        self.bound(30)
        self.lose(range(1, 31))
        self.backend.accept_gone_until = "2999-01-01"
        self.assertEqual(self.run_chunk(*map(str, range(1, 31)))[0], {"gone": 30})


@tagged("post_install", "-at_install", "transaction")
class TestChunkDependencies(ChunkCase):
    def needs(self, wanted, **attributes):
        """Have partners import what ``wanted`` gives for their name: (external id, model)."""

        def hook(importer, record):
            for external_id, model in wanted(record["name"]):
                importer.import_dependency(external_id, model)

        self.importer(_import_dependencies=hook, **attributes)

    def test_imported_together(self):
        """The missing dependencies of all records are read and created together, before the records."""
        self.needs(lambda name: [(str(int(name[1:]) % 3 + 1), "test.tag")])
        self.fill(3, "test.tag")
        self.fill(9)
        outcomes, jobs = self.run_chunk(*map(str, range(1, 10)))
        self.assertEqual((outcomes, jobs), ({"created": 9}, []))
        self.assertEqual(
            [(call[0], sorted(call[1])) for call in self.world.calls],
            [("read_many", [str(i) for i in range(1, 10)]), ("read_many", ["1", "2", "3"])],
        )
        self.assertEqual(len(self.env["test.tag"].search([("backend_id", "=", self.backend.id)])), 3)

    def test_bound_ones_are_looked_up_together(self):
        """Dependencies that are bound cost one query for all records."""
        self.fill(3, "test.tag")
        self.run_chunk("1", "2", "3", model="test.tag")
        self.needs(lambda name: [(str(int(name[1:]) % 3 + 1), "test.tag")])
        self.fill(30)
        self.world.calls = []
        before = self.env.cr.sql_log_count
        self.run_chunk(*map(str, range(1, 31)))
        self.assertLess(self.env.cr.sql_log_count - before, 40)
        self.assertEqual(len(self.world.calls), 1)

    def test_several_at_once(self):
        """``import_dependencies`` asks for several: those of all records come in one call."""

        def hook(importer, record):
            importer.import_dependencies([("1", "test.tag"), ("2", "test.tag"), (None, "test.tag")])

        self.importer(_import_dependencies=hook)
        self.fill(2, "test.tag")
        self.fill(2)
        self.run_chunk("1", "2")
        self.assertEqual([sorted(call[1]) for call in self.world.calls], [["1", "2"], ["1", "2"]])

    def test_in_the_chunk(self):
        """A record that another one of the chunk needs is imported once, before it."""
        self.needs(lambda name: {"P3": [("1", "test.partner")], "P1": [("4", "test.partner")]}.get(name, []))
        self.fill(5)
        outcomes, jobs = self.run_chunk(*map(str, range(1, 6)))
        self.assertEqual((outcomes, jobs), ({"created": 5}, []))
        self.assertLess(self.binding(4).id, self.binding(1).id)
        self.assertLess(self.binding(1).id, self.binding(3).id)

    def test_bad_dependency(self):
        """A dependency that cannot be imported puts off the records that need it, and no others."""
        self.needs(lambda name: [("1" if name in ("P2", "P4") else "2", "test.tag")])
        self.importer("test.tag", _validate=lambda importer, values: self.refuse(values["name"] == "P1"))
        self.fill(2, "test.tag")
        self.fill(4)
        outcomes, jobs = self.run_chunk("1", "2", "3", "4")
        self.assertEqual(outcomes, {"created": 2, "own job": 2})
        self.assertEqual(self.enqueued(jobs), [("import_record", "2"), ("import_record", "4")])
        self.assertEqual(len(self.env["test.tag"].search([("backend_id", "=", self.backend.id)])), 1)

    def test_skipped_dependency(self):
        """A dependency that is skipped, at whichever step, is none; the mapper says whether a record can do without."""
        self.needs(lambda name: [("1", "test.tag")])
        self.fill(1, "test.tag")
        self.fill(2)
        for steps in (
            ["_read_many", "_read"],
            ["_check_importable"],
            ["_validate"],
            ["_create_many"],
            ["_after_import"],
        ):
            with self.subTest(steps=steps), ExitStack() as stack, self.env.cr.savepoint():
                for step in steps:
                    stack.enter_context(patch.object(Importer, step, self.skipping("test.tag", step)))
                self.assertEqual(self.run_chunk("1", "2"), ({"created": 2}, []))
                self.assertFalse(self.env["test.tag"].search([]))
                self.env["test.partner"].search([]).unlink()

    def skipping(self, model_name, step):
        original = getattr(Importer, step)

        def skip(importer, *args):
            if importer.model._name == model_name:
                raise SkipError("not this one")
            return original(importer, *args)

        return skip

    def refuse(self, is_bad):
        if is_bad:
            raise MappingError({"name": "is bad"})

    def test_missing_dependency(self):
        """A dependency that does not exist there is no binding; the mapper says whether the record can do without."""
        self.needs(lambda name: [("77", "test.tag")])
        self.fill(2)
        self.assertEqual(self.run_chunk("1", "2")[0], {"created": 2})

    def test_circle(self):
        """Records that need each other get jobs of their own, where one of them may do without."""
        self.needs(lambda name: {"P1": [("2", "test.partner")], "P2": [("1", "test.partner")]}.get(name, []))
        self.fill(3)
        outcomes, _jobs = self.run_chunk("1", "2", "3")
        self.assertEqual(outcomes, {"created": 1, "own job": 2})
        self.assertEqual(self.import_record("1"), "created")
        self.assertTrue(self.binding(2))

    def test_a_circle_says_that_it_is_one(self):
        """A record that cannot do without the one that needs it fails with the circle in its message."""

        def mapped(importer, record, binding):
            other = "1" if record["name"] == "P2" else "2"
            if not importer.binder.to_internal(other):
                raise DependencyMissingError(f"test.partner {other} is not bound")
            return Importer._map(importer, record, binding)

        self.needs(lambda name: [("1" if name == "P2" else "2", "test.partner")], _map=mapped)
        self.fill(2)
        with self.assertRaisesRegex(RetryableError, "circle of dependencies: test.partner 2 needs test.partner 1"):
            self.import_record("1")
