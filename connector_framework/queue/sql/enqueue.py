"""Storing jobs, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from odoo.tools import SQL

from ..options import DEFAULT_KEEP_DAYS, DEFAULT_MAX_ATTEMPTS, JobRow, JobValues
from .schema import statement


def _when(values: JobValues) -> SQL:
    """The time before which the jobs must not run, or NULL; needs ``t.now``."""
    if values.eta_s is not None:
        return SQL("t.now + %s * interval '1 second'", values.eta_s)
    return SQL("%s::timestamp", values.eta)


def _when_or_now(values: JobValues) -> SQL:
    return SQL("coalesce(%s, t.now)", _when(values))


def insert_jobs(values: JobValues, rows: Sequence[JobRow]) -> SQL:
    """Store jobs that differ in their rows alone; returns (id, identity_key) of those stored, in order.

    A job whose identity key is taken by a waiting or pending one is left out, decided by the unique index. Returns
    nothing at all when the channel does not exist.
    """
    columns = values.columns()
    return statement(
        """
        INSERT INTO connector_job (%(names)s, hold, eta, channel_id, channel, max_attempts, timeout_s,
                                   attempt, crashes, call, identity_key, exclusive_key, name)
        SELECT %(values)s,
               CASE WHEN %(when)s > t.now THEN 'eta' END, %(when)s, c.id, c.name,
               coalesce(%(max_attempts)s, c.max_attempts, %(default_max_attempts)s),
               coalesce(%(timeout_s)s, nullif(c.timeout_s, 0)),
               0, 0, j.call, j.identity_key, j.exclusive_key, j.name
          FROM connector_job_channel c
         CROSS JOIN (SELECT %(now)s AS now) t
         CROSS JOIN unnest(%(calls)s::text[], %(identity_keys)s::text[], %(exclusive_keys)s::text[], %(labels)s::text[])
               WITH ORDINALITY j(call, identity_key, exclusive_key, name, n)
         WHERE c.name = %(channel)s
         ORDER BY j.n
        ON CONFLICT DO NOTHING
        RETURNING id, identity_key
        """,
        names=SQL(", ").join(map(SQL.identifier, columns)),
        values=SQL(", ").join(SQL("%s", value) for value in columns.values()),
        when=_when(values),
        channel=values.channel,
        max_attempts=values.max_attempts,
        default_max_attempts=DEFAULT_MAX_ATTEMPTS,
        timeout_s=values.timeout_s,
        calls=[row.call for row in rows],
        identity_keys=[row.identity_key for row in rows],
        exclusive_keys=[row.exclusive_key for row in rows],
        labels=[row.description for row in rows],
    )


def _sooner(values: JobValues) -> SQL:
    """Whether a call wants job ``k`` sooner; needs ``t.now``.

    A job that waits for its next attempt after a failure keeps that time: else an outage would use up its attempts.
    """
    return SQL("(k.exc_type IS NULL AND k.eta > t.now AND %(at)s < k.eta)", at=_when_or_now(values))


def find_identical(keys: Sequence[str], values: JobValues) -> SQL:
    """Find the waiting and pending jobs with these identity keys, and keep them from being claimed.

    FOR SHARE holds them until the caller's transaction ends: claimed earlier, such a job would read the records without
    the caller's changes, which would never be seen. Returns (id, key, whether it is less urgent than the
    call that it absorbs). Index: ``_identity``.
    """
    return statement(
        """SELECT k.id, k.identity_key, coalesce(%(sooner)s, false) OR k.priority > %(priority)s
             FROM connector_job k, (SELECT %(now)s AS now) t
            WHERE k.identity_key = ANY(%(keys)s) AND k.%(enqueued)s AND k.identity_key IS NOT NULL FOR SHARE OF k""",
        sooner=_sooner(values),
        priority=values.priority,
        keys=list(keys),
    )


def find_identical_running(keys: Sequence[str]) -> SQL:
    """Find the running jobs that count as identical until they are done. Index: ``_identity_done``."""
    return statement(
        """SELECT id, identity_key FROM connector_job
            WHERE identity_key = ANY(%(keys)s) AND %(running)s AND identity_until_done""",
        keys=list(keys),
    )


def hasten(job_ids: Sequence[int], values: JobValues) -> SQL:
    """Give jobs the priority and the eta of a call that they absorb, where these are more urgent; returns their ids."""
    return statement(
        """UPDATE connector_job k
              SET priority = least(priority, %(priority)s),
                  eta = CASE WHEN %(sooner)s THEN %(eta)s ELSE eta END,
                  hold = CASE WHEN hold = 'eta' AND %(sooner)s AND %(at)s <= t.now THEN NULL ELSE hold END
             FROM (SELECT %(now)s AS now) t WHERE k.id = ANY(%(ids)s) AND k.%(enqueued)s RETURNING k.id""",
        priority=values.priority,
        sooner=_sooner(values),
        eta=_when(values),
        at=_when_or_now(values),
        ids=list(job_ids),
    )


def any_unfinished(job_ids: Sequence[int]) -> SQL:
    """Tell whether some of these jobs are not done; deleted ones count as done."""
    return SQL("SELECT EXISTS (SELECT 1 FROM connector_job WHERE id = ANY(%s) AND state <> 'done')", list(job_ids))


def insert_dependencies(child_ids: Sequence[int], parent_ids: Sequence[int]) -> SQL:
    return SQL(
        """INSERT INTO connector_job_dependency (child_id, parent_id)
           SELECT c, p FROM unnest(%s::int[]) c, unnest(%s::int[]) p ON CONFLICT DO NOTHING""",
        list(child_ids),
        list(parent_ids),
    )


def insert_subjects(model_name: str, rows: Sequence[tuple[int, int | None, str | None]]) -> SQL:
    """Store what jobs are about.

    :param rows: (job, record's id or None, external id or None) each
    """
    job_ids, record_ids, external_ids = (list(column) for column in zip(*rows, strict=True))
    return SQL(
        """INSERT INTO connector_job_subject (job_id, model_name, record_id, external_id)
           SELECT s.job_id, %s, s.record_id, s.external_id
             FROM unnest(%s::int[], %s::int[], %s::text[]) s(job_id, record_id, external_id)""",
        model_name,
        job_ids,
        record_ids,
        external_ids,
    )


def insert_channel(name: str, parent: str | None) -> SQL:
    """Make a channel if there is none of this name; two that do so at once meet in the unique index on the name."""
    return SQL(
        """INSERT INTO connector_job_channel (id, name, parent_id, parent_path, capacity, rate_limit, paused, timeout_s,
                                              max_attempts, keep_days)
           SELECT n.id, %s, p.id, coalesce(p.parent_path, '') || n.id || '/', 0, 0, false, 0, %s, %s
             FROM (SELECT nextval('connector_job_channel_id_seq')::int AS id) n
             LEFT JOIN connector_job_channel p ON p.name = %s
            WHERE NOT EXISTS (SELECT 1 FROM connector_job_channel WHERE name = %s)
           ON CONFLICT (name) DO NOTHING""",
        name,
        DEFAULT_MAX_ATTEMPTS,
        DEFAULT_KEEP_DAYS,
        parent,
        name,
    )
