"""Each failure outside is raised typed by what to do about it."""

import gzip
import os
import socket
import tempfile
import time
import traceback
import tracemalloc
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import ClassVar
from unittest.mock import patch

import requests
from odoo.tests import tagged
from odoo.tests.common import BaseCase, _super_send

from ..adapters import HTTP_ERRORS, Adapter
from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ExternalConflictError,
    ExternalNotFoundError,
    NetworkError,
    PermanentError,
    RateLimitedError,
)
from .adapters_common import SECRET, AdapterCase, Rest, Settings, XmlRpc
from .misbehaving_server import (
    answer,
    deaf_port,
    drip,
    huge,
    refused_port,
    reset,
    silence,
    truncated,
    truncated_chunks,
    xmlrpc_fault,
    xmlrpc_result,
)

HTML = "<!DOCTYPE html>\n<html><body>Down for maintenance</body></html>"
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>
<methodResponse><params><param><value><string>&e;</string></value></param></params></methodResponse>"""
FILE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<methodResponse><params><param><value><string>&f;</string></value></param></params></methodResponse>"""


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersConnection(AdapterCase):
    """What happens before an answer is there."""

    def test_refused(self):
        """A refused connection is a network error that names host and cause."""
        adapter = self.xmlrpc(url=f"http://127.0.0.1:{refused_port()}")
        error = self.assert_fails(NetworkError, adapter._call, "ping")
        self.assertIn("Connection refused", str(error))
        self.assertIn("127.0.0.1", str(error))

    def test_unknown_host(self):
        """A host name that does not resolve is a network error."""
        self.patch(socket, "getaddrinfo", self._no_name)
        self.let_through()
        error = self.assert_fails(NetworkError, self.rest(url="http://shop.invalid")._request, "GET", "/a")
        self.assertIn("shop.invalid", str(error))

    @staticmethod
    def _no_name(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def let_through(self):
        """Odoo's tests block what does not go to the loopback interface before it gets as far as this."""
        self.patch(type(self), "_request_handler", classmethod(lambda cls, s, r, /, **kw: _super_send(s, r, **kw)))

    def test_connect_timeout(self):
        """A host that does not take the connection costs the connect time-out, no more."""
        with deaf_port() as port:
            adapter = self.xmlrpc(url=f"http://127.0.0.1:{port}")
            start = time.monotonic()
            error = self.assert_fails(NetworkError, adapter._call, "ping")
        self.assertLess(time.monotonic() - start, 3)
        self.assertIn("no connection within the time-out", str(error))

    def test_read_timeout(self):
        """A server that takes the request and says nothing costs the read time-out, no more, and is asked once."""
        self.server.always(silence(3))
        start = time.monotonic()
        error = self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")
        self.assertLess(time.monotonic() - start, 2)
        self.assertIn("no answer within the time-out", str(error))
        self.assertEqual(len(self.server.requests), 1)

    def test_dripping_answer(self):
        """A body that comes byte by byte ends at the total time-out, though no single read times out."""
        self.server.always(drip(5, 0.1))
        self.patch(XmlRpc, "total_timeout_s", 0.6)
        start = time.monotonic()
        error = self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")
        self.assertLess(time.monotonic() - start, 2)
        self.assertIn("0.6 s", str(error))

    def test_default_timeouts(self):
        """No request goes out without time-outs, not even one made with the session itself."""
        self.server.always(silence(3))
        with self.assertRaises(requests.Timeout):
            self.rest().session.get(self.server.url)

    def test_reset(self):
        """A connection cut instead of an answer is a network error; a POST is not sent again."""
        self.server.always(reset)
        self.assert_fails(NetworkError, self.xmlrpc()._call, "create")
        self.assertEqual(len(self.server.requests), 1)

    def test_keep_alive(self):
        """The calls of a work session share a connection, over all adapters, and so do those of the next session."""
        self.xmlrpc()._call("a")
        self.xmlrpc()._call("b")
        self.server.will(answer(body="{}"))
        self.rest()._request("GET", "c")
        self.assertEqual(self.server.connections, 1)
        self.xmlrpc().close()
        XmlRpc(self.open_work())._call("d")
        self.assertEqual(self.server.connections, 1)

    def test_url_missing_or_invalid(self):
        """A URL that cannot be one is a matter of configuration."""
        self.let_through()
        for url in ("shop.example.com", "ftp://shop.example.com", "http://"):
            with self.subTest(url=url):
                self.assert_fails(ConfigurationError, self.xmlrpc(url=url)._call, "ping")

    def test_no_netrc(self):
        """Credentials of the machine's user are not sent: only those of the backend are."""
        with tempfile.NamedTemporaryFile("w") as netrc:
            netrc.write("machine 127.0.0.1 login somebody password else\n")
            netrc.flush()
            with patch.dict(os.environ, {"NETRC": netrc.name}):
                self.assertTrue(requests.utils.get_netrc_auth(self.server.url))
                self.xmlrpc()._call("ping")
        self.assertNotIn("Authorization", self.server.requests[0].headers)

    def test_header_injection(self):
        """A header with a line break is refused before anything is sent."""
        self.patch(Rest, "_headers", lambda self: {"X-Key": "a\r\nX-Evil: 1"})
        self.assert_fails(ConfigurationError, self.rest()._request, "GET", "/")
        self.assertFalse(self.server.requests)


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersTls(AdapterCase):
    tls = True

    def test_self_signed_refused(self):
        """A certificate that nobody vouches for is a network error, and nothing was sent."""
        error = self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")
        self.assertIn("TLS", str(error))
        self.assertFalse(self.server.requests)

    def test_ca_bundle(self):
        """A connector can name the certificates to trust."""
        self.patch(XmlRpc, "_ca_bundle", lambda adapter: self.server.certificate)
        self.assertIs(self.xmlrpc()._call("ping"), True)

    def test_ca_bundle_missing(self):
        """A bundle that is not there is a matter of configuration."""
        self.patch(XmlRpc, "_ca_bundle", lambda adapter: "/nowhere.pem")
        self.assert_fails(ConfigurationError, self.xmlrpc()._call, "ping")


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersStatus(AdapterCase):
    def test_table(self):
        """Each status has the type that the table of the documentation gives it."""
        expected = {
            400: PermanentError, 401: AuthenticationError, 403: AuthenticationError, 404: ExternalNotFoundError,
            405: PermanentError, 408: NetworkError, 409: PermanentError, 410: ExternalNotFoundError,
            422: PermanentError, 425: NetworkError, 429: RateLimitedError, 500: NetworkError, 502: NetworkError,
            503: NetworkError, 504: NetworkError,
        }  # fmt: skip
        for status, error_type in expected.items():
            with self.subTest(status=status):
                self.server.will(answer(status, '["it says why"]'), answer(status, "it says why"))
                error = self.assert_fails(error_type, self.rest()._request, "POST", "/things")
                self.assertIn(f'answered {status}: ["it says why"]', str(error))
                # XML-RPC says by a fault that a record is missing, never by the status.
                error_type = NetworkError if error_type is ExternalNotFoundError else error_type
                self.assert_fails(error_type, self.xmlrpc()._call, "things")

    def test_missing_or_outage(self):
        """In REST a 404 or 410 means a missing record where the API says so itself; else it is an outage."""
        json = {"Content-Type": "application/json; charset=utf-8"}
        missing = [
            answer(404, '{"message": "no such thing"}'),
            answer(410, "[]"),
            answer(404, "", headers=json),
            answer(404, "{}", headers={"Content-Type": "application/problem+json"}),
        ]
        outages = [
            answer(404, HTML),
            answer(410, HTML, headers=json),
            answer(404),
            answer(404, "Not Found", headers={"Content-Type": "text/plain"}),
            answer(404, '"maintenance"'),
        ]
        for behaviours, error_type in ((missing, ExternalNotFoundError), (outages, NetworkError)):
            for verb in ("GET", "DELETE"):
                for number, behaviour in enumerate(behaviours):
                    with self.subTest(error_type=error_type.__name__, number=number, verb=verb):
                        self.server.will(behaviour)
                        self.assert_fails(error_type, self.rest()._request, verb, "/things/1")

    def test_missing_of_its_own(self):
        """A connector says by one method how its API tells that a record is missing."""
        self.patch(Rest, "_is_api_answer", lambda self, answer: answer.body == b"gone")
        self.server.will(answer(404, "gone"), answer(404, "{}"))
        self.assert_fails(ExternalNotFoundError, self.rest()._request, "GET", "/")
        self.assertIn("outage", str(self.assert_fails(NetworkError, self.rest()._request, "GET", "/")))

    def test_table_extended(self):
        """A connector gives a status another type by its class attribute alone."""
        self.patch(Rest, "_http_errors", {**HTTP_ERRORS, 409: ExternalConflictError})
        self.server.will(answer(409))
        self.assert_fails(ExternalConflictError, self.rest()._request, "POST", "/things")

    def test_retry_after_seconds(self):
        """Retry-After in seconds is the wait, and a wait that was asked for costs no attempt."""
        for verb in ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"):
            with self.subTest(verb=verb):
                self.server.requests.clear()
                self.server.will(answer(429, headers={"Retry-After": "7"}))
                error = self.assert_fails(RateLimitedError, self.rest()._request, verb, "/")
                self.assertEqual((error.retry_after_s, error.count_attempt), (7, False))
                self.assertEqual(len(self.server.requests), 1)

    def test_rate_limit_leaves_the_circuit(self):
        """A system that says how long to wait is up: however often it does, the circuit stays closed."""
        self.forgets_failures = False
        for _time in range(Rest.circuit_failures + 1):
            self.server.will(answer(429, headers={"Retry-After": "1"}))
            self.assert_fails(RateLimitedError, self.rest()._request, "GET", "/")
        self.assertFalse(self.state.opened_at)
        self.assertFalse(self.state.failures)

    def test_retry_after_date(self):
        """Retry-After as a date counts from the answer's own date: the two clocks may differ."""
        there = datetime(2020, 1, 1, 12, 0, tzinfo=timezone.utc)
        headers = {"Retry-After": format_datetime(there + timedelta(seconds=90), usegmt=True)}

        def behave(handler):
            handler.send_response_only(429)
            handler.send_header("Date", format_datetime(there, usegmt=True))
            handler.send_header("Retry-After", headers["Retry-After"])
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.server.will(behave)
        self.assertEqual(self.assert_fails(RateLimitedError, self.rest()._request, "GET", "/").retry_after_s, 90)

    def test_retry_after_bounds(self):
        """A wait is never negative nor longer than the bound, and nonsense is no wait: then the attempt counts."""
        for value, wait_s in (
            ("-5", 0),
            ("999999", 3600),
            ("Mon, 01 Jan 1990 00:00:00 GMT", 0),
            ("soon", None),
            ("nan", None),
        ):
            with self.subTest(value=value):
                self.server.will(answer(429, headers={"Retry-After": value}))
                error = self.assert_fails(RateLimitedError, self.rest()._request, "GET", "/")
                self.assertEqual(error.retry_after_s, wait_s)
                self.assertEqual(error.count_attempt, wait_s is None)

    def test_retry_after_outage(self):
        """A 503 that says when it is over is tried again then, and costs an attempt as any outage."""
        for verb in ("GET", "HEAD", "PUT", "DELETE", "POST"):
            with self.subTest(verb=verb):
                self.server.requests.clear()
                self.server.will(answer(503, headers={"Retry-After": "20"}))
                error = self.assert_fails(NetworkError, self.rest()._request, verb, "/")
                self.assertEqual((error.retry_after_s, error.count_attempt), (20, True))
                self.assertEqual(len(self.server.requests), 1)

    def test_redirect_elsewhere(self):
        """A redirect to another host or port is not followed, so credentials do not go there."""
        for target in (
            f"http://localhost:{self.server.port}/",
            "http://127.0.0.1:9/",
            f"https://127.0.0.1:{self.server.port}/",
        ):
            with self.subTest(target=target):
                self.server.requests.clear()
                self.server.will(answer(302, headers={"Location": target}))
                error = self.assert_fails(ConfigurationError, self.rest()._request, "GET", "/a")
                self.assertIn(target, str(error))
                self.assertEqual(len(self.server.requests), 1)

    def test_redirect_same_host(self):
        """A GET follows a redirect on its host, without repeating the query."""
        self.server.will(answer(301, headers={"Location": "/b?page=2"}), answer(body='{"a": 1}'))
        self.assertEqual(self.rest()._request("GET", "/a", params={"x": 1}), {"a": 1})
        self.assertEqual([request.path for request in self.server.requests], ["/a?x=1", "/b?page=2"])

    def test_redirect_loop(self):
        """A redirect loop ends."""
        self.server.always(answer(302, headers={"Location": "/again"}))
        self.assert_fails(ConfigurationError, self.rest()._request, "GET", "/a")
        self.assertEqual(len(self.server.requests), Rest.max_redirects + 1)

    def test_redirect_of_a_post(self):
        """No redirect of a POST is followed: it would be sent twice, or turned into a GET."""
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status=status):
                self.server.requests.clear()
                self.server.will(answer(status, headers={"Location": "/b"}))
                self.assert_fails(ConfigurationError, self.xmlrpc()._call, "create")
                self.assertEqual(len(self.server.requests), 1)

    def test_renewed_credentials(self):
        """After a 401 an adapter that can get new credentials sends the request once more, and only once."""
        renewed = []
        self.patch(Rest, "_renew_auth", lambda self: not renewed.append(1))
        self.server.will(answer(401), answer(body="[1]"))
        self.assertEqual(self.rest()._request("GET", "/"), [1])
        self.server.always(answer(401))
        self.assert_fails(AuthenticationError, self.rest()._request, "GET", "/")
        self.assertEqual(len(renewed), 2)


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersBody(AdapterCase):
    def test_web_page(self):
        """A web page in place of XML or JSON is a network error that says so, whatever its status is."""
        for status in (200, 503):
            with self.subTest(status=status):
                self.server.will(answer(status, HTML), answer(status, HTML))
                self.assertIn("web page", str(self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")))
                self.assertIn("web page", str(self.assert_fails(NetworkError, self.rest()._request, "GET", "/")))

    def test_first_line(self):
        """Where the answer is something else, the error shows its first line, without tags and secrets."""
        warning = f"<br />\n<b>Warning</b>: Undefined key {SECRET} in <b>api.php</b>\n"
        xml = '<?xml version="1.0"?><methodResponse><params/></methodResponse>'
        for body in (warning + xml, f"\n\nFatal error: {SECRET}\nStack trace:"):
            with self.subTest(body=body):
                self.server.will(answer(body=body), answer(body=body))
                for error in (
                    self.assert_fails(NetworkError, self.xmlrpc()._call, "ping"),
                    self.assert_fails(NetworkError, self.rest()._request, "GET", "/"),
                ):
                    self.assertRegex(
                        str(error), r"begins with '(Warning : Undefined key \*\*\* in|Fatal error: \*\*\*')"
                    )
                    self.assertNotIn("Stack", str(error))

    def test_empty_body(self):
        """An empty body in place of XML or JSON is a network error."""
        for status in (200, 500):
            with self.subTest(status=status):
                self.server.will(answer(status), answer(status))
                self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")
                self.assert_fails(NetworkError, self.rest()._request, "GET", "/")

    def test_no_body_to_come(self):
        """An empty body is None where the status or the verb says that there is none to come."""
        self.server.will(answer(204), answer(201), answer(200))
        self.assertIsNone(self.rest()._request("GET", "/"))
        self.assertIsNone(self.rest()._request("POST", "/"))
        self.assertIsNone(self.rest()._request("DELETE", "/"))

    def test_truncated(self):
        """A truncated body is a network error, by its length, its chunks or its text."""
        for behaviour in (truncated(b"[1, 2", 100), truncated(b"[1, 2", None), truncated_chunks(b"[1, 2")):
            self.server.will(behaviour)
            error = self.assert_fails(NetworkError, self.rest()._request, "GET", "/")
            self.assertIn("truncated", str(error))
        xml = b'<?xml version="1.0"?><methodResponse><params><param><value><string>a'
        for behaviour in (truncated(xml, 100), truncated(xml, None), truncated_chunks(xml)):
            self.server.will(behaviour)
            error = self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")
            self.assertIn("truncated", str(error))

    def test_gzip(self):
        """Compressed answers are unpacked, their size counts unpacked, and the connection is kept."""
        headers = {"Content-Encoding": "gzip"}
        self.server.will(answer(body=gzip.compress(b'{"a": 1}'), headers=headers), answer(body="[]"))
        self.assertEqual(self.rest()._request("GET", "/"), {"a": 1})
        self.assertEqual(self.rest()._request("GET", "/"), [])
        self.assertEqual(self.server.connections, 1)
        self.server.will(answer(body=gzip.compress(b" " * 5_000_000), headers=headers))
        self.assert_fails(PermanentError, self.rest()._request, "GET", "/")

    def test_truncated_gzip(self):
        """A compressed body that cannot be unpacked is a network error."""
        self.server.will(answer(body=b"\x1f\x8b\x08 not gzip", headers={"Content-Encoding": "gzip"}))
        self.assert_fails(NetworkError, self.rest()._request, "GET", "/")

    def test_huge_body(self):
        """A body of 200 MB is cut early, announced or not, at little memory, and is not tried again."""
        for announce in (True, False):
            with self.subTest(announce=announce):
                self.server.bytes_sent = 0
                self.server.will(huge(200_000_000, announce))
                tracemalloc.start()
                error = self.assert_fails(PermanentError, self.xmlrpc()._call, "list")
                _now, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                self.assertIn("max_response_bytes", str(error))
                self.assertLess(peak, 10_000_000)
                self.assertLess(self.server.bytes_sent, 20_000_000)

    def test_huge_error_body(self):
        """The body of an error is read only as far as it is shown."""

        def behave(handler):
            handler.start(500, {}, 200_000_000)
            handler.wfile.write(b"oops " * 100_000)
            handler.close_connection = True

        self.server.will(behave)
        error = self.assert_fails(NetworkError, self.rest()._request, "GET", "/")
        self.assertIn("answered 500: oops oops", str(error))
        self.assertLess(len(str(error)), 500)

    def test_entity_expansion(self):
        """XML that brings a document type is refused before it is expanded, and not tried again."""
        for bomb in (BOMB, FILE):
            self.server.will(answer(body=bomb))
            error = self.assert_fails(PermanentError, self.xmlrpc()._call, "ping")
            self.assertIn("document type", str(error))
            self.assertNotIn("root:", str(error))

    def test_deep_json(self):
        """JSON nested without end is refused and not tried again."""
        self.server.will(answer(body="[" * 200_000 + "]" * 200_000))
        self.assert_fails(PermanentError, self.rest()._request, "GET", "/")

    def test_not_xmlrpc(self):
        """XML that is no XML-RPC response is a network error."""
        value = "<params><param><value><int>x</int></value></param></params>"
        for body in (
            "<rss/>",
            "<methodResponse/>",
            f"<methodResponse>{value}</methodResponse>",
            "<methodResponse><fault><value><int>1</int></value></fault></methodResponse>",
        ):
            with self.subTest(body=body):
                self.server.will(answer(body=body))
                self.assert_fails(NetworkError, self.xmlrpc()._call, "ping")


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersXmlRpc(AdapterCase):
    def test_values(self):
        """Values come back as Python's own, nil included, and an empty array stays one."""
        value = {"none": None, "text": "é€😀 <&>", "int": 0, "float": 1.5, "true": True, "list": [], "bytes": b"\x00x",
                 "at": datetime(2026, 1, 2, 3, 4, 5), "deep": [{"a": [None]}]}  # fmt: skip
        self.server.will(xmlrpc_result(value))
        self.assertEqual(self.xmlrpc()._call("x"), value)

    def test_extension_nil(self):
        """The namespaced nil of Apache's servers is None as well."""
        self.server.will(
            answer(
                body='<methodResponse xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions">'
                "<params><param><value><ex:nil/></value></param></params></methodResponse>"
            )
        )
        self.assertIsNone(self.xmlrpc()._call("x"))

    def test_request(self):
        """None is sent as nil, and characters that XML cannot carry are left out."""
        self.xmlrpc()._call("a.b", None, "x\x0by\x00", {"k": [1]})
        request = self.server.requests[0]
        self.assertEqual((request.verb, request.path), ("POST", "/api/xmlrpc/"))
        self.assertIn(b"<nil/>", request.body)
        self.assertIn(b"<string>xy</string>", request.body)

    def test_control_characters_in_answer(self):
        """A record with a control character in it does not make a whole list unreadable."""
        self.server.will(
            answer(
                body=b"<methodResponse><params><param><value><string>a\x0bb</string></value></param></params></methodResponse>"
            )
        )
        self.assertEqual(self.xmlrpc()._call("x"), "ab")

    def test_parameters_that_cannot_be_sent(self):
        """What XML-RPC cannot carry is refused before anything is sent, naming the method."""
        for value in (object(), 2**40):
            error = self.assert_fails(PermanentError, self.xmlrpc()._call, "a.b", value)
            self.assertIn("a.b", str(error))
        self.assertFalse(self.server.requests)

    def test_fault(self):
        """A fault that the connector says nothing about is permanent, and shows code and text."""
        self.server.will(xmlrpc_fault(7, "No such thing"))
        error = self.assert_fails(PermanentError, self.xmlrpc()._call, "a.b")
        self.assertEqual(str(error), "a.b: fault 7: No such thing")

    def test_fault_table(self):
        """The connector's table decides, by resource and code before the code alone."""

        class Shop(XmlRpc):
            _fault_errors: ClassVar = {
                2: AuthenticationError,
                ("customer", 102): ExternalNotFoundError,
                102: PermanentError,
            }

            def _fault_resource(self, method, params):
                return params[0].partition(".")[0]

        self.server.will(xmlrpc_fault(2, "-"), xmlrpc_fault(102, "-"), xmlrpc_fault(102, "-"))
        adapter = self.xmlrpc(Shop)
        self.assert_fails(AuthenticationError, adapter._call, "call", "customer.info")
        self.assert_fails(ExternalNotFoundError, adapter._call, "call", "customer.info")
        self.assert_fails(PermanentError, adapter._call, "call", "order.info")

    def test_transient_faults(self):
        """A fault by a database that is busy or away is tried again, unless the table knows its code; so is what a
        connector says.
        """

        class Shop(XmlRpc):
            _fault_errors: ClassVar = {102: ExternalNotFoundError}
            _transient_texts = (*XmlRpc._transient_texts, "Index is being rebuilt")

        texts = (
            "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock",
            "SQLSTATE[HY000] [2002] Connection refused",
            "MySQL server has gone away",
            "could not serialize access due to concurrent update",
            "Index is being rebuilt, come back later",
        )
        adapter = self.xmlrpc(Shop)
        for text in texts:
            self.server.will(xmlrpc_fault(1, text))
            self.assertIn(text, str(self.assert_fails(NetworkError, adapter._call, "a.b")))
        self.server.will(xmlrpc_fault(102, texts[0]), xmlrpc_fault(1, "SQLSTATE[42S22]: Column not found"))
        self.assert_fails(ExternalNotFoundError, adapter._call, "a.b")
        self.assert_fails(PermanentError, adapter._call, "a.b")


class Courier(Settings, Adapter):
    """An adapter over no HTTP at all."""

    def write(self, external_id, data):
        with self._outside_call("PIGEON", external_id, data) as call:
            call.status = "flown"
            call.response = "coo"


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersOtherProtocol(AdapterCase):
    def test_outside_call(self):
        """An adapter over another protocol has the limits, the exchanges and the check for a copy by one wrapper."""
        courier = Courier(self.open_work(calls_per_second=1))
        courier.write("roof", {"a": 1})
        self.assert_fails(RateLimitedError, courier.write, "roof", {})
        self.env.cr.postcommit.run()
        exchange = self.env["connector.exchange"].search([("backend_id", "=", self.backend.id)])
        self.assertEqual(
            (exchange.method, exchange.path, exchange.status, exchange.request, exchange.response),
            ("PIGEON", "roof", "flown", '{"a": 1}', "coo"),
        )
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "1")
        self.assert_fails(ConfigurationError, courier.write, "roof", {})

    def test_outside_call_that_tells(self):
        """What a library of another protocol says of the password is masked, in the errors behind the error too."""

        class Loud(Courier):
            def write(self, external_id, data):
                with self._outside_call("PIGEON", external_id):
                    try:
                        raise OSError(f"login with {SECRET} failed")
                    except OSError as error:
                        raise NetworkError(f"no pigeon for {SECRET}") from error

        error = self.assert_fails(NetworkError, Loud(self.work).write, "roof", {})
        told = "".join(traceback.format_exception(error))
        self.assertIn("login with *** failed", told)
        self.assertIn("no pigeon for ***", told)
        self.assertNotIn(SECRET, told)


@tagged("post_install", "-at_install", "plain")
class TestAdaptersInterface(BaseCase):
    def test_not_implemented(self):
        """What an adapter does not implement raises, naming class and method."""
        adapter = XmlRpc(None)
        for method, args in (("search", ()), ("read", (1,)), ("read_many", ([1],)), ("search_read", ()),
                             ("create", ({},)), ("write", (1, {})), ("delete", (1,))):  # fmt: skip
            with self.subTest(method=method), self.assertRaisesRegex(NotImplementedError, r"XmlRpc does not implement"):
                getattr(adapter, method)(*args)

    def test_defaults(self):
        """read_many and search_read are made of read and search."""

        class Things(XmlRpc):
            def search(self, filters=None, cursor=None):
                return [1, 2], "next"

            def read(self, external_id, fields=None):
                return {"id": external_id, "fields": fields}

        adapter = Things(None)
        self.assertEqual(
            adapter.read_many([2, 1], ["a"]), {2: {"id": 2, "fields": ["a"]}, 1: {"id": 1, "fields": ["a"]}}
        )
        self.assertEqual(adapter.search_read(), ({1: {"id": 1, "fields": None}, 2: {"id": 2, "fields": None}}, "next"))

    def test_read_many_leaves_out(self):
        """What does not exist is left out; any other failure is raised."""

        class Things(XmlRpc):
            def read(self, external_id, fields=None):
                if external_id in errors:
                    raise errors[external_id]
                return {"id": external_id}

        errors = {2: ExternalNotFoundError("gone"), 4: NetworkError("down")}
        self.assertEqual(Things(None).read_many([3, 2, 1]), {3: {"id": 3}, 1: {"id": 1}})
        with self.assertRaises(NetworkError):
            Things(None).read_many([3, 4])
