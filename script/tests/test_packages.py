"""The wheels: what is in them, and an Odoo that has the addons from them alone."""

from __future__ import annotations

import importlib.machinery
import os
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

from addons import addons
from environment import ROOT

from .installed_case import DATABASE, InstalledCase

JOB = """
import odoo.addons.connector_framework as framework
assert framework.__file__.startswith({folder!r}), framework.__file__
env.ref("base.partner_admin").as_job().write({{"comment": "by a job"}})
env.cr.commit()
"""


class TestPackages(InstalledCase):
    def test_wheels(self) -> None:
        """Each has license, web files, translations and the version of its manifest; Odoo works with them alone."""
        script = importlib.machinery.SourceFileLoader("package", str(ROOT / "script/package")).load_module()
        wheels = script.build(self.folder / "dist")
        self.assertEqual(len(wheels), len(addons()))
        for wheel, name in zip(wheels, sorted(addons()), strict=True):
            self.assert_complete(wheel, name)

        libraries = self.folder / "libraries"
        install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps"]
        subprocess.run([self.ready.python, *install, "--target", libraries, *wheels], check=True)
        # The checkout is not on the path, so what works comes from the wheels.
        self.use_addons_of(None)
        path = os.pathsep.join([str(libraries), self.ready.environ.get("PYTHONPATH", "")])
        self.space.environment = replace(self.ready, variables={**self.ready.variables, "PYTHONPATH": path})
        self.space.install(DATABASE, addons(), self.log("install"))
        self.shell(JOB.format(folder=str(libraries)), "job")
        self.run_jobs()
        self.assertEqual(self.query("SELECT state FROM connector_job"), "done")
        self.assertIn("by a job", self.query("SELECT comment FROM res_partner WHERE comment IS NOT NULL"))
        self.assert_no_errors()

    def assert_complete(self, wheel: Path, name: str) -> None:
        manifest = (ROOT / name / "__manifest__.py").read_text()
        version = re.search(r'"version": "(19\.0\.\d+\.\d+\.\d+)"', manifest)
        self.assertEqual(wheel.name.split("-")[1], version and version[1])
        with zipfile.ZipFile(wheel) as archive:
            inside = {file.partition(f"odoo/addons/{name}/")[2] for file in archive.namelist()}
            [metadata] = [file for file in archive.namelist() if file.endswith("/METADATA")]
            self.assertIn("License: LGPL-3", archive.read(metadata).decode())
        for file in (
            "LICENSE",
            "README.rst",
            "i18n/fr.po",
            "static/description/icon.png",
            "static/description/index.html",
        ):
            self.assertIn(file, inside, name)
        for file in re.findall(r'"((?:data|demo|security|views|wizards)/[\w./]+)"', manifest):
            self.assertIn(file, inside, name)
        strangers = [file for file in inside if re.search(r"(^|/)(__pycache__|\.run|cassettes|recordings)/", file)]
        self.assertFalse(strangers, name)
