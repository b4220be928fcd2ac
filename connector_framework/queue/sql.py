"""Every SQL statement of the queue.

Who runs what: statements on a job's *work* transaction (REPEATABLE READ) say so; all others run on a worker's own
session, each in a short READ COMMITTED transaction. The row of a running job is locked by its work transaction from
start to end and written by nobody else, or the final UPDATE would fail with a serialization error; so progress,
checkpoints and heartbeats have tables of their own.

Times are naive UTC by the database's clock, so that the hosts' clocks do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from odoo.tools import SQL
from psycopg2.errors import InvalidTextRepresentation

from .prepared import Prepared

#: First key of the advisory locks: a worker that lives holds (WORKER_LOCK, its id) on its session.
WORKER_LOCK = 1_668_247_154
#: (QUEUE_LOCK, CLAIM): one claim at a time where limits are counted; (QUEUE_LOCK, PARK): parking against unparking;
#: (QUEUE_LOCK, REAP): one reaper at a time.
QUEUE_LOCK = 1_668_247_155
CLAIM, PARK, REAP = 1, 2, 3

NOTIFY_CHANNEL = "connector_job"

#: Seconds without a heartbeat before a worker whose lock is free counts as dead: a new worker takes its lock first
#: and says hello after, and a session that is cut takes a moment to come back.
DEAD_AFTER_S = 3

# Stable within a statement, so that an index on a time can be used; that of a lock waited for is the other one.
_UTC_NOW = SQL("(statement_timestamp() AT TIME ZONE 'utc')")
_UTC_CLOCK = SQL("(clock_timestamp() AT TIME ZONE 'utc')")

# -- tables ------------------------------------------------------------------------------------------------------------

#: What the ORM does not make. Statistics and vacuum settings for a table whose rows change state four times and whose
#: queries read only the few live ones.
TABLES = SQL("""
    ALTER TABLE connector_job ADD COLUMN IF NOT EXISTS call text;
    ALTER TABLE connector_job ALTER COLUMN date_enqueued SET DEFAULT (statement_timestamp() AT TIME ZONE 'utc');
    ALTER TABLE connector_job SET (
        fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05,
        autovacuum_vacuum_cost_delay = 0
    );
    CREATE TABLE IF NOT EXISTS connector_job_dependency (
        child_id integer NOT NULL, parent_id integer NOT NULL, PRIMARY KEY (child_id, parent_id)
    );
    CREATE INDEX IF NOT EXISTS connector_job_dependency_parent ON connector_job_dependency (parent_id);
    CREATE TABLE IF NOT EXISTS connector_job_progress (
        job_id integer PRIMARY KEY, done double precision NOT NULL, total double precision NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE IF NOT EXISTS connector_job_checkpoint (
        job_id integer PRIMARY KEY, state text NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE IF NOT EXISTS connector_job_bucket (
        channel_id integer PRIMARY KEY, tokens double precision NOT NULL, at timestamp NOT NULL
    ) WITH (fillfactor = 50);
    CREATE SEQUENCE IF NOT EXISTS connector_worker_id_seq
""")

#: What the ORM does not drop when the framework is uninstalled.
DROP_TABLES = SQL("""
    DROP TABLE IF EXISTS
        connector_job_dependency, connector_job_progress, connector_job_checkpoint, connector_job_bucket;
    DROP SEQUENCE IF EXISTS connector_worker_id_seq
""")


# -- enqueue (in the caller's transaction) -----------------------------------------------------------------------------


def insert_jobs(
    *,
    common: dict[str, Any],
    channel: str,
    eta_s: float | None,
    eta: Any,
    max_attempts: int | None,
    timeout_s: float | None,
    rows: Sequence[tuple[str, str | None, str | None, str]],
) -> SQL:
    """Store jobs that differ in their call and keys alone; returns (id, identity_key) of those stored, in order.

    A job whose identity key is taken by a waiting or pending one is left out, decided by the unique index. Returns
    nothing at all when the channel does not exist.

    :param rows: (call, identity key, exclusive key, description) of each job
    """
    calls, identity_keys, exclusive_keys, names = (list(column) for column in zip(*rows, strict=True))
    if eta_s is not None:
        when = SQL("t.now + %s * interval '1 second'", eta_s)
    else:
        when = SQL("%s::timestamp", eta)
    return SQL(
        """
        INSERT INTO connector_job (%(columns)s, hold, eta, channel_id, channel, max_attempts, timeout_s,
                                   attempt, crashes, call, identity_key, exclusive_key, name)
        SELECT %(values)s,
               CASE WHEN %(when)s > t.now THEN 'eta' END, %(when)s, c.id, c.name,
               coalesce(%(max_attempts)s, c.max_attempts, 5), coalesce(%(timeout_s)s, nullif(c.timeout_s, 0)),
               0, 0, j.call, j.identity_key, j.exclusive_key, j.name
          FROM connector_job_channel c
         CROSS JOIN (SELECT %(now)s AS now) t
         CROSS JOIN unnest(%(calls)s::text[], %(identity_keys)s::text[], %(exclusive_keys)s::text[], %(names)s::text[])
               WITH ORDINALITY j(call, identity_key, exclusive_key, name, n)
         WHERE c.name = %(channel)s
         ORDER BY j.n
        ON CONFLICT DO NOTHING
        RETURNING id, identity_key
        """,
        columns=SQL(", ").join(map(SQL.identifier, common)),
        values=SQL(", ").join(SQL("%s", value) for value in common.values()),
        now=_UTC_NOW,
        when=when,
        channel=channel,
        max_attempts=max_attempts,
        timeout_s=timeout_s,
        calls=calls,
        identity_keys=identity_keys,
        exclusive_keys=exclusive_keys,
        names=names,
    )


def find_identical(keys: Sequence[str]) -> SQL:
    """Find the waiting and pending jobs with these identity keys, and keep them from being claimed.

    FOR SHARE holds them until the caller's transaction ends: claimed earlier, such a job would read the records without
    what the caller changed, and the change would never be seen. Index: ``_identity``.
    """
    return SQL(
        """SELECT id, identity_key FROM connector_job
            WHERE identity_key = ANY(%s) AND state IN ('waiting', 'pending') AND identity_key IS NOT NULL FOR SHARE""",
        list(keys),
    )


def find_identical_running(keys: Sequence[str]) -> SQL:
    """Find the running jobs that count as identical until they are done. Index: ``_identity_done``."""
    return SQL(
        """SELECT id, identity_key FROM connector_job
            WHERE identity_key = ANY(%s) AND state IN ('waiting', 'pending', 'running') AND identity_until_done""",
        list(keys),
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


# -- claim -------------------------------------------------------------------------------------------------------------

_CLAIMED = SQL(
    "j.id, j.attempt, j.max_attempts, j.priority, j.model_name, j.method_name, j.timeout_s, j.crashes, j.exclusive_key,"
    " j.channel"
)

# A keyed job must wait for the running one of its key, for those of its key before it in the batch, and for parked ones
# that come before it.
_BUSY = SQL("""c.exclusive_key IS NOT NULL AND (
    row_number() OVER (PARTITION BY c.exclusive_key ORDER BY c.priority, c.id) > 1
    OR EXISTS (SELECT 1 FROM connector_job x WHERE x.state = 'running' AND x.exclusive_key = c.exclusive_key)
    OR EXISTS (SELECT 1 FROM connector_job x WHERE x.state = 'pending' AND x.hold = 'key'
                  AND x.exclusive_key = c.exclusive_key AND (x.priority, x.id) < (c.priority, c.id)))""")

_ANCESTORS = SQL("string_to_array(rtrim(c.parent_path, '/'), '/')::int[]")


def _in_channels(channel_ids: Sequence[int] | None) -> SQL:
    """Restrict ``c`` to channels and what is below them."""
    return SQL("%s && %s::int[]", _ANCESTORS, list(channel_ids)) if channel_ids is not None else SQL("true")


def claim(worker_id: int, limit: int, channel_ids: Sequence[int] | None = None) -> SQL:
    """Claim up to ``limit`` jobs, most urgent first, where no limit is to be counted.

    Returns at least one row: (claimed columns or NULLs, ``limited``, ``busy``). ``limited``: channels with a limit have
    jobs; nothing was claimed, :func:`claim_limited` is to be used, so that priorities hold over all channels. ``busy``:
    how many were passed by for their exclusive key.

    Rows are locked FOR NO KEY UPDATE, those locked by others are skipped. Two claimers that start two jobs of one
    exclusive key at once meet in the unique index ``_exclusive``: one gets 23505 and claims again. Index: ``_claim``,
    one probe a channel.
    """
    return SQL(
        """
        WITH channels AS MATERIALIZED (
            SELECT c.id, EXISTS (
                SELECT 1 FROM connector_job_channel p
                 WHERE p.id = ANY(%(ancestors)s) AND (p.capacity > 0 OR p.rate_limit > 0 OR p.paused)) AS limited
              FROM connector_job_channel c WHERE %(in_channels)s),
        probe AS MATERIALIZED (
            SELECT EXISTS (SELECT 1 FROM channels c WHERE c.limited AND (
                SELECT id FROM connector_job WHERE state = 'pending' AND hold IS NULL AND channel_id = c.id
                 ORDER BY priority, id LIMIT 1) IS NOT NULL) AS limited),
        candidates AS MATERIALIZED (
            SELECT q.* FROM channels c CROSS JOIN LATERAL (
                SELECT id, priority, exclusive_key FROM connector_job
                 WHERE state = 'pending' AND hold IS NULL AND channel_id = c.id
                 ORDER BY priority, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) q
             WHERE NOT c.limited AND NOT (SELECT limited FROM probe)),
        ranked AS MATERIALIZED (SELECT c.id, c.priority, %(busy)s AS busy FROM candidates c),
        pick AS MATERIALIZED (SELECT id FROM ranked WHERE NOT busy ORDER BY priority, id LIMIT %(limit)s),
        claimed AS (
            UPDATE connector_job j
               SET state = 'running', worker_id = %(worker)s, attempt = attempt + 1, date_started = %(now)s
             WHERE j.id = ANY(ARRAY(SELECT id FROM pick)) RETURNING %(claimed)s)
        SELECT claimed.*, probe.limited, (SELECT count(*) FROM ranked WHERE busy) AS busy
          FROM probe LEFT JOIN claimed ON true ORDER BY claimed.priority, claimed.id
        """,
        ancestors=_ANCESTORS,
        in_channels=_in_channels(channel_ids),
        limit=limit,
        busy=_BUSY,
        worker=worker_id,
        now=_UTC_NOW,
        claimed=_CLAIMED,
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
    return SQL(
        """
        WITH running AS MATERIALIZED (
            SELECT a.id, sum(r.n)::int AS n
              FROM (SELECT channel_id, count(*) AS n FROM connector_job WHERE state = 'running' GROUP BY channel_id) r
              JOIN connector_job_channel c ON c.id = r.channel_id, unnest(%(ancestors)s) a(id) GROUP BY a.id),
        room AS MATERIALIZED (
            SELECT c.id, %(ancestors)s AS ancestors, %(in_channels)s AS wanted, least(%(limit)s,
                CASE WHEN c.paused THEN 0 ELSE %(limit)s END,
                CASE WHEN c.capacity > 0 THEN greatest(0, c.capacity - coalesce(running.n, 0)) ELSE %(limit)s END,
                CASE WHEN c.rate_limit > 0 THEN floor(least(greatest(1, c.rate_limit), coalesce(b.tokens, 1)
                     + c.rate_limit * extract(epoch FROM %(clock)s - coalesce(b.at, %(clock)s))))::int
                     ELSE %(limit)s END) AS room
              FROM connector_job_channel c
              LEFT JOIN running USING (id) LEFT JOIN connector_job_bucket b ON b.channel_id = c.id),
        leaves AS MATERIALIZED (
            SELECT r.id, r.ancestors, (SELECT min(p.room) FROM room p WHERE p.id = ANY(r.ancestors)) AS room
              FROM room r WHERE r.wanted),
        candidates AS MATERIALIZED (
            SELECT q.*, l.ancestors FROM leaves l CROSS JOIN LATERAL (
                SELECT id, priority, exclusive_key FROM connector_job
                 WHERE state = 'pending' AND hold IS NULL AND channel_id = l.id
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
            INSERT INTO connector_job_bucket AS b (channel_id, tokens, at)
            SELECT a.id, 1 - count(*), %(clock)s
              FROM pick JOIN candidates USING (id), unnest(candidates.ancestors) a(id)
              JOIN connector_job_channel c ON c.id = a.id AND c.rate_limit > 0 GROUP BY a.id
            ON CONFLICT (channel_id) DO UPDATE SET at = excluded.at, tokens = greatest(0, excluded.tokens - 1 + (
                SELECT least(greatest(1, c.rate_limit),
                             b.tokens + c.rate_limit * extract(epoch FROM excluded.at - b.at))
                  FROM connector_job_channel c WHERE c.id = b.channel_id))),
        claimed AS (
            UPDATE connector_job j
               SET state = 'running', worker_id = %(worker)s, attempt = attempt + 1, date_started = %(now)s
             WHERE j.id = ANY(ARRAY(SELECT id FROM pick)) RETURNING %(claimed)s)
        SELECT claimed.*, (SELECT count(*) FROM ranked WHERE NOT busy) > (SELECT count(*) FROM fitting) AS limited,
               (SELECT count(*) FROM ranked WHERE busy) AS busy
          FROM (SELECT 1) one LEFT JOIN claimed ON true ORDER BY claimed.priority, claimed.id
        """,
        ancestors=_ANCESTORS,
        in_channels=_in_channels(channel_ids),
        limit=limit,
        now=_UTC_NOW,
        clock=_UTC_CLOCK,
        busy=_BUSY,
        worker=worker_id,
        claimed=_CLAIMED,
    )


def park() -> SQL:
    """Set the claimable jobs of the keys that run now aside, so that claims do not read them again and again.

    Called when a claim came back short because of them. Under the exclusive park lock: a park that still saw the key
    running is committed before the :func:`unpark` that follows that job looks. Returns the ids. Index: ``_key``.
    """
    return SQL(
        """
        SELECT pg_advisory_xact_lock(%s, %s);
        UPDATE connector_job SET hold = 'key' WHERE id IN (
            SELECT j.id FROM (
                SELECT exclusive_key FROM connector_job WHERE state = 'running' AND exclusive_key IS NOT NULL) k
             CROSS JOIN LATERAL (
                SELECT id FROM connector_job
                 WHERE state = 'pending' AND hold IS NULL AND exclusive_key = k.exclusive_key
                 ORDER BY priority, id LIMIT 5000 FOR NO KEY UPDATE SKIP LOCKED) j)
        RETURNING id
        """,
        QUEUE_LOCK,
        PARK,
    )


def unpark(keys: Iterable[str] | None = None) -> SQL:
    """Make the first parked job of each key claimable where none of the key runs or is claimable before it.

    :param keys: those whose job has just left ``running``; None: every parked key (the sweep)
    """
    which = (
        SQL("unnest(%s::text[])", sorted(keys))
        if keys is not None
        else SQL("(SELECT DISTINCT exclusive_key FROM connector_job WHERE state = 'pending' AND hold = 'key')")
    )
    return SQL(
        """
        SELECT pg_advisory_xact_lock_shared(%(lock)s, %(park)s);
        UPDATE connector_job SET hold = NULL WHERE id IN (
            SELECT j.id FROM %(which)s AS k(key)
             CROSS JOIN LATERAL (
                SELECT id FROM connector_job WHERE state = 'pending' AND hold = 'key' AND exclusive_key = k.key
                 ORDER BY priority, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) j
             WHERE NOT EXISTS (SELECT 1 FROM connector_job x WHERE x.state = 'running' AND x.exclusive_key = k.key))
        RETURNING id
        """,
        lock=QUEUE_LOCK,
        park=PARK,
        which=which,
    )


def release_due() -> SQL:
    """Make jobs claimable whose time has come, up to 1000; returns their ids. Index: ``_eta``."""
    return SQL(
        """UPDATE connector_job SET hold = NULL WHERE id IN (
               SELECT id FROM connector_job WHERE state = 'pending' AND hold = 'eta' AND eta <= %s
                ORDER BY eta LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
           RETURNING id""",
        _UTC_NOW,
    )


def unfinished(channel_ids: Sequence[int] | None = None) -> SQL:
    """Tell whether anything is due or running.

    ORDER BY and LIMIT keep the planner on the small indexes, as in :func:`look`.
    """
    first_of = SQL("SELECT id FROM connector_job WHERE state = 'pending' AND channel_id = c.id AND")
    return SQL(
        """SELECT EXISTS (SELECT 1 FROM connector_job_channel c WHERE %(in_channels)s AND (
               (SELECT id FROM connector_job WHERE state = 'running' AND channel_id = c.id
                 ORDER BY worker_id, channel_id LIMIT 1) IS NOT NULL
               OR NOT EXISTS (SELECT 1 FROM connector_job_channel p WHERE p.paused AND p.id = ANY(%(ancestors)s)) AND (
                   (%(first_of)s hold IS NULL ORDER BY priority, id LIMIT 1) IS NOT NULL
                   OR (%(first_of)s hold = 'key' ORDER BY exclusive_key, priority, id LIMIT 1) IS NOT NULL
                   OR (%(first_of)s hold = 'eta' AND eta <= %(now)s ORDER BY eta LIMIT 1) IS NOT NULL)))""",
        in_channels=_in_channels(channel_ids),
        ancestors=_ANCESTORS,
        first_of=first_of,
        now=_UTC_NOW,
    )


# -- run (in the work transaction) -------------------------------------------------------------------------------------


#: Lock the rows of one's own running jobs and load their calls; no row: it belongs to somebody else now.
#:
#: The first statement of the work transaction, so its snapshot is younger than the claim. FOR NO KEY UPDATE: while this
#: session lives, nobody takes the job over (takers skip locked rows) and the same job never runs twice at a time. By
#: the primary key: ``IS TRUE`` keeps the planner from the index of running jobs, in which entries come and go.
#: Parameters: ids, attempts, worker. Columns: as ``_Taken`` of the runner.
TAKE = Prepared(
    "connector_take",
    f"""SELECT j.id, j.call, j.user_id, coalesce(u.active, false) AS user_active, u.login, {_UTC_NOW.code} AS started
          FROM unnest(%s::int[], %s::int[]) o(id, attempt)
          JOIN connector_job j ON j.id = o.id AND j.attempt = o.attempt LEFT JOIN res_users u ON u.id = j.user_id
         WHERE (j.worker_id = %s AND j.state = 'running') IS TRUE
           FOR NO KEY UPDATE OF j""",
)

#: What the error says that :data:`FINISH` raises.
TAKEN_OVER = "connector: taken over"

#: Write ``done`` in the work transaction, or raise if not all of the jobs are one's own any more: the commit that
#: follows in the same string is then not reached. The text that is no number makes an error that nothing else makes.
#: Parameters: ids, attempts, results, times of start, worker, ids.
FINISH = Prepared(
    "connector_finish",
    f"""WITH done AS (
        UPDATE connector_job j
           SET state = 'done', worker_id = NULL, result = o.result,
               date_started = o.started, date_done = {_UTC_NOW.code},
               duration_s = extract(epoch FROM {_UTC_NOW.code} - o.started),
               exc_type = NULL, exc_message = NULL, exc_info = NULL, user_message = NULL
          FROM unnest(%s::int[], %s::int[], %s::text[], %s::timestamp[]) o(id, attempt, result, started)
         WHERE j.id = o.id AND j.attempt = o.attempt AND (j.worker_id = %s AND j.state = 'running') IS TRUE
     RETURNING j.id)
        SELECT CASE WHEN count(*) = cardinality(%s::int[]) THEN 0 ELSE ('{TAKEN_OVER} ' || count(*))::int END
          FROM done""",
)


def is_taken_over(error: BaseException) -> bool:
    """Tell whether :data:`FINISH` found that the jobs are not this worker's any more."""
    return isinstance(error, InvalidTextRepresentation) and TAKEN_OVER in str(error)


def work_session(server_version: int) -> SQL:
    """Set up a session for work, of which nobody knows what is prepared on it: the pool has reset it, or not.

    Its prepared statements are planned once for all parameters, which PostgreSQL by itself would not do for these.
    A job may wait for another system, and a thread for a job, longer than a role's sessions may be idle. From
    PostgreSQL 14 on, a server that is busy for a client which has died notices: its locks do not last as long as its
    query.
    """
    settings = ["plan_cache_mode = force_generic_plan", "idle_in_transaction_session_timeout = 0"]
    if server_version >= 140_000:
        settings += ["idle_session_timeout = 0", "client_connection_check_interval = 500"]
    return SQL("; ".join(["DEALLOCATE ALL", *(f"SET {setting}" for setting in settings)]))


def save_checkpoint(job_id: int, state: str) -> SQL:
    return SQL(
        "INSERT INTO connector_job_checkpoint VALUES (%s, %s)"
        " ON CONFLICT (job_id) DO UPDATE SET state = excluded.state",
        job_id,
        state,
    )


def read_checkpoint(job_id: int) -> SQL:
    return SQL("SELECT state FROM connector_job_checkpoint WHERE job_id = %s", job_id)


# -- after the work, on the worker's session ---------------------------------------------------------------------------


def save_progress(job_id: int, done: float, total: float) -> SQL:
    return SQL(
        """INSERT INTO connector_job_progress VALUES (%s, %s, %s)
           ON CONFLICT (job_id) DO UPDATE SET done = excluded.done, total = excluded.total""",
        job_id,
        done,
        total,
    )


# The waiting or pending job that has the identity key which ``j`` would take again.
_TWIN = SQL("""(SELECT t.id FROM connector_job t WHERE t.identity_key = j.identity_key AND t.identity_key IS NOT NULL
                   AND t.state IN ('waiting', 'pending') AND t.id <> j.id LIMIT 1)""")


def _back_to_pending(
    condition: SQL, attempt: SQL, *, retry_after_s: float = 0, error: dict[str, Any] | None = None
) -> SQL:
    """Put jobs back, or end them ``cancelled`` where a waiting or pending job has their identity key.

    Returns (id, state, exclusive key). A twin that appears meanwhile is a 23505: run the statement again.
    """
    what = {"exc_type": None, "exc_message": None, "exc_info": None, "user_message": None, **(error or {})}
    return SQL(
        """UPDATE connector_job j
              SET state = CASE WHEN o.twin IS NULL THEN 'pending' ELSE 'cancelled' END,
                  hold = CASE WHEN o.twin IS NULL AND %(delay)s > 0 THEN 'eta' END,
                  eta = CASE WHEN %(delay)s > 0 THEN %(now)s + %(delay)s * interval '1 second' ELSE j.eta END,
                  attempt = %(attempt)s, worker_id = NULL,
                  date_done = CASE WHEN o.twin IS NULL THEN NULL ELSE %(now)s END,
                  result = CASE WHEN o.twin IS NULL THEN NULL ELSE 'superseded by job ' || o.twin END, %(what)s
             FROM (SELECT j.id, %(twin)s AS twin FROM connector_job j WHERE %(condition)s) o
            WHERE j.id = o.id
        RETURNING j.id, j.state, j.exclusive_key""",
        delay=retry_after_s,
        now=_UTC_NOW,
        attempt=attempt,
        twin=_TWIN,
        condition=condition,
        what=SQL(", ").join(SQL("%s = %s", SQL.identifier(column), value) for column, value in what.items()),
    )


def _owned(job_id: int, worker_id: int, attempt: int) -> SQL:
    return SQL("j.id = %s AND j.worker_id = %s AND j.attempt = %s AND j.state = 'running'", job_id, worker_id, attempt)


def retry(
    job_id: int, worker_id: int, attempt: int, *, retry_after_s: float, count_attempt: bool, error: dict[str, Any]
) -> SQL:
    """Put one's own job back for a later attempt, with what went wrong."""
    return _back_to_pending(
        _owned(job_id, worker_id, attempt),
        SQL("j.attempt") if count_attempt else SQL("j.attempt - 1"),
        retry_after_s=retry_after_s,
        error=error,
    )


def fail(job_id: int, worker_id: int, attempt: int, *, error: dict[str, Any], started: Any = None) -> SQL:
    """End one's own job ``failed``; returns (id,), nothing if it is not one's own any more."""
    return SQL(
        """UPDATE connector_job j
              SET state = 'failed', worker_id = NULL, date_done = %(now)s,
                  date_started = coalesce(%(started)s::timestamp, date_started),
                  duration_s = extract(epoch FROM %(now)s - coalesce(%(started)s::timestamp, date_started)),
                  result = NULL, %(what)s
            WHERE %(owned)s RETURNING id""",
        now=_UTC_NOW,
        started=started,
        what=SQL(", ").join(SQL("%s = %s", SQL.identifier(column), value) for column, value in error.items()),
        owned=_owned(job_id, worker_id, attempt),
    )


def give_back(worker_id: int, job_ids: Sequence[int] | None = None, *, started: bool = False) -> SQL:
    """Put back what a worker claimed, all of it or some jobs.

    :param started: False: none of them had begun, the attempt does not count
    """
    return _back_to_pending(
        SQL(
            "j.state = 'running' AND j.worker_id = %s AND %s",
            worker_id,
            SQL("true") if job_ids is None else SQL("j.id = ANY(%s)", list(job_ids)),
        ),
        SQL("j.attempt") if started else SQL("j.attempt - 1"),
    )


def fail_interrupted(worker_id: int) -> SQL:
    """Fail the jobs of a worker that stops before their last attempt has ended; returns (id,)."""
    return SQL(
        """UPDATE connector_job SET state = 'failed', worker_id = NULL, date_done = %s, exc_type = 'WorkerStopped',
                  exc_message = 'the worker was stopped before this last attempt had ended'
            WHERE state = 'running' AND worker_id = %s AND max_attempts > 0 AND attempt >= max_attempts RETURNING id""",
        _UTC_NOW,
        worker_id,
    )


def release_dependents(parent_ids: Sequence[int] | None = None) -> SQL:
    """Make waiting jobs pending whose parents are all done; returns their ids.

    Never in a work transaction: of two parents that end at once each would see the other unfinished. After the later
    commit both are seen. A parent that was deleted counts as done. Children that an enqueuer holds are left to the
    sweep.

    :param parent_ids: those that have just ended; None: look at every waiting job (the sweep)
    """
    which = (
        SQL("true")
        if parent_ids is None
        else SQL("w.id IN (SELECT child_id FROM connector_job_dependency WHERE parent_id = ANY(%s))", list(parent_ids))
    )
    return SQL(
        """
        UPDATE connector_job c SET state = 'pending', hold = CASE WHEN eta > %s THEN 'eta' END
         WHERE c.id IN (SELECT w.id FROM connector_job w WHERE w.state = 'waiting' AND %s FOR NO KEY UPDATE SKIP LOCKED)
           AND NOT EXISTS (SELECT 1 FROM connector_job_dependency d JOIN connector_job p ON p.id = d.parent_id
                            WHERE d.child_id = c.id AND p.state <> 'done')
        RETURNING id
        """,
        _UTC_NOW,
        which,
    )


def cancel_dependents() -> SQL:
    """Cancel the waiting jobs of which some parent, at any distance, is cancelled (the sweep)."""
    return SQL(
        """
        WITH RECURSIVE gone AS (
            SELECT d.child_id AS id FROM connector_job w JOIN connector_job_dependency d ON d.child_id = w.id
              JOIN connector_job p ON p.id = d.parent_id AND p.state = 'cancelled' WHERE w.state = 'waiting'
            UNION
            SELECT d.child_id FROM gone JOIN connector_job_dependency d ON d.parent_id = gone.id)
        UPDATE connector_job c SET state = 'cancelled', date_done = %s, result = 'a job that it waits for was cancelled'
         WHERE c.state = 'waiting' AND c.id IN (SELECT id FROM gone) RETURNING id
        """,
        _UTC_NOW,
    )


# -- workers -----------------------------------------------------------------------------------------------------------


def next_worker_id() -> SQL:
    return SQL("SELECT nextval('connector_worker_id_seq')::int")


def lock_worker(worker_id: int) -> SQL:
    """Take the lock that says that the worker lives; it ends with the session. To be taken before the row is there."""
    return SQL("SELECT pg_advisory_lock(%s, %s)", WORKER_LOCK, worker_id)


def register_worker(worker_id: int, host: str, pid: int, threads: int) -> SQL:
    return SQL(
        """INSERT INTO connector_worker (id, host, pid, threads, date_started, last_seen, stopping, running)
           VALUES (%s, %s, %s, %s, %s, %s, false, 0)""",
        worker_id,
        host,
        pid,
        threads,
        _UTC_NOW,
        _UTC_NOW,
    )


def beat(worker_id: int, running: int, stopping: bool) -> SQL:
    """Say that the worker lives; returns (id,), nothing if it was declared dead."""
    return SQL(
        "UPDATE connector_worker SET last_seen = %s, running = %s, stopping = %s WHERE id = %s RETURNING id",
        _UTC_NOW,
        running,
        stopping,
        worker_id,
    )


def unregister_worker(worker_id: int) -> SQL:
    return SQL(
        "DELETE FROM connector_worker WHERE id = %s; SELECT pg_advisory_unlock(%s, %s)",
        worker_id,
        WORKER_LOCK,
        worker_id,
    )


def dead_workers(lease_s: float) -> SQL:
    """Return the ids of dead workers, and of workers that jobs name and that are not there any more.

    Dead: nobody holds its lock and it was silent for a moment, or it was silent for the whole lease. Both locks tried
    here are of the transaction and end with the statement; somebody else at it is good enough.
    """
    return SQL(
        """SELECT id FROM (
               SELECT w.id FROM connector_worker w
                WHERE w.last_seen < %(now)s - %(moment)s * interval '1 second'
                  AND (w.last_seen < %(now)s - %(lease)s * interval '1 second'
                       OR pg_try_advisory_xact_lock(%(worker)s, w.id))
               UNION
               SELECT j.worker_id FROM connector_job j WHERE j.state = 'running' AND NOT EXISTS (
                   SELECT 1 FROM connector_worker w WHERE w.id = j.worker_id)) d
            WHERE pg_try_advisory_xact_lock(%(queue)s, %(reap)s)""",
        now=_UTC_NOW,
        moment=DEAD_AFTER_S,
        lease=lease_s,
        worker=WORKER_LOCK,
        queue=QUEUE_LOCK,
        reap=REAP,
    )


def end_silent_sessions(worker_ids: Sequence[int], lease_s: float) -> SQL:
    """Cut the work sessions of workers that were silent for the whole lease, so that their jobs' rows are free.

    The session that locks a job's row is found by the row's xmax: nothing but the work transaction locks a running row.
    """
    return SQL(
        """SELECT pg_terminate_backend(l.pid)
             FROM connector_job j JOIN connector_worker w ON w.id = j.worker_id
             JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = j.xmax
                  AND l.mode = 'ExclusiveLock' AND l.granted
            WHERE j.state = 'running' AND j.worker_id = ANY(%s) AND w.last_seen < %s - %s * interval '1 second'""",
        list(worker_ids),
        _UTC_NOW,
        lease_s,
    )


def end_session_of(job_ids: Sequence[int]) -> SQL:
    """Cut the sessions that run these jobs: their work is rolled back, their rows are free."""
    return SQL(
        """SELECT pg_terminate_backend(l.pid) FROM connector_job j
             JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = j.xmax
                  AND l.mode = 'ExclusiveLock' AND l.granted
            WHERE j.state = 'running' AND j.id = ANY(%s) AND l.pid <> pg_backend_pid()""",
        list(job_ids),
    )


def reap(worker_ids: Sequence[int]) -> SQL:
    """Fail the jobs of dead workers that have no attempt left, and mark the others, to run alone next time.

    Returns (id, state). Those still ``running`` are then put back by :func:`give_back_reaped`.
    """
    return SQL(
        """UPDATE connector_job j
              SET crashes = crashes + 1,
                  state = CASE WHEN max_attempts > 0 AND attempt >= max_attempts THEN 'failed' ELSE 'running' END,
                  worker_id = CASE WHEN max_attempts > 0 AND attempt >= max_attempts THEN NULL ELSE worker_id END,
                  date_done = CASE WHEN max_attempts > 0 AND attempt >= max_attempts THEN %(now)s END,
                  exc_type = 'WorkerDied', exc_message = 'worker died'
             FROM (SELECT id FROM connector_job WHERE state = 'running' AND worker_id = ANY(%(dead)s)
                      FOR NO KEY UPDATE SKIP LOCKED) o
            WHERE j.id = o.id RETURNING j.id, j.state, j.exclusive_key""",
        now=_UTC_NOW,
        dead=list(worker_ids),
    )


def give_back_reaped(job_ids: Sequence[int]) -> SQL:
    """Put back the jobs that :func:`reap` left running; the attempt counts."""
    return _back_to_pending(
        SQL("j.state = 'running' AND j.id = ANY(%s)", list(job_ids)),
        SQL("j.attempt"),
        error={"exc_type": "WorkerDied", "exc_message": "worker died"},
    )


def forget_workers(worker_ids: Sequence[int]) -> SQL:
    """Delete dead workers that have no job left."""
    return SQL(
        """DELETE FROM connector_worker w WHERE id = ANY(%s)
              AND NOT EXISTS (SELECT 1 FROM connector_job j WHERE j.state = 'running' AND j.worker_id = w.id)""",
        list(worker_ids),
    )


# -- actions of people (in the caller's transaction) -------------------------------------------------------------------


def requeue(job_ids: Sequence[int]) -> SQL:
    """Put failed, cancelled and done jobs back, with all their attempts; columns as :func:`retry`."""
    return _back_to_pending(
        SQL("j.id = ANY(%s) AND j.state IN ('failed', 'cancelled', 'done')", list(job_ids)), SQL("0")
    )


def wait_again(job_ids: Sequence[int]) -> SQL:
    """Let requeued jobs wait for those of their parents that are still to end; returns their ids."""
    return SQL(
        """UPDATE connector_job c SET state = 'waiting' WHERE c.id = ANY(%s) AND c.state = 'pending' AND EXISTS (
               SELECT 1 FROM connector_job_dependency d JOIN connector_job p ON p.id = d.parent_id
                WHERE d.child_id = c.id AND p.state NOT IN ('done', 'cancelled'))
           RETURNING id""",
        list(job_ids),
    )


def cancel(job_ids: Sequence[int], reason: str | None) -> SQL:
    """Cancel jobs, and what waits for them at any distance; returns (id, exclusive key)."""
    return SQL(
        """
        WITH RECURSIVE gone AS (
            SELECT id FROM connector_job WHERE id = ANY(%(ids)s)
            UNION
            SELECT d.child_id FROM gone JOIN connector_job_dependency d ON d.parent_id = gone.id)
        UPDATE connector_job c
           SET state = 'cancelled', hold = NULL, worker_id = NULL, date_done = %(now)s,
               result = CASE WHEN id = ANY(%(ids)s) THEN %(reason)s ELSE 'a job that it waits for was cancelled' END
         WHERE id = ANY(%(ids)s) OR (state = 'waiting' AND id IN (SELECT id FROM gone))
        RETURNING id, exclusive_key
        """,
        ids=list(job_ids),
        now=_UTC_NOW,
        reason=reason,
    )


def set_done(job_ids: Sequence[int], reason: str | None) -> SQL:
    """End jobs ``done`` without running them."""
    return SQL(
        """UPDATE connector_job SET state = 'done', hold = NULL, worker_id = NULL, date_done = %s, result = %s
            WHERE id = ANY(%s) RETURNING id""",
        _UTC_NOW,
        reason,
        list(job_ids),
    )


def forget(job_ids: Sequence[int]) -> SQL:
    """Delete what deleted jobs leave in the tables beside theirs."""
    ids = list(job_ids)
    return SQL(
        """DELETE FROM connector_job_progress WHERE job_id = ANY(%s);
           DELETE FROM connector_job_checkpoint WHERE job_id = ANY(%s);
           DELETE FROM connector_job_dependency WHERE child_id = ANY(%s) OR parent_id = ANY(%s)""",
        ids,
        ids,
        ids,
        ids,
    )


def prune(limit: int) -> SQL:
    """Delete done and cancelled jobs that their channel no longer keeps, up to ``limit``; returns (id,).

    A done job that a waiting one names is kept. Index: ``_finished``.
    """
    return SQL(
        """DELETE FROM connector_job WHERE id = ANY(ARRAY(
               SELECT j.id FROM connector_job_channel c CROSS JOIN LATERAL (
                   SELECT id FROM connector_job j
                    WHERE j.channel_id = c.id AND j.state IN ('done', 'cancelled')
                      AND j.date_done < %(now)s - c.keep_days * interval '1 day'
                      AND (SELECT w.id FROM connector_job_dependency d JOIN connector_job w ON w.id = d.child_id
                            WHERE d.parent_id = j.id AND w.state = 'waiting' LIMIT 1) IS NULL
                    ORDER BY date_done LIMIT %(limit)s FOR UPDATE SKIP LOCKED) j LIMIT %(limit)s))
           RETURNING id""",
        now=_UTC_NOW,
        limit=limit,
    )


# -- channels ----------------------------------------------------------------------------------------------------------


def insert_channel(name: str, parent: str | None) -> SQL:
    """Make a channel where there is none of this name; two that do so at once meet in the unique index on the name."""
    return SQL(
        """INSERT INTO connector_job_channel (id, name, parent_id, parent_path, capacity, rate_limit, paused, timeout_s,
                                              max_attempts, keep_days)
           SELECT n.id, %s, p.id, coalesce(p.parent_path, '') || n.id || '/', 0, 0, false, 0, 5, 30
             FROM (SELECT nextval('connector_job_channel_id_seq')::int AS id) n
             LEFT JOIN connector_job_channel p ON p.name = %s
            WHERE NOT EXISTS (SELECT 1 FROM connector_job_channel WHERE name = %s)
           ON CONFLICT (name) DO NOTHING""",
        name,
        parent,
        name,
    )


# -- reading, for people -----------------------------------------------------------------------------------------------


def read_progress(job_ids: Sequence[int]) -> SQL:
    """Return (id, percent) of jobs that reported any."""
    return SQL(
        "SELECT job_id, CASE WHEN total > 0 THEN least(100, 100 * done / total) ELSE 0 END FROM connector_job_progress"
        " WHERE job_id = ANY(%s)",
        list(job_ids),
    )


def read_calls(job_ids: Sequence[int]) -> SQL:
    return SQL("SELECT id, call FROM connector_job WHERE id = ANY(%s)", list(job_ids))


def read_dependencies(job_ids: Sequence[int]) -> SQL:
    """Return (child, parent) of what these jobs wait for and what waits for them."""
    ids = list(job_ids)
    return SQL(
        "SELECT child_id, parent_id FROM connector_job_dependency WHERE child_id = ANY(%s) OR parent_id = ANY(%s)",
        ids,
        ids,
    )


def children_of(job_ids: Sequence[int]) -> SQL:
    return SQL("SELECT DISTINCT child_id FROM connector_job_dependency WHERE parent_id = ANY(%s)", list(job_ids))


def lock_jobs(job_ids: Sequence[int]) -> SQL:
    """Keep jobs that do not run from being claimed until the transaction ends; rows of running ones are passed by."""
    return SQL(
        "SELECT id FROM connector_job WHERE id = ANY(%s) AND state <> 'running' ORDER BY id FOR NO KEY UPDATE",
        list(job_ids),
    )


def forget_checkpoints(job_ids: Sequence[int]) -> SQL:
    return SQL("DELETE FROM connector_job_checkpoint WHERE job_id = ANY(%s)", list(job_ids))


def channels_by_name(names: Sequence[str]) -> SQL:
    return SQL("SELECT id FROM connector_job_channel WHERE name = ANY(%s)", list(names))


# -- the dispatcher's look ---------------------------------------------------------------------------------------------


def look() -> SQL:
    """Return (neutralized, addons are being changed, jobs are claimable, seconds until the next eta or NULL).

    One trip that an idle worker makes each poll interval, and the only one. ORDER BY keeps the planner on the small
    indexes: it takes what is pending for a quarter of the table and would read all of history to find the first such
    row.
    """
    return SQL(
        """SELECT coalesce((SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'), '') <> '',
                  EXISTS (SELECT 1 FROM ir_module_module WHERE state LIKE 'to %%'),
                  (SELECT id FROM connector_job WHERE state = 'pending' AND hold IS NULL
                    ORDER BY channel_id, priority, id LIMIT 1) IS NOT NULL
                  OR (SELECT id FROM connector_job WHERE state = 'pending' AND hold = 'key'
                       ORDER BY exclusive_key, priority, id LIMIT 1) IS NOT NULL,
                  (SELECT extract(epoch FROM min(eta) - %s)::float FROM connector_job
                    WHERE state = 'pending' AND hold = 'eta')""",
        _UTC_NOW,
    )


def addon_installed() -> SQL:
    """Return (the database has the queue, the number that PostgreSQL gave the database).

    The name of the table is looked up, so that a database without is no error.
    """
    return SQL(
        """SELECT to_regclass('connector_worker') IS NOT NULL AND to_regclass('connector_job_bucket') IS NOT NULL,
                  (SELECT oid::bigint FROM pg_database WHERE datname = current_database())"""
    )


def user_language(user_id: int) -> SQL:
    return SQL("SELECT p.lang FROM res_users u JOIN res_partner p ON p.id = u.partner_id WHERE u.id = %s", user_id)
