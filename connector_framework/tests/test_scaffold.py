"""A connector that ``odoo scaffold`` makes passes the acceptance suite as it is."""

from __future__ import annotations

import re

from odoo.tests import tagged

from .scaffold_case import ADDON, ScaffoldCase


@tagged("post_install", "-at_install", "process", "server")
class TestScaffold(ScaffoldCase):
    def test_new_connector(self):
        """It installs, all its tests pass, and nothing is logged that somebody should look at."""
        made = {str(path.relative_to(self.addons)) for path in self.addons.rglob("*") if path.is_file()}
        self.assertIn(f"{ADDON}/__manifest__.py", made)
        self.assertFalse([name for name in made if name.endswith(".template")])
        log = self.install("--test-tags", f"/{ADDON}")
        self.assertRegex(log, r"0 failed, 0 error\(s\) of 54 tests")
        problems = [
            line
            for line in re.findall(r".* (?:WARNING|ERROR|CRITICAL) .*", log)
            # Jobs that fail are what half of the tests are about.
            if "connector_framework.queue.runner" not in line and "nothing is sent any more" not in line
        ]
        self.assertFalse(problems)
