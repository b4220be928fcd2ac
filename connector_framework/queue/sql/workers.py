"""Liveness: heartbeats, dead workers, and the database sessions that must end."""

from __future__ import annotations

from collections.abc import Sequence

from odoo.tools import SQL

from .schema import QUEUE_LOCK, REAP, WORKER_LOCK, statement

#: Seconds without a heartbeat before a worker whose lock is free counts as dead: a new worker takes its lock first
#: and registers after, and a session that is cut takes a moment to come back.
DEAD_AFTER_S = 3
#: Seconds after its claim before a job counts as lost that its worker knows nothing of: it may be on its way there.
ABANDONED_AFTER_S = 10


def next_worker_id() -> SQL:
    return SQL("SELECT nextval('connector_worker_id_seq')::int")


def stored_settings() -> SQL:
    """Return (name, value) of the framework's parameters."""
    return SQL(
        "SELECT substr(key, length('connector_framework.') + 1), value FROM ir_config_parameter"
        " WHERE key LIKE 'connector_framework.%%' AND value IS NOT NULL ORDER BY key"
    )


def lock_worker(worker_id: int) -> SQL:
    """Take the lock that marks the worker as alive; it ends with the session. To be taken before the row is there."""
    return SQL("SELECT pg_advisory_lock(%s, %s)", WORKER_LOCK, worker_id)


def register_worker(worker_id: int, host: str, pid: int, threads: int) -> SQL:
    return statement(
        """INSERT INTO connector_worker (id, host, pid, threads, date_started, last_seen, stopping, running)
           VALUES (%(worker)s, %(host)s, %(pid)s, %(threads)s, %(now)s, %(now)s, false, 0)""",
        worker=worker_id,
        host=host,
        pid=pid,
        threads=threads,
    )


def heartbeat(worker_id: int, running: int, stopping: bool, missing_addons: str | None) -> SQL:
    """Report that the worker is alive; returns (id,), nothing if it was declared dead."""
    return statement(
        """UPDATE connector_worker
              SET last_seen = %(now)s, running = %(running_jobs)s, stopping = %(stopping)s, missing_addons = %(missing)s
            WHERE id = %(worker)s RETURNING id""",
        running_jobs=running,
        stopping=stopping,
        missing=missing_addons,
        worker=worker_id,
    )


def unregister_worker(worker_id: int) -> SQL:
    return SQL(
        "DELETE FROM connector_worker WHERE id = %s; SELECT pg_advisory_unlock(%s, %s)",
        worker_id,
        WORKER_LOCK,
        worker_id,
    )


def dead_workers(lease_s: float) -> SQL:
    """Return the ids of dead workers, and of workers that jobs name and that are not registered any more.

    Dead: its lock is free and it was silent for a moment, or it was silent for the whole lease. Both locks tried
    here are of the transaction and end with the statement; one reaper at a time is enough.
    """
    return statement(
        """SELECT id FROM (
               SELECT w.id FROM connector_worker w
                WHERE w.last_seen < %(now)s - %(moment)s * interval '1 second'
                  AND (w.last_seen < %(now)s - %(lease)s * interval '1 second'
                       OR pg_try_advisory_xact_lock(%(worker_lock)s, w.id))
               UNION
               SELECT j.worker_id FROM connector_job j WHERE j.%(running)s AND NOT EXISTS (
                   SELECT 1 FROM connector_worker w WHERE w.id = j.worker_id)) d
            WHERE pg_try_advisory_xact_lock(%(queue_lock)s, %(reap)s)""",
        moment=DEAD_AFTER_S,
        lease=lease_s,
        worker_lock=WORKER_LOCK,
        queue_lock=QUEUE_LOCK,
        reap=REAP,
    )


def jobs_of(worker_ids: Sequence[int]) -> SQL:
    """A condition: jobs of these workers."""
    return SQL("worker_id = ANY(%s)", list(worker_ids))


def abandoned_by(worker_id: int, known_ids: Sequence[int]) -> SQL:
    """A condition: jobs of a live worker that are none of those which it knows to have."""
    return statement(
        """worker_id = %(worker)s AND id <> ALL(%(known)s::int[])
           AND date_started < %(now)s - %(after)s * interval '1 second'""",
        worker=worker_id,
        known=list(known_ids),
        after=ABANDONED_AFTER_S,
    )


_SESSIONS = """SELECT pg_terminate_backend(l.pid)
             FROM connector_job j
             JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = j.xmax
                  AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()"""


def end_silent_sessions(worker_ids: Sequence[int], lease_s: float) -> SQL:
    """Cut the work sessions of workers that were silent for the whole lease, so that their jobs' rows are free.

    The session that locks a job's row is found by the row's xmax: nothing but the work transaction locks a running row.
    """
    return statement(
        f"""{_SESSIONS} JOIN connector_worker w ON w.id = j.worker_id
            WHERE j.%(running)s AND j.worker_id = ANY(%(workers)s)
              AND w.last_seen < %(now)s - %(lease)s * interval '1 second'""",
        workers=list(worker_ids),
        lease=lease_s,
    )


def end_sessions(job_ids: Sequence[int]) -> SQL:
    """Cut the sessions that run these jobs: their work is rolled back, their rows are free."""
    return statement(f"{_SESSIONS} WHERE j.%(running)s AND j.id = ANY(%(ids)s)", ids=list(job_ids))


def forget_workers(worker_ids: Sequence[int]) -> SQL:
    """Delete dead workers that have no job left."""
    return statement(
        """DELETE FROM connector_worker w WHERE id = ANY(%(workers)s)
              AND NOT EXISTS (SELECT 1 FROM connector_job j WHERE j.%(running)s AND j.worker_id = w.id)""",
        workers=list(worker_ids),
    )
