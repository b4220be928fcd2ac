"""Taking jobs: polling, claims, parking by key, release by time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from odoo.tools import SQL

from ..claimed import CLAIMED_COLUMNS
from .schema import CLAIM, PARK, QUEUE_LOCK, statement

_COLUMNS = SQL(", ").join(SQL.identifier(name) for name in CLAIMED_COLUMNS)

# A keyed job waits for the running one of its key, for those of its key before it in the batch, and for parked ones
# that come before it.
_BUSY = statement("""c.exclusive_key IS NOT NULL AND (
    row_number() OVER (PARTITION BY c.exclusive_key ORDER BY c.priority, c.id) > 1
    OR EXISTS (SELECT 1 FROM connector_job x WHERE %(running)s AND x.exclusive_key = c.exclusive_key)
    OR EXISTS (SELECT 1 FROM connector_job x WHERE %(parked)s
                  AND x.exclusive_key = c.exclusive_key AND (x.priority, x.id) < (c.priority, c.id)))""")

# The end of both claims; see ``attempt.BEGUN`` for what the lock of the candidates leaves in the row.
_CLAIMED = """claimed AS (
            UPDATE connector_job j
               SET state = 'running', worker_id = %(worker)s, attempt = attempt + 1, date_started = %(now)s
             WHERE j.id = ANY(ARRAY(SELECT id FROM pick)) RETURNING priority, %(columns)s)"""


def poll() -> SQL:
    """Return the row of a ``Poll``.

    One trip that an idle worker makes each poll interval, and the only one. ORDER BY keeps the planner on the small
    indexes: it estimates the pending jobs at a quarter of the table and would read all of history to find the first.
    """
    return statement(
        """SELECT coalesce((SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'), '') <> '',
                  changing, installed,
                  (SELECT id FROM connector_job WHERE %(claimable)s
                    ORDER BY channel_id, priority, id LIMIT 1) IS NOT NULL
                  OR (SELECT id FROM connector_job WHERE %(parked)s
                       ORDER BY exclusive_key, priority, id LIMIT 1) IS NOT NULL,
                  (SELECT extract(epoch FROM min(eta) - %(now)s)::float FROM connector_job WHERE %(scheduled)s)
             FROM (SELECT coalesce(bool_or(state LIKE 'to %%'), false) AS changing,
                          count(*) FILTER (WHERE state IN ('installed', 'to upgrade', 'to remove')) AS installed
                     FROM ir_module_module) m"""
    )


def more_urgent(priority: int) -> SQL:
    """Return a row if a job with a lower priority number can be claimed. Index: ``_claim``, one probe a channel."""
    return statement(
        "SELECT 1 FROM connector_job_channel c CROSS JOIN LATERAL (SELECT priority FROM connector_job"
        " WHERE %(claimable)s AND channel_id = c.id ORDER BY priority, id LIMIT 1) j WHERE j.priority < %(priority)s"
        " LIMIT 1",
        priority=priority,
    )


def installed_addons() -> SQL:
    """Return the names of the addons whose code a worker needs."""
    return SQL("SELECT name FROM ir_module_module WHERE state IN ('installed', 'to upgrade', 'to remove')")


def channels_by_name(names: Sequence[str]) -> SQL:
    return SQL("SELECT id FROM connector_job_channel WHERE name = ANY(%s)", list(names))


def _in_channels(channel_ids: Sequence[int] | None) -> SQL:
    """Restrict ``c`` to channels and those below them."""
    if channel_ids is None:
        return SQL("true")
    return statement("%(ancestors)s && %(ids)s::int[]", ids=list(channel_ids))


def claim(worker_id: int, limit: int, channel_ids: Sequence[int] | None = None) -> SQL:
    """Claim up to ``limit`` jobs, most urgent first, where no limit is to be counted.

    Returns the rows of a ``ClaimResult``, at least one. ``limited``: channels with a limit have jobs; nothing was
    claimed, use :func:`claim_limited`, so that priorities hold over all channels.

    Rows are locked FOR NO KEY UPDATE, those locked by others are skipped. Two claimers that start two jobs of one
    exclusive key at once meet in the unique index ``_exclusive``: one gets 23505 and claims again. Index: ``_claim``,
    one probe a channel.
    """
    return statement(
        f"""
        WITH channels AS MATERIALIZED (
            SELECT c.id, EXISTS (
                SELECT 1 FROM connector_job_channel p
                 WHERE p.id = ANY(%(ancestors)s) AND (p.capacity > 0 OR p.rate_limit > 0 OR p.paused)) AS limited
              FROM connector_job_channel c WHERE %(in_channels)s),
        probe AS MATERIALIZED (
            SELECT EXISTS (SELECT 1 FROM channels c WHERE c.limited AND (
                SELECT id FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                 ORDER BY priority, id LIMIT 1) IS NOT NULL) AS limited),
        candidates AS MATERIALIZED (
            SELECT q.* FROM channels c CROSS JOIN LATERAL (
                SELECT id, priority, exclusive_key FROM connector_job
                 WHERE %(claimable)s AND channel_id = c.id
                 ORDER BY priority, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) q
             WHERE NOT c.limited AND NOT (SELECT limited FROM probe)),
        ranked AS MATERIALIZED (SELECT c.id, c.priority, %(busy)s AS busy FROM candidates c),
        pick AS MATERIALIZED (SELECT id FROM ranked WHERE NOT busy ORDER BY priority, id LIMIT %(limit)s),
        {_CLAIMED}
        SELECT probe.limited, (SELECT count(*) FROM ranked WHERE busy) AS passed_by, %(columns)s
          FROM probe LEFT JOIN claimed ON true ORDER BY priority, id
        """,
        in_channels=_in_channels(channel_ids),
        limit=limit,
        busy=_BUSY,
        worker=worker_id,
        columns=_COLUMNS,
    )


def lock_claims() -> SQL:
    """Wait for one's turn to count and claim: a statement of its own, so that the claim's snapshot is younger."""
    return SQL("SELECT pg_advisory_xact_lock(%s, %s)", QUEUE_LOCK, CLAIM)


def claim_limited(worker_id: int, limit: int, channel_ids: Sequence[int] | None = None) -> SQL:
    """Claim up to ``limit`` jobs over all channels, counting capacities and rates; same columns as :func:`claim`.

    ``limited`` tells whether a job that found no place in a channel above took the place of one that would: claim
    again.

    Counting and skipping locked rows do not go together, so claims take turns: see :func:`lock_claims`, to be run in
    the same transaction before. A job counts in its channel and in each channel above. A rate is a token bucket of one
    second's worth.
    """
    return statement(
        f"""
        WITH running AS MATERIALIZED (
            SELECT a.id, sum(r.n)::int AS n
              FROM (SELECT channel_id, count(*) AS n FROM connector_job WHERE %(running)s GROUP BY channel_id) r
              JOIN connector_job_channel c ON c.id = r.channel_id, unnest(%(ancestors)s) a(id) GROUP BY a.id),
        room AS MATERIALIZED (
            SELECT c.id, %(ancestors)s AS ancestors, %(in_channels)s AS wanted, bucket.tokens, least(%(limit)s,
                CASE WHEN c.paused THEN 0 END,
                CASE WHEN c.capacity > 0 THEN greatest(0, c.capacity - coalesce(running.n, 0)) END,
                floor(bucket.tokens)::int) AS room
              FROM connector_job_channel c
              LEFT JOIN running USING (id) LEFT JOIN connector_job_bucket b ON b.channel_id = c.id
             CROSS JOIN LATERAL (SELECT CASE WHEN c.rate_limit > 0 THEN least(greatest(1, c.rate_limit), coalesce(
                -- A clock that was set back must not stop the channel for that long.
                CASE WHEN b.at <= %(clock)s
                     THEN b.tokens + c.rate_limit * extract(epoch FROM %(clock)s - b.at) END, 1)) END AS tokens
                ) bucket),
        leaves AS MATERIALIZED (
            SELECT r.id, r.ancestors, (SELECT min(p.room) FROM room p WHERE p.id = ANY(r.ancestors)) AS room
              FROM room r WHERE r.wanted),
        candidates AS MATERIALIZED (
            SELECT q.*, l.ancestors FROM leaves l CROSS JOIN LATERAL (
                SELECT id, priority, exclusive_key FROM connector_job
                 WHERE %(claimable)s AND channel_id = l.id
                 ORDER BY priority, id LIMIT l.room FOR NO KEY UPDATE SKIP LOCKED) q
             WHERE l.room > 0),
        ranked AS MATERIALIZED (SELECT c.id, c.priority, c.ancestors, %(busy)s AS busy FROM candidates c),
        fitting AS MATERIALIZED (
            SELECT o.id, min(o.priority) AS priority
              FROM (SELECT k.id, k.priority, a.id AS channel_id,
                           row_number() OVER (PARTITION BY a.id ORDER BY k.priority, k.id) AS n
                      FROM ranked k, unnest(k.ancestors) a(id) WHERE NOT k.busy) o
              JOIN room r ON r.id = o.channel_id GROUP BY o.id HAVING bool_and(o.n <= r.room)),
        pick AS MATERIALIZED (SELECT id FROM fitting ORDER BY priority, id LIMIT %(limit)s),
        spent AS (
            INSERT INTO connector_job_bucket (channel_id, tokens, at)
            SELECT r.id, r.tokens - count(*), %(clock)s
              FROM pick JOIN candidates USING (id) JOIN room r ON r.id = ANY(candidates.ancestors)
             WHERE r.tokens IS NOT NULL GROUP BY r.id, r.tokens
            ON CONFLICT (channel_id) DO UPDATE SET tokens = excluded.tokens, at = excluded.at),
        {_CLAIMED}
        SELECT (SELECT count(*) FROM ranked WHERE NOT busy) > (SELECT count(*) FROM fitting) AS limited,
               (SELECT count(*) FROM ranked WHERE busy) AS passed_by, %(columns)s
          FROM (SELECT 1) one LEFT JOIN claimed ON true ORDER BY priority, id
        """,
        in_channels=_in_channels(channel_ids),
        limit=limit,
        busy=_BUSY,
        worker=worker_id,
        columns=_COLUMNS,
    )


def park() -> SQL:
    """Park the claimable jobs of the keys that run now, so that claims do not read them again and again.

    Called when a claim came back short because of them. Under the exclusive park lock: a park that still saw the key
    running is committed before the :func:`unpark` that follows that job looks. Returns the ids. Index: ``_key``.
    """
    return statement(
        """
        SELECT pg_advisory_xact_lock(%(lock)s, %(park)s);
        UPDATE connector_job SET hold = 'key' WHERE id IN (
            SELECT j.id FROM (
                SELECT exclusive_key FROM connector_job WHERE %(running)s AND exclusive_key IS NOT NULL) k
             CROSS JOIN LATERAL (
                SELECT id FROM connector_job
                 WHERE %(claimable)s AND exclusive_key = k.exclusive_key
                 ORDER BY priority, id LIMIT 5000 FOR NO KEY UPDATE SKIP LOCKED) j)
        RETURNING id
        """,
        lock=QUEUE_LOCK,
        park=PARK,
    )


def unpark(keys: Iterable[str] | None = None) -> SQL:
    """Make the first parked job of each key claimable where none of the key runs or is claimable before it.

    :param keys: those whose job has just left ``running``; None: every parked key (maintenance)
    """
    if keys is None:
        which = statement("(SELECT DISTINCT exclusive_key FROM connector_job WHERE %(parked)s)")
    else:
        which = SQL("unnest(%s::text[])", sorted(keys))
    return statement(
        """
        SELECT pg_advisory_xact_lock_shared(%(lock)s, %(park)s);
        UPDATE connector_job SET hold = NULL WHERE id IN (
            SELECT j.id FROM %(which)s AS k(key)
             CROSS JOIN LATERAL (
                SELECT id FROM connector_job WHERE %(parked)s AND exclusive_key = k.key
                 ORDER BY priority, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) j
             WHERE NOT EXISTS (SELECT 1 FROM connector_job x WHERE %(running)s AND x.exclusive_key = k.key))
        RETURNING id
        """,
        lock=QUEUE_LOCK,
        park=PARK,
        which=which,
    )


def release_due() -> SQL:
    """Make scheduled jobs claimable whose time has come, up to 1000; returns their ids. Index: ``_eta``."""
    return statement(
        """UPDATE connector_job SET hold = NULL WHERE id IN (
               SELECT id FROM connector_job WHERE %(scheduled)s AND eta <= %(now)s
                ORDER BY eta LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
           RETURNING id"""
    )


def unfinished(channel_ids: Sequence[int] | None = None) -> SQL:
    """Tell whether anything is due or running.

    ORDER BY and LIMIT keep the planner on the small indexes, as in :func:`poll`.
    """
    return statement(
        """SELECT EXISTS (SELECT 1 FROM connector_job_channel c WHERE %(in_channels)s AND (
               (SELECT id FROM connector_job WHERE %(running)s AND channel_id = c.id
                 ORDER BY worker_id, channel_id LIMIT 1) IS NOT NULL
               OR NOT EXISTS (SELECT 1 FROM connector_job_channel p WHERE p.paused AND p.id = ANY(%(ancestors)s)) AND (
                   (SELECT id FROM connector_job WHERE %(claimable)s AND channel_id = c.id
                     ORDER BY priority, id LIMIT 1) IS NOT NULL
                   OR (SELECT id FROM connector_job WHERE %(parked)s AND channel_id = c.id
                        ORDER BY exclusive_key, priority, id LIMIT 1) IS NOT NULL
                   OR (SELECT id FROM connector_job WHERE %(scheduled)s AND channel_id = c.id AND eta <= %(now)s
                        ORDER BY eta LIMIT 1) IS NOT NULL)))""",
        in_channels=_in_channels(channel_ids),
    )
