"""The table from what went wrong outside to the exception that says what to do about it.

It is data: an adapter class refers to it by its attributes ``_http_errors``, ``_transport_errors``, ``_fault_errors``
and ``_transient_texts``, and a subclass extends it there: ``_http_errors = {**RestAdapter._http_errors, 409:
NetworkError}``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import requests.exceptions as http
import urllib3.exceptions

from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    ExternalNotFoundError,
    NetworkError,
    PermanentError,
    RateLimitedError,
    RetryableError,
)

__all__ = [
    "HTTP_ERRORS",
    "TRANSIENT_TEXTS",
    "TRANSPORT_ERRORS",
    "CircuitOpenError",
    "UnclearError",
    "http_error_type",
    "make_error",
    "retry_after_s",
]

#: HTTP status, or class of statuses where there is no entry of its own -> exception type.
HTTP_ERRORS: Mapping[int | str, type[ConnectorError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    404: ExternalNotFoundError,
    408: NetworkError,
    410: ExternalNotFoundError,
    425: NetworkError,
    429: RateLimitedError,
    "3xx": ConfigurationError,
    "4xx": PermanentError,
    "5xx": NetworkError,
}

_NO_SCHEME = "the URL is not valid, begin it with http:// or https://"

#: Exception of requests or urllib3 -> exception type and what happened. The first entry that fits decides.
TRANSPORT_ERRORS: tuple[tuple[type[BaseException], type[ConnectorError], str], ...] = (
    (http.ConnectTimeout, NetworkError, "no connection within the time-out"),
    (http.ReadTimeout, NetworkError, "no answer within the time-out"),
    (urllib3.exceptions.ReadTimeoutError, NetworkError, "the answer stopped coming"),
    (http.SSLError, NetworkError, "the TLS connection failed"),
    (http.ProxyError, NetworkError, "the proxy failed"),
    (http.ConnectionError, NetworkError, "the connection failed"),
    (http.ChunkedEncodingError, NetworkError, "the answer is truncated"),
    (http.ContentDecodingError, NetworkError, "the answer's compression cannot be read"),
    (urllib3.exceptions.DecodeError, NetworkError, "the answer's compression cannot be read"),
    (urllib3.exceptions.ProtocolError, NetworkError, "the answer is truncated"),
    (urllib3.exceptions.LocationParseError, ConfigurationError, "the URL is not valid"),
    (urllib3.exceptions.HTTPError, NetworkError, "the connection failed"),
    (http.InvalidHeader, ConfigurationError, "a header cannot be sent"),
    (http.InvalidURL, ConfigurationError, "the URL is not valid"),
    (http.MissingSchema, ConfigurationError, _NO_SCHEME),
    (http.InvalidSchema, ConfigurationError, _NO_SCHEME),
    (http.RequestException, NetworkError, "the call failed"),
    (OSError, ConfigurationError, "the call cannot be made"),  # a CA bundle that is not there
)

#: What the text of a fault has that a busy database or one that is away caused: it works the next time.
TRANSIENT_TEXTS: tuple[str, ...] = (
    # MySQL
    "Deadlock found",
    "Lock wait timeout",
    "server has gone away",
    "Lost connection to MySQL",
    "Too many connections",
    "SQLSTATE[40001]",
    "SQLSTATE[HY000] [20",  # 2002: no connection, 2003, 2006...
    "SQLSTATE[08",
    # PostgreSQL
    "deadlock detected",
    "could not serialize access",
    "could not obtain lock",
)


class CircuitOpenError(NetworkError):
    """The other system failed several times in a row, so nothing is sent until it answers again."""

    def __init__(
        self,
        message: str | None = None,
        retry_after_s: float | None = None,
        count_attempt: bool = False,
        *,
        user_message: object = None,
    ) -> None:
        super().__init__(message, retry_after_s, count_attempt, user_message=user_message)


class UnclearError(NetworkError):
    """The other system answered, which proves neither that it works nor that it does not."""


def http_error_type(status: int, table: Mapping[int | str, type[ConnectorError]]) -> type[ConnectorError] | None:
    """Return the exception type of an HTTP status, None for a success."""
    return table.get(status) or table.get(f"{status // 100}xx")


def make_error(error_type: type[ConnectorError], message: str, wait_s: float | None = None) -> ConnectorError:
    """Return an exception of a type of the table.

    A wait that the other system asked for costs no attempt; without one the job's own growing pauses apply, and end.
    """
    if not issubclass(error_type, RetryableError):
        return error_type(message)
    if issubclass(error_type, RateLimitedError) and wait_s is not None:
        return error_type(message, retry_after_s=wait_s, count_attempt=False)
    return error_type(message, retry_after_s=wait_s)


def retry_after_s(headers: Mapping[str, str], max_s: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, between 0 and ``max_s``; None without a readable one.

    Both forms of RFC 9110 section 10.2.3: seconds, and a date, which is compared with the answer's own ``Date`` where
    there is one, so that two clocks that differ do not matter.
    """
    value = (headers.get("Retry-After") or "").strip()
    try:
        wait_s = float(value)
    except ValueError:
        at = http_date(value)
        if at is None:
            return None
        now = http_date(headers.get("Date", "")) or datetime.now(timezone.utc)
        wait_s = (at - now).total_seconds()
    return min(max(wait_s, 0.0), max_s) if math.isfinite(wait_s) else None


def http_date(value: str) -> datetime | None:
    """Return the date of a header, with its time zone; None for one that cannot be read."""
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
