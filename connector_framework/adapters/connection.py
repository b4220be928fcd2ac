"""The connection of a backend: what its adapters share to talk to one system, kept from job to job."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from .errors import http_date

__all__ = ["Connection", "ConnectionKey", "fingerprint"]


class _Sending(threading.local):
    """What this thread asks before each HTTP request of our sessions, whichever code sends it: (verb, URL)."""

    check: Callable[[str, str], None] | None = None


sending = _Sending()

#: Seconds that an idle connection, which is little more than its API session, is kept.
KEPT_S = 3600.0
#: Seconds that it keeps its sockets: a server closes idle ones about then, and has a thread or a process for each.
SOCKETS_S = 15.0
#: Idle connections that are kept for one key.
KEPT_EACH = 16


class ConnectionKey(NamedTuple):
    """What tells one connection from another: different credentials never share one."""

    database: str
    backend_model: str
    backend_id: int
    credentials: str


class Connection:
    """A connection to one backend with one set of credentials, used by one thread at a time.

    The adapters of all models of a work session share it. At the end of the session it stays open in this process, for
    the next session on the backend: so an API is logged in to once a thread, not once a job.

    :ivar api_session: the session that the API gave at the login, for an adapter to keep; None before the login, and
        after an ``AuthenticationError``. It may have expired since: the adapter logs in again then
    :ivar server_date: the ``Date`` header of the last answer
    :ivar clock_skew_s: seconds by which the clock of the other system was ahead of ours at the last answer
    :ivar secrets: values to mask that the other system gave, e.g. the id of a session
    :ivar about: the columns of an exchange that name the record of the calls at the moment
    :ivar is_pinging: whether the calls at the moment are those of a ping, which pass an open circuit
    """

    def __init__(self) -> None:
        self.api_session: Any = None
        self.server_date: str | None = None
        self.clock_skew_s: float | None = None
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

    def note_date(self, date: str | None) -> None:
        """Keep the ``Date`` header of an answer that has just come."""
        self.server_date = date
        at = http_date(date or "")
        self.clock_skew_s = None if at is None else (at - datetime.now(timezone.utc)).total_seconds()

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
        self.disconnect()
        self.api_session = None
        self.secrets.clear()

    def disconnect(self) -> None:
        """Close the sockets; the next call opens new ones. The API's session, and cookies of it, stay."""
        for session in self._http_sessions.values():
            session.close()

    @classmethod
    def of(cls, work: Any, credentials: str) -> Connection:
        """Return this thread's connection of a work session: the first time an idle one, or a new one."""
        backend = work.backend
        key = ConnectionKey(work.env.cr.dbname, backend._name, backend.id, credentials)
        connections: dict[tuple[ConnectionKey, int], Connection] = work.shared.setdefault(cls, {})
        own = (key, threading.get_ident())
        if own not in connections:
            connections[own] = _idle.take(key) or cls()
        return connections[own]

    @classmethod
    def release_all(cls, work: Any) -> None:
        """Keep the connections of a work session, those of all threads, for the next one."""
        for (key, _thread), connection in work.shared.pop(cls, {}).items():
            connection.server_date = connection.clock_skew_s = None
            _idle.put(key, connection)

    @staticmethod
    def close_idle() -> None:
        """Close all idle connections of this process."""
        _idle.close()


class _Idle:
    """The idle connections of this process, with the moment since when they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[ConnectionKey, list[tuple[float, Connection]]] = {}

    def take(self, key: ConnectionKey) -> Connection | None:
        """Return the connection that was used last."""
        with self._lock:
            kept = self._by_key.get(key)
            since, connection = kept.pop() if kept else (0.0, None)
        if connection and time.monotonic() - since > KEPT_S:
            connection.close()
            return None
        return connection

    def put(self, key: ConnectionKey, connection: Connection) -> None:
        """Keep a connection, and close those that were idle for too long, or their sockets."""
        now, closed = time.monotonic(), []
        with self._lock:
            self._by_key.setdefault(key, []).append((now, connection))
            for kept in self._by_key.values():
                while kept and (now - kept[0][0] > KEPT_S or len(kept) > KEPT_EACH):
                    closed.append(kept.pop(0)[1])
                for since, idle in kept:
                    if now - since > SOCKETS_S:
                        idle.disconnect()
            self._by_key = {key: kept for key, kept in self._by_key.items() if kept}
        for old in closed:
            old.close()

    def close(self) -> None:
        with self._lock:
            by_key, self._by_key = self._by_key, {}
        for kept in by_key.values():
            for _since, connection in kept:
                connection.close()

    def forget(self) -> None:
        """Leave the connections of the parent process to it."""
        self.__init__()  # type: ignore[misc]


_idle = _Idle()
os.register_at_fork(after_in_child=_idle.forget)


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

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        if sending.check is not None:
            sending.check(request.method or "", request.url or "")
        return super().send(request, stream, timeout or self._timeouts, verify, cert, proxies)
