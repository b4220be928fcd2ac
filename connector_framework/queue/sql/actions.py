"""Actions of people on jobs, in the caller's transaction, and reading for the lists."""

from __future__ import annotations

from collections.abc import Sequence

from odoo.tools import SQL

from .attempt import back_to_pending
from .schema import statement


def lock_jobs(job_ids: Sequence[int]) -> SQL:
    """Keep jobs that do not run from being claimed until the transaction ends; rows of running ones are passed by."""
    return SQL(
        "SELECT id FROM connector_job WHERE id = ANY(%s) AND state <> 'running' ORDER BY id FOR NO KEY UPDATE",
        list(job_ids),
    )


def lock_unbegun(job_ids: Sequence[int]) -> SQL:
    """Lock running jobs whose work has not locked its row yet, before it does; returns their ids."""
    return SQL(
        "SELECT id FROM connector_job WHERE id = ANY(%s) AND state = 'running' ORDER BY id"
        " FOR NO KEY UPDATE SKIP LOCKED",
        list(job_ids),
    )


def requeue(job_ids: Sequence[int]) -> SQL:
    """Put failed, cancelled and done jobs back, with all their attempts; columns as :func:`~.attempt.retry`."""
    return back_to_pending(SQL("id = ANY(%s) AND state IN ('failed', 'cancelled', 'done')", list(job_ids)), SQL("0"))


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
    """Cancel jobs, and their waiting dependents at any distance; returns (id, exclusive key)."""
    return statement(
        """
        WITH RECURSIVE gone AS (
            SELECT id FROM connector_job WHERE id = ANY(%(ids)s)
            UNION
            SELECT d.child_id FROM gone JOIN connector_job_dependency d ON d.parent_id = gone.id)
        UPDATE connector_job c
           SET state = 'cancelled', hold = NULL, worker_id = NULL, date_done = %(now)s,
               result = CASE WHEN id = ANY(%(ids)s) THEN %(reason)s ELSE 'a job that it waits for was cancelled' END
         WHERE id = ANY(%(ids)s) OR (%(waiting)s AND id IN (SELECT id FROM gone))
        RETURNING id, exclusive_key
        """,
        ids=list(job_ids),
        reason=reason,
    )


def run_now(job_ids: Sequence[int]) -> SQL:
    """Let pending jobs whose time has not come run now; returns their ids."""
    return SQL(
        "UPDATE connector_job SET hold = NULL, eta = NULL"
        " WHERE id = ANY(%s) AND state = 'pending' AND hold = 'eta' RETURNING id",
        list(job_ids),
    )


def running_with_keys(keys: Sequence[str]) -> SQL:
    """Return (exclusive key, id) of the running jobs with these keys. Index: ``_exclusive``."""
    return statement(
        "SELECT exclusive_key, id FROM connector_job WHERE exclusive_key = ANY(%(keys)s) AND %(running)s",
        keys=list(keys),
    )


def set_done(job_ids: Sequence[int], reason: str | None) -> SQL:
    """End jobs ``done`` without running them."""
    return statement(
        """UPDATE connector_job
              SET state = 'done', hold = NULL, worker_id = NULL, date_done = %(now)s, result = %(reason)s
            WHERE id = ANY(%(ids)s) RETURNING id""",
        reason=reason,
        ids=list(job_ids),
    )


def forget(job_ids: Sequence[int]) -> SQL:
    """Delete the rows of deleted jobs in the other tables."""
    return statement(
        """DELETE FROM connector_job_progress WHERE job_id = ANY(%(ids)s);
           DELETE FROM connector_job_checkpoint WHERE job_id = ANY(%(ids)s);
           DELETE FROM connector_job_subject WHERE job_id = ANY(%(ids)s);
           DELETE FROM connector_job_attempt WHERE job_id = ANY(%(ids)s);
           DELETE FROM connector_job_dependency WHERE child_id = ANY(%(ids)s) OR parent_id = ANY(%(ids)s)""",
        ids=list(job_ids),
    )


def forget_checkpoints(job_ids: Sequence[int]) -> SQL:
    return SQL("DELETE FROM connector_job_checkpoint WHERE job_id = ANY(%s)", list(job_ids))


def prune(limit: int) -> SQL:
    """Delete done and cancelled jobs that their channel no longer keeps, up to ``limit``; returns (id,).

    A done job that a waiting one names is kept. Index: ``_finished``.
    """
    return statement(
        """DELETE FROM connector_job WHERE id = ANY(ARRAY(
               SELECT j.id FROM connector_job_channel c CROSS JOIN LATERAL (
                   SELECT id FROM connector_job j
                    WHERE j.channel_id = c.id AND j.%(finished)s
                      AND j.date_done < %(now)s - c.keep_days * interval '1 day'
                      AND (SELECT w.id FROM connector_job_dependency d JOIN connector_job w ON w.id = d.child_id
                            WHERE d.parent_id = j.id AND w.%(waiting)s LIMIT 1) IS NULL
                    ORDER BY date_done LIMIT %(limit)s FOR UPDATE SKIP LOCKED) j LIMIT %(limit)s))
           RETURNING id""",
        limit=limit,
    )


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
    """Return the (child, parent) pairs in which these jobs take part."""
    return statement(
        """SELECT child_id, parent_id FROM connector_job_dependency
            WHERE child_id = ANY(%(ids)s) OR parent_id = ANY(%(ids)s)""",
        ids=list(job_ids),
    )


def read_subjects(job_ids: Sequence[int], limit: int) -> SQL:
    """Return (job, model, record's id or None, external id or None), at most ``limit`` of each job."""
    return SQL(
        """SELECT s.* FROM unnest(%s::int[]) j(id) CROSS JOIN LATERAL (
               SELECT job_id, model_name, record_id, external_id FROM connector_job_subject
                WHERE job_id = j.id LIMIT %s) s""",
        list(job_ids),
        limit,
    )


def jobs_about(model_name: str | None = None, record_ids: Sequence[int] = (), external_ids: Sequence[str] = ()) -> SQL:
    """Return the ids of the jobs about records or external ids, to be a part of another statement.

    :param model_name: the model of the records, and of the external ids; None: any
    """
    conditions = []
    if record_ids:
        conditions.append(SQL("record_id = ANY(%s)", list(record_ids)))
    if external_ids:
        conditions.append(SQL("external_id = ANY(%s)", list(external_ids)))
    about = SQL(" OR ").join(conditions) if conditions else SQL("false")
    if model_name:
        about = SQL("(%s) AND model_name = %s", about, model_name)
    return SQL("(SELECT job_id FROM connector_job_subject WHERE %s)", about)


def children_of(job_ids: Sequence[int]) -> SQL:
    return SQL("SELECT DISTINCT child_id FROM connector_job_dependency WHERE parent_id = ANY(%s)", list(job_ids))
