"""A connector made by ``odoo scaffold``, in a database of its own, with the server of its tests as its peer."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from .process_case import ProcessCase, odoo_command

TEMPLATE = Path(__file__).parents[1] / "data" / "scaffold"
ADDON = "connector_my_shop"


class ScaffoldCase(ProcessCase):
    """``cls.addons`` is the folder with the addon, which is installed nowhere yet."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addons = cls.folder / "addons"
        made = subprocess.run(
            [sys.executable, sys.argv[0], "scaffold", "-t", str(TEMPLATE), ADDON, str(cls.addons)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if made.returncode:
            raise AssertionError(f"the scaffold failed: {made.stderr}")

    def with_addon(self, *args: str) -> list[str]:
        """Return the command line of an Odoo that knows the addon."""
        return [f"{part},{self.addons}" if part.startswith("--addons-path=") else part for part in odoo_command(*args)]

    def install(self, *args: str) -> str:
        """Install the addon and return the log."""
        process = self.spawn(
            *self.with_addon("-d", self.dbname, "-i", ADDON, "--stop-after-init", "--http-port=0", *args)
        )
        status = process.wait(400)
        log = process.log.read_text(errors="replace")
        failures = re.findall(r"(?:FAIL|ERROR): (?:.*\n)+?(?=\d{4}-)", log)
        self.assertEqual(status, 0, "\n".join(failures) or log[-5000:])
        return log

    def start_peer(self):
        """Return the server of the addon's tests, running until the end of this one."""
        spec = importlib.util.spec_from_file_location("my_shop_common", self.addons / ADDON / "tests" / "common.py")
        common = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(common)
        self.peer_key = common.KEY
        return self.enterContext(common.MyShopServer())
