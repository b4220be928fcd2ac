"""What adapters over HTTP have in common: one careful way to send a request and to read its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import Retry

from ..exceptions import ConfigurationError, ConnectorError, PermanentError
from .adapter import Adapter
from .errors import HTTP_ERRORS, TRANSPORT_ERRORS, http_error_type, make_error, retry_after_s
from .exchanges import Call

__all__ = ["Answer", "HttpAdapter"]

#: How much of an answer is read at once, and how much of the text of an error is shown.
CHUNK_BYTES = 64 * 1024
ERROR_BYTES = 64 * 1024
DETAIL_LENGTH = 300


@dataclass
class Answer:
    """The answer to one request."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    #: What the body says, once the adapter has read it.
    payload: Any = None

    @property
    def is_html(self) -> bool:
        """Tell whether the body is a web page: what proxies, maintenance modes and login walls answer."""
        start = self.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return start.startswith((b"<!doctype html", b"<html"))


class HttpAdapter(Adapter):
    """An adapter over HTTP: XML-RPC and REST are built on it.

    Connections are kept alive in one session per thread and work session. TLS certificates are verified; there is no
    switch to turn that off, only :meth:`_ca_bundle`. Cookies last as long as the work session.
    """

    #: Seconds until the connection stands (each address, and again for each of ``connect_retries``).
    connect_timeout_s: ClassVar[float] = 10.0
    #: Seconds without a byte of the answer.
    read_timeout_s: ClassVar[float] = 60.0
    #: Seconds from the request until the last byte of the answer.
    total_timeout_s: ClassVar[float] = 300.0
    #: Size of an answer, unpacked. A bigger one is not read to its end: ask for less, or raise it.
    max_response_bytes: ClassVar[int] = 64 * 1024 * 1024
    #: Further tries to connect. Safe for every call, as nothing has been sent yet; what fails later is left to the job.
    connect_retries: ClassVar[int] = 1
    #: Redirects of a GET or HEAD to the same host that are followed; any other redirect is an error.
    max_redirects: ClassVar[int] = 5
    #: The longest wait that the other system may ask for.
    max_retry_after_s: ClassVar[float] = 3600.0

    #: Path below the backend's URL that all calls go to.
    _path: ClassVar[str] = ""
    _http_errors: ClassVar[Mapping[int | str, type[ConnectorError]]] = HTTP_ERRORS
    _transport_errors: ClassVar = TRANSPORT_ERRORS

    # What the backend says

    def _url(self) -> str:
        """Return the base URL, by default the backend's field ``url``."""
        url = (self._backend_value("url") or "").strip()
        if not url:
            raise ConfigurationError(
                f"{self.backend.display_name} ({self.backend}) has no URL: enter it on the backend"
            )
        return url

    def _headers(self) -> dict[str, str]:
        """Return headers that every request gets."""
        return {}

    def _auth(self) -> Any:
        """Return credentials as requests takes them: ``(user, password)``, a callable, or None."""
        return None

    def _renew_auth(self) -> bool:
        """Get new credentials after a 401; True sends the same request once more."""
        return False

    def _ca_bundle(self) -> str | None:
        """Return the path of the certificates to trust, None for the usual ones."""
        return None

    def _endpoint(self, path: str = "") -> str:
        """Return the full URL of a path."""
        url = self._url()
        for part in (self._path, path):
            if part:
                url = f"{url.rstrip('/')}/{part.lstrip('/')}"
        return url

    # The session

    @property
    def session(self) -> requests.Session:
        """The HTTP session of this thread and work session."""
        sessions = self.work.shared.setdefault("adapter.http_sessions", {})
        key = (
            threading.get_ident(),
            self.connect_timeout_s,
            self.read_timeout_s,
            self.connect_retries,
        )
        if key not in sessions:
            sessions[key] = self._new_session()
        return sessions[key]

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        transport = _Transport(self.connect_timeout_s, self.read_timeout_s, self.connect_retries)
        session.mount("https://", transport)
        session.mount("http://", transport)
        return session

    def close(self) -> None:
        """Close the connections of the work session."""
        sessions = self.work.shared.pop("adapter.http_sessions", {})
        for session in sessions.values():
            session.close()

    # The clock of the other system

    def server_time(self) -> datetime | None:
        """Return what time the last answer in this work session was made at, naive UTC; None if it did not say.

        It is the other system's time, in whole seconds: what a stream of its dates of change goes by.
        """
        date = self.work.shared.get("adapter.date")
        try:
            return parsedate_to_datetime(date).astimezone(timezone.utc).replace(tzinfo=None) if date else None
        except ValueError:
            return None

    # One request

    def _send(
        self,
        verb: str,
        url: str,
        call: Call,
        *,
        headers: Mapping[str, str] | None = None,
        renew: bool = True,
        **content: Any,
    ) -> Answer:
        """Send a request and return the answer, its status being a success.

        :param call: told the status and the body
        :param content: ``params``, ``data`` or ``json``, as requests takes them
        :raises ConnectorError: of the type that the table gives to the status or to the failure
        """
        answer, failure = None, None
        with self._masker().in_logs():
            try:
                answer = self._request_bytes(verb, url, call, headers, content)
            except ConnectorError:
                raise
            except tuple(entry[0] for entry in self._transport_errors) as error:
                failure = error
        # Raised out here: the chained exception of a library would take the URL and its secrets into the traceback.
        if failure is not None or answer is None:
            self._raise_transport(failure, f"{verb} {url}")
        call.response = answer.body
        self.work.shared["adapter.date"] = answer.headers.get("Date")
        if answer.status == 401 and renew and self._renew_auth():
            return self._send(verb, url, call, headers=headers, renew=False, **content)
        self._raise_for_status(answer, verb)
        return answer

    def _request_bytes(
        self, verb: str, url: str, call: Call, headers: Mapping[str, str] | None, content: dict[str, Any]
    ) -> Answer:
        deadline = time.monotonic() + self.total_timeout_s
        session = self.session
        for _redirect in range(self.max_redirects + 1):
            response = session.request(
                verb,
                url,
                headers={**self._headers(), **(headers or {})},
                # Never None: requests would look for credentials in ~/.netrc.
                auth=self._auth() or _no_auth,
                # On each request: the session's own is overruled by the environment's REQUESTS_CA_BUNDLE.
                verify=self._ca_bundle() or True,
                stream=True,
                allow_redirects=False,
                **content,
            )
            with response:
                call.status = str(response.status_code)
                target = self._redirect(verb, url, response)
                if target is None:
                    return Answer(
                        url=url,
                        status=response.status_code,
                        headers=CaseInsensitiveDict(response.headers),
                        body=self._read_body(verb, url, response, deadline),
                    )
            url, content = target, {**content, "params": None}
        raise ConfigurationError(self._masked(f"{verb} {url}: more than {self.max_redirects} redirects; check the URL"))

    def _redirect(self, verb: str, url: str, response: requests.Response) -> str | None:
        """Return where to follow a redirect to, None when the answer is to be taken as it is."""
        location = response.headers.get("Location")
        if not (response.is_redirect and location) or verb.upper() not in ("GET", "HEAD"):
            return None
        target = urljoin(url, location)
        # Credentials go to the origin that a person entered on the backend, and nowhere else.
        return target if _origin(target) == _origin(url) else None

    def _read_body(self, verb: str, url: str, response: requests.Response, deadline: float) -> bytes:
        """Return the body, read in chunks so that neither its size nor its slowness is up to the other side."""
        is_error = response.status_code >= 300
        limit = ERROR_BYTES if is_error else self.max_response_bytes
        announced = response.headers.get("Content-Length", "")
        too_big = not is_error and verb.upper() != "HEAD" and announced.isdigit() and int(announced) > limit
        body = bytearray()
        for chunk in () if too_big else _chunks(response):
            body += chunk
            if len(body) > limit:
                too_big = not is_error
                break
            if time.monotonic() > deadline:
                raise urllib3.exceptions.ReadTimeoutError(None, None, f"not complete after {self.total_timeout_s} s")  # type: ignore[arg-type]
        if too_big:
            # By recovery: the same question has the same answer, so trying again does not help.
            raise PermanentError(
                self._masked(
                    f"{verb} {url}: the answer is bigger than {limit} bytes and was not read to its end; ask for less"
                    f" at a time, or raise max_response_bytes of {type(self).__name__}"
                )
            )
        return bytes(body[:limit])

    # Errors

    def _raise_for_status(self, answer: Answer, verb: str) -> None:
        error_type = http_error_type(answer.status, self._http_errors)
        if error_type is None:
            return
        message = f"{verb} {answer.url} answered {answer.status}"
        if 300 <= answer.status < 400:
            message += f", a redirect to {answer.headers.get('Location')} that is not followed; check the URL"
        elif answer.is_html:
            message += " with a web page"
        elif answer.body:
            message += ": " + self._error_detail(answer)
        wait_s = retry_after_s(answer.headers, self.max_retry_after_s)
        raise make_error(error_type, self._masked(message), wait_s)

    def _error_detail(self, answer: Answer) -> str:
        """Return what an error answer says in its body."""
        return " ".join(answer.body[: 4 * DETAIL_LENGTH].decode("utf-8", "replace").split())[:DETAIL_LENGTH]

    def _raise_transport(self, failure: BaseException | None, what: str) -> NoReturn:
        for failure_type, error_type, text in self._transport_errors:
            if isinstance(failure, failure_type):
                detail = _innermost(failure)
                raise make_error(error_type, self._masked(f"{what}: {text} ({type(detail).__name__}: {detail})"))
        raise make_error(PermanentError, self._masked(f"{what}: {failure!r}"))

    def _masked(self, text: str) -> str:
        return self._masker().text(text)


class _Transport(HTTPAdapter):
    """Gives every request its time-outs, whoever sends it, and tries again to connect only."""

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
        )
        super().__init__(max_retries=retries)

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        return super().send(request, stream, timeout or self._timeouts, verify, cert, proxies)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _chunks(response: requests.Response) -> Iterator[bytes]:
    read1 = getattr(response.raw, "read1", None)
    # urllib3 1 has none, and what vcrpy plays is not urllib3's.
    if read1 is None or not isinstance(response.raw, urllib3.HTTPResponse):
        yield from response.iter_content(CHUNK_BYTES)
        return
    # Unlike read(), it returns what has come so far: a dripping answer cannot keep us inside it past the deadline.
    while chunk := read1(CHUNK_BYTES, decode_content=True):
        yield chunk


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _innermost(error: BaseException) -> BaseException:
    """Return the error that the HTTP libraries wrapped, the one that says what happened."""
    seen = error
    for _depth in range(5):
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return seen
