"""Calls to another system: throttle, circuit breaker, secrets and exchanges around each."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from odoo.tools import str2bool

from ..addon import path_of
from ..exceptions import AuthenticationError, ConfigurationError, RateLimitedError
from ..masking import Masker
from ..references import ConnectorUnit
from .connection import Connection, fingerprint
from .exchanges import Call, collect
from .throttle import CircuitBreaker, Throttle

__all__ = ["CallingUnit"]


def _past_the_circuit(ping: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let the calls of a ping reach the other system though the circuit is open: its answer is what closes it."""

    @functools.wraps(ping)
    def pinging(self: CallingUnit) -> Any:
        with self.connection.setting(is_pinging=True):
            return ping(self)

    return pinging


class CallingUnit(ConnectorUnit):
    """A unit that calls another system; :class:`Adapter` adds the verbs.

    Hooks, all of them optional to override:

    ======================  ============================================================================================
    ``_ping()``             called by ``ping()``: make the cheapest call that proves that the system answers and takes
                            the credentials; default: ``NotImplementedError``
    ``_calls_per_second()`` called before each call; returns the rate of the token bucket, 0: no limit; default: the
                            backend's field ``calls_per_second``
    ``_secrets()``          called for each mask; yields values that no log, exception or exchange may show; default:
                            the backend's secret fields and what ``_keep_secret`` was given
    ``_credentials()``      called once a unit; yields the values that a login depends on: units with others use another
                            connection; default: the backend's URL and secret fields
    ``_only_reads(method,   called for each call in a dry run, with what ``_outside_call`` gets: True for one that
    path, request)``        changes nothing in the other system, False for one that does; None, the default: not known,
                            then it is made by ``search``, ``read`` and their like alone
    ``_unsent_answer(       called in a dry run in place of a method of the adapter's own that would change something;
    method, *args)``        returns what it would return; default: None
    ======================  ============================================================================================

    To call: ``_outside_call(method, path, request)`` around each call, ``_keep_secret(value)`` for a secret that the
    other system gave, ``_masked(text)`` for the text of an error, ``about(record, external_id)`` to name the record of
    the calls inside, ``connection`` for what is shared with the other adapters.
    """

    #: Calls that may be made at once with a full token bucket; None: those of one second.
    calls_burst: ClassVar[float | None] = None
    #: Network errors in a row after which nothing is sent until :meth:`ping` answers; 0: no circuit breaker.
    circuit_failures: ClassVar[int] = 5
    #: Seconds from the opening of the circuit to the first ping; doubled with each that fails, up to 15 minutes.
    circuit_probe_s: ClassVar[float] = 30.0
    #: Characters of a payload that an exchange keeps.
    exchange_length: ClassVar[int] = 8000

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "ping" in cls.__dict__:
            # A class that overrides ping() in place of _ping(): its calls have to pass as well.
            cls.ping = _past_the_circuit(cls.ping)  # type: ignore[method-assign]

    @_past_the_circuit
    def ping(self) -> Any:
        """Make the cheapest call that proves that the system answers and takes the credentials.

        It is sent though the circuit is open, and its answer closes it.
        """
        return self._ping()

    def _ping(self) -> Any:
        raise self._not_implemented("ping")

    def close(self) -> None:
        """Release the connections of the work session, which calls it at its end."""
        Connection.release_all(self.work)

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{path_of(type(self))} does not implement {method}()")

    def _backend_value(self, name: str) -> Any:
        """Return a field of the backend, None when its model does not have that field."""
        return self.backend[name] if name in self.backend._fields else None

    # The connection, and its secrets

    @property
    def connection(self) -> Connection:
        """The connection to the backend, which the adapters of all models of the work session share."""
        return Connection.of(self.work, self._fingerprint)

    @functools.cached_property
    def _fingerprint(self) -> str:
        return fingerprint(*self._credentials())

    def _credentials(self) -> Iterator[Any]:
        # Whatever is changed on the backend, its API user say, begins another connection.
        yield self._backend_value("write_date")
        yield self._backend_value("url")
        for name in getattr(self.backend, "_secret_fields", ()):
            yield self.backend.get_secret(name) or ""

    def _secrets(self) -> Iterator[str]:
        for name in getattr(self.backend, "_secret_fields", ()):
            value = self.backend.get_secret(name)
            if value:
                yield str(value)
        yield from self.connection.secrets

    def _keep_secret(self, value: str) -> str:
        """Mask a value from now on, e.g. a session id that the other system gave, and return it."""
        self.connection.secrets.add(value)
        return value

    def _masker(self) -> Masker:
        return Masker(self._secrets())

    def _masked(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._masker().text(text)

    # In a dry run

    def _only_reads(self, method: str, path: str, request: Any) -> bool | None:
        """Tell whether a call changes nothing in the other system; None: not known."""
        return None

    def _unsent_answer(self, method: str, *args: Any) -> Any:
        """Return what a method of the adapter's own would return, which is not called as it changes something."""
        return None

    # Calls

    @contextmanager
    def about(self, record: Any = None, external_id: Any = None) -> Iterator[None]:
        """Name the record of the calls inside; the timeline of a record shows the exchanges that name it.

        :param record: a record (1)
        :param external_id: its id in the other system, for one that Odoo does not have yet
        """
        with self.connection.setting(about=self._about(record, external_id)):
            yield

    def _about(self, record: Any = None, external_id: Any = None) -> dict[str, Any]:
        return {
            "model_name": record._name if record else self.work.model_name,
            "record_id": record.id if record else None,
            "external_id": None if external_id is None else str(external_id),
        }

    @contextmanager
    def _outside_call(self, method: str, path: str = "", request: Any = None) -> Iterator[Call]:
        """Wrap one call to the other system; an adapter over another protocol uses it as the HTTP adapters do.

        It checks the circuit breaker and takes a token first, records the outcome with the circuit breaker, and keeps
        the exchange.

        :param method: a verb, the name of a remote procedure
        :param path: where, without the query
        :param request: the payload that is sent
        :raises ConfigurationError: when the database is neutralised
        :raises CircuitOpenError: when the last calls failed
        :raises RateLimitedError: when the bucket is empty
        """
        self._refuse_if_neutralized()
        breaker = self._circuit_breaker()
        if breaker is not None and not self.connection.is_pinging:
            breaker.check(self.ping)
        self._take_token()
        call, failure, started = Call(), None, time.monotonic()
        try:
            yield call
        except Exception as error:
            # A library of another protocol may put into its exceptions what it was given, the password too.
            self._masker().error(error)
            failure = error
            if isinstance(error, AuthenticationError):
                self.connection.api_session = None
            raise
        finally:
            duration_s = time.monotonic() - started
            if breaker is not None:
                breaker.record(failure, call.is_answered, self.connection.clock_skew_s)
            if self._backend_value("log_exchanges") is not False:
                self._collect(call, method, path, request, failure, duration_s)

    def _refuse_if_neutralized(self) -> None:
        neutralized = self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized")
        if neutralized and str2bool(neutralized, default=True):
            raise ConfigurationError(
                f"{self.env.cr.dbname} is a neutralised copy of a database: {self!r} sends nothing from it"
            )

    def _throttle(self) -> Throttle:
        return Throttle(self.env.registry, self.backend._name, self.backend.id)

    def _circuit_breaker(self) -> CircuitBreaker | None:
        if not self.circuit_failures:
            return None
        changed_at = self._backend_value("write_date") or None
        name = self.backend.display_name
        return CircuitBreaker(self._throttle(), name, self.circuit_failures, self.circuit_probe_s, changed_at)

    def _calls_per_second(self) -> float:
        return self._backend_value("calls_per_second") or 0.0

    def _take_token(self) -> None:
        rate = self._calls_per_second()
        if rate <= 0:
            return
        # A second's worth, or more where a job has to make more calls than that at a stretch.
        burst = max(1.0, self.calls_burst or rate)
        wait_s = self._throttle().take(rate, burst)
        if wait_s:
            raise RateLimitedError(
                f"{self.backend.display_name}: no more than {rate:g} calls a second; the next free one is in"
                f" {wait_s:.1f} s (a job that needs more than {burst:g} calls never gets them: raise calls_burst of"
                f" {type(self).__name__})",
                retry_after_s=wait_s,
                count_attempt=False,
            )

    def _collect(
        self, call: Call, method: str, path: str, request: Any, failure: Exception | None, duration_s: float
    ) -> None:
        masker, backend, company = self._masker(), self.backend, self._backend_value("company_id")
        error = f"{type(failure).__name__}: {masker.text(str(failure))}" if failure else ""
        collect(
            self.env,
            {
                "date": datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=duration_s),
                "direction": "out",
                "method": method,
                "path": masker.text(path),
                "status": call.status,
                "duration_ms": round(duration_s * 1000),
                "request": masker.payload(request, self.exchange_length),
                "response": masker.payload(call.response, self.exchange_length),
                "error": error[: self.exchange_length],
                "backend_model": backend._name,
                "backend_id": backend.id,
                "backend_name": backend.display_name,
                "company_id": company.id if company else None,
                "job_id": self.env["connector.exchange"].running_job_id(),
                **(self.connection.about or self._about()),
            },
        )
