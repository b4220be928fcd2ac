"""What ``odoo connector doctor`` reads of PostgreSQL and of the jobs, for people: bounded, but not for each minute."""

from __future__ import annotations

import time
from typing import NamedTuple

from odoo.tools import SQL

from .metrics import COUNTED
from .schema import statement

#: Seconds after which a transaction is open for long, and a job runs for long.
LONG_TRANSACTION_S, LONG_JOB_S = 3600, 3600


class Server(NamedTuple):
    """The row of :func:`server`."""

    is_standby: bool
    max_connections: int
    is_vacuumed: bool
    #: Seconds that PostgreSQL's clock is ahead of this process's.
    skew_s: float


def server() -> SQL:
    """Return the row of a :class:`Server`."""
    return SQL(
        """SELECT pg_is_in_recovery(), current_setting('max_connections')::int,
                  current_setting('autovacuum')::bool AND NOT EXISTS (
                      SELECT FROM pg_class WHERE oid = 'connector_job'::regclass
                         AND reloptions @> ARRAY['autovacuum_enabled=false']),
                  extract(epoch FROM clock_timestamp())::float - %s""",
        time.time(),
    )


def long_transactions() -> SQL:
    """Return (seconds, application and state) of sessions whose transaction is open for long."""
    return SQL(
        """SELECT extract(epoch FROM now() - xact_start)::float, concat_ws(', ', nullif(application_name, ''), state)
             FROM pg_stat_activity
            WHERE xact_start < now() - %s * interval '1 second' AND datname = current_database()
              AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            ORDER BY xact_start LIMIT 5""",
        LONG_TRANSACTION_S,
    )


def jobs_of_archived_users() -> SQL:
    """Return (login, jobs) of archived users who have pending jobs among the next ones of each channel.

    Index: ``_claim``.
    """
    return statement(
        """SELECT u.login, count(*)
             FROM connector_job_channel c
            CROSS JOIN LATERAL (SELECT user_id FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                                 ORDER BY priority, id LIMIT %(counted)s) j
             JOIN res_users u ON u.id = j.user_id AND NOT u.active AND u.id <> 1
            GROUP BY u.login ORDER BY u.login""",
        counted=COUNTED,
    )


def kinds_of_unfinished() -> SQL:
    """Return (model, method, jobs) of the next pending and the oldest waiting jobs of each channel.

    Indexes: ``_claim``, ``_waiting``.
    """
    return statement(
        """SELECT model_name, method_name, count(*)
             FROM connector_job_channel c
            CROSS JOIN LATERAL (
                (SELECT model_name, method_name FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                  ORDER BY priority, id LIMIT %(counted)s)
                UNION ALL
                (SELECT model_name, method_name FROM connector_job WHERE %(waiting)s AND channel_id = c.id
                  ORDER BY channel_id, id LIMIT %(counted)s)) j
            GROUP BY 1, 2 ORDER BY 1, 2""",
        counted=COUNTED,
    )


def long_jobs() -> SQL:
    """Return (id, seconds, model, method) of jobs without a time limit that run for long. Index: ``_running``."""
    return statement(
        """SELECT id, extract(epoch FROM %(now)s - date_started)::float, model_name, method_name FROM connector_job
            WHERE %(running)s AND timeout_s IS NULL AND date_started < %(now)s - %(long)s * interval '1 second'
            ORDER BY date_started LIMIT 5""",
        long=LONG_JOB_S,
    )
