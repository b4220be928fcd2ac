"""A connector that ``odoo scaffold`` makes passes the acceptance suite as it is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from odoo.tests import tagged

from .process_case import ProcessCase, odoo_command

TEMPLATE = Path(__file__).parents[1] / "data" / "scaffold"


@tagged("post_install", "-at_install", "process")
class TestScaffold(ProcessCase):
    def test_new_connector(self):
        """It installs, all its tests pass, and nothing is logged that somebody should look at."""
        addons = self.folder / "addons"
        scaffold = self.spawn(
            sys.executable, sys.argv[0], "scaffold", "-t", str(TEMPLATE), "connector_my_shop", str(addons)
        )
        self.assertEqual(scaffold.wait(60), 0, self.logs())
        made = {str(path.relative_to(addons)) for path in addons.rglob("*") if path.is_file()}
        self.assertIn("connector_my_shop/__manifest__.py", made)
        self.assertFalse([name for name in made if name.endswith(".template")])
        command = [
            f"{part},{addons}" if part.startswith("--addons-path=") else part
            for part in odoo_command(
                *("-d", self.dbname, "-i", "connector_my_shop", "--test-tags", "/connector_my_shop"),
                *("--stop-after-init", "--http-port=0"),
            )
        ]
        tests = self.spawn(*command)
        status = tests.wait(400)
        log = tests.log.read_text(errors="replace")
        self.assertEqual(status, 0, log[-5000:])
        self.assertRegex(log, r"0 failed, 0 error\(s\) of 40 tests")
        problems = [
            line
            for line in re.findall(r".* (?:WARNING|ERROR|CRITICAL) .*", log)
            # Jobs that fail are what half of the tests are about.
            if "connector_framework.queue.runner" not in line and "nothing is sent any more" not in line
        ]
        self.assertFalse(problems)
