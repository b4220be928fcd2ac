"""The pinned packages can be installed by each Python that the commands accept."""

from __future__ import annotations

import re
import unittest

import environment
from environment import PYTHONS, ROOT, ensure_venv

OLDEST = (*min(tuple(map(int, version.split("."))) for version in PYTHONS), 0)
#: The lock files, by the name of the virtual environment that is made from each.
LOCKS = {"venv": "requirements", **{name: f"requirements-{name}" for name in ("docs", "lint", "package")}}


class TestRequirements(unittest.TestCase):
    def test_oldest_python(self) -> None:
        """No pinned version asks for a Python newer than the oldest one, a Debian's 3.11.2 included."""
        cache, seen = environment.cache_folder(), 0
        for name, lock in LOCKS.items():
            venv = ensure_venv(cache, name, ROOT / f"script/{lock}.txt")
            for metadata in venv.glob("lib/python3.*/site-packages/*.dist-info/METADATA"):
                text = metadata.read_text(errors="replace")
                asked = re.search(r"^Requires-Python:.*?>=\s*([\d.]+)", text, re.MULTILINE)
                if asked:
                    seen += 1
                    version = (*map(int, asked[1].split(".")), 0, 0)[:3]
                    self.assertLessEqual(version, OLDEST, f"{lock}: {metadata.parent.name}")
        self.assertGreater(seen, 100)
