"""An Odoo whose addons do not come from the checkout."""

from __future__ import annotations

import re
import tempfile
import unittest
from pathlib import Path

import environment
from workspace import Workspace, workspace

DATABASE = "elsewhere"


class InstalledCase(unittest.TestCase):
    """Each test has a server, a database without our addons, and a folder."""

    def setUp(self) -> None:
        self.ready = environment.ensure()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.space: Workspace = self.enterContext(workspace(self.ready, "elsewhere"))
        self.space.create_database(DATABASE, self.space.template)
        self.logs: list[Path] = []

    def use_addons_of(self, folder: Path | None) -> None:
        """Let Odoo find addons in a folder, besides its own; None: in none."""
        text = self.space.config.read_text()
        path = f"addons_path = {folder}" if folder else "addons_path ="
        self.space.config.write_text(re.sub(r"(?m)^addons_path =.*$", path, text))

    def log(self, name: str) -> Path:
        """Return the path of a log, which is read at the end for errors."""
        self.logs.append(self.folder / f"{name}.log")
        return self.logs[-1]

    def shell(self, script: str, name: str) -> None:
        """Run Python in Odoo's shell; it has to end well."""
        status = self.space.shell(DATABASE, script, log := self.log(name))
        self.assertEqual(status, 0, log.read_text()[-3000:])

    def run_jobs(self) -> None:
        """Run all that is due, by the command."""
        with self.log("worker").open("w") as log:
            command = self.space.odoo("connector", "worker", "-d", DATABASE, "--drain")
            status = self.space.spawn(command, stdout=log, stderr=log).wait(120)
        self.assertEqual(status, 0, self.logs[-1].read_text()[-3000:])

    def query(self, statement: str) -> str:
        """Return what PostgreSQL answers."""
        return self.space.cluster.psql(statement, DATABASE)

    def assert_no_errors(self) -> None:
        """Nothing in the logs is an error of ours."""
        for log in self.logs:
            errors = [line for line in log.read_text().splitlines() if re.search(r" (ERROR|CRITICAL) ", line)]
            self.assertFalse(errors, log.name)
