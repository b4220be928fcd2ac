"""The connector of ``docs/smallest_connector.md`` does what the page says."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from odoo.tests import tagged

from .process_case import ProcessCase, odoo_command

PAGE = Path(__file__).parents[2] / "docs/smallest_connector.md"
_FILE = re.compile(r"^`(\S+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```python\n(backend = .*?)^```", re.MULTILINE | re.DOTALL)


class _Acme(BaseHTTPRequestHandler):
    customers = [
        {"id": i, "name": f"Customer {i}", "mail": f"c{i}@example.com", "address": {"city": "Bern"}} for i in range(5)
    ]

    def do_GET(self):
        parts = self.path.strip("/").split("/")
        answer = json.dumps(self.customers if len(parts) == 1 else self.customers[int(parts[1])]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@tagged("post_install", "-at_install", "process", "server")
class TestSmallestConnector(ProcessCase):
    def test_page(self):
        """The addon installs, imports each customer once, changes nothing the second time, and takes what changed."""
        if not PAGE.exists():
            self.skipTest("the addon was installed without the documentation beside it")
        blocks = dict(_FILE.findall(PAGE.read_text()))
        [shell] = _SHELL.findall(PAGE.read_text())
        self.assertEqual(len(blocks), 3)
        addons = self.folder / "addons"
        for name, text in blocks.items():
            path = addons / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Acme)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        addons_path = next(a for a in odoo_command() if a.startswith("--addons-path="))
        self.command = [
            c if c != addons_path else f"{c},{addons}" for c in odoo_command("-d", self.dbname, "--no-http")
        ]
        self.run_odoo("-i", "connector_acme", "--stop-after-init")
        script, run = self.folder / "import.py", "env['connector.job'].run_pending()\n"
        begin = shell.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{server.server_port}")
        self.assertNotEqual(begin, shell)
        script.write_text(f"{begin}assert backend.state == 'connected', backend.last_error\n{run}")
        partners = (
            "SELECT external_id, p.name, p.email, p.city"
            " FROM acme_partner a JOIN res_partner p ON p.id = a.odoo_id ORDER BY 1"
        )
        self.run_shell(script)
        expected = [(str(i), f"Customer {i}", f"c{i}@example.com", "Bern") for i in range(5)]
        self.assertEqual(self.sql(partners), expected)
        script.write_text(f"env['acme.backend'].search([]).action_import()\nenv.cr.commit()\n{run}")
        self.run_shell(script)
        self.assertEqual(self.sql(partners), expected)
        results = self.sql(
            "SELECT result, count(*) FROM connector_job WHERE method_name = 'import_records' GROUP BY 1 ORDER BY 1"
        )
        self.assertEqual(results, [("5 created", 1), ("5 unchanged", 1)])
        _Acme.customers[2]["name"] = "Renamed"
        self.run_shell(script)
        self.assertEqual(self.sql(partners)[2][1], "Renamed")

    def run_odoo(self, *args):
        process = self.spawn(*self.command, *args)
        self.assertEqual(process.wait(120), 0, self.logs())

    def run_shell(self, script: Path):
        command = [*self.command[:2], "shell", *self.command[2:]]
        with script.open("rb") as stdin:
            process = self.spawn(*command, stdin=stdin)
            self.assertEqual(process.wait(120), 0, self.logs())
