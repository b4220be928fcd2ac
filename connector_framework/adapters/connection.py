"""The connection of a backend: what its adapters share to talk to one system."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

__all__ = ["Connection", "ConnectionKey", "fingerprint"]


class ConnectionKey(NamedTuple):
    """What tells one connection from another: different credentials never share one, nor do two threads."""

    backend_model: str
    backend_id: int
    credentials: str
    thread: int


class Connection:
    """One thread's connection to one backend with one set of credentials.

    The adapters of all models of a work session share it, and its end closes it.

    :ivar api_session: the session that the API gave at the login, for an adapter to keep; None before it
    :ivar server_date: the ``Date`` header of the last answer
    :ivar secrets: values to mask that the other system gave, e.g. the id of a session
    :ivar about: the columns of an exchange that name the record of the calls at the moment
    :ivar is_pinging: whether the calls at the moment are those of a ping, which pass an open circuit
    """

    def __init__(self) -> None:
        self.api_session: Any = None
        self.server_date: str | None = None
        self.secrets: set[str] = set()
        self.about: dict[str, Any] | None = None
        self.is_pinging = False
        self._http_sessions: dict[tuple[float, float, int], requests.Session] = {}

    def http_session(self, connect_timeout_s: float, read_timeout_s: float, connect_retries: int) -> requests.Session:
        """Return the HTTP session with these settings, which keeps connections alive and cookies."""
        key = (connect_timeout_s, read_timeout_s, connect_retries)
        session = self._http_sessions.get(key)
        if session is None:
            session = self._http_sessions[key] = requests.Session()
            transport = _Transport(*key)
            session.mount("https://", transport)
            session.mount("http://", transport)
        return session

    @contextmanager
    def setting(self, **values: Any) -> Iterator[None]:
        """Set attributes while the block runs."""
        before = {name: getattr(self, name) for name in values}
        vars(self).update(values)
        try:
            yield
        finally:
            vars(self).update(before)

    def close(self) -> None:
        """Close the HTTP sessions and forget the API's own."""
        while self._http_sessions:
            self._http_sessions.popitem()[1].close()
        self.api_session = None

    @classmethod
    def of(cls, work: Any, credentials: str) -> Connection:
        """Return this thread's connection of a work session, a new one the first time."""
        key = ConnectionKey(work.backend._name, work.backend.id, credentials, threading.get_ident())
        connections: dict[ConnectionKey, Connection] = work.shared.setdefault(cls, {})
        return connections.get(key) or connections.setdefault(key, cls())

    @classmethod
    def close_all(cls, work: Any) -> None:
        """Close the connections of a work session, those of all threads."""
        for connection in work.shared.pop(cls, {}).values():
            connection.close()


def fingerprint(*values: Any) -> str:
    """Return a text that differs where credentials differ, and from which they cannot be read."""
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()


class _Transport(HTTPAdapter):
    """Gives every request its time-outs, whichever code sends it, and repeats nothing but connecting."""

    def __init__(self, connect_timeout_s: float, read_timeout_s: float, connect_retries: int) -> None:
        self._timeouts = (connect_timeout_s, read_timeout_s)
        retries = Retry(
            total=connect_retries,
            connect=connect_retries,
            read=False,
            status=0,
            redirect=0,
            other=0,
            backoff_factor=0.2,
            # Else urllib3 sleeps as long as a 413, 429 or 503 asks for, repeats the request, and hides the answer.
            respect_retry_after_header=False,
        )
        super().__init__(max_retries=retries)

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        return super().send(request, stream, timeout or self._timeouts, verify, cert, proxies)
