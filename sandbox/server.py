"""Serve a shop over HTTP/1.1: the API's endpoint, the images, and the sandbox's own addresses."""

from __future__ import annotations

import gzip
import io
import json
import logging
import mimetypes
import socket
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import urlsplit

from .api import Api, canonical
from .failures import Failure, FailurePlan
from .faults import DATABASE_AWAY, DEADLOCK, FaultError, PhpDiedError, ServicePageError, api_fault
from .protocol import MethodCall, ScalarTypes, decode, encode, encode_fault
from .sessions import Sessions
from .shop import Shop
from .writers import Writers, is_product_write, never

_logger = logging.getLogger(__name__)

ENDPOINT = "/api/xmlrpc/"
_ENDPOINTS = ("/api/xmlrpc", "/index.php/api/xmlrpc")

#: The largest request, in bytes, also after unpacking. A picture comes inside one, in base64.
MAX_REQUEST = 32 * 1024 * 1024

_XML = "text/xml; charset=UTF-8"
_HTML = "text/html; charset=UTF-8"
_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE bomb [<!ENTITY e0 "boom">'
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    + "]>\n<methodResponse><params><param><value><string>&e9;</string></value></param></params></methodResponse>"
)
#: What is printed when a script needs too much memory: before the answer, or in its middle.
_PHP_ERROR = (
    b"<br />\n<b>Fatal error</b>:  Allowed memory size of 268435456 bytes exhausted (tried to allocate 20480 bytes) in"
    b" <b>lib/Zend/XmlRpc/Value.php</b> on line <b>484</b><br />\n"
)
#: Fault by method of a shop whose database is away; of all others it is 1.
_WITHOUT_DATABASE = {"login": (2, "Access denied."), "multiCall": (404, "Unknown error")}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = _XML
    headers: tuple[tuple[str, str], ...] = ()


def page(status: int, title: str, *headers: tuple[str, str]) -> Answer:
    """Return an HTML page."""
    return Answer(status, _PAGE.format(title).encode(), _HTML, headers)


def names_of(call: MethodCall) -> list[str]:
    """Return what a request calls, to match failures by: method, paths as sent, paths as the shop has them."""
    paths: list[Any] = []
    if call.method == "call":
        paths = call.params[1:2]
    elif call.method == "multiCall" and len(call.params) > 1 and isinstance(call.params[1], list):
        paths = [part[0] for part in call.params[1] if isinstance(part, list) and part]
    sent = [path for path in paths if isinstance(path, str)]
    return [call.method, *sent, *(canonical(path) for path in sent)]


class Served(Protocol):
    """What the server answers from: a running shop, its failures and its controls."""

    base_url: str
    store: Shop
    api: Api
    sessions: Sessions
    failures: FailurePlan
    writers: Writers
    scalar_types: ScalarTypes
    stopping: threading.Event

    def log_request(self, call: MethodCall | None) -> None: ...
    def log_download(self, path: str) -> None: ...
    def control(self, command: dict[str, Any]) -> dict[str, Any]: ...
    def summary(self) -> dict[str, Any]: ...


class TooLargeError(Exception):
    """The request is larger than `MAX_REQUEST`."""


class Handler(BaseHTTPRequestHandler):
    """Answer the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "MagentoSandbox"
    sys_version = ""
    #: seconds that a connection may stay silent
    timeout = 60
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Log at DEBUG what the base class would print."""
        _logger.debug("%s %s", self.address_string(), format % args)

    # Reading

    def _body(self) -> bytes:
        """Return the request's body, whether it comes in one piece or in chunks, packed or not."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            body = self._chunks()
        else:
            length = int(self.headers.get("Content-Length") or 0)
            if length < 0:
                raise ValueError("a negative length")
            if length > MAX_REQUEST:
                raise TooLargeError
            body = self.rfile.read(length)
        if "gzip" in (self.headers.get("Content-Encoding") or "").lower():
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
                body = packed.read(MAX_REQUEST + 1)
            if len(body) > MAX_REQUEST:
                raise TooLargeError
        return body

    def _chunks(self) -> bytes:
        parts, total = [], 0
        while size := int(self.rfile.readline(64).split(b";")[0].strip() or b"0", 16):
            if size < 0:
                raise ValueError("a negative length")
            total += size
            if total > MAX_REQUEST:
                raise TooLargeError
            parts.append(self.rfile.read(size))
            self.rfile.readline(8)
        while self.rfile.readline(1024).strip():
            pass
        return b"".join(parts)

    # Writing

    def _send(self, answer: Answer, body_limit: int | None = None) -> None:
        """Send an answer, or the first `body_limit` bytes of its body and then nothing more."""
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store, no-cache, must-revalidate")
        for name, value in answer.headers:
            self.send_header(name, value)
        if body_limit is not None:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:body_limit])

    def _drop(self) -> None:
        """Close the connection at once, so that the client gets a reset and no answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.wfile = io.BytesIO()
        self.connection.close()

    def _send_huge(self, size: int) -> None:
        """Send one string as long as that, without holding it in memory."""
        head, tail = encode("\0").split(b"<string>")[0] + b"<string>", encode("").split(b"<string>")[1]
        self.send_response(200)
        self.send_header("Content-Type", _XML)
        self.send_header("Content-Length", str(len(head) + size + len(tail)))
        self.end_headers()
        self.wfile.write(head)
        block = b"x" * 65536
        for start in range(0, size, len(block)):
            self.wfile.write(block[: min(len(block), size - start)])
        self.wfile.write(tail)

    # Requests

    def handle_one_request(self) -> None:
        """Handle a request; a client that has gone away is no error of the server."""
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, ValueError) as error:
            _logger.debug("connection lost: %r", error)
            self.close_connection = True

    def do_POST(self) -> None:
        """Answer a call of the API, or a command to the sandbox."""
        try:
            body = self._body()
        except TooLargeError:
            self.close_connection = True
            self._send(page(413, "Request Entity Too Large"))
            return
        except (ValueError, OSError, EOFError):
            self.close_connection = True
            self._send(page(400, "Bad Request"))
            return
        path = urlsplit(self.path).path
        if path.rstrip("/") in _ENDPOINTS:
            self._answer_call(body)
        elif path == "/sandbox/control":
            self._control(body)
        else:
            self._send(page(404, "404 Not Found"))

    def do_GET(self) -> None:
        """Send an image, or the summary of the shop's data."""
        path = urlsplit(self.path).path
        sandbox = self.server.sandbox
        prefix = "/media/catalog/product"
        if path.startswith(prefix) and path[len(prefix) :] in sandbox.store.files:
            self._answer_image(path, sandbox.store.files[path[len(prefix) :]])
        elif path == "/sandbox/summary":
            self._private(sandbox.summary)
        elif path.rstrip("/") in _ENDPOINTS:
            # A request without a method's name, as any other body that is none.
            self._answer_call(b"")
        else:
            self._send(page(404, "404 Not Found"))

    do_HEAD = do_GET

    def _answer_image(self, path: str, content: bytes) -> None:
        """Send an image, or that it is still the one that the client has: as any web server does with a file."""
        sandbox = self.server.sandbox
        sandbox.log_download(path)
        version = f'"{zlib.crc32(content):08x}-{len(content):x}"'
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        if self.headers.get("If-None-Match") == version:
            answer = Answer(304, b"", kind, (("ETag", version),))
        else:
            answer = Answer(200, content, kind, (("ETag", version),))
        failure = sandbox.failures.take(["GET", path], by_name=True)
        if failure is None:
            self._send(answer)
        else:
            self._fail(failure, answer)

    # The API

    def _answer_call(self, body: bytes) -> None:
        sandbox = self.server.sandbox
        call: MethodCall | None = None
        try:
            call = decode(body)
        except FaultError as fault:
            unreadable = Answer(200, encode_fault(fault.code, fault.message))
        sandbox.log_request(call)
        failure = sandbox.failures.take(names_of(call) if call else [])
        if failure is not None:
            _logger.info("failing on purpose: %s", failure.kind)
            answer = None
            if failure.kind == "deadlock" and call:
                answer = self._run(call, failure.hits_path)
            elif failure.runs_the_call:
                answer = self._run(call) if call else unreadable
            self._fail(failure, answer, call)
        else:
            self._send(self._run(call) if call else unreadable)

    def _run(self, call: MethodCall, deadlocked: Callable[[str], bool] | None = None) -> Answer:
        sandbox = self.server.sandbox
        try:
            with sandbox.writers.writing(names_of(call)) as met_another:
                deadlocked = deadlocked or (is_product_write if met_another else never)
                # An answer refers to the shop's own records: no other call may change them while it is written.
                with sandbox.store.lock:
                    return Answer(200, encode(sandbox.api.answer(call, deadlocked), sandbox.scalar_types))
        except FaultError as fault:
            return Answer(200, encode_fault(fault.code, fault.message))
        except PhpDiedError:
            return Answer(500, b"", _HTML)
        except ServicePageError:
            return page(503, "Service Temporarily Unavailable")
        except Exception:
            _logger.exception("the sandbox failed at %s", names_of(call))
            return Answer(200, encode_fault(1, "The sandbox itself failed: see its log."))

    def _fail(self, failure: Failure, answer: Answer | None, call: MethodCall | None = None) -> None:
        sandbox = self.server.sandbox
        match failure.kind:
            case "http_503":
                self._send(page(503, "Service Temporarily Unavailable"))
            case "http_500_empty":
                self._send(Answer(500, b"", _HTML))
            case "fault":
                self._send(Answer(200, encode_fault(failure.code, failure.message)))
            case "deadlock":
                self._send(answer or Answer(200, encode_fault(1, DEADLOCK)))
            case "database_away":
                code, message = _WITHOUT_DATABASE.get(call.method if call else "", (1, DATABASE_AWAY))
                self._send(Answer(200, encode_fault(code, message)))
            case "php_error":
                self._send(Answer(200, _PHP_ERROR + encode([])[:60], _HTML))
            case "timeout":
                sandbox.stopping.wait(failure.seconds)
                self._send(answer or Answer())
            case "malformed":
                self._send(Answer(200, b"<methodResponse><params <<< this is not XML"))
            case "html":
                self._send(page(200, "Welcome"))
            case "truncated":
                whole = answer or Answer()
                self._send(whole, len(whole.body) // 2)
            case "empty":
                self._send(Answer())
            case "huge":
                self._send_huge(failure.size)
            case "entity_bomb":
                self._send(Answer(200, _BOMB.encode()))
            case "redirect":
                self._send(page(302, "Found", ("Location", f"{sandbox.base_url}/elsewhere/")))
            case "drop":
                self._drop()
            case "rate_limited":
                self._send(page(429, "Too Many Requests", ("Retry-After", f"{failure.seconds:g}")))
            case "session_expired":
                sandbox.sessions.expire_all()
                fault = api_fault(5)
                self._send(Answer(200, encode_fault(fault.code, fault.message)))

    # The sandbox's own addresses

    def _private(self, answer: Any) -> None:
        """Send what `answer()` gives as JSON, to this machine alone."""
        if not (self.client_address[0].startswith("127.") or self.client_address[0] in ("::1", "::ffff:127.0.0.1")):
            self._json(403, {"error": "only for the machine that the sandbox runs on"})
            return
        try:
            self._json(200, answer())
        except (ValueError, TypeError, KeyError) as error:
            self._json(400, {"error": str(error)})

    def _json(self, status: int, value: Any) -> None:
        self._send(Answer(status, json.dumps(value, indent=1).encode() + b"\n", "application/json"))

    def _control(self, body: bytes) -> None:
        if not (self.headers.get("Content-Type") or "").startswith("application/json"):
            # Keeps a web page in a browser on this machine from sending commands: it would have to ask first.
            self._json(415, {"error": "send application/json"})
            return
        self._private(lambda: self.server.sandbox.control(json.loads(body)))


class Server(ThreadingHTTPServer):
    """Listen, with a thread for each connection, and close them all in the end."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Served) -> None:
        self.sandbox = sandbox
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Close what clients keep open, so that no thread waits for them."""
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
