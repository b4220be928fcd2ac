"""The steps of ``docs/first_connector.md``."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from odoo.tests import tagged

from .common import wait_until
from .scaffold_case import ADDON, ScaffoldCase

PAGE = Path(__file__).parents[2] / "docs" / "first_connector.md"
SCRIPT = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@tagged("post_install", "-at_install", "process", "server")
@unittest.skipUnless(PAGE.exists(), "an installed addon comes without the documentation")
class TestFirstConnector(ScaffoldCase):
    def test_steps(self):
        """The scripts of the page import the contacts, and the change that it describes imports their phone."""
        scripts = dict(SCRIPT.findall(PAGE.read_text(encoding="utf-8")))
        self.assertEqual(list(scripts), ["toy_shop.py", "import.py", "again.py"])
        self.install()
        shop = self.start("toy_shop.py", scripts["toy_shop.py"])
        wait_until(lambda: "key:" in shop.log.read_text(errors="replace"), 60, self.logs)
        url, key = re.search(r"address: (\S+) key: (\S+)", shop.log.read_text(errors="replace")).groups()

        text = self.output("import.py", f"URL, KEY = {url!r}, {key!r}\n{scripts['import.py']}")
        self.assertIn("connection: connected", text)
        self.assertRegex(text, r"contact: 1 Ada ada@example.com False\ncontact: 2 Bob bob@example.com False")

        units = self.addons / ADDON / "units" / "contact.py"
        changed = units.read_text().replace("NAMES = (", 'NAMES = ("phone", ', 1)
        self.assertNotEqual(units.read_text(), changed, "the page tells to add to NAMES")
        units.write_text(changed)
        self.assertIn("phone: +41 31 000 00 00", self.output("again.py", scripts["again.py"]))

    def start(self, name: str, script: str):
        """Start a shell that runs a script."""
        path = self.folder / name
        path.write_text(script)
        python, odoo, *options = self.with_addon("-d", self.dbname, "--no-http")
        with path.open("rb") as stdin:
            return self.spawn(python, odoo, "shell", *options, stdin=stdin)

    def output(self, name: str, script: str) -> str:
        """Run a script in a shell and return what it printed."""
        process = self.start(name, script)
        self.assertEqual(process.wait(120), 0, self.logs())
        return process.log.read_text(errors="replace")
