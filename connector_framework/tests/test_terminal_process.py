"""The commands of ``odoo connector`` in a terminal, as a person types them."""

from __future__ import annotations

import json
import subprocess

from odoo.tests import tagged

from .process_case import ProcessCase, odoo_command


@tagged("post_install", "-at_install", "process")
class TestTerminalProcess(ProcessCase):
    def command(self, *args, code=0):
        """Run a command to its end and return what it printed."""
        command = odoo_command("connector", *args, "-d", self.dbname)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code < 2 else done.stderr

    def json(self, *args, code=0):
        return json.loads(self.command(*args, "--json", code=code))

    def test_what_failed_and_repair(self):
        """Status and doctor name what is the matter; the incident says what to do; its jobs are requeued and run."""
        self.enqueue("effect", [(str(n), "long") for n in range(3)])
        found = self.json("doctor", code=1)
        self.assertIn("no_worker", [trouble["code"] for trouble in found])
        worker = self.start_worker()
        self.wait_states(failed=3)
        status = self.json("status")
        self.assertEqual((status["workers"], status["jobs"]["failed"], status["open_incidents"]), (1, 3, 1))
        [incident] = self.json("incidents")
        self.assertEqual((incident["failures"], incident["failed_jobs"]), (3, 3))
        [line] = self.command("workers").splitlines()[1:]
        self.assertIn(str(worker.pid), line)
        self.json("channels", "--pause", "root")
        self.assertEqual(self.json("requeue", "--incident", str(incident["id"])), {"action": "requeue", "jobs": 3})
        self.wait_states(pending=3)
        self.assertEqual(self.json("status", code=1)["troubles"][0]["code"], "paused_channel")
        self.assertEqual(self.json("cancel", "--state", "pending", "--reason", "enough")["jobs"], 3)
        self.assertEqual({job["result"] for job in self.json("jobs")}, {"enough"})

    def test_mistakes(self):
        """No database, no filter, an unknown command: each says what is missing."""
        self.assertIn("which jobs", self.command("requeue", code=2))
        self.assertIn("root.nothing", self.command("channels", "--pause", "root.nothing", code=2))
        self.assertIn("invalid choice", self.command("restart", code=2))
        done = subprocess.run(
            odoo_command("connector", "status"), capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("-d DATABASE", done.stderr)
