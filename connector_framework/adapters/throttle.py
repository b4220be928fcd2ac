"""The token bucket and the circuit breaker: one row a backend, for the processes of all hosts.

Each statement is a short transaction of its own, so that what a job does to the row neither waits for its end nor is
undone by its rollback. Time is PostgreSQL's, so the hosts' clocks do not matter.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from odoo.tools import SQL
from psycopg2.errors import DeadlockDetected, SerializationFailure

from ..exceptions import AuthenticationError, ConfigurationError, ConnectorError, NetworkError
from ..text import clean
from .errors import CircuitOpenError, UnclearError

__all__ = ["Circuit", "CircuitBreaker", "Throttle"]

_logger = logging.getLogger(__name__)

#: Two callers at the same instant make one of them repeat its statement (Odoo's cursors are REPEATABLE READ).
TRIES = 30
#: The longest pause between two probes of a system that does not answer, and the longest wait for a token.
MAX_PROBE_S = 900.0
MAX_SLOT_S = 600.0
#: Characters that are kept of the failure that opened the circuit.
REASON_LENGTH = 1000
#: Seconds by which the clocks of the two systems may differ without being noted.
CLOCK_SKEW_S = 60.0

_NOW = SQL("(clock_timestamp() AT TIME ZONE 'utc')")


@dataclass(frozen=True)
class Circuit:
    """The state of a backend's circuit breaker."""

    failures: int = 0
    is_open: bool = False
    #: This caller, and no other, is to probe whether the system answers again.
    is_probe: bool = False
    retry_after_s: float = 0.0
    reason: str = ""
    #: Seconds by which the clock of the other system was ahead, as far as that was noted.
    clock_skew_s: float = 0.0


class CircuitBreaker:
    """The circuit breaker of a backend, for one call.

    :param name: of the backend, for messages
    :param threshold: network errors in a row that open the circuit
    :param probe_s: seconds from the opening to the first probe, doubled with each that fails
    :param changed_at: time of the last change of the backend; it makes the next probe due
    """

    def __init__(
        self, throttle: Throttle, name: str, threshold: int, probe_s: float, changed_at: datetime | None
    ) -> None:
        self._throttle = throttle
        self._name = name
        self._threshold = threshold
        self._probe_s = probe_s
        self._changed_at = changed_at
        # A ping is not checked: its answer closes the circuit, whatever its state.
        self._circuit = Circuit(is_probe=True)

    def check(self, ping: Callable[[], Any]) -> None:
        """Let the call pass, or refuse it.

        An open circuit has one caller try ``ping`` from time to time, and lets all calls pass once that answers.

        :raises CircuitOpenError: while it is open
        """
        circuit = self._circuit = self._throttle.circuit(self._probe_s, self._changed_at)
        if not circuit.is_open or (circuit.is_probe and _answers(ping)):
            return
        raise self._refusal(circuit)

    def check_only(self) -> None:
        """Let the call pass unless the circuit is open; try nothing, for a call whose outcome is not recorded.

        :raises CircuitOpenError: while it is open, and no probe is due
        """
        circuit = self._throttle.look(self._changed_at)
        if circuit.is_open and not circuit.is_probe:
            raise self._refusal(circuit)

    def _refusal(self, circuit: Circuit) -> CircuitOpenError:
        return CircuitOpenError(
            f"{self._name}: nothing is sent after {circuit.failures} failures in a row until it answers again; the last"
            f" one: {circuit.reason}",
            # Spread, so that the jobs that wait do not come back at the same instant.
            retry_after_s=circuit.retry_after_s * random.uniform(1, 1.2),
        )

    def record(self, failure: Exception | None, is_answered: bool, clock_skew_s: float | None = None) -> None:
        """Record how the call ended.

        :param is_answered: whether the system answered in its own protocol
        :param clock_skew_s: seconds by which its clock is ahead; None: it did not tell
        """
        if clock_skew_s is not None and self._is_other_clock(clock_skew_s):
            self._throttle.note_clock(clock_skew_s)
        if isinstance(failure, CircuitOpenError | UnclearError):
            return  # the one is of a call inside this one, the other tells nothing
        circuit = self._circuit
        if isinstance(failure, AuthenticationError) or (isinstance(failure, NetworkError) and not is_answered):
            # Credentials that were refused once are refused again, and some systems lock the account after a few tries.
            threshold = 1 if isinstance(failure, AuthenticationError) else self._threshold
            is_refused = isinstance(failure, AuthenticationError)
            is_open = self._throttle.failed(str(failure)[:REASON_LENGTH], threshold, self._probe_s, is_refused)
            if is_open and not circuit.is_open:
                _logger.warning("%s: nothing is sent any more until it answers again: %s", self._name, failure)
        elif failure is None or is_answered or _is_answer(failure):
            if circuit.failures or circuit.is_open or circuit.is_probe:
                self._throttle.answered()
            if circuit.is_open:
                _logger.info("%s answers again", self._name)

    def _is_other_clock(self, skew_s: float) -> bool:
        """Tell whether the other system's clock is to be noted: it is wrong, or right again, or otherwise wrong."""
        known = self._circuit.clock_skew_s
        return max(abs(known), abs(skew_s)) > CLOCK_SKEW_S and abs(known - skew_s) > CLOCK_SKEW_S / 2


def _answers(ping: Callable[[], Any]) -> bool:
    try:
        ping()
    except NotImplementedError:
        return True  # the call itself is the probe
    except ConnectorError as error:
        return _is_answer(error)
    return True


def _is_answer(failure: Exception) -> bool:
    """Tell whether the system did answer, though with an error."""
    return isinstance(failure, ConnectorError) and not isinstance(
        failure, NetworkError | AuthenticationError | ConfigurationError
    )


class Throttle:
    """The limits of the calls to one backend.

    :param registry: of the database
    :param backend_model: the backend, which may be one that is not committed yet
    """

    def __init__(self, registry: Any, backend_model: str, backend_id: int) -> None:
        self._registry = registry
        self._key = (backend_model, backend_id)
        self._row = SQL("backend_model = %s AND backend_id = %s", backend_model, backend_id)

    def take(self, rate: float, burst: float) -> float:
        """Take a token; return 0, or the seconds to wait when there is none.

        :param rate: tokens that come in a second
        :param burst: the most that the bucket holds
        """
        query = SQL(_TAKE, row=self._row, rate=rate, burst=burst, max_slot=MAX_SLOT_S, now=_NOW)
        return self._update(query, default=[(1 / rate,)])[0][0]

    def circuit(self, probe_s: float, changed_at: datetime | None) -> Circuit:
        """Return the state of the circuit; when a probe is due, to one caller only as the probe.

        :param probe_s: seconds until the first probe, doubled with each
        :param changed_at: time of the last change of the backend; it makes the next probe due
        """
        circuit = self.look(changed_at)
        if not circuit.is_probe:
            return circuit
        due = SQL(_IS_DUE, now=_NOW, changed_at=changed_at)
        claim = SQL(_CLAIM_PROBE, row=self._row, due=due, now=_NOW, probe_s=probe_s, max=MAX_PROBE_S)
        return replace(circuit, is_probe=bool(self._execute(claim, default=[])))

    def look(self, changed_at: datetime | None) -> Circuit:
        """Return the state of the circuit, as the probe when one is due; change nothing.

        :param changed_at: time of the last change of the backend; it makes the next probe due
        """
        due = SQL(_IS_DUE, now=_NOW, changed_at=changed_at)
        rows = self._execute(SQL(_READ_CIRCUIT, row=self._row, due=due, now=_NOW), default=[])
        if not rows:
            return Circuit()
        failures, is_open, is_due, retry_after_s, reason, clock_skew_s = rows[0]
        return Circuit(failures, is_open, is_due, max(retry_after_s or 0.0, 1.0), reason or "", clock_skew_s or 0.0)

    def note_clock(self, skew_s: float) -> None:
        """Keep by how many seconds the clock of the other system is ahead."""
        self._update(SQL(_NOTE_CLOCK, row=self._row, skew_s=round(skew_s, 1)), default=[(0,)])

    def failed(self, reason: str, threshold: int, probe_s: float, is_refused: bool = False) -> bool:
        """Count a failure; return whether the circuit is open now, which it is from ``threshold`` in a row on.

        :param is_refused: the credentials were refused
        """
        opens = SQL("opened_at IS NULL AND failures + 1 >= %s", threshold)
        query = SQL(
            _FAILED,
            row=self._row,
            opens=opens,
            reason=clean(reason),
            probe_s=probe_s,
            now=_NOW,
            is_refused=is_refused,
        )
        return self._update(query, default=[(False,)])[0][0]

    def answered(self) -> None:
        """Forget the failures and close the circuit."""
        self._execute(SQL(_ANSWERED, row=self._row))

    def _update(self, query: SQL, default: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run an UPDATE of the backend's row, which is made first where there is none yet.

        Not in one INSERT .. ON CONFLICT: each of those takes a number from the sequence of the ids, used or not.
        """
        rows = self._execute(query, default)
        if not rows:
            self._execute(SQL(_CREATE, *self._key), default)
            rows = self._execute(query, default)
        return rows

    def _execute(self, query: SQL, default: Any = None) -> list[tuple[Any, ...]]:
        for attempt in range(TRIES):
            try:
                with self._registry.cursor() as cr:
                    # Not flushed to disk: a crash of PostgreSQL may lose it.
                    cr.execute(SQL("SET LOCAL synchronous_commit = off; %s", query), log_exceptions=False)
                    return cr.fetchall() if cr.description else []
            except (SerializationFailure, DeadlockDetected):
                time.sleep(random.uniform(0, 0.001 * (attempt + 1)))
        _logger.warning("the throttle of %s,%s is too busy, the call goes on without it", *self._key)
        return default


_CREATE = """
    INSERT INTO connector_adapter_state (backend_model, backend_id, failures, probes)
    VALUES (%s, %s, 0, 0) ON CONFLICT (backend_model, backend_id) DO NOTHING
"""

# Take a token; when the bucket is empty, reserve the next free slot, 1/rate after the last one. So ten thousand waiting
# jobs come back one by one. Row lock on the one row; 40001 when another caller updated it since the snapshot.
_TAKE = """
    UPDATE connector_adapter_state AS s SET (tokens, tokens_at, slot_at, wait_s) = (
        SELECT CASE WHEN level >= 1 THEN level - 1 ELSE level END,
               at,
               CASE WHEN level >= 1 THEN s.slot_at ELSE slot + make_interval(secs => 1 / %(rate)s::float) END,
               CASE WHEN level >= 1 THEN 0 ELSE extract(epoch FROM slot - at)::float END
        FROM (
            SELECT at, level,
                   least(greatest(s.slot_at, at + make_interval(secs => greatest(1 - level, 0) / %(rate)s::float)),
                         at + make_interval(secs => %(max_slot)s)) AS slot
            FROM (
                SELECT at, least(%(burst)s::float, coalesce(s.tokens, %(burst)s) + %(rate)s::float
                    * greatest(extract(epoch FROM at - coalesce(s.tokens_at, at))::float, 0)) AS level
                FROM (SELECT %(now)s AS at) clock
            ) bucket
        ) line
    )
    WHERE %(row)s
    RETURNING wait_s
"""

_IS_DUE = "opened_at IS NOT NULL AND (probe_at <= %(now)s OR opened_at < %(changed_at)s::timestamp)"

# No lock. The circuit is closed in nearly all cases, and then this is all that a call costs.
_READ_CIRCUIT = """
    SELECT failures, opened_at IS NOT NULL, coalesce(%(due)s, false), extract(epoch FROM probe_at - %(now)s)::float,
           reason, clock_skew_s
    FROM connector_adapter_state WHERE %(row)s
"""

_NOTE_CLOCK = "UPDATE connector_adapter_state SET clock_skew_s = %(skew_s)s WHERE %(row)s RETURNING id"

# The first caller moves the time on, so that the probe is due for no other.
_CLAIM_PROBE = """
    UPDATE connector_adapter_state SET opened_at = %(now)s, probes = probes + 1,
        probe_at = %(now)s + make_interval(secs => least(%(probe_s)s * power(2, least(probes + 1, 20)), %(max)s))
    WHERE %(row)s AND %(due)s RETURNING id
"""

_FAILED = """
    UPDATE connector_adapter_state SET failures = failures + 1, reason = %(reason)s,
        is_refused = %(is_refused)s,
        opened_at = CASE WHEN %(opens)s THEN %(now)s ELSE opened_at END,
        probe_at = CASE WHEN %(opens)s THEN %(now)s + make_interval(secs => %(probe_s)s) ELSE probe_at END
    WHERE %(row)s RETURNING opened_at IS NOT NULL
"""

_ANSWERED = """
    UPDATE connector_adapter_state
    SET failures = 0, probes = 0, opened_at = NULL, probe_at = NULL, reason = NULL, is_refused = false
    WHERE %(row)s AND (failures > 0 OR opened_at IS NOT NULL)
"""
