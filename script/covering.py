"""Measure the branches that tests take, in all processes that they start."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from addons import addons
from environment import ROOT, Environment

#: Files that are named, those with the least coverage first.
NAMED = 25


def measured(ready: Environment, folder: Path) -> Environment:
    """Return an environment whose Pythons measure themselves; a process that is killed leaves nothing."""
    folder.mkdir(parents=True)
    settings = folder / "coveragerc"
    sources = "\n    ".join(str(ROOT / name) for name in addons())
    settings.write_text(
        f"[run]\nbranch = true\nparallel = true\nsigterm = true\ndata_file = {folder / 'data'}\n"
        f"source =\n    {sources}\nomit = */tests/*\n"
    )
    # Imported by each Python at its start.
    (folder / "sitecustomize.py").write_text("import coverage\n\ncoverage.process_startup()\n")
    path = os.pathsep.join(filter(None, (str(folder), ready.environ.get("PYTHONPATH"))))
    return replace(ready, variables={**ready.variables, "PYTHONPATH": path, "COVERAGE_PROCESS_START": str(settings)})


def report(ready: Environment, folder: Path) -> list[str]:
    """Return the files with the least coverage, and the total."""
    coverage = [ready.python, "-m", "coverage"]
    settings = f"--rcfile={folder / 'coveragerc'}"
    subprocess.run([*coverage, "combine", "--quiet", settings], cwd=folder, check=True)
    table = subprocess.run(
        [*coverage, "report", settings, "--skip-covered", "--sort=cover"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    head, rows, total = table[:2], table[2:-4], table[-3:]
    return [*head, *rows[:NAMED], *([f"... and {len(rows) - NAMED} more"] if len(rows) > NAMED else []), *total]
