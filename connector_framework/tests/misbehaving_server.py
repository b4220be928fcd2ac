"""An HTTP server on the loopback interface that misbehaves on demand.

``with MisbehavingServer() as server:``; then ``server.will(answer(503))`` for the next request, ``server.always(...)``
for all. A behaviour is a callable that gets the request handler.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import tempfile
import threading
import time
import xmlrpc.client
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Behaviour = Callable[["Handler"], None]


@dataclass
class Request:
    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class MisbehavingServer:
    """The server; it records the requests, the connections, and how many bytes of bodies it could send."""

    tls: bool = False
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    bytes_sent: int = 0
    _next: deque[Behaviour] = field(default_factory=deque)

    def __enter__(self) -> MisbehavingServer:
        self._always = xmlrpc_result(True)
        self._stack = contextlib.ExitStack()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.owner = self
        self._stack.callback(self._server.server_close)
        if self.tls:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            self.certificate = _self_signed(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._server.handle_error = lambda *args: None  # a client that does not trust us is no news
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._stack.callback(self._server.shutdown)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def will(self, *behaviours: Behaviour) -> None:
        """Behave so for the next requests, one each."""
        self._next.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Behave so for all requests that :meth:`will` says nothing about."""
        self._always = behaviour


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: MisbehavingServer

    def setup(self) -> None:
        super().setup()
        self.owner = self.server.owner  # type: ignore[attr-defined]
        self.owner.connections += 1

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.owner.requests.append(Request(self.command, self.path, dict(self.headers), body))
        behaviour = self.owner._next.popleft() if self.owner._next else self.owner._always
        behaviour(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _handle

    def start(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def answer(status: int = 200, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer like a server that is well."""
    data = body.encode() if isinstance(body, str) else body

    def behave(handler: Handler) -> None:
        handler.start(status, headers or {}, len(data))
        handler.wfile.write(data)

    return behave


def xmlrpc_result(value: object) -> Behaviour:
    return answer(
        body=xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True), headers={"Content-Type": "text/xml"}
    )


def xmlrpc_fault(code: int, text: str) -> Behaviour:
    return answer(body=xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True))


def silence(seconds: float) -> Behaviour:
    """Take the request and say nothing for so long."""

    def behave(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return behave


def truncated(body: bytes, announced: int | None) -> Behaviour:
    """End the body before the announced length; None announces none and ends it by closing."""

    def behave(handler: Handler) -> None:
        handler.start(200, {}, announced)
        handler.wfile.write(body)
        handler.close_connection = True

    return behave


def truncated_chunks(body: bytes) -> Behaviour:
    """Close the connection without the last chunk."""

    def behave(handler: Handler) -> None:
        handler.start(200, {"Transfer-Encoding": "chunked"}, None)
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))

    return behave


def huge(size: int, announce: bool) -> Behaviour:
    """Stream a body of that size, made as it goes, until the client hangs up."""

    def behave(handler: Handler) -> None:
        handler.start(200, {}, size if announce else None)
        block = b"<" + b"x" * 65535
        with contextlib.suppress(OSError):
            for _block in range(size // len(block)):
                handler.wfile.write(block)
                handler.owner.bytes_sent += len(block)
        handler.close_connection = True

    return behave


def drip(seconds: float, pause_s: float) -> Behaviour:
    """Send a byte now and then, so that no read ever times out."""

    def behave(handler: Handler) -> None:
        handler.start(200, {}, 100_000)
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                handler.wfile.write(b" ")
                time.sleep(pause_s)
        handler.close_connection = True

    return behave


def reset(handler: Handler) -> None:
    """Cut the connection hard instead of answering."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def refused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def deaf_port():
    """Yield a port where a connection is neither taken nor refused: its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _client in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def _self_signed(folder: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = Path(folder) / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)
