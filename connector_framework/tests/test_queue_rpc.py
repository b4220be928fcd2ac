"""What clients can do to the queue, over every protocol of a running server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import xmlrpc.client
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged

from .process_case import ProcessCase

GROUPS = {
    "plain": "base.group_user",
    "user": "connector_framework.group_connector_user",
    "manager": "connector_framework.group_connector_manager",
}


@tagged("post_install", "-at_install", "process")
class TestRpc(ProcessCase):
    def setUp(self):
        super().setUp()
        self.ids, self.keys = {}, {}
        with self.environment() as env:
            for login, group in GROUPS.items():
                user = env["res.users"].search([("login", "=", login)]) or new_test_user(
                    env, login, f"{group},base.group_user", password=login
                )
                self.ids[login] = user.id
                key = env["res.users.apikeys"].with_user(user)
                self.keys[login] = key._generate("rpc", login, fields.Datetime.now() + timedelta(hours=1))
        self.url = f"http://127.0.0.1:{self.start_server('--db-filter=.*').port}"

    def call_xmlrpc(self, login, model, method, args):
        server = xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc/2/object", allow_none=True)
        try:
            return server.execute_kw(self.dbname, self.ids[login], login, model, method, args)
        except xmlrpc.client.Fault as fault:
            raise PermissionError(fault.faultString) from None

    def call_jsonrpc(self, login, model, method, args):
        params = [self.dbname, self.ids[login], login, model, method, args]
        body = {"jsonrpc": "2.0", "params": {"service": "object", "method": "execute_kw", "args": params}}
        answer = self.post("/jsonrpc", body)
        if "error" in answer:
            raise PermissionError(answer["error"]["data"]["message"])
        return answer["result"]

    def call_json2(self, login, model, method, args):
        body = {"args": args}
        if args and isinstance(args[0], list) and all(isinstance(i, int) for i in args[0]):
            body = {"ids": args[0]}
        headers = {"Authorization": f"bearer {self.keys[login]}", "X-Odoo-Database": self.dbname}
        try:
            return self.post(f"/json/2/{model}/{method}", body, headers)
        except urllib.error.HTTPError as error:
            raise PermissionError(error.read().decode()[:500]) from None

    def post(self, path, body, headers=None):
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def test_clients(self):
        """Nobody stores a job or runs the queue, not even managers; only managers act on jobs; all protocols agree."""
        self.sql("UPDATE connector_job_channel SET paused = true WHERE name = 'root'")
        protocols = (self.call_xmlrpc, self.call_jsonrpc, self.call_json2)
        closed = [
            ("res.partner", "as_job", [[1]]),
            (
                "connector.job",
                "create",
                [[{"name": "x", "state": "pending", "model_name": "res.partner", "method_name": "unlink"}]],
            ),
            ("connector.job", "run_pending", []),
            ("connector.job", "report_progress", [1, 2]),
            ("connector.job", "checkpoint", [{}]),
            ("connector.job", "current", []),
            ("connector.job", "_cron_run_pending", []),
            ("connector.job", "_transition", [""]),
            ("connector.job.channel", "_ensure", ["root.x"]),
            ("queue.probe", "effect", ["x"]),
        ]
        for call in protocols:
            for login in GROUPS:
                for model, method, args in closed:
                    with self.subTest(protocol=call.__name__, login=login, method=f"{model}.{method}"):
                        self.assertRaises(PermissionError, call, login, model, method, args)
        self.assertEqual(self.states(), {})
        for call in protocols:
            ids = self.enqueue("effect", [(call.__name__,)])
            for login in ("plain", "user"):
                for action in ("action_cancel", "action_done", "action_requeue", "unlink"):
                    with self.subTest(protocol=call.__name__, login=login, action=action):
                        self.assertRaises(PermissionError, call, login, "connector.job", action, [ids])
            with self.subTest(protocol=call.__name__):
                self.assertRaises(PermissionError, call, "manager", "connector.job", "write", [ids, {"priority": 0}])
                self.assertEqual(self.sql("SELECT state FROM connector_job WHERE id = ANY(%s)", ids), [("pending",)])
                call("manager", "connector.job", "action_cancel", [ids])
                self.assertEqual(self.sql("SELECT state FROM connector_job WHERE id = ANY(%s)", ids), [("cancelled",)])
        self.assertEqual(self.effects(), 0)

    def test_secrets(self):
        """The stored call is read by managers alone, secrets masked; its column is no field of the ORM."""
        with self.environment() as env:
            job = env["queue.probe"].as_job(eta=3600).effect({"password": "s3cret"})
            ids = job.ids
        shown = self.call_jsonrpc("manager", "connector.job", "read", [ids, ["call"]])[0]["call"]
        self.assertIn("***", shown)
        self.assertNotIn("s3cret", shown)
        for login in ("plain", "user"):
            self.assertRaises(PermissionError, self.call_jsonrpc, login, "connector.job", "read", [ids, ["call"]])
        for login in GROUPS:
            for protocol in (self.call_xmlrpc, self.call_jsonrpc):
                try:
                    everything = protocol(login, "connector.job", "search_read", [[]])
                except PermissionError:
                    continue
                self.assertNotIn("s3cret", json.dumps(everything, default=str))
            self.assertRaises(
                PermissionError, self.call_jsonrpc, login, "connector.job", "search_read", [[("call", "like", "s3")]]
            )
