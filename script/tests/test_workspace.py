"""The variables that a workspace's processes get."""

from __future__ import annotations

import os
import unittest
from pathlib import Path
from unittest.mock import patch

from cluster import Cluster
from environment import Environment
from workspace import Workspace


class TestVariables(unittest.TestCase):
    def environ(self, **said: str) -> dict[str, str]:
        cluster = Cluster()
        cluster.host, cluster.port, cluster.user = "/run/here", 5432, "odoo"
        ready = Environment(Path("/cache"), ("odoo",), Path("python"), {"PYTHONPATH": "/odoo"}, "key")
        with patch.dict(os.environ, said):
            return Workspace(ready, Path("/work"), cluster).environ

    def test_no_other_database(self) -> None:
        """Nothing that is set outside leads to another server or to another configuration."""
        found = self.environ(PGHOST="elsewhere", PGSERVICE="other", OPENERP_SERVER="old.conf", ODOO_RC="own.conf")
        self.assertEqual(found["PGHOST"], "/run/here")
        self.assertFalse({"PGSERVICE", "OPENERP_SERVER"}.intersection(found))
        self.assertEqual(found["ODOO_RC"], "/work/odoo.conf")

    def test_bytecode(self) -> None:
        """Bytecode is kept, in the cache: an image may say that none is written, which doubles each start."""
        found = self.environ(PYTHONDONTWRITEBYTECODE="1")
        self.assertNotIn("PYTHONDONTWRITEBYTECODE", found)
        self.assertEqual((found["PYTHONPYCACHEPREFIX"], found["PYTHONPATH"]), ("/cache/bytecode", "/odoo"))
