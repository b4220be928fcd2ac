"""Sessions, rights, signatures and the calls that call others."""

from __future__ import annotations

import re
import unittest
import xmlrpc.client
from typing import Any

from sandbox.faults import FaultError
from sandbox.sessions import Sessions

from .recorded import post
from .support import Client, SandboxCase


class SessionLife(unittest.TestCase):
    """Sessions, with a clock of the test's."""

    def setUp(self) -> None:
        """Log in at time 0, for 60 seconds."""
        self.time = 0.0
        self.sessions = Sessions(life_s=60, monotonic=lambda: self.time)
        self.session = self.sessions.login("odoo", "odoo-key-123456")

    def expired(self) -> bool:
        """Return whether the session has expired."""
        try:
            self.sessions.user(self.session)
        except FaultError as fault:
            self.assertEqual((fault.code, fault.message), (5, "Session expired. Try to relogin."))
            return True
        return False

    def test_life(self) -> None:
        """A session lives that long after its last use."""
        self.assertRegex(self.session, re.compile("^[0-9a-f]{32}$"))
        self.time = 60
        self.assertFalse(self.expired())
        self.time = 120
        self.assertFalse(self.expired())
        self.time = 181
        self.assertTrue(self.expired())
        self.time = 0
        self.assertTrue(self.expired())

    def test_another_login(self) -> None:
        """A session survives another login of the same user, and the end of that one."""
        other = self.sessions.login("odoo", "odoo-key-123456")
        self.sessions.end(other)
        self.assertFalse(self.expired())

    def test_end(self) -> None:
        """An ended session has expired; ending what is not there is no error."""
        self.sessions.end(self.session)
        self.sessions.end("nosuch")
        self.assertTrue(self.expired())


class Expiry(SandboxCase):
    """The configurable life of a session, on the real clock."""

    options = {"session_life_s": 0.0}

    def test_a_life_of_nothing(self) -> None:
        """A session whose life is over is fault 5; `expire_sessions` ends it at once."""
        self.assert_fault(5, "Session expired. Try to relogin.", "store.list")


class Calls(SandboxCase):
    """`call`, `multiCall` and their neighbours."""

    def fault_of(self, method: str, *params: Any) -> int:
        """Return the fault's code of an XML-RPC method."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            getattr(self.client.proxy, method)(*params)
        return caught.exception.faultCode

    def test_login(self) -> None:
        """A wrong key is fault 2, an empty one fault 6."""
        self.assertEqual(self.fault_of("login", "odoo", "wrong"), 2)
        self.assertEqual(self.fault_of("login", "nobody", "odoo-key-123456"), 2)
        self.assertEqual(self.fault_of("login", "odoo", ""), 6)

    def test_expire_sessions(self) -> None:
        """The control ends the sessions that there are, and a new login works."""
        self.shop.expire_sessions()
        self.assert_fault(5, "Session expired. Try to relogin.", "store.list")
        self.client.session = self.client.proxy.login(self.shop.user, self.shop.key)
        self.assertEqual(len(self.client("store.list")), 3)

    def test_signatures(self) -> None:
        """Arguments are an array or nil; a missing or wrong parameter is fault 623."""
        session = self.client.session
        for arguments in ({}, {"productId": 4}, 4, "4"):
            self.assertEqual(self.fault_of("call", session, "catalog_product.info", arguments), 623)
        self.assertEqual(self.fault_of("call", session), 623)
        self.assertEqual(self.fault_of("login", "odoo"), 623)
        self.assertEqual(self.fault_of("call", 1, "store.list"), 623)
        self.assertEqual(self.fault_of("multiCall", session, [], {"break": 1}), 623)
        self.assertEqual(len(self.client.proxy.call(session, "store.list")), 3)
        self.assertEqual(len(self.client.proxy.call(session, "store.list", None)), 3)

    def test_paths(self) -> None:
        """An unknown path is fault 3, one that is announced and cannot be called fault 4; aliases work."""
        for path in ("nosuch.method", "catalog_product.nosuch", "catalog_product", "", "."):
            self.assert_fault(3, "Invalid api path.", path)
        for path in ("catalog_product.multiUpdate", "cataloginventory_stock_item.multiUpdate", "cart.create"):
            self.assert_fault(4, "Resource path is not callable.", path, [], [])
        for path in ("product.info", "catalog_product.info"):
            self.assertEqual(self.client(path, 4)["sku"], "SKU-0004")

    def test_missing_arguments(self) -> None:
        """PHP dies of a missing argument: HTTP 500 and not a byte, for one call and for many."""
        calls = [["store.list", []], ["catalog_product.info", []]]
        for method, params in (
            ("call", (self.client.session, "customer.list", [])),
            ("multiCall", (self.client.session, calls)),
        ):
            reply = post(self.shop.url, xmlrpc.client.dumps(params, method).encode())
            self.assertEqual((reply.status, reply.body), (500, b""))

    def test_more_arguments(self) -> None:
        """Arguments that nobody asked for change nothing."""
        self.assertEqual(self.client("store.info", "fr", 1, 2, {"x": "y"})["store_id"], "3")

    def test_multi_call(self) -> None:
        """Answers come in order; an error takes the place of its answer, and what follows still runs."""
        calls = [
            ["catalog_product.update", [4, {"name": "one"}]],
            ["catalog_product.update", ["NOPE", {}]],
            ["catalog_product.update", [5, {"name": "two"}]],
            ["store.list"],
            "store.list",
        ]
        done, fault, again, stores, broken = self.client.proxy.multiCall(self.client.session, calls)
        self.assertEqual((done, again, len(stores)), (True, True, 3))
        self.assertEqual(fault, {"isFault": True, "faultCode": "101", "faultMessage": "Product not exists."})
        self.assertEqual(broken["faultCode"], "3")
        self.assertEqual(self.client("catalog_product.info", 5, None, ["name"])["name"], "two")

    def test_reader(self) -> None:
        """A reader reads the catalogue, and nothing else; what it may not call is not announced to it."""
        reader = Client(self.shop.url, self.shop.reader, self.shop.reader_key)
        self.addCleanup(reader.close)
        self.assertEqual(len(reader("catalog_product.list")), 200)
        self.assertEqual(reader("catalog_category.tree")["category_id"], "1")
        for path in ("customer.list", "sales_order.list", "catalog_product.update", "catalog_product.delete"):
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                reader(path, {}, {})
            self.assertEqual((caught.exception.faultCode, caught.exception.faultString), (2, "Access denied."))
        names = {resource["name"] for resource in reader.proxy.resources(reader.session)}
        self.assertIn("catalog_product", names)
        self.assertNotIn("customer", names)

    def test_system_multicall(self) -> None:
        """The XML-RPC layer's own way to call many works too."""
        calls: Any = xmlrpc.client.MultiCall(self.client.proxy)
        calls.call(self.client.session, "store.list", [])
        calls.nosuch()
        answers = calls()
        self.assertEqual(len(answers[0]), 3)
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            answers[1]
        self.assertEqual(caught.exception.faultCode, 620)
