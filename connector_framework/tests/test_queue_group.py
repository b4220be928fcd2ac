"""Jobs that share a transaction end as they would alone."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..exceptions import RetryableError
from ..queue.runner import Runner
from .test_queue_claim import ClaimCase

_RUNNER = "odoo.addons.connector_framework.queue.runner"


@tagged("post_install", "-at_install", "concurrency")
class TestGroup(ClaimCase):
    def run_group(self, function, before=lambda worker, jobs: None):
        """Run four jobs together; each calls the function, with its number, after it has left an effect."""

        def probe(records, number):
            records.effect(str(number))
            return function(records, number)

        worker, runner = self.worker(), Runner(self.dbname)
        self.addCleanup(runner.close)
        with self.environment() as env:
            registry = env.registry
        with (
            patch.object(registry["queue.probe"], "probe", probe, create=True),
            mute_logger(_RUNNER, "odoo.sql_db"),
        ):
            self.enqueue("probe", [(number,) for number in range(4)])
            jobs = worker.claim(4)
            before(worker, jobs)
            runner.run(worker, jobs)

    def outcome(self):
        """Return (state, attempt) of each job, the effects, and in how many transactions these were made."""
        jobs = self.sql("SELECT state, attempt FROM connector_job ORDER BY id")
        effects = self.sql("SELECT key FROM queue_probe_effect ORDER BY key")
        (count,) = self.sql("SELECT count(DISTINCT xid) FROM queue_probe_effect")[0]
        return jobs, "".join(key for (key,) in effects), count

    def test_together(self):
        """All of them are done in one transaction."""
        self.run_group(lambda records, number: number)
        self.assertEqual(self.outcome(), ([("done", 1)] * 4, "0123", 1))

    def test_written(self):
        """What one has changed is written before the next one begins, in its own name."""
        seen = []

        def change(records, number):
            records.env.cr.execute("SELECT city FROM res_partner WHERE id = %s", records.env.company.partner_id.ids)
            seen.append(records.env.cr.fetchone()[0])
            records.env.company.partner_id.city = f"City {number}"

        self.run_group(change)
        self.assertEqual(seen[1:], ["City 0", "City 1", "City 2"])

    def test_one_fails(self):
        """One that fails, or is tried again later, changes nothing for the others, and leaves nothing."""

        def fail(records, number):
            if number == 1:
                raise ValueError
            if number == 2:
                raise RetryableError("later")

        self.run_group(fail)
        self.assertEqual(self.outcome(), ([("done", 1), ("failed", 1), ("pending", 1), ("done", 1)], "03", 2))

    def test_checkpoint(self):
        """A checkpoint commits the work of its own job alone."""

        def checkpoint(records, number):
            if number == 2:
                records.env["connector.job"].checkpoint({})
                raise ValueError

        self.run_group(checkpoint)
        self.assertEqual(self.outcome(), ([("done", 1), ("done", 1), ("failed", 1), ("done", 1)], "0123", 4))

    def test_taken_over(self):
        """One that was taken over before is left alone; the others are done."""

        def take(worker, jobs):
            self.sql("UPDATE connector_job SET worker_id = -1 WHERE id = %s", jobs[3].id)

        self.run_group(lambda records, number: number, take)
        self.assertEqual(self.outcome(), ([("done", 1)] * 3 + [("running", 1)], "012", 3))
