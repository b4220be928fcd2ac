"""Failures on purpose: what a client gets of each kind, whether the call ran, and which requests are hit."""

from __future__ import annotations

import http.client
import time
import unittest
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from sandbox import KINDS, Sandbox
from sandbox.faults import DATABASE_AWAY, DEADLOCK

from .recorded import Reply, plain, post
from .support import SandboxCase


class Kinds(SandboxCase):
    """One request of each kind; the call is an update, so that it shows whether it ran."""

    options = {"huge_size": 3_000_000, "hold_s": 0.2}

    def body(self, name: str = "Changed") -> bytes:
        """Return a request that names product 4."""
        params = (self.client.session, "catalog_product.update", [4, {"name": name}])
        return xmlrpc.client.dumps(params, "call").encode()

    def send(self, kind: str, **options: Any) -> Reply:
        """Send the request, made to fail."""
        self.shop.fail_next(1, kind, **options)
        return post(self.shop.url, self.body())

    def check_ran(self, expected: bool) -> None:
        """Expect whether the call ran."""
        name = self.shop.store.products[4].values.get("name")
        self.assertEqual(name, "Changed" if expected else "Product 4")

    def test_http_503(self) -> None:
        """HTTP 503 with a page."""
        reply = self.send("http_503")
        self.assertEqual((reply.status, reply.content_type), (503, "text/html; charset=UTF-8"))
        self.check_ran(False)

    def test_http_500_empty(self) -> None:
        """HTTP 500 without a byte."""
        reply = self.send("http_500_empty")
        self.assertEqual((reply.status, reply.body), (500, b""))
        self.check_ran(False)

    def test_fault(self) -> None:
        """A fault, of one's own choice if need be."""
        self.assertEqual(self.send("fault").fault, (1, "Internal Error. Please see log for details."))
        deadlock = "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock"
        self.assertEqual(self.send("fault", message=deadlock).fault, (1, deadlock))
        self.assertEqual(self.send("fault", code=2, message="Access denied.").fault, (2, "Access denied."))
        self.check_ran(False)

    def test_timeout(self) -> None:
        """The right answer, but late; the call ran."""
        started = time.monotonic()
        reply = self.send("timeout")
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        self.assertIsNotNone(reply.value)
        self.check_ran(True)

    def test_malformed(self) -> None:
        """A body that no parser takes."""
        reply = self.send("malformed")
        self.assertEqual(reply.status, 200)
        with self.assertRaises(Exception):  # noqa: B017 - whatever the client's parser raises
            xmlrpc.client.loads(reply.body)
        self.check_ran(False)

    def test_html(self) -> None:
        """A page with HTTP 200."""
        reply = self.send("html")
        self.assertEqual((reply.status, reply.content_type), (200, "text/html; charset=UTF-8"))

    def test_truncated(self) -> None:
        """Half of what was announced; the call ran."""
        with self.assertRaises(http.client.IncompleteRead):
            self.send("truncated")
        self.check_ran(True)

    def test_empty(self) -> None:
        """HTTP 200 without a byte."""
        reply = self.send("empty")
        self.assertEqual((reply.status, reply.body), (200, b""))

    def test_huge(self) -> None:
        """An answer of the size that was asked for, well formed."""
        reply = self.send("huge")
        self.assertGreater(len(reply.body), 3_000_000)
        self.assertEqual(len(plain(reply.value)) if reply.value is not None else 0, 3_000_000)
        self.assertLess(len(self.send("huge", size=1000).body), 2000)

    def test_entity_bomb(self) -> None:
        """XML whose entities would unfold to more than a gigabyte."""
        reply = self.send("entity_bomb")
        self.assertLess(len(reply.body), 2000)
        self.assertEqual(reply.body.count(b"<!ENTITY"), 10)

    def test_redirect(self) -> None:
        """HTTP 302 to an address that is nobody's."""
        self.shop.fail_next(1, "redirect")
        address = urlsplit(self.shop.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        self.addCleanup(connection.close)
        connection.request("POST", address.path, self.body())
        response = connection.getresponse()
        location = response.headers["Location"]
        response.read()
        self.assertEqual((response.status, location), (302, f"{self.shop.base_url}/elsewhere/"))
        self.assertEqual(post(location, self.body()).status, 404)

    def test_drop(self) -> None:
        """No answer at all."""
        with self.assertRaises((ConnectionError, http.client.RemoteDisconnected)):
            self.send("drop")
        self.check_ran(False)

    def test_rate_limited(self) -> None:
        """HTTP 429, and when to come again."""
        self.shop.fail_next(1, "rate_limited", seconds=2)
        with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
            self.client("store.list")
        self.assertEqual(caught.exception.errcode, 429)
        self.assertEqual(caught.exception.headers["Retry-After"], "2")

    def test_session_expired(self) -> None:
        """Fault 5, and the session is really gone."""
        self.assertEqual(self.send("session_expired").fault, (5, "Session expired. Try to relogin."))
        self.assertEqual(post(self.shop.url, self.body()).fault, (5, "Session expired. Try to relogin."))
        self.check_ran(False)

    def test_database_away(self) -> None:
        """Logins are refused, a multiCall is an unknown error, and what is called alone has the driver's text."""
        self.assertEqual(self.send("database_away").fault, (1, DATABASE_AWAY))
        self.shop.fail_next(2, "database_away")
        login = xmlrpc.client.dumps((self.shop.user, self.shop.key), "login").encode()
        self.assertEqual(post(self.shop.url, login).fault, (2, "Access denied."))
        many = xmlrpc.client.dumps((self.client.session, [["store.list", []]]), "multiCall").encode()
        self.assertEqual(post(self.shop.url, many).fault, (404, "Unknown error"))
        self.check_ran(False)

    def test_deadlock(self) -> None:
        """Alone it has the database's text; in a multiCall it has none, and the other calls run."""
        self.assertEqual(self.send("deadlock").fault, (1, DEADLOCK))
        self.shop.fail_next(1, "deadlock", match="catalog_product.update")
        calls = [["product.update", [4, {"name": "A"}]], ["catalog_category.update", [4, {"name": "B"}]]]
        refused, done = self.client.proxy.multiCall(self.client.session, calls)
        internal = "Internal Error. Please see log for details."
        self.assertEqual(refused, {"isFault": True, "faultCode": "1", "faultMessage": internal})
        self.assertTrue(done)
        self.check_ran(False)

    def test_php_error(self) -> None:
        """An error of PHP, and after it the beginning of an answer."""
        body = self.send("php_error").body
        self.assertTrue(body.startswith(b"<br />\n<b>Fatal error</b>:  Allowed memory size"), body)
        self.assertIn(b"<?xml", body)

    def test_writers_meet(self) -> None:
        """Of two writers of products at the same time one meets a deadlock; a reader meets none."""
        self.shop.writers.write_s, self.shop.writers.met = 0.3, 0
        self.addCleanup(setattr, self.shop.writers, "write_s", 0)
        with ThreadPoolExecutor(2) as pool:
            faults = [reply.fault for reply in pool.map(lambda name: post(self.shop.url, self.body(name)), "AB")]
        self.assertEqual(sorted(faults, key=bool), [None, (1, DEADLOCK)])
        self.assertEqual(self.shop.writers.met, 1)

    def test_lost_answers(self) -> None:
        """With `after_call` the shop does what it was asked for, and the answer is lost."""
        for kind in ("http_503", "empty", "html"):
            self.shop.reset()
            self.client.session = self.client.proxy.login(self.shop.user, self.shop.key)
            self.send(kind, after_call=True)
            self.check_ran(True)

    def test_every_kind_is_tested(self) -> None:
        """Each kind has a test of its name."""
        self.assertEqual([kind for kind in KINDS if not hasattr(self, f"test_{kind}")], [])


class Plan(SandboxCase):
    """Which requests fail."""

    def outcomes(self, path: str, *arguments: Any, count: int = 3) -> list[bool]:
        """Call a few times, and return which calls went well."""
        done = []
        for _ in range(count):
            try:
                self.client(path, *arguments)
                done.append(True)
            except (xmlrpc.client.ProtocolError, xmlrpc.client.Fault):
                done.append(False)
        return done

    def test_next(self) -> None:
        """The next n requests fail, those after them do not."""
        self.shop.fail_next(2, "http_503")
        self.assertEqual(self.outcomes("store.list"), [False, False, True])

    def test_match(self) -> None:
        """Only what is meant fails: a path by either name, a method, a pattern, a call within a multiCall."""
        self.shop.fail_next(1, "http_503", match="catalog_product.info")
        self.assertEqual(self.outcomes("store.list", count=1), [True])
        self.assertEqual(self.outcomes("product.info", 4, count=2), [False, True])
        self.shop.fail_next(1, "http_503", match="sales_*")
        self.assertEqual(self.outcomes("sales_order.info", "300000001", count=2), [False, True])
        self.shop.fail_next(1, "http_503", match="login")
        with self.assertRaises(xmlrpc.client.ProtocolError):
            self.client.proxy.login(self.shop.user, self.shop.key)
        self.shop.fail_next(1, "http_503", match="store.info")
        with self.assertRaises(xmlrpc.client.ProtocolError):
            self.client.proxy.multiCall(self.client.session, [["store.list", []], ["store.info", ["fr"]]])

    def test_clear(self) -> None:
        """What is planned can be called off."""
        self.shop.fail_next(5, "http_503")
        self.shop.clear_failures()
        self.assertEqual(self.outcomes("store.list"), [True] * 3)

    def test_unknown_kind(self) -> None:
        """A kind that is none is refused at once, with those that there are."""
        with self.assertRaisesRegex(ValueError, "no failure of kind 'nosuch'; there are: http_503, "):
            self.shop.fail_next(1, "nosuch")

    def test_rate(self) -> None:
        """A rate hits about its share of requests, the same ones for the same seed."""
        runs = []
        for seed in (1, 1, 2):
            self.shop.fail_at_rate(0.3, seed, ["http_503", "fault"])
            runs.append(self.outcomes("store.list", count=60))
            self.shop.fail_at_rate(0)
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])
        self.assertTrue(8 <= runs[0].count(False) <= 30, runs[0].count(False))
        self.assertEqual(self.outcomes("store.list"), [True] * 3)


class Rate(unittest.TestCase):
    """The rate that a sandbox is made with."""

    def test_from_the_start(self) -> None:
        """All kinds come, and the server lives through all of them."""
        kinds = set()
        with Sandbox(failure_rate=1.0, seed=3, hold_s=0.01, huge_size=1000) as shop:
            take = shop.failures.take
            shop.failures.take = lambda names: kinds.add((one := take(names)) and one.kind) or one  # type: ignore
            for _ in range(120):
                try:
                    post(shop.url, xmlrpc.client.dumps(("odoo", "x"), "login").encode())
                except (OSError, http.client.HTTPException):
                    continue
            self.assertEqual(kinds, set(KINDS))
            shop.clear_failures()
            self.assertEqual(post(shop.url, xmlrpc.client.dumps(("odoo", "x"), "login").encode()).fault[0], 2)  # type: ignore
