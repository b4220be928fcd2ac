"""run_pending: what is due runs in the caller's own thread, with what a worker owes to the others."""

from __future__ import annotations

import threading

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import wait_until
from .process_case import ProcessCase

_WORKER = "odoo.addons.connector_framework.queue.worker"


@tagged("post_install", "-at_install", "concurrency")
class TestRunPending(ProcessCase):
    def run_pending(self, **options) -> int:
        with self.environment() as env:
            return env["connector.job"].run_pending(**options)

    def test_takes_over(self):
        """Where nobody else lives it takes over from dead workers, before it looks what is due."""
        self.enqueue("effect", [("a",)])
        self.sql("UPDATE connector_job SET state = 'running', attempt = 1, worker_id = -1")
        with mute_logger(_WORKER):
            self.assertEqual(self.run_pending(), 1)
        self.assertEqual(self.sql("SELECT state, attempt, crashes FROM connector_job"), [("done", 2, 1)])

    def test_timeout(self):
        """An attempt past its timeout fails here too, its SQL is cancelled, and the next job runs."""
        self.enqueue("query", [("query", 60)], timeout_s=1, max_attempts=1)
        self.enqueue("effect", [("after",)])
        with mute_logger(_WORKER, "odoo.addons.connector_framework.queue.runner", "odoo.sql_db"):
            self.assertEqual(self.run_pending(), 2)
        self.assertEqual(self.sql("SELECT exc_type FROM connector_job WHERE state = 'failed'"), [("TimeoutError",)])
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("after",)])

    def test_gives_back(self):
        """What was claimed ahead of a job that takes long goes back to the queue: others may be idle."""
        self.enqueue("effect", [("long", 4.0), ("short",)])
        seen = []
        query = "SELECT attempt FROM connector_job WHERE state = 'pending' AND call LIKE '%%short%%'"

        def look():
            wait_until(lambda: self.states().get("running"), 20)
            wait_until(lambda: self.states() == {"running": 1, "pending": 1}, 20)
            seen.extend(self.sql(query))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        self.assertEqual(self.run_pending(), 2)
        thread.join(20)
        self.assertEqual(seen, [(0,)], "it had not begun, so its attempt does not count")
        self.assertEqual(self.states(), {"done": 2})

    def test_neutralized(self):
        """A neutralized database runs no job here either."""
        self.enqueue("effect", [("never",)])
        self.sql("INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')")
        self.addCleanup(self.sql, "DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
        self.assertEqual(self.run_pending(), 0)
        self.assertEqual(self.states(), {"pending": 1})
