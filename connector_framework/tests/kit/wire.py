"""The line between a connector and the other system: what is sent over it, and how it fails."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Protocol
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from ...exceptions import AuthenticationError, NetworkError, RateLimitedError
from .fake_adapter import FakePeer

__all__ = ["Failure", "FakeWire", "HttpWire", "Wire"]

#: What may happen to a call.
KINDS = {
    "unavailable": "503 with a web page, or what says the same",
    "server_error": "500, whose body repeats all that was sent",
    "rate_limited": "429 with Retry-After",
    "unauthorized": "401, whose body repeats all that was sent",
    "refused": "no connection",
    "timeout": "no answer in time",
    "web_page": "a page of HTML in place of the answer, with status 200",
    "empty": "status 200 and no body",
    "truncated": "the connection ends in the middle of the body",
    "answer_lost": "the other system does what it was asked for, and the connection ends before the answer",
}


@dataclass(frozen=True)
class Failure:
    """How a call fails.

    :param kind: one of ``KINDS``
    :param retry_after_s: of ``rate_limited``, seconds
    :param as_date: of ``rate_limited``: whether ``Retry-After`` is a date and no number
    """

    kind: str
    retry_after_s: int = 60
    as_date: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no failure of kind {self.kind!r}; there are: {', '.join(KINDS)}")


class Wire(Protocol):
    """What the acceptance suite needs to know of the line to the other system."""

    def open(self) -> Any:
        """Return a context manager inside which the wire listens."""

    def sent(self) -> int:
        """Return how many calls were sent so far, those that failed included."""

    def fail_next(self, failure: Failure) -> None:
        """Let the next call fail."""

    def fail_always(self, failure: Failure | None) -> None:
        """Let all calls fail from now on; None: none any more."""


class HttpWire:
    """The line of every adapter that sends by ``requests``, as :class:`HttpAdapter` does.

    It listens below the adapter: time-outs, tables of errors, masks and retries are the connector's own.
    """

    def __init__(self) -> None:
        self.requests: list[requests.PreparedRequest] = []
        self._next: deque[Failure] = deque()
        self._always: Failure | None = None

    @contextmanager
    def open(self) -> Iterator[HttpWire]:
        send = HTTPAdapter.send

        def over_the_wire(transport: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
            self.requests.append(request)
            failure = self._next.popleft() if self._next else self._always
            if failure is None:
                return send(transport, request, *args, **kwargs)
            return _fail(failure, transport, request, lambda: send(transport, request, *args, **kwargs))

        with patch.object(HTTPAdapter, "send", over_the_wire):
            yield self

    def sent(self) -> int:
        return len(self.requests)

    def fail_next(self, failure: Failure) -> None:
        self._next.append(failure)

    def fail_always(self, failure: Failure | None) -> None:
        self._next.clear()
        self._always = failure


class FakeWire:
    """The line to a :class:`FakePeer`."""

    def __init__(self, peer: FakePeer) -> None:
        self.peer = peer

    @contextmanager
    def open(self) -> Iterator[FakeWire]:
        yield self

    def sent(self) -> int:
        return len(self.peer.calls)

    def fail_next(self, failure: Failure) -> None:
        self.peer.fail_next(_error(failure), is_done=failure.kind == "answer_lost")

    def fail_always(self, failure: Failure | None) -> None:
        self.peer.refuse(failure and _error(failure))


def _error(failure: Failure) -> Exception:
    """Return what an adapter makes of a failure."""
    message = f"the peer fails on purpose: {KINDS[failure.kind]}"
    match failure.kind:
        case "unauthorized":
            return AuthenticationError(message)
        case "rate_limited":
            return RateLimitedError(message, retry_after_s=failure.retry_after_s, count_attempt=False)
        case _:
            return NetworkError(message)


def _fail(
    failure: Failure, transport: HTTPAdapter, request: requests.PreparedRequest, send: Callable[[], Any]
) -> requests.Response:
    match failure.kind:
        case "unavailable":
            return _response(transport, request, 503, b"<!DOCTYPE html><html>maintenance</html>")
        case "server_error":
            return _response(transport, request, 500, _repeated(request))
        case "unauthorized":
            return _response(transport, request, 401, _repeated(request))
        case "rate_limited":
            if transport.max_retries.is_retry(request.method or "", 429, has_retry_after=True):
                # This line is above urllib3, so the repetition would not be seen.
                raise AssertionError(f"{transport!r} waits and repeats by itself: respect_retry_after_header=False")
            return _response(transport, request, 429, b"slow down", _retry_after(failure))
        case "web_page":
            return _response(transport, request, 200, b"<!DOCTYPE html><html>welcome</html>")
        case "empty":
            return _response(transport, request, 200, b"")
        case "truncated":
            return _response(transport, request, 200, b'[{"a', {"Content-Length": "1000"})
        case "timeout":
            raise requests.exceptions.ReadTimeout("the peer does not answer", request=request)
        case "answer_lost":
            send().close()
    raise requests.exceptions.ConnectionError("the peer hangs up", request=request)


def _retry_after(failure: Failure) -> dict[str, str]:
    if not failure.as_date:
        return {"Retry-After": str(failure.retry_after_s)}
    now = datetime.now(timezone.utc)
    at = now + timedelta(seconds=failure.retry_after_s)
    return {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(at, usegmt=True)}


def _repeated(request: requests.PreparedRequest) -> bytes:
    """Return all that was sent, as careless servers put it into their error pages."""
    body = request.body or b""
    head = "\n".join([f"{request.method} {request.url}", *(f"{k}: {v}" for k, v in request.headers.items())])
    return head.encode() + b"\n\n" + (body.encode() if isinstance(body, str) else bytes(body))


def _response(
    transport: HTTPAdapter,
    request: requests.PreparedRequest,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> requests.Response:
    raw = HTTPResponse(
        body=io.BytesIO(body),
        headers={"Content-Length": str(len(body)), **(headers or {})},
        status=status,
        preload_content=False,
        # A body that is shorter than announced is an error, as on a real connection.
        enforce_content_length=True,
        request_method=request.method,
    )
    return transport.build_response(request, raw)
