"""Exporting a chunk: in one call, and each binding with an outcome of its own."""

from __future__ import annotations

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..events import on_record_change
from ..exceptions import ConcurrentUpdateError, MappingError, NetworkError, PermanentError, RateLimitedError
from ..synchronizers import Exporter, export_on_change
from .common import drain_jobs, trap_jobs
from .synchronizers_common import SynchronizerCase, WorldAdapter


def write_many(adapter, changes):
    records = adapter._call("write_many", [external_id for external_id, _data in changes])
    results = []
    for external_id, data in changes:
        if data.get("name") == "bad":
            results.append(PermanentError("refused"))
        else:
            records[external_id].update(data)
            results.append(None)
    return results


def create_many(adapter, rows):
    records = adapter._call("create_many", len(rows))
    ids = []
    for row in rows:
        if row.get("name") == "bad":
            ids.append(PermanentError("refused"))
            continue
        external_id = str(max([*map(int, records), 100]) + 1)
        records[external_id] = dict(row)
        ids.append(external_id)
    return ids


@tagged("post_install", "-at_install", "transaction")
class TestExportChunk(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.patch(WorldAdapter, "write_many", write_many)
        self.patch(WorldAdapter, "create_many", create_many)

    def bound(self, count):
        """Return bindings that the world has."""
        bindings = self.partners
        for number in range(1, count + 1):
            self.world.put("test.partner", number, name=f"P{number}")
            bindings |= self.bind(str(number), name=f"P{number}")
        return bindings

    def new(self, *names):
        bindings = self.partners
        for name in names:
            bindings |= self.bind(name=name)
        return bindings

    def export(self, bindings, fields=None):
        with trap_jobs(self.env) as trap:
            outcomes = bindings.export_record(fields=fields)
        return dict(outcomes), trap.jobs

    def test_changes(self):
        """What changed of several bindings is sent in one call; what was sent already is not."""
        bindings = self.bound(4)
        self.assertEqual(self.export(bindings), ({"updated": 4}, []))
        self.assertEqual(self.world.made("write_many"), [("write_many", ["1", "2", "3", "4"])])
        bindings[:2].write({"name": "New"})
        self.assertEqual(self.export(bindings)[0], {"updated": 2, "unchanged": 2})
        self.assertEqual([self.world.records["test.partner"][i]["name"] for i in "123"], ["New", "New", "P3"])

    def test_new_ones(self):
        """New records are created in one call, and bound to the ids that came back for each."""
        bindings = self.new("A", "B", "C")
        self.assertEqual(self.export(bindings), ({"created": 3}, []))
        for binding in bindings:
            self.assertEqual(self.world.records["test.partner"][binding.external_id]["name"], binding.name)
        self.assertEqual(len(self.world.made("create_many")), 1)

    def test_refused(self):
        """A binding that is refused gets a job of its own; the others are exported."""
        bindings = self.bound(3) | self.new("A", "bad")
        bindings[1].name = "bad"
        outcomes, jobs = self.export(bindings)
        self.assertEqual(outcomes, {"updated": 2, "own job": 2, "created": 1})
        self.assertEqual([job.records for job in jobs], [bindings[1], bindings[4]])

    def test_bad_mapping(self):
        """A binding that cannot be mapped gets a job of its own with its own error."""

        def validate(exporter, values):
            if values["name"] == "P2":
                raise MappingError({"name": "is bad"})

        self.register(type("Strict", (Exporter,), {"_apply_on": "test.partner", "_validate": validate}))
        bindings = self.bound(3)
        bindings.as_job(max_attempts=1).export_record()
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        jobs = self.env["connector.job"].search([("method_name", "=", "export_record")], order="id")
        self.assertEqual(jobs.mapped("state"), ["done", "failed"])
        self.assertEqual(jobs[0].result, "2 updated, 1 own job")
        self.assertIn("is bad", jobs[1].exc_message)

    def test_outage(self):
        """When the call fails for all, the job is tried again as a whole."""

        def down(adapter, changes):
            raise NetworkError("down")

        self.patch(WorldAdapter, "write_many", down)
        with trap_jobs(self.env) as trap, self.assertRaises(NetworkError):
            self.bound(2).export_record()
        self.assertFalse(trap.jobs)

    def test_all_have_to_wait(self):
        """When each binding is told to wait, the job is tried again at no attempt's cost."""
        wait = RateLimitedError("slow down", retry_after_s=3, count_attempt=False)
        self.patch(WorldAdapter, "write_many", lambda adapter, changes: [wait] * len(changes))
        with self.assertRaises(RateLimitedError):
            self.bound(2).export_record()

    def test_wrong_number_of_answers(self):
        """Answers that cannot be told apart are refused."""
        self.patch(WorldAdapter, "write_many", lambda adapter, changes: [None])
        with self.assertRaisesRegex(PermanentError, "returned 1 results for 2 records"):
            self.bound(2).export_record()

    def test_steps_of_ones_own(self):
        """An exporter that sends by itself has its step called for each binding."""
        updated = []

        def update(exporter, external_id, values):
            updated.append(external_id)
            Exporter._update(exporter, external_id, values)

        self.register(type("Own", (Exporter,), {"_apply_on": "test.partner", "_update": update}))
        self.assertEqual(self.export(self.bound(2)), ({"updated": 2}, []))
        self.assertEqual(updated, ["1", "2"])
        self.assertFalse(self.world.made("write_many"))

    def test_looked_for_first(self):
        """What is there already is found before it is created."""
        self.world.put("test.partner", 7, name="A")

        def find(exporter, values):
            return "7" if values["name"] == "A" else None

        self.register(type("Finding", (Exporter,), {"_apply_on": "test.partner", "_find_external": find}))
        bindings = self.new("A", "B")
        self.assertEqual(self.export(bindings)[0], {"created": 2})
        self.assertEqual(bindings[0].external_id, "7")
        self.assertEqual(self.world.made("create_many"), [("create_many", 1)])

    def needing(self, wanted):
        """Register an exporter of partners that need others: {name: binding}."""

        def dependencies(exporter):
            if exporter.binding.name in wanted:
                exporter.export_dependency(wanted[exporter.binding.name], "test.partner")

        self.register(type("Needing", (Exporter,), {"_apply_on": "test.partner", "_export_dependencies": dependencies}))

    def test_in_the_chunk(self):
        """A new record that another one of the chunk needs is created once, whichever comes first."""
        wanted = {}
        self.needing(wanted)
        for names in (("Needed", "A"), ("A", "Needed")):
            with self.subTest(names=names):
                bindings = self.new(*names)
                needed = bindings.filtered(lambda binding: binding.name == "Needed")
                wanted["A"] = needed
                count = len(self.world.records.get("test.partner", ()))
                outcomes, jobs = self.export(bindings)
                self.assertEqual(sum(outcomes.values()), 2)
                self.assertFalse(jobs)
                created = [record["name"] for record in self.world.records["test.partner"].values()]
                self.assertEqual(created[-2:], ["Needed", "A"])
                self.assertEqual(len(created), count + 2)
                self.assertEqual(self.world.records["test.partner"][needed.external_id]["name"], "Needed")

    def test_locked_again(self):
        """After a commit in the middle all bindings of the chunk are locked again, and the one that was committed."""
        needed = self.new("Needed")
        bindings = self.new("A", "B")
        self.needing({"B": needed})
        locked = self.watch_locks()
        self.export(bindings)
        self.assertIn(bindings, locked[0])
        # The dependency is bound, then the chunk.
        self.assertEqual(locked[1:], [[bindings, needed], [bindings]])

    def test_locks_of_one_binding(self):
        """One binding stays locked, too, when its dependency is committed."""
        needed, binding = self.new("Needed"), self.new("A")
        self.needing({"A": needed})
        locked = self.watch_locks()
        binding.export_record()
        self.assertEqual(locked, [[binding, needed], [binding, needed], [binding]])

    def test_lost_locks(self):
        """When another process is quicker to lock after a commit, the whole job is run again."""
        self.watch_locks(lost=True)
        with self.assertRaises(ConcurrentUpdateError):
            self.export(self.new("A", "B"))

    def watch_locks(self, lost=False):
        """Let exports commit as in a job; return which bindings each transaction locks.

        :param lost: another process locks them after the first commit
        """
        transactions = [[]]
        lock = type(self.partners).try_lock_for_update

        def try_lock(bindings, **options):
            transactions[-1].append(bindings)
            return bindings.browse() if lost and len(transactions) > 1 else lock(bindings, **options)

        self.patch(type(self.partners), "try_lock_for_update", try_lock)
        Job = type(self.env["connector.job"])
        self.patch(Job, "current", lambda jobs: jobs.new({"priority": 10, "channel": "root"}))
        self.patch(Job, "checkpoint_state", lambda jobs: None)
        self.patch(Job, "checkpoint", lambda jobs, state: transactions.append([]))
        return transactions

    def export_changes(self, count):
        """Change bindings in one transaction; return the jobs of their exports."""
        bindings = self.bound(count)
        self.env.cr.flush()
        consumer = export_on_change("test.partner")
        self.addCleanup(on_record_change.unsubscribe, consumer)
        with trap_jobs(self.env) as trap:
            bindings.write({"name": "New"})
            self.env.cr.flush()
        return trap

    def test_one_transaction(self):
        """What one transaction changed of many records is exported by jobs of 50 bindings."""
        trap = self.export_changes(120)
        self.assertEqual([len(job.records) for job in trap.enqueued("export_record")], [50, 50, 20])
        trap.run()
        self.assertEqual([len(call[1]) for call in self.world.made("write_many")], [50, 50, 20])

    def test_without_the_adapters_help(self):
        """Where the adapter takes one record a call, each binding gets a job."""
        del WorldAdapter.write_many
        try:
            trap = self.export_changes(3)
            self.assertEqual([len(job.records) for job in trap.enqueued("export_record")], [1, 1, 1])
        finally:
            WorldAdapter.write_many = write_many
