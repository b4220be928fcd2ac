#!/usr/bin/env python3
"""The steps of ``events.py`` with one listener of OCA's ``component_event`` 19.0, which is not part of this project.

Run by itself it prints the CPU seconds of each step, best of the rounds, as JSON; ``events.py`` runs it beside its own.
"""

from __future__ import annotations

import os
import sys

# A benchmark beside this one may bear the name of a module of the standard library.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.remove(HERE)

import argparse
import importlib.util
import json
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ADDON = {
    "__manifest__.py": '{"name": "One listener", "depends": ["component_event", "contacts"], "license": "LGPL-3"}\n',
    "__init__.py": "from . import components\n",
    "components.py": """
from odoo.addons.component.core import Component


class Listener(Component):
    _name = "bench.listener"
    _inherit = "base.event.listener"
    _apply_on = ["res.partner"]

    def on_record_create(self, record, fields=None):
        pass

    def on_record_write(self, record, fields=None):
        pass

    def on_record_unlink(self, record):
        pass
""",
}


def measure(records: int, rounds: int) -> dict[str, float]:
    """Install the peer in a database of its own, run the steps there, and return the seconds of each."""
    import psycopg2

    libraries = _module("_peers")
    peer = libraries.install(libraries.COMPONENT_EVENT)
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-events-"))
    addon = folder / "own" / "bench_listener"
    addon.mkdir(parents=True)
    for name, text in ADDON.items():
        (addon / name).write_text(text)
    database = f"bench_events_peer_{os.getpid()}"
    lines = Path(os.environ["ODOO_RC"]).read_text().splitlines()
    paths = f"{peer / 'odoo/addons'},{folder / 'own'}"
    lines = [f"{line},{paths}" if line.startswith("addons_path") else line for line in lines]
    config = folder / "odoo.conf"
    config.write_text("\n".join(lines) + "\n")
    config.chmod(0o600)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(peer)])}
    connection = psycopg2.connect(dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{database}" TEMPLATE "{os.environ["CONNECTOR_TEMPLATE"]}"')
        try:
            odoo = [*shlex.split(os.environ["ODOO_COMMAND"]), "-c", str(config), "-d", database]
            install = [*odoo, "-i", "bench_listener", "--stop-after-init", "--no-http", "--log-level=warn"]
            subprocess.run(install, check=True, env=environ)
            steps = [sys.executable, __file__, "-c", str(config), "-d", database]
            steps += [f"--records={records}", f"--rounds={rounds}"]
            done = subprocess.run(steps, check=True, env=environ, capture_output=True, text=True)
            return json.loads(done.stdout.splitlines()[-1])
        finally:
            cursor.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options, rest = parser.parse_known_args()
    sys.path.insert(0, HERE)  # which that file takes off again
    events = _module("events")
    from odoo import api
    from odoo.modules.registry import Registry
    from odoo.tools import config

    config.parse_config([*rest, "--log-level=warn"], setup_logging=True)
    best: dict[str, float] = {}
    with Registry(config["db_name"][0]).cursor() as cr:
        env = api.Environment(cr, api.SUPERUSER_ID, {"tracking_disable": True})
        for number in range(options.rounds + 1):
            for step, seconds in events.one_round(env, options.records):
                if number:
                    best[step] = min(best.get(step, seconds), seconds)
    print(json.dumps(best))


if __name__ == "__main__":
    main()
