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


@tagged("post_install", "-at_install", "process", "server")
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

    def call_xmlrpc(self, login, model, method, ids=None, **kwargs):
        server = xmlrpc.client.ServerProxy(f"{self.url}/xmlrpc/2/object", allow_none=True)
        args = [] if ids is None else [ids]
        try:
            return server.execute_kw(self.dbname, self.ids[login], login, model, method, args, kwargs)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != 4:  # an AccessError's
                raise
            raise PermissionError(fault.faultString) from None

    def call_jsonrpc(self, login, model, method, ids=None, **kwargs):
        params = [self.dbname, self.ids[login], login, model, method, [] if ids is None else [ids], kwargs]
        body = {"jsonrpc": "2.0", "params": {"service": "object", "method": "execute_kw", "args": params}}
        answer = self.post("/jsonrpc", body)
        if "error" in answer:
            error = answer["error"]["data"]
            kind = PermissionError if error["name"] == "odoo.exceptions.AccessError" else RuntimeError
            raise kind(error["message"])
        return answer["result"]

    def call_json2(self, login, model, method, ids=None, **kwargs):
        body = kwargs if ids is None else {"ids": ids, **kwargs}
        headers = {"Authorization": f"bearer {self.keys[login]}", "X-Odoo-Database": self.dbname}
        try:
            return self.post(f"/json/2/{model}/{method}", body, headers)
        except urllib.error.HTTPError as error:
            text = error.read().decode()[:500]
            raise (PermissionError if error.code == 403 else RuntimeError)(text) from None

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
        call = {"name": "x", "state": "pending", "model_name": "res.partner", "method_name": "unlink"}
        closed = [
            ("res.partner", "as_job", [1], {}),
            ("connector.job", "create", None, {"vals_list": [call]}),
            ("connector.job", "name_create", None, {"name": "x"}),
            ("connector.job", "web_save", [], {"vals": call, "specification": {}}),
            ("connector.job", "run_pending", None, {}),
            ("connector.job", "report_progress", None, {"done": 1, "total": 2}),
            ("connector.job", "checkpoint", None, {"state": {}}),
            ("connector.job", "checkpoint_state", None, {}),
            ("connector.job", "current", None, {}),
            ("connector.job", "_cron_run_pending", None, {}),
            ("connector.job", "_transition", [], {"query": ""}),
            ("connector.job.channel", "_ensure", [], {"path": "root.x"}),
            ("queue.probe", "effect", [], {"key": "x"}),
        ]
        for call in protocols:
            for login in GROUPS:
                for model, method, ids, kwargs in closed:
                    with self.subTest(protocol=call.__name__, login=login, method=f"{model}.{method}"):
                        self.assertRaises(PermissionError, call, login, model, method, ids, **kwargs)
        self.assertEqual(self.states(), {})
        for call in protocols:
            ids = self.enqueue("effect", [(call.__name__,)])
            for login in ("plain", "user"):
                for action in ("action_cancel", "action_done", "action_requeue", "unlink"):
                    with self.subTest(protocol=call.__name__, login=login, action=action):
                        self.assertRaises(PermissionError, call, login, "connector.job", action, ids)
            with self.subTest(protocol=call.__name__):
                self.assertRaises(PermissionError, call, "manager", "connector.job", "write", ids, vals={"priority": 0})
                self.assertEqual(self.sql("SELECT state FROM connector_job WHERE id = ANY(%s)", ids), [("pending",)])
                call("manager", "connector.job", "action_cancel", ids)
                self.assertEqual(self.sql("SELECT state FROM connector_job WHERE id = ANY(%s)", ids), [("cancelled",)])
        self.assertEqual(self.effects(), 0)

    def test_visible(self):
        """Everybody reads his own jobs; connector users and managers those of their companies too."""
        with self.environment() as env:
            probe = env["queue.probe"]
            own = probe.with_user(self.ids["plain"]).as_job(eta=3600).effect("own").id
            other = probe.as_job(eta=3600).effect("other").id
            company = env["res.company"].create({"name": f"Other {env.cr.now()}"})
            probe.with_company(company).as_job(eta=3600).effect("of another company")
        for call in (self.call_xmlrpc, self.call_jsonrpc, self.call_json2):
            for login, expected in (("plain", [own]), ("user", [own, other]), ("manager", [own, other])):
                with self.subTest(protocol=call.__name__, login=login):
                    self.assertEqual(sorted(call(login, "connector.job", "search", domain=[])), expected)
            self.assertRaises(PermissionError, call, "plain", "connector.job", "read", [other], fields=["result"])

    def test_channels(self):
        """Channels are changed by managers alone; workers by nobody."""
        with self.environment() as env:
            channel = env["connector.job.channel"].search([("name", "=", "root")]).id
        worker = self.sql("SELECT id FROM connector_worker")[0][0]
        for call in (self.call_xmlrpc, self.call_jsonrpc, self.call_json2):
            for login in ("plain", "user"):
                for method in ("action_pause", "action_resume", "unlink"):
                    with self.subTest(protocol=call.__name__, login=login, method=method):
                        self.assertRaises(PermissionError, call, login, "connector.job.channel", method, [channel])
            self.assertEqual(self.sql("SELECT paused FROM connector_job_channel WHERE id = %s", channel), [(False,)])
            call("manager", "connector.job.channel", "action_pause", [channel])
            self.assertEqual(self.sql("SELECT paused FROM connector_job_channel WHERE id = %s", channel), [(True,)])
            call("manager", "connector.job.channel", "action_resume", [channel])
            for login in GROUPS:
                self.assertRaises(PermissionError, call, login, "connector.worker", "unlink", [worker])

    def test_secrets(self):
        """The stored call is read by managers alone, secrets masked; its column is no field of the ORM."""
        with self.environment() as env:
            ids = env["queue.probe"].as_job(eta=3600).effect({"password": "s3cret"}).ids
        for call in (self.call_xmlrpc, self.call_jsonrpc, self.call_json2):
            shown = call("manager", "connector.job", "read", ids, fields=["call"])[0]["call"]
            self.assertIn("***", shown)
            self.assertNotIn("s3cret", shown)
            for login in ("plain", "user"):
                self.assertRaises(PermissionError, call, login, "connector.job", "read", ids, fields=["call"])
            for login in GROUPS:
                everything = call(login, "connector.job", "search_read", domain=[])
                self.assertNotIn("s3cret", json.dumps(everything, default=str))
                with self.assertRaises((PermissionError, RuntimeError, xmlrpc.client.Fault)):
                    call(login, "connector.job", "search_read", domain=[("call", "like", "s3")])
