"""The token bucket and the circuit breaker: one row a backend, for the processes of all hosts.

Each function is a short transaction of its own, so that what a job does to the row neither waits for its end nor is
undone by its rollback. Time is PostgreSQL's, so the hosts' clocks do not matter.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from odoo.tools import SQL
from psycopg2.errors import DeadlockDetected, SerializationFailure

__all__ = ["Circuit", "Limits"]

_logger = logging.getLogger(__name__)

#: Two callers at the same instant make one of them repeat its statement (Odoo's cursors are REPEATABLE READ).
TRIES = 30
#: The longest pause between two tries to reach a system that does not answer, and the longest place in the line.
MAX_PROBE_S = 900.0
MAX_SLOT_S = 600.0

_NOW = SQL("(clock_timestamp() AT TIME ZONE 'utc')")


@dataclass(frozen=True)
class Circuit:
    """The circuit breaker of a backend, as it stood when it was asked."""

    failures: int = 0
    is_open: bool = False
    #: This caller, and no other one, is to find out whether the system answers again.
    is_probe: bool = False
    retry_after_s: float = 0.0
    reason: str = ""


class Limits:
    """What may be sent to one backend.

    :param registry: of the database
    :param backend_model: the backend, which may be one that is not committed yet
    """

    def __init__(self, registry: Any, backend_model: str, backend_id: int) -> None:
        self._registry = registry
        self._key = (backend_model, backend_id)

    def take(self, rate: float, burst: float) -> float:
        """Take a token; return 0, or the seconds to wait when there is none.

        :param rate: tokens that come in a second
        :param burst: the most that the bucket holds
        """
        return self._update(_take(*self._key, rate, burst), default=[(1 / rate,)])[0][0]

    def circuit(self, probe_s: float, changed_at: datetime | None) -> Circuit:
        """Return how the circuit stands; when it is time for a probe, to one caller only as the probe.

        :param probe_s: seconds until the first probe, doubled with each
        :param changed_at: when somebody last changed the backend; that makes it time for a probe
        """
        rows = self._execute(_look(*self._key, changed_at), default=[])
        if not rows:
            return Circuit()
        failures, is_open, is_due, retry_after_s, reason = rows[0]
        is_probe = is_due and bool(self._execute(_probe(*self._key, probe_s, changed_at), default=[]))
        return Circuit(failures, is_open, is_probe, max(retry_after_s or 0.0, 1.0), reason or "")

    def failed(self, reason: str, threshold: int, probe_s: float) -> bool:
        """Count a failure; return whether the circuit is open now, which it is from ``threshold`` in a row on."""
        return self._update(_failed(*self._key, reason, threshold, probe_s), default=[(False,)])[0][0]

    def answered(self) -> None:
        """Forget the failures and close the circuit."""
        self._execute(_answered(*self._key))

    def _update(self, query: SQL, default: list[tuple]) -> list[tuple]:
        """Run an UPDATE of the backend's row, which is made first where there is none yet.

        Not in one INSERT .. ON CONFLICT: each of those takes a number from the sequence of the ids, used or not.
        """
        rows = self._execute(query, default)
        if not rows:
            self._execute(_create(*self._key), default)
            rows = self._execute(query, default)
        return rows

    def _execute(self, query: SQL, default: Any = None) -> list[tuple]:
        for attempt in range(TRIES):
            try:
                with self._registry.cursor() as cr:
                    # A crash of PostgreSQL may lose it: nobody waits for the disk for this.
                    cr.execute(SQL("SET LOCAL synchronous_commit = off; %s", query), log_exceptions=False)
                    return cr.fetchall() if cr.description else []
            except (SerializationFailure, DeadlockDetected):
                time.sleep(random.uniform(0, 0.001 * (attempt + 1)))
        _logger.warning("the state of %s,%s is too busy to be read or written", *self._key)
        return default


def _create(backend_model: str, backend_id: int) -> SQL:
    return SQL(
        "INSERT INTO connector_adapter_state (backend_model, backend_id, failures, probes) VALUES (%s, %s, 0, 0)"
        " ON CONFLICT (backend_model, backend_id) DO NOTHING",
        backend_model, backend_id,
    )  # fmt: skip


def _take(backend_model: str, backend_id: int, rate: float, burst: float) -> SQL:
    """Take a token, or a place in the line of those who wait for one.

    Who finds the bucket empty is told a time of his own, 1/rate after the one before him: ten thousand waiting jobs
    come back one by one and not all at once. Row lock on the one row; 40001 when another took it since the snapshot.
    """
    return SQL(
        """
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
        WHERE backend_model = %(model)s AND backend_id = %(id)s
        RETURNING wait_s
        """,
        model=backend_model, id=backend_id, rate=rate, burst=burst, max_slot=MAX_SLOT_S, now=_NOW,
    )  # fmt: skip


def _due(changed_at: datetime | None) -> SQL:
    return SQL("opened_at IS NOT NULL AND (probe_at <= %s OR opened_at < %s::timestamp)", _NOW, changed_at)


def _look(backend_model: str, backend_id: int, changed_at: datetime | None) -> SQL:
    """Read the circuit: no lock. Closed in nearly all cases, and then it is all that a call costs."""
    return SQL(
        "SELECT failures, opened_at IS NOT NULL, coalesce(%s, false), extract(epoch FROM probe_at - %s)::float, reason"
        " FROM connector_adapter_state WHERE backend_model = %s AND backend_id = %s",
        _due(changed_at), _NOW, backend_model, backend_id,
    )  # fmt: skip


def _probe(backend_model: str, backend_id: int, probe_s: float, changed_at: datetime | None) -> SQL:
    """Become the probe: the first one moves the time on, so that all others find that it is not theirs."""
    return SQL(
        "UPDATE connector_adapter_state SET opened_at = %(now)s, probes = probes + 1,"
        " probe_at = %(now)s + make_interval(secs => least(%(probe_s)s * power(2, least(probes + 1, 20)), %(max)s))"
        " WHERE backend_model = %(model)s AND backend_id = %(id)s AND %(due)s RETURNING id",
        model=backend_model, id=backend_id, probe_s=probe_s, max=MAX_PROBE_S, due=_due(changed_at), now=_NOW,
    )  # fmt: skip


def _failed(backend_model: str, backend_id: int, reason: str, threshold: int, probe_s: float) -> SQL:
    """Count a failure, and open the circuit when it is the one too many."""
    opens = SQL("opened_at IS NULL AND failures + 1 >= %s", threshold)
    return SQL(
        "UPDATE connector_adapter_state SET failures = failures + 1, reason = %(reason)s,"
        " opened_at = CASE WHEN %(opens)s THEN %(now)s ELSE opened_at END,"
        " probe_at = CASE WHEN %(opens)s THEN %(now)s + make_interval(secs => %(probe_s)s) ELSE probe_at END"
        " WHERE backend_model = %(model)s AND backend_id = %(id)s RETURNING opened_at IS NOT NULL",
        model=backend_model, id=backend_id, reason=reason, opens=opens, probe_s=probe_s, now=_NOW,
    )  # fmt: skip


def _answered(backend_model: str, backend_id: int) -> SQL:
    return SQL(
        "UPDATE connector_adapter_state SET failures = 0, probes = 0, opened_at = NULL, probe_at = NULL, reason = NULL"
        " WHERE backend_model = %s AND backend_id = %s AND (failures > 0 OR opened_at IS NOT NULL)",
        backend_model, backend_id,
    )  # fmt: skip
