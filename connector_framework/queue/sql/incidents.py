"""Incidents: failures of one cause, counted in the statement that writes a failure."""

from __future__ import annotations

from odoo.tools import SQL

from ...text import clean
from ..causes import pattern
from ..claimed import Failure
from .schema import statement

#: Characters of an incident's name.
NAME_LENGTH = 200
#: Seconds between two messages about an incident that lasts. One that comes back has one more within that time.
REPORT_S = 3600
#: Jobs of an incident whose kinds are compared with those that succeed, and ended jobs of a channel that are looked at.
KINDS, LOOKED_AT = 100, 1_000


def counting(failing: SQL, failure: Failure) -> SQL:
    """Return the tables ``o`` and ``counted`` of a statement that fails jobs: each cause among them is counted.

    ``o`` are the jobs, locked, with their ``fingerprint``; ``counted`` has the (id, fingerprint, backend_model,
    backend_id, company_id) of the incidents.

    :param failing: the condition on the jobs that fail, with its locking clause
    """
    message = failure.exc_message or ""
    return statement(
        """o AS MATERIALIZED (
               SELECT id, attempt, worker_id, backend_model, backend_id, backend_name, company_id,
                      md5(concat_ws(E'\\n', %(exc_type)s, coalesce(%(place)s, model_name || '.' || method_name),
                                    %(pattern)s)) AS fingerprint
                 FROM connector_job WHERE %(failing)s),
           counted AS (
               INSERT INTO connector_incident AS i
                      (fingerprint, state, name, exc_type, exc_message, user_message, place, count,
                       date_first, date_last, date_opened, backend_model, backend_id, backend_name, company_id)
               SELECT fingerprint, 'open', %(name)s, %(exc_type)s, %(message)s, %(user_message)s, %(place)s, count(*),
                      %(now)s, %(now)s, %(now)s, backend_model, backend_id, max(backend_name), company_id
                 FROM o GROUP BY fingerprint, backend_model, backend_id, company_id
                ORDER BY fingerprint, backend_model, backend_id, company_id
               ON CONFLICT (fingerprint, coalesce(backend_model, ''), coalesce(backend_id, 0), coalesce(company_id, 0))
               DO UPDATE
                  SET count = i.count + excluded.count, date_last = excluded.date_last, name = excluded.name,
                      exc_message = excluded.exc_message, user_message = excluded.user_message,
                      backend_name = excluded.backend_name,
                      date_opened = CASE WHEN %(at_rest)s THEN excluded.date_opened ELSE i.date_opened END,
                      muted_until = CASE WHEN %(at_rest)s THEN NULL ELSE i.muted_until END,
                      state = CASE WHEN %(at_rest)s THEN 'open' ELSE i.state END
               RETURNING id, fingerprint, backend_model, backend_id, company_id)""",
        failing=failing,
        exc_type=failure.exc_type,
        place=failure.place,
        pattern=pattern(message),
        name=_name(failure)[:NAME_LENGTH],
        message=message,
        user_message=failure.user_message,
        at_rest=statement("(i.state = 'resolved' OR (i.state = 'muted' AND i.muted_until <= %(now)s))"),
    )


def _name(failure: Failure) -> str:
    """Return the first line of the message; of an error of Python's own, which says little, with its type."""
    line = (failure.exc_message or "").partition("\n")[0]
    kind = failure.exc_type or ""
    return clean(line if "." in kind and line else f"{kind}: {line}")


#: Whether ``c``, one of the counted incidents, is that of the failing job ``o``.
OF_JOB = SQL(
    """c.fingerprint = o.fingerprint AND c.backend_model IS NOT DISTINCT FROM o.backend_model
       AND c.backend_id IS NOT DISTINCT FROM o.backend_id AND c.company_id IS NOT DISTINCT FROM o.company_id"""
)


def resolve() -> SQL:
    """Resolve the incidents whose kind of job succeeds again, and those of which no job is left to run; returns (id,).

    A job of the kind: of the channel, model and method of one of the incident's. One that began before the last failure
    proves nothing. Indexes: ``connector_incident_unresolved``, ``_incident``, ``_finished``.
    """
    return statement(
        """
        UPDATE connector_incident i SET state = 'resolved', date_resolved = %(now)s, muted_until = NULL
         WHERE i.state IN ('open', 'muted') AND (
            NOT EXISTS (SELECT FROM connector_job j WHERE j.incident_id = i.id
                           AND j.state IN ('waiting', 'pending', 'running', 'failed'))
            OR EXISTS (
               SELECT FROM (SELECT DISTINCT channel_id, model_name, method_name
                              FROM (SELECT channel_id, model_name, method_name FROM connector_job
                                     WHERE incident_id = i.id ORDER BY id DESC LIMIT %(kinds)s) r) k
               CROSS JOIN LATERAL (
                   SELECT state, model_name, method_name, date_started FROM connector_job
                    WHERE %(finished)s AND channel_id = k.channel_id AND date_done > i.date_last
                    ORDER BY channel_id DESC, date_done DESC LIMIT %(looked_at)s) d
               WHERE d.state = 'done' AND d.model_name = k.model_name AND d.method_name = k.method_name
                 AND d.date_started > i.date_last))
        RETURNING id
        """,
        kinds=KINDS,
        looked_at=LOOKED_AT,
    )


def due_reports() -> SQL:
    """Tell whether messages about incidents are due, see :func:`take_due_reports`."""
    return statement(
        "SELECT EXISTS (SELECT FROM connector_incident i WHERE %(due)s OR %(over)s)", due=_due(), over=_over()
    )


def take_due_reports() -> SQL:
    """Note that the due messages are written; returns (id, state, failures since the message before, came back).

    Due: it has opened, it has come back, it lasts for an hour, or it is resolved and none of its jobs is failed. Of two
    that take them at a time one gets a serialization failure, or nothing.
    """
    return statement(
        """UPDATE connector_incident i
              SET reported_before = CASE WHEN d.state = 'open' THEN i.reported_at ELSE i.reported_before END,
                  reported_at = CASE WHEN d.state = 'open' THEN %(now)s ELSE i.reported_at END,
                  count_reported = i.count, reported_state = d.state
             FROM (SELECT id, state, count - coalesce(count_reported, 0) AS new, reported_at, date_opened
                     FROM connector_incident i WHERE %(due)s OR %(over)s ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) d
            WHERE i.id = d.id
        RETURNING i.id, d.state, d.new, coalesce(d.date_opened > d.reported_at, false)""",
        due=_due(),
        over=_over(),
    )


def _due() -> SQL:
    return statement(
        """(i.state = 'open' AND (
            i.reported_at IS NULL
            OR (i.date_opened > i.reported_at
                AND (i.reported_before IS NULL OR i.reported_before < %(now)s - %(report_s)s * interval '1 second'))
            OR (i.count > i.count_reported AND i.reported_at < %(now)s - %(report_s)s * interval '1 second')))""",
        report_s=REPORT_S,
    )


def _over() -> SQL:
    return SQL(
        """(i.state = 'resolved' AND i.reported_state = 'open' AND NOT EXISTS (
            SELECT FROM connector_job j WHERE j.incident_id = i.id AND j.state = 'failed'))"""
    )
