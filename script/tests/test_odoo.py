"""``script/odoo`` keeps a server for all that use it at once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import cluster
import environment
import processes
from environment import ROOT, key_of

QUERY = """
from odoo.sql_db import db_connect
with db_connect("postgres").cursor() as cr:
    cr.execute("SELECT 'an ' || 'answer'")
    print(cr.fetchone()[0], flush=True)
"""
STAY = "import time; time.sleep(120)\n"
TIMEOUT_S = 90


@unittest.skipIf(cluster.is_own_server(), "a server that PGHOST names is neither started nor ended")
class TestOdoo(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory())) / "checkout"
        shutil.copytree(ROOT / "script", self.root / "script", ignore=shutil.ignore_patterns("__pycache__", "tests"))
        (self.root / "connector_framework").symlink_to(ROOT / "connector_framework")
        self.folder = environment.ensure().cache / f"databases-{key_of(self.root)}"
        self.addCleanup(self.clean)

    def clean(self) -> None:
        processes.reap(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        for ending in (".guard", ".lock"):
            Path(f"{self.folder}{ending}").unlink(missing_ok=True)

    def shell(self, script: str) -> subprocess.Popen:
        """Start a shell without a database that runs a script."""
        process = subprocess.Popen(
            # As from a terminal, also where the tests run under nohup.
            ["env", "--default-signal=HUP", self.root / "script/odoo", "shell", "--no-http"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.addCleanup(processes.stop, process)
        process.stdin.write(script)
        process.stdin.close()
        process.stdin = None
        return process

    def read_until_answer(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            if "an answer" in line:
                return
        self.fail(f"ended with exit code {process.wait(TIMEOUT_S)} and no answer")

    def test_two_at_once(self) -> None:
        """The server is there for the second command after the first has ended, and ends with it."""
        first = self.shell(QUERY + STAY)
        self.read_until_answer(first)
        server = processes.postmaster(self.folder)
        self.assertTrue(server)
        second = self.shell(QUERY + STAY)
        self.read_until_answer(second)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=TIMEOUT_S)
        self.assertEqual(processes.postmaster(self.folder), server)
        second.send_signal(signal.SIGHUP)
        second.communicate(timeout=TIMEOUT_S)
        self.assertEqual(processes.postmaster(self.folder), 0)

    def test_after_a_kill(self) -> None:
        """A command that was killed leaves a server behind: the next one uses it and ends it."""
        first = self.shell(QUERY + STAY)
        self.read_until_answer(first)
        first.kill()
        first.wait(TIMEOUT_S)
        second = self.shell(QUERY)
        text, _ = second.communicate(timeout=TIMEOUT_S)
        self.assertIn("an answer", text)
        self.assertEqual(second.returncode, 0, text)
        self.assertEqual(processes.postmaster(self.folder), 0)

    def test_exit_code(self) -> None:
        """What Odoo's command says is what the command says."""
        status = subprocess.run([self.root / "script/odoo", "no_such_command"], capture_output=True, timeout=TIMEOUT_S)
        self.assertEqual(status.returncode, 1, status.stderr)
