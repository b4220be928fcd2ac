"""A storm of failures with real workers: one incident, counted to the last one, and at most two messages."""

from __future__ import annotations

from odoo.tests import tagged

from .process_case import ProcessCase

JOBS = 1_000


@tagged("post_install", "-at_install", "process")
class TestIncidentStorm(ProcessCase):
    def incidents(self, exc_type):
        return self.sql("SELECT state, count FROM connector_incident WHERE exc_type = %s", exc_type)

    def test_storm(self):
        """Workers that fail jobs at the same time count each failure once, and report once."""
        for _worker in range(2):
            self.start_worker()
        self.enqueue("effect", [(f"key {n}", "long") for n in range(JOBS)])
        self.wait_states(120, failed=JOBS)
        self.assertEqual(self.incidents("TypeError"), [("open", JOBS)])
        self.assertEqual(self.sql("SELECT count(DISTINCT incident_id), count(*) FROM connector_job"), [(1, JOBS)])
        messages = """SELECT count(*) FROM mail_message m JOIN ir_model_data d ON d.res_id = m.subtype_id
                       WHERE m.model = 'connector.incident' AND d.module = 'mail' AND d.name = 'mt_comment'"""
        self.assertIn(self.sql(messages)[0][0], (1, 2))

    def test_worker_died(self):
        """Jobs whose worker died are failures with an incident, too."""
        worker = self.start_worker("--threads=1")
        self.enqueue("effect", [("a", 60.0)], max_attempts=1)
        self.wait_begun(1)
        worker.kill()
        self.start_worker()
        self.wait_states(60, failed=1)
        self.assertEqual(self.incidents("WorkerDied"), [("open", 1)])
