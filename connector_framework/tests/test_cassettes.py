"""Cassettes: recorded against a server, played back without it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from odoo.tests import TransactionCase, tagged

from ..adapters import RestAdapter, XmlRpcAdapter
from ..references import WorkSession
from .common import MisbehavingServer, answer, cassette
from .misbehaving_server import xmlrpc_result
from .model_factory import add_models, example, example_models

SECRET = "s3cr3t/k&y"


class Rest(RestAdapter):
    def _headers(self):
        return {"Authorization": f"Bearer {self.backend.get_secret('api_key')}", "X-Shop": "main"}


class XmlRpc(XmlRpcAdapter):
    def read(self, external_id, fields=None):
        session = self._call("login", "user", self.backend.get_secret("api_key"))
        return self._call("info", session, external_id)


@tagged("post_install", "-at_install", "transaction")
class TestCassettes(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "cassettes" / "one.yaml"
        self.backend = self.env["test.backend"].create({"name": "Shop", "api_key": SECRET})

    def adapter(self, adapter_class, url):
        self.backend.url = url
        work = WorkSession(self.backend, "test.partner", example)
        self.addCleanup(work.close)
        return adapter_class(work)

    def test_rest(self):
        """What was recorded is answered again, on another host, without a server; the file holds no secret."""
        row = {"id": 1, "name": "Ann", "api_token": "tok-123456", "note": f"the key is {SECRET}"}
        with MisbehavingServer() as server:
            server.will(answer(200, json.dumps(row)), answer(404, "{}"))
            rest = self.adapter(Rest, server.url)
            with cassette(self.path, self.backend, record=True):
                recorded = rest._request("POST", "contacts/1", params={"key": SECRET}, json={"password": SECRET})
                self.assertEqual(recorded, row)
        text = self.path.read_text()
        for secret in (SECRET, "s3cr3t", "tok-123456"):
            self.assertNotIn(secret, text)
        self.assertIn("main", text)
        self.backend.api_key = "another key"
        rest = self.adapter(Rest, "https://shop.example.com")
        with cassette(self.path, self.backend) as played:
            again = rest._request("POST", "contacts/1", params={"key": "another key"}, json={"password": "another key"})
        self.assertEqual((again["name"], again["api_token"]), ("Ann", "***"))
        self.assertEqual(played.play_count, 1)

    def test_session(self):
        """The id of a session, which the other system gave, is masked where it was given and where it was used."""
        with MisbehavingServer() as server:
            server.will(xmlrpc_result("session-7654321"), xmlrpc_result({"name": "Ann"}))
            with cassette(self.path, self.backend, record=True):
                self.assertEqual(self.adapter(XmlRpc, server.url).read("1"), {"name": "Ann"})
        self.assertNotIn("7654321", self.path.read_text())
        with cassette(self.path, self.backend):
            self.assertEqual(self.adapter(XmlRpc, "https://shop.example.com").read("1"), {"name": "Ann"})

    def test_not_recorded(self):
        """What is not on the cassette is not sent; the error says what it was."""
        with MisbehavingServer() as server:
            server.always(answer(200, "[]"))
            with cassette(self.path, self.backend, record=True):
                self.adapter(Rest, server.url)._request("GET", "contacts")
            sent = len(server.requests)
            with cassette(self.path, self.backend), self.assertRaisesRegex(Exception, "orders"):
                self.adapter(Rest, server.url)._request("GET", "orders")
            self.assertEqual(len(server.requests), sent)

    def test_missing(self):
        """A cassette that is not there says how to record it."""
        with self.assertRaisesRegex(FileNotFoundError, "CONNECTOR_RECORD=1"), cassette(self.path, self.backend):
            pass
