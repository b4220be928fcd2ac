"""The server: what it reads, its log, its own addresses, and the command line."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
import xmlrpc.client
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from sandbox import Sandbox, server
from sandbox.protocol import MAX_DEPTH, AlwaysInt, Struct, decode, encode, encode_fault

from .recorded import post
from .support import Client, SandboxCase

UNREADABLE = (632, "Invalid request, no method passed; request must contain a 'methodName' tag")
LOGIN = xmlrpc.client.dumps(("odoo", "odoo-key-123456"), "login").encode()


class Protocol(unittest.TestCase):
    """Reading requests and writing answers."""

    def value(self, xml: str) -> Any:
        """Read one parameter."""
        body = (
            f"<methodCall><methodName>m</methodName><params><param><value>{xml}</value></param></params></methodCall>"
        )
        return decode(body.encode()).params[0]

    def test_types(self) -> None:
        """All types of XML-RPC are read, extensions and untyped text among them."""
        for xml, expected in (
            ("text", "text"),
            ("", ""),
            ("<string/>", ""),
            ("<string>a &amp; b</string>", "a & b"),
            ("<int>4</int>", 4),
            ("<i4>-4</i4>", -4),
            ("<i8>9999999999</i8>", 9999999999),
            ("<boolean>1</boolean>", True),
            ("<double>9.5</double>", "9.5"),
            ("<double>10.0</double>", 10),
            ("<nil/>", None),
            ("<dateTime.iso8601>20260104T00:30:00</dateTime.iso8601>", "20260104T00:30:00"),
            ("<base64>w6k=</base64>", "é"),
            ("<array><data><value><int>1</int></value><value>b</value></data></array>", [1, "b"]),
            ("<struct><member><name>a</name><value>b</value></member></struct>", Struct({"a": "b"})),
        ):
            with self.subTest(xml):
                self.assertEqual(self.value(xml), expected)

    def test_encodings(self) -> None:
        """A request says in which encoding it comes."""
        body = '<?xml version="1.0" encoding="iso-8859-1"?><methodCall><methodName>m</methodName><params><param>'
        body += "<value><string>é</string></value></param></params></methodCall>"
        self.assertEqual(decode(body.encode("latin-1")).params, ["é"])

    def test_native_and_strings(self) -> None:
        """Ints follow the kind of shop, all other types do not."""
        value = {"a": 4, "b": "4", "c": AlwaysInt(4), "d": None, "e": True, "f": [], "g": {}}
        strings, native = encode(value).decode(), encode(value, "native").decode()
        self.assertIn("<name>a</name><value><string>4</string></value>", strings)
        self.assertIn("<name>a</name><value><int>4</int></value>", native)
        self.assertEqual(native.replace("<int>4</int>", "<string>4</string>", 1), strings)
        self.assertEqual(strings.count("<value><array><data></data></array></value>"), 2)

    def test_escaping(self) -> None:
        """Markup, quotes and controls cannot break an answer."""
        nasty = "<b>\"é\" & 'x'</b>\x00\x0b\n"
        ((read,), _method) = xmlrpc.client.loads(encode(nasty))
        self.assertEqual(read, "<b>\"é\" & 'x'</b>\n")
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            xmlrpc.client.loads(encode_fault(1, nasty))
        self.assertEqual(caught.exception.faultCode, 1)


class Requests(SandboxCase):
    """What the server reads."""

    def test_unreadable(self) -> None:
        """What is no call is fault 632: no XML, no method, controls, a DOCTYPE, bottomless nesting."""
        deep = b"<value><array><data>" * MAX_DEPTH
        for body in (
            b"",
            b"no xml",
            b"<methodCall></methodCall>",
            LOGIN.replace(b"odoo", b"od\x0boo"),
            b'<!DOCTYPE x [<!ENTITY a "b">]>' + LOGIN,
            b"<methodCall><methodName>m</methodName><params><param>" + deep,
            LOGIN.replace(b"string", b"nosuchtype"),
            LOGIN.replace(b"<value><string>odoo</string></value>", b"<value><int>x</int></value>"),
        ):
            with self.subTest(body[:60]):
                self.assertEqual(post(self.shop.url, body).fault, UNREADABLE)

    def test_packed_and_in_chunks(self) -> None:
        """A body may be packed, and may come in chunks."""
        self.assertIsNotNone(post(self.shop.url, gzip.compress(LOGIN), {"Content-Encoding": "gzip"}).value)
        address = urlsplit(self.shop.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("POST", address.path, iter([LOGIN[:50], LOGIN[50:]]), encode_chunked=True)
        self.assertIn(b"<string>", connection.getresponse().read())

    def test_too_large(self) -> None:
        """A request beyond the bound is refused, announced, in chunks or unpacked."""
        with mock.patch.object(server, "MAX_REQUEST", 1000):
            self.assertEqual(post(self.shop.url, b" " * 1001).status, 413)
            self.assertEqual(post(self.shop.url, gzip.compress(b" " * 1001), {"Content-Encoding": "gzip"}).status, 413)
        self.assertEqual(post(self.shop.url, b"not packed", {"Content-Encoding": "gzip"}).status, 400)

    def test_impossible_lengths(self) -> None:
        """A length that is none is refused, and keeps no thread waiting."""
        for headers in ({"Content-Length": "-5"}, {"Content-Length": "x"}, {"Transfer-Encoding": "chunked"}):
            with self.subTest(headers):
                self.assertEqual(post(self.shop.url, b"-5\r\nabc", headers).status, 400)

    def test_addresses(self) -> None:
        """The endpoint has two names, with or without the last slash; all else is not found."""
        for path in ("/api/xmlrpc/", "/api/xmlrpc", "/index.php/api/xmlrpc/", "/api/xmlrpc/?type=xmlrpc"):
            self.assertIsNotNone(post(self.shop.base_url + path.split("?")[0], LOGIN).value, path)
        self.assertEqual(post(f"{self.shop.base_url}/api/v2_soap/", LOGIN).status, 404)

    def test_one_connection(self) -> None:
        """A connection serves many requests."""
        address = urlsplit(self.shop.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        self.addCleanup(connection.close)
        sockets = set()
        for _ in range(3):
            connection.request("POST", address.path, LOGIN)
            connection.getresponse().read()
            sockets.add(connection.sock.getsockname())
        self.assertEqual(len(sockets), 1)

    def test_many_at_once(self) -> None:
        """Calls at the same time do not disturb each other."""
        created: list[str] = []
        failed: list[Exception] = []

        def work(number: int) -> None:
            try:
                client = Client(self.shop.url, self.shop.user, self.shop.key)
                for step in range(5):
                    sku = f"MANY-{number}-{step}"
                    created.append(client("catalog_product.create", "simple", 4, sku, {"name": sku, "categories": [5]}))
                    client("catalog_product.list", {"sku": {"like": "MANY%"}})
                client.close()
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual(failed, [])
        self.assertEqual(sorted(int(one) for one in created), list(range(201, 231)))


class Log(SandboxCase):
    """The log of requests."""

    def test_requests(self) -> None:
        """It has method, path and arguments, in order, failed requests too."""
        self.client("catalog_product.info", 4, "fr")
        self.shop.fail_next(1, "http_503")
        with self.assertRaises(xmlrpc.client.ProtocolError):
            self.client("store.list")
        self.client.proxy.multiCall(self.client.session, [["store.info", ["fr"]]])
        post(self.shop.url, b"nonsense")
        self.assertEqual(
            [tuple(request) for request in self.shop.requests[1:]],
            [
                ("call", "catalog_product.info", [4, "fr"]),
                ("call", "store.list", []),
                ("multiCall", "", [["store.info", ["fr"]]]),
                ("", "", []),
            ],
        )

    def test_no_secrets(self) -> None:
        """Keys, sessions, passwords and the content of files are not in it."""
        self.client("customer.create", {"email": "a@example.com", "password": "hush"})
        self.client("product_media.create", 4, {"file": {"content": "AAAA", "mime": "image/png"}})
        self.client.proxy.endSession(self.client.session)
        log = repr(self.shop.requests)
        self.assertIn("a@example.com", log)
        for secret in (self.shop.key, self.client.session, "hush", "AAAA"):
            self.assertNotIn(secret, log)


class Control(SandboxCase):
    """The sandbox's own addresses."""

    def control(self, command: Any, content_type: str = "application/json") -> tuple[int, Any]:
        """Send a command."""
        reply = post(
            f"{self.shop.base_url}/sandbox/control", json.dumps(command).encode(), {"Content-Type": content_type}
        )
        return reply.status, json.loads(reply.body)

    def test_failures(self) -> None:
        """Failures are planned and called off over the wire."""
        status, answer = self.control({"action": "fail_next", "n": 2, "kind": "fault", "match": "store.list"})
        self.assertEqual((status, answer), (200, {"done": "fail_next", "failures_pending": 2}))
        self.assert_fault(1, "Internal Error. Please see log for details.", "store.list")
        self.assertEqual(self.control({"action": "clear_failures"})[1]["failures_pending"], 0)
        self.assertEqual(len(self.client("store.list")), 3)
        self.control({"action": "fail_at_rate", "rate": 1.0, "seed": 1, "kinds": ["fault"]})
        self.assert_fault(1, "Internal Error. Please see log for details.", "store.list")

    def test_sessions_and_data(self) -> None:
        """Sessions expire, and the data is reset."""
        self.client("catalog_product.delete", 4)
        self.control({"action": "expire_sessions"})
        self.assert_fault(5, "Session expired. Try to relogin.", "store.list")
        self.assertEqual(self.shop.summary()["products"], 199)
        self.control({"action": "reset"})
        self.assertEqual(self.shop.summary()["products"], 200)

    def test_requests(self) -> None:
        """The log is to be had."""
        self.client("store.info", "fr")
        _status, answer = self.control({"action": "requests"})
        self.assertEqual(answer["requests"][-1], {"method": "call", "path": "store.info", "args": ["fr"]})

    def test_refused(self) -> None:
        """A command that is none is refused with the reason, and so is one that a web page could send."""
        self.assertEqual(self.control({"action": "nosuch"})[0], 400)
        self.assertEqual(self.control({"action": "fail_next", "kind": "nosuch"})[0], 400)
        self.assertEqual(self.control({"action": "fail_next", "nosuch": 1})[0], 400)
        self.assertEqual(self.control({"action": "fail_next", "n": "2"})[0], 400)
        self.assertEqual(self.control({"action": "fail_at_rate", "rate": 2})[0], 400)
        self.assertEqual(self.control([])[0], 400)
        self.assertEqual(self.control({"action": "reset"}, "text/plain")[0], 415)

    def test_this_machine_alone(self) -> None:
        """Who comes from elsewhere is sent away."""
        with mock.patch.object(server.Handler, "setup", autospec=True) as setup:
            original = mock.DEFAULT

            def from_elsewhere(handler: server.Handler) -> None:
                handler.client_address = ("192.0.2.1", 1)
                super(server.Handler, handler).setup()

            setup.side_effect = from_elsewhere
            setup.return_value = original
            self.assertEqual(self.control({"action": "reset"})[0], 403)

    def test_summary(self) -> None:
        """The summary is to be had over the wire."""
        with urllib.request.urlopen(f"{self.shop.base_url}/sandbox/summary", timeout=5) as response:
            self.assertEqual(json.load(response), self.shop.summary())
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{self.shop.base_url}/sandbox/nosuch", timeout=5)
        caught.exception.close()
        self.assertEqual(caught.exception.code, 404)


class Stopping(unittest.TestCase):
    """The end of a sandbox."""

    def test_held_answers_are_let_go(self) -> None:
        """Neither a held answer nor an open connection keeps a sandbox from its end."""
        shop = Sandbox(hold_s=60).start()
        client = Client(shop.url, shop.user, shop.key)
        self.addCleanup(client.close)
        shop.fail_next(1, "timeout", match="store.list")
        waiting = threading.Thread(target=lambda: self.quietly(client), daemon=True)
        waiting.start()
        deadline = time.monotonic() + 5
        while shop.failures.pending and time.monotonic() < deadline:
            time.sleep(0.01)
        started = time.monotonic()
        shop.stop()
        waiting.join(5)
        self.assertFalse(waiting.is_alive())
        self.assertLess(time.monotonic() - started, 5)
        with self.assertRaises(OSError):
            post(shop.url, LOGIN)

    @staticmethod
    def quietly(client: Client) -> None:
        """Call, and take whatever comes."""
        try:
            client("store.list")
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return

    def test_command_line(self) -> None:
        """The command says one line, serves, and ends on SIGTERM."""
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--types", "native"]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
            self.addCleanup(process.kill)
            line = process.stdout.readline() if process.stdout else ""
            found = r"^Magento sandbox listening on (http://127\.0\.0\.1:\d+/api/xmlrpc/) \(user odoo, key (\S+)\)\n$"
            self.assertRegex(line, found)
            client = Client(line.split()[4], "odoo", line.split()[-1].rstrip(")"))
            self.assertEqual(client("store.info", "fr")["store_id"], 3)
            client.close()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(10), 0)
