"""HTTP, below XML-RPC and REST: one careful way to send a request and to read its answer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from ..exceptions import ConfigurationError, ConnectorError, ExternalNotFoundError, NetworkError, PermanentError
from .adapter import Adapter
from .errors import HTTP_ERRORS, TRANSPORT_ERRORS, http_error_type, make_error, retry_after_s
from .exchanges import Call

__all__ = ["Answer", "HttpAdapter"]

#: How much of an answer is read at once, and how much of the text of an error is shown.
CHUNK_BYTES = 64 * 1024
ERROR_BYTES = 64 * 1024
DETAIL_LENGTH = 300

#: By RFC 9110 these change nothing, or change something; a POST may do either.
READING_VERBS = ("GET", "HEAD", "OPTIONS")
CHANGING_VERBS = ("PUT", "PATCH", "DELETE")

_TAG = re.compile(r"<[^>]*>")


@dataclass
class Answer:
    """The answer to one request."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    #: The decoded body, once the adapter has read it.
    payload: Any = None

    @property
    def is_html(self) -> bool:
        """Tell whether the body is a web page: what proxies, maintenance modes and login walls answer."""
        start = self.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return start.startswith((b"<!doctype html", b"<html"))

    @property
    def first_line(self) -> str:
        """The first line of the body that has a text, without its tags."""
        lines = self.body[:ERROR_BYTES].decode("utf-8", "replace").splitlines()
        texts = (" ".join(_TAG.sub(" ", line).split()) for line in lines)
        return next(filter(None, texts), "")[:DETAIL_LENGTH]


class HttpAdapter(Adapter):
    """An adapter over HTTP: XML-RPC and REST are built on it.

    Connections are kept alive in one session per thread and work session. TLS certificates are verified; there is no
    switch to turn that off, only :meth:`_ca_bundle`. Cookies last as long as the work session.

    Settings: those that are an amount have no underscore, those that say how the API speaks have one, like ``_path``.
    Hooks, beside those of :class:`CallingUnit`:

    =================================  =================================================================================
    ``_url()``                         called for each request; returns the base URL; default: the backend's field
                                       ``url``, ``ConfigurationError`` without
    ``_headers()``                     called for each request; returns a dict of headers; default: none
    ``_auth()``                        called for each request; returns credentials as requests takes them: ``(user,
                                       password)``, a callable, or None; default: None
    ``_renew_auth()``                  called after a 401; gets new credentials; True sends the request once more;
                                       default: False
    ``_ca_bundle()``                   called for each request; returns the path of the certificates to trust; default:
                                       None, the usual ones
    ``_is_api_answer(answer)``         called for a 404 or 410 that would mean a missing record; True if the API itself
                                       says so; False, the default: it is an outage
    ``_error_detail(answer)``          called for an error status; returns the text of the body for the message;
                                       default: its beginning
    ``_raise_for_status(answer,        called with each answer; raises by the status; default: by ``_http_errors``
    verb)``
    =================================  =================================================================================

    To call: ``_endpoint(path)``, ``_send(verb, url, call, ...)`` inside ``_outside_call``, ``server_time()``.
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
    #: Status, or "4xx" -> exception type.
    _http_errors: ClassVar[Mapping[int | str, type[ConnectorError]]] = HTTP_ERRORS
    #: (exception of requests or urllib3, exception type, text).
    _transport_errors: ClassVar = TRANSPORT_ERRORS

    # Hooks

    def _url(self) -> str:
        url = (self._backend_value("url") or "").strip()
        if not url:
            raise ConfigurationError(
                f"{self.backend.display_name} ({self.backend}) has no URL: enter it on the backend"
            )
        return url

    def _headers(self) -> dict[str, str]:
        return {}

    def _auth(self) -> Any:
        return None

    def _renew_auth(self) -> bool:
        return False

    def _ca_bundle(self) -> str | None:
        return None

    def _is_api_answer(self, answer: Answer) -> bool:
        return False

    def _error_detail(self, answer: Answer) -> str:
        return " ".join(answer.body[: 4 * DETAIL_LENGTH].decode("utf-8", "replace").split())[:DETAIL_LENGTH]

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
        if issubclass(error_type, ExternalNotFoundError) and not self._is_api_answer(answer):
            error_type = NetworkError
            message += " (the API does not say so of a record: it is an outage, or the URL is wrong)"
        raise make_error(error_type, self._masked(message), retry_after_s(answer.headers, self.max_retry_after_s))

    def _only_reads(self, method: str, path: str, request: Any) -> bool | None:
        return {**dict.fromkeys(READING_VERBS, True), **dict.fromkeys(CHANGING_VERBS, False)}.get(method.upper())

    # To call

    @property
    def session(self) -> requests.Session:
        """The HTTP session of this thread and work session."""
        return self.connection.http_session(self.connect_timeout_s, self.read_timeout_s, self.connect_retries)

    def server_time(self) -> datetime | None:
        """Return the time of the last answer in this work session, naive UTC; None if it did not say.

        It is the other system's time, in whole seconds: for a stream of its dates of change.
        """
        date = self.connection.server_date
        try:
            return parsedate_to_datetime(date).astimezone(timezone.utc).replace(tzinfo=None) if date else None
        except ValueError:
            return None

    def _endpoint(self, path: str = "") -> str:
        """Return the full URL of a path."""
        url = self._url()
        for part in (self._path, path):
            if part:
                url = f"{url.rstrip('/')}/{part.lstrip('/')}"
        return url

    def _send(
        self, verb: str, url: str, call: Call, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> Answer:
        """Send a request and return the answer, its status being a success.

        :param call: gets the status and the body
        :param content: ``params``, ``data`` or ``json``, as requests takes them
        :raises ConnectorError: of the type that the table gives to the status or to the failure
        """
        answer = self._roundtrip(verb, url, call, headers, content)
        if answer.status == 401 and self._renew_auth():
            answer = self._roundtrip(verb, url, call, headers, content)
        call.response = answer.body
        self._raise_for_status(answer, verb)
        return answer

    # One request

    def _roundtrip(
        self, verb: str, url: str, call: Call, headers: Mapping[str, str] | None, content: dict[str, Any]
    ) -> Answer:
        """Send a request, follow redirects, and read the answer."""
        what, failure, deadline = f"{verb} {url}", None, time.monotonic() + self.total_timeout_s
        with self._masker().in_logs():
            try:
                for _redirect in range(self.max_redirects + 1):
                    with self._request_once(verb, url, headers, content) as response:
                        call.status = str(response.status_code)
                        self.connection.note_date(response.headers.get("Date"))
                        target = _redirect_target(verb, url, response)
                        if target is None:
                            body = self._read_body(verb, response, deadline)
                            return Answer(url, response.status_code, CaseInsensitiveDict(response.headers), body)
                    url, content = target, {**content, "params": None}
            except ConnectorError:
                raise
            except tuple(entry[0] for entry in self._transport_errors) as error:
                failure = error
        # Raised out here: the chained exception of a library would take the URL and its secrets into the traceback.
        if failure is None:
            raise ConfigurationError(self._masked(f"{what}: more than {self.max_redirects} redirects; check the URL"))
        raise self._transport_error(failure, what)

    def _request_once(
        self, verb: str, url: str, headers: Mapping[str, str] | None, content: dict[str, Any]
    ) -> requests.Response:
        return self.session.request(
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

    def _read_body(self, verb: str, response: requests.Response, deadline: float) -> bytes:
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
                    f"{verb} {response.url}: the answer is bigger than {limit} bytes and was not read to its end; ask"
                    f" for less at a time, or raise max_response_bytes of {type(self).__name__}"
                )
            )
        return bytes(body[:limit])

    def _transport_error(self, failure: BaseException, what: str) -> ConnectorError:
        error_type, text = next(entry[1:] for entry in self._transport_errors if isinstance(failure, entry[0]))
        detail = _innermost(failure)
        return make_error(error_type, self._masked(f"{what}: {text} ({type(detail).__name__}: {detail})"))

    def _unreadable(self, answer: Answer, what: str, problem: str, starts: tuple[bytes, ...]) -> NetworkError:
        """Return the error for a body that cannot be decoded: something else came, or it is truncated.

        :param starts: of a body of the right kind, in lower case
        """
        problem = problem[:DETAIL_LENGTH]
        if answer.is_html:
            text = "a web page came in place of the answer; check the URL"
        elif answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(starts):
            text = f"the answer cannot be read, or is truncated: {problem}"
        else:
            text = f"the answer cannot be read, as it begins with {answer.first_line!r} ({problem})"
        return NetworkError(self._masked(f"{what}: {text}"))


def _redirect_target(verb: str, url: str, response: requests.Response) -> str | None:
    """Return where to follow a redirect to, None when the answer is to be taken as it is."""
    location = response.headers.get("Location")
    if not (response.is_redirect and location) or verb.upper() not in ("GET", "HEAD"):
        return None
    target = urljoin(url, location)
    # Credentials go to the origin that a person entered on the backend, and nowhere else.
    return target if _origin(target) == _origin(url) else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


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


def _innermost(error: BaseException) -> BaseException:
    """Return the error that the HTTP libraries wrapped, the one that says what happened."""
    seen = error
    for _depth in range(5):
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return seen
