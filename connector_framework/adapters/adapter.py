"""The interface that every adapter has, whatever the other system speaks."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from odoo.tools import str2bool

from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    ExternalNotFoundError,
    NetworkError,
    RateLimitedError,
)
from ..masking import Masker
from ..references import ConnectorUnit
from .errors import CircuitOpenError
from .exchanges import Call, collect
from .limits import Circuit, Limits

__all__ = ["Adapter"]

_logger = logging.getLogger(__name__)


class Adapter(ConnectorUnit):
    """Reads and writes the records of one kind in the other system.

    A connector implements what its API can do; the rest raises ``NotImplementedError``. Each method talks to the other
    system at once and raises the exceptions of :mod:`connector_framework.exceptions`, typed by what to do about them.
    """

    _kind = "adapter"

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
            cls.ping = _without_circuit(cls.ping)  # type: ignore[method-assign]

    def search(self, filters: Any = None, cursor: Any = None) -> tuple[list, Any]:
        """Return one page of external ids, and the cursor of the next page or None after the last.

        :param filters: what the API filters by; None for all
        :param cursor: as returned with the page before; None for the first
        """
        raise self._not_implemented("search")

    def read(self, external_id: Any, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return a record.

        :param fields: the fields wanted, None for all; an adapter may return more
        :raises ExternalNotFoundError: when it does not exist there
        """
        raise self._not_implemented("read")

    def read_many(self, ids: Sequence[Any], fields: Sequence[str] | None = None) -> dict[Any, dict[str, Any]]:
        """Return records by the ids that were asked for; one call each unless the adapter knows better.

        What does not exist is left out. An answer is matched by the ids that it holds, never by its order.
        """
        records = {}
        for external_id in ids:
            try:
                records[external_id] = self.read(external_id, fields)
            except ExternalNotFoundError as error:
                _logger.debug("%r: %s", self, error)
        return records

    def search_read(self, filters: Any = None, cursor: Any = None) -> tuple[dict[Any, dict[str, Any]], Any]:
        """Return one page of records by id, and the cursor of the next page or None after the last."""
        ids, next_cursor = self.search(filters, cursor)
        return self.read_many(ids), next_cursor

    def create(self, data: Mapping[str, Any]) -> Any:
        """Create a record and return its external id."""
        raise self._not_implemented("create")

    def write(self, external_id: Any, data: Mapping[str, Any]) -> Any:
        """Change the given fields of a record."""
        raise self._not_implemented("write")

    def write_many(self, changes: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[Exception | None]:
        """Change several records in one call: (id, data) each; return None or what it was refused with, in order."""
        raise self._not_implemented("write_many")

    def create_many(self, records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Create several records in one call; return the id of each, or the exception it was refused with, in order."""
        raise self._not_implemented("create_many")

    def count(self, filters: Any = None) -> int:
        """Return how many records match."""
        raise self._not_implemented("count")

    def delete(self, external_id: Any) -> Any:
        """Delete a record."""
        raise self._not_implemented("delete")

    def ping(self) -> Any:
        """Make the cheapest call that proves that the system answers and takes the credentials."""
        raise self._not_implemented("ping")

    def close(self) -> None:
        """Give back what the adapter holds; the work session calls it at its end."""

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__module__}.{type(self).__qualname__} does not implement {method}()")

    def _backend_value(self, name: str) -> Any:
        """Return a field of the backend, None when its model does not have that field."""
        return self.backend[name] if name in self.backend._fields else None

    # Secrets

    def _secrets(self) -> Iterator[str]:
        """Yield the values that nobody may see in a log, an exception or an exchange.

        By default the secret fields of the backend and what :meth:`_keep_secret` was told.
        """
        for name in getattr(self.backend, "_secret_fields", ()):
            value = self.backend.get_secret(name)
            if value:
                yield str(value)
        yield from self.work.shared.get("adapter.secrets", ())

    def _keep_secret(self, value: str) -> str:
        """Hide a value from now on, e.g. a session id that the other system gave, and return it."""
        self.work.shared.setdefault("adapter.secrets", set()).add(value)
        return value

    def _masker(self) -> Masker:
        return Masker(self._secrets())

    # Calls

    @contextmanager
    def about(self, record: Any = None, external_id: Any = None) -> Iterator[None]:
        """Say what the calls inside are about; the timeline of a record shows the exchanges that name it.

        :param record: a record (1)
        :param external_id: its id in the other system, for one that is not here yet
        """
        shared = self.work.shared
        before = shared.get("adapter.about")
        shared["adapter.about"] = self._about(record, external_id)
        try:
            yield
        finally:
            shared["adapter.about"] = before

    def _about(self, record: Any = None, external_id: Any = None) -> dict[str, Any]:
        return {
            "model_name": record._name if record else self.work.model_name,
            "record_id": record.id if record else None,
            "external_id": None if external_id is None else str(external_id),
        }

    @contextmanager
    def _outside_call(self, method: str, path: str = "", request: Any = None) -> Iterator[Call]:
        """Wrap one call to the other system; an adapter over another protocol uses it as the HTTP adapters do.

        It asks the circuit breaker and the token bucket of the backend first, tells the circuit breaker how it ended,
        and keeps the exchange.

        :param method: what is called: a verb, the name of a remote procedure
        :param path: where, without the query
        :param request: the payload that is sent
        :raises ConfigurationError: when the database is neutralised
        :raises CircuitOpenError: when the last calls failed
        :raises RateLimitedError: when the bucket is empty
        """
        self._refuse_if_neutralized()
        circuit = self._pass_circuit()
        self._take_token()
        is_kept = self._backend_value("log_exchanges") is not False
        call, failure, started = Call(), None, time.monotonic()
        try:
            yield call
        except Exception as error:
            # A library of another protocol may put into its exceptions what it was given, the password too.
            self._masker().error(error)
            failure = error
            raise
        finally:
            duration_s = time.monotonic() - started
            self._report(circuit, call, failure)
            if is_kept:
                self._collect(call, method, path, request, failure, duration_s)

    def _refuse_if_neutralized(self) -> None:
        neutralized = self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized")
        if neutralized and str2bool(neutralized, default=True):
            raise ConfigurationError(
                f"{self.env.cr.dbname} is a neutralised copy of a database: {self!r} sends nothing from it"
            )

    # Limits

    def _limits(self) -> Limits:
        return Limits(self.env.registry, self.backend._name, self.backend.id)

    def _calls_per_second(self) -> float:
        """Return how many calls the other system takes in a second, by default what the backend says; 0: no limit."""
        return self._backend_value("calls_per_second") or 0.0

    def _take_token(self) -> None:
        rate = self._calls_per_second()
        if rate <= 0:
            return
        # A second's worth, or more where a job has to make more calls than that at a stretch.
        burst = max(1.0, self.calls_burst or rate)
        wait_s = self._limits().take(rate, burst)
        if wait_s:
            raise RateLimitedError(
                f"{self.backend.display_name}: no more than {rate:g} calls a second; the next free one is in"
                f" {wait_s:.1f} s (a job that needs more than {burst:g} calls never gets them: raise calls_burst of"
                f" {type(self).__name__})",
                retry_after_s=wait_s,
                count_attempt=False,
            )

    def _pass_circuit(self) -> Circuit:
        """Return the circuit of the backend when it lets this call pass.

        An open circuit lets one caller try :meth:`ping` from time to time, and everybody pass once that answers.
        """
        if not self.circuit_failures or self.work.shared.get("adapter.pinging"):
            return Circuit()
        circuit = self._limits().circuit(self.circuit_probe_s, self._backend_value("write_date") or None)
        if not circuit.is_open or (circuit.is_probe and self._probe()):
            return circuit
        raise CircuitOpenError(
            f"{self.backend.display_name}: nothing is sent after {circuit.failures} failures in a row until it answers"
            f" again; the last one: {circuit.reason}",
            # Spread, so that not all that waited comes back at the same instant.
            retry_after_s=circuit.retry_after_s * random.uniform(1, 1.2),
        )

    def _probe(self) -> bool:
        try:
            self.ping()
        except NotImplementedError:
            return True  # the caller's own call is the probe, then
        except (NetworkError, AuthenticationError, ConfigurationError):
            return False
        except ConnectorError:
            return True  # an answer it was
        return True

    def _report(self, circuit: Circuit, call: Call, failure: Exception | None) -> None:
        if not self.circuit_failures:
            return
        if isinstance(failure, CircuitOpenError):
            return  # of a call inside this one
        if isinstance(failure, AuthenticationError) or (isinstance(failure, NetworkError) and not call.is_answered):
            # Credentials that were refused once are refused again, and some systems lock the account after a few tries.
            threshold = 1 if isinstance(failure, AuthenticationError) else self.circuit_failures
            is_open = self._limits().failed(str(failure)[:1000], threshold, self.circuit_probe_s)
            if is_open and not circuit.is_open:
                _logger.warning("%r: nothing is sent any more until it answers again: %s", self.backend, failure)
            return
        has_answered = failure is None or (
            isinstance(failure, ConnectorError) and not isinstance(failure, ConfigurationError)
        )
        if has_answered and (circuit.failures or circuit.is_open or self.work.shared.get("adapter.pinging")):
            self._limits().answered()
            if circuit.is_open:
                _logger.info("%r answers again", self.backend)

    # Exchanges

    def _collect(
        self, call: Call, method: str, path: str, request: Any, failure: Exception | None, duration_s: float
    ) -> None:
        masker, backend, company = self._masker(), self.backend, self._backend_value("company_id")
        about = self.work.shared.get("adapter.about") or self._about()
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
                "error": f"{type(failure).__name__}: {masker.text(str(failure))}"[: self.exchange_length]
                if failure
                else "",
                "backend_model": backend._name,
                "backend_id": backend.id,
                "backend_name": backend.display_name,
                "company_id": company.id if company else None,
                "job_id": self.env["connector.exchange"].running_job_id(),
                **about,
            },
        )


def _without_circuit(ping: Callable) -> Callable:
    """Let ``ping`` reach the other system whatever the circuit breaker says: it is what closes the circuit."""

    @functools.wraps(ping)
    def pinging(self: Adapter) -> Any:
        shared = self.work.shared
        before = shared.get("adapter.pinging", False)
        shared["adapter.pinging"] = True
        try:
            return ping(self)
        finally:
            shared["adapter.pinging"] = before

    return pinging
