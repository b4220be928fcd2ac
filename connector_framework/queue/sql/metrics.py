"""What monitoring reads: counts, ages and durations, each at a bounded cost, whatever the size of the table."""

from __future__ import annotations

from odoo.tools import SQL

from .schema import statement

#: Jobs that are counted of one state in one channel, and of all jobs that wait for a time or a key.
COUNTED = 1_000
#: Jobs at the head of each priority of a channel whose ages are compared, and priorities that are looked at.
HEAD, LEVELS = 20, 50
#: Ended jobs of a channel whose durations are read, and seconds that they are looked for back.
TIMED, TIMED_FOR_S = 100, 900

#: To be run before the statements below: compiling one takes PostgreSQL 350 ms, running it a few.
WITHOUT_JIT = SQL("SET LOCAL jit = off")


def live_jobs() -> SQL:
    """Return (state, channel, count) of the jobs that have not ended well, at most :data:`COUNTED` of each.

    ORDER BY and LIMIT keep the planner on the small indexes, as in :func:`~.claim.poll`. Indexes: ``_claim``, ``_eta``,
    ``_parked``, ``_running``, ``_waiting``, ``_failed_channel``.
    """
    return statement(
        """
        WITH held AS MATERIALIZED (
            (SELECT channel_id FROM connector_job WHERE %(scheduled)s ORDER BY eta LIMIT %(counted)s)
            UNION ALL
            (SELECT channel_id FROM connector_job WHERE %(parked)s
              ORDER BY exclusive_key, priority, id LIMIT %(counted)s)),
        running AS MATERIALIZED (SELECT channel_id, count(*) AS n FROM connector_job WHERE %(running)s GROUP BY 1)
        SELECT s.state, c.name, s.n
          FROM connector_job_channel c
         CROSS JOIN LATERAL (
            SELECT 'waiting' AS state, count(*) AS n FROM (
                SELECT FROM connector_job WHERE %(waiting)s AND channel_id = c.id
                 ORDER BY channel_id, id LIMIT %(counted)s) w
            UNION ALL
            SELECT 'pending', (SELECT count(*) FROM (
                SELECT FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                 ORDER BY priority, id LIMIT %(counted)s) p) + (SELECT count(*) FROM held WHERE channel_id = c.id)
            UNION ALL
            SELECT 'running', coalesce((SELECT n FROM running WHERE channel_id = c.id), 0)
            UNION ALL
            SELECT 'failed', count(*) FROM (
                SELECT FROM connector_job WHERE %(failed)s AND channel_id = c.id
                 ORDER BY channel_id, id LIMIT %(counted)s) f) s
         ORDER BY c.name, s.state
        """,
        counted=COUNTED,
    )


def due_jobs() -> SQL:
    """Return (channel's id, channel, paused, age in seconds) of the channels that have due jobs.

    The age is that of the oldest: since it was stored, its time came, or its last attempt began, whichever is latest.
    Jobs are read at the head of each priority, where the oldest is but for retries and released dependents. ``paused``:
    the channel or one above it is. Jobs that wait for a key are not due before it is free. Indexes: ``_claim``, one
    probe a priority; ``_eta``.
    """
    return statement(
        """
        SELECT c.id, c.name,
               EXISTS (SELECT 1 FROM connector_job_channel p WHERE p.paused AND p.id = ANY(%(ancestors)s)),
               extract(epoch FROM %(now)s - least(h.since, o.since))::float
          FROM connector_job_channel c
         CROSS JOIN LATERAL (
            WITH RECURSIVE level AS (
                (SELECT priority FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                  ORDER BY priority, id LIMIT 1)
                UNION ALL
                SELECT n.priority FROM level l CROSS JOIN LATERAL (
                    SELECT priority FROM connector_job
                     WHERE %(claimable)s AND channel_id = c.id AND priority > l.priority
                     ORDER BY priority, id LIMIT 1) n)
            SELECT min(j.since) AS since FROM (SELECT priority FROM level LIMIT %(levels)s) l CROSS JOIN LATERAL (
                SELECT greatest(date_enqueued, eta, date_started) AS since FROM connector_job
                 WHERE %(claimable)s AND channel_id = c.id AND priority = l.priority
                 ORDER BY priority, id LIMIT %(head)s) j) h
          LEFT JOIN (
            SELECT channel_id, min(eta) AS since FROM (
                SELECT channel_id, eta FROM connector_job WHERE %(scheduled)s AND eta <= %(now)s
                 ORDER BY eta LIMIT %(counted)s) e GROUP BY 1) o ON o.channel_id = c.id
         WHERE h.since IS NOT NULL OR o.since IS NOT NULL
         ORDER BY c.name
        """,
        head=HEAD,
        levels=LEVELS,
        counted=COUNTED,
    )


def durations() -> SQL:
    """Return (channel, jobs, median, 95th percentile in seconds) of the last done jobs of each channel.

    At most :data:`TIMED` jobs of the last :data:`TIMED_FOR_S` seconds. Index: ``_finished``.
    """
    return statement(
        """
        SELECT c.name, count(*), percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY d.duration_s)
          FROM connector_job_channel c
         CROSS JOIN LATERAL (
            SELECT state, duration_s FROM connector_job
             WHERE %(finished)s AND channel_id = c.id AND date_done > %(now)s - %(back)s * interval '1 second'
             ORDER BY channel_id DESC, date_done DESC LIMIT %(timed)s) d
         WHERE d.state = 'done' AND d.duration_s IS NOT NULL
         GROUP BY c.name ORDER BY c.name
        """,
        timed=TIMED,
        back=TIMED_FOR_S,
    )


def ended_by_day(days: int) -> SQL:
    """Return (channel, day, done, failed) of the jobs that ended in the last days, today included.

    Days are those of UTC; one without jobs has rows too. Reads the index entries of all these jobs: ``_finished``,
    ``_failed_channel``.
    """
    return statement(
        """
        WITH day AS (SELECT generate_series(date_trunc('day', %(now)s) - (%(days)s - 1) * interval '1 day',
                                            date_trunc('day', %(now)s), interval '1 day') AS start)
        SELECT c.name, d.start::date, coalesce(f.n, 0)::int, coalesce(x.n, 0)::int
          FROM connector_job_channel c CROSS JOIN day d
         CROSS JOIN LATERAL (SELECT count(*) AS n FROM connector_job
                              WHERE %(finished)s AND channel_id = c.id
                                AND date_done >= d.start AND date_done < d.start + interval '1 day') f
         CROSS JOIN LATERAL (SELECT count(*) AS n FROM connector_job
                              WHERE %(failed)s AND date_done >= d.start AND date_done < d.start + interval '1 day'
                                AND channel_id = c.id) x
         ORDER BY c.name, d.start
        """,
        days=days,
    )


def estimated_jobs() -> SQL:
    """Return (state, count) of all jobs as PostgreSQL estimated them at its last VACUUM or ANALYZE.

    ``ended`` are the done and cancelled ones. No row for what was never estimated.
    """
    return SQL(
        """SELECT i.state, sum(k.reltuples)::float
             FROM (VALUES ('ended', '_finished'), ('failed', '_failed'), ('waiting', '_waiting'),
                          ('pending', '_claim'), ('pending', '_eta'), ('pending', '_parked')) i(state, name)
             JOIN pg_class k ON k.oid = to_regclass('connector_job' || i.name) AND k.reltuples >= 0
            GROUP BY 1 ORDER BY 1"""
    )


def numbers_given() -> SQL:
    """Return how many numbers were given to jobs and to failed attempts: they are never given again."""
    return SQL(
        """SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM connector_job_id_seq),
                  (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM connector_job_attempt_id_seq)"""
    )


def live_workers(lease_s: float) -> SQL:
    """Return (host, process, threads, running jobs, missing addons or None) of the workers that are alive."""
    return statement(
        """SELECT host, pid, threads, running, nullif(missing_addons, '') FROM connector_worker
            WHERE last_seen > %(now)s - %(lease)s * interval '1 second' ORDER BY host, pid, id""",
        lease=lease_s,
    )


def circuits() -> SQL:
    """Return the states of the backends that were called.

    (model, id, whether the circuit is open, seconds since, whether the credentials were refused, seconds that the other
    system's clock is ahead).
    """
    return statement(
        """SELECT backend_model, backend_id, opened_at IS NOT NULL,
                  coalesce(extract(epoch FROM %(now)s - opened_at), 0)::float, coalesce(is_refused, false),
                  coalesce(clock_skew_s, 0)::float
             FROM connector_adapter_state ORDER BY backend_model, backend_id"""
    )


def full_channels() -> SQL:
    """Return (channel, jobs that run in it and below, capacity) of the channels that are full. Index: ``_running``."""
    return statement(
        """SELECT p.name, sum(r.n)::int, p.capacity
             FROM (SELECT channel_id, count(*) AS n FROM connector_job WHERE %(running)s GROUP BY 1) r
             JOIN connector_job_channel c ON c.id = r.channel_id
             JOIN connector_job_channel p ON p.id = ANY(%(ancestors)s)
            WHERE p.capacity > 0 GROUP BY p.id HAVING sum(r.n) >= p.capacity ORDER BY p.name"""
    )


def waiting_for_failed() -> SQL:
    """Return (channel, waiting jobs whose parent has failed, id of such a parent), of the oldest waiting jobs.

    At most :data:`COUNTED` waiting jobs of a channel are looked at. Index: ``_waiting``.
    """
    return statement(
        """SELECT c.name, count(*), min(p.id)
             FROM connector_job_channel c
            CROSS JOIN LATERAL (SELECT id FROM connector_job WHERE %(waiting)s AND channel_id = c.id
                                 ORDER BY channel_id, id LIMIT %(counted)s) w
             JOIN connector_job_dependency d ON d.child_id = w.id
             JOIN connector_job p ON p.id = d.parent_id AND p.state = 'failed'
            GROUP BY c.name ORDER BY c.name""",
        counted=COUNTED,
    )


def incidents() -> SQL:
    """Return (model and id of the backend or None, state, incidents). Index: ``connector_incident_unresolved``."""
    return SQL(
        """SELECT backend_model, backend_id, state, count(*) FROM connector_incident
            WHERE state IN ('open', 'muted') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    )
