"""A running job: its lock, its end, and the jobs that its end releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from odoo.tools import SQL
from psycopg2.errors import InvalidTextRepresentation

from ..claimed import NO_FAILURE, Claimed, Failure
from . import incidents
from .schema import Bound, Template, statement

# -- in the work transaction -------------------------------------------------------------------------------------------


def lock(worker_id: int, jobs: Sequence[Claimed]) -> Bound:
    """Lock the rows of one's own running jobs and load their calls; a row is missing when the job was taken over.

    The first statement of the work transaction, so its snapshot is younger than the claim. FOR NO KEY UPDATE: while
    this session lives, no other worker takes the job over (takers skip locked rows) and the same job never runs twice
    at a time. PostgreSQL writes the lock into the row, where it outlives the session: so others see that a job of a
    dead worker had begun, see :data:`BEGUN`. By the primary key: ``IS TRUE`` keeps the planner from the index of
    running jobs, in which entries come and go.
    """
    return _LOCKING(ids=[job.id for job in jobs], attempts=[job.attempt for job in jobs], worker=worker_id)


_LOCKING = Template(
    """SELECT j.id, j.call, j.user_id, coalesce(u.active, false) AS user_active, u.login, %(now)s AS started
         FROM unnest(%(ids)s::int[], %(attempts)s::int[]) o(id, attempt)
         JOIN connector_job j ON j.id = o.id AND j.attempt = o.attempt LEFT JOIN res_users u ON u.id = j.user_id
        WHERE (j.worker_id = %(worker)s AND j.state = 'running') IS TRUE
          FOR NO KEY UPDATE OF j""",
    "ids",
    "attempts",
    "worker",
)

#: Whether a running job has begun. ``xmax`` of a row version is the transaction that locked it last. A claim locks and
#: writes the row in one transaction, so that both are the same until :func:`lock` comes; no other statement touches a
#: running row. Where the lock is not known any more (VACUUM FREEZE, a restored dump) the job counts as begun.
#: PostgreSQL manual, 5.5 System Columns.
BEGUN = SQL("xmax <> xmin")

#: What the error says that :func:`finish` raises.
TAKEN_OVER = "connector: taken over"


def finish(worker_id: int, jobs: Sequence[Claimed], results: Sequence[str | None], started: Sequence[Any]) -> Bound:
    """Write ``done`` in the work transaction, or raise if not all of the jobs are this worker's any more.

    A commit that follows in the same string is then not reached. The text that is no number makes an error that nothing
    else makes.
    """
    return _FINISHING(
        ids=[job.id for job in jobs],
        attempts=[job.attempt for job in jobs],
        results=list(results),
        started=list(started),
        worker=worker_id,
    )


_FINISHING = Template(
    f"""WITH done AS (
    UPDATE connector_job j
       SET state = 'done', worker_id = NULL, result = o.result,
           date_started = o.started, date_done = %(now)s, duration_s = extract(epoch FROM %(now)s - o.started),
           exc_type = NULL, exc_message = NULL, exc_info = NULL, user_message = NULL
      FROM unnest(%(ids)s::int[], %(attempts)s::int[], %(results)s::text[], %(started)s::timestamp[])
           o(id, attempt, result, started)
     WHERE j.id = o.id AND j.attempt = o.attempt AND (j.worker_id = %(worker)s AND j.state = 'running') IS TRUE
 RETURNING j.id)
    SELECT CASE WHEN count(*) = cardinality(%(ids)s::int[]) THEN 0 ELSE ('{TAKEN_OVER} ' || count(*))::int END
      FROM done""",
    "ids",
    "attempts",
    "results",
    "started",
    "worker",
)


def is_taken_over(error: BaseException) -> bool:
    """Tell whether :func:`finish` found that the jobs are not this worker's any more."""
    return isinstance(error, InvalidTextRepresentation) and TAKEN_OVER in str(error)


def failed_call(job_id: int) -> SQL:
    """Return (model, method, call, user) of a failed job."""
    return SQL(
        "SELECT model_name, method_name, call, user_id FROM connector_job WHERE id = %s AND state = 'failed'", job_id
    )


def save_checkpoint(job_id: int, state: str) -> SQL:
    return SQL(
        "INSERT INTO connector_job_checkpoint VALUES (%s, %s)"
        " ON CONFLICT (job_id) DO UPDATE SET state = excluded.state",
        job_id,
        state,
    )


def read_checkpoint(job_id: int) -> SQL:
    return SQL("SELECT state FROM connector_job_checkpoint WHERE job_id = %s", job_id)


# -- on the worker's session -------------------------------------------------------------------------------------------


def save_progress(job_id: int, done: float, total: float) -> SQL:
    return SQL(
        """INSERT INTO connector_job_progress VALUES (%s, %s, %s)
           ON CONFLICT (job_id) DO UPDATE SET done = excluded.done, total = excluded.total""",
        job_id,
        done,
        total,
    )


def user_language(user_id: int) -> SQL:
    return SQL("SELECT p.lang FROM res_users u JOIN res_partner p ON p.id = u.partner_id WHERE u.id = %s", user_id)


def _keeping(update: SQL, failure: Failure, before: SQL | None = None) -> SQL:
    """Keep the attempts that an update ends with a failure; returns (id, state, exclusive key).

    :param update: returns these, and the attempt's number, worker and start
    :param before: tables that the update reads
    """
    return statement(
        """WITH %(before)s ended AS (%(update)s), kept AS (
               INSERT INTO connector_job_attempt
                      (job_id, number, worker, started, ended, exc_type, exc_message, exc_info)
               SELECT e.id, e.attempt, w.host || ', process ' || w.pid, e.date_started, %(now)s,
                      %(exc_type)s, %(exc_message)s, %(exc_info)s
                 FROM ended e LEFT JOIN connector_worker w ON w.id = e.worker_id)
           SELECT id, state, exclusive_key FROM ended""",
        before=SQL("%s,", before) if before else SQL(""),
        update=update,
        exc_type=failure.exc_type,
        exc_message=failure.exc_message,
        exc_info=failure.exc_info,
    )


def _set_failure(failure: Failure) -> SQL:
    columns = asdict(failure)
    del columns["place"]
    return SQL(", ").join(SQL("%s = %s", SQL.identifier(name), value) for name, value in columns.items())


# The job that has the identity key which ``k`` would take again.
_DUPLICATE = statement("""coalesce(
    (SELECT t.id FROM connector_job t WHERE t.identity_key = k.identity_key AND t.identity_key IS NOT NULL
        AND t.%(enqueued)s AND t.id <> k.id LIMIT 1),
    (SELECT t.id FROM connector_job t WHERE t.identity_key = k.identity_key AND t.identity_until_done
        AND t.%(unfinished)s AND t.id <> k.id AND k.identity_until_done LIMIT 1))""")


def back_to_pending(
    condition: SQL,
    attempt: SQL,
    *,
    delay_s: float = 0,
    failure: Failure = NO_FAILURE,
    crashed: bool = False,
    kept: bool = False,
) -> SQL:
    """Put jobs back, or end them ``cancelled`` where another job has their identity key.

    Of several that have one key, the most urgent goes back. Returns (id, state, exclusive key). A duplicate that
    appears meanwhile is a 23505: run the statement again.

    :param condition: on ``connector_job``, with a locking clause if locked rows are not to be waited for
    :param attempt: the number of attempts from now on
    :param crashed: the attempt ended with the worker's death
    :param kept: keep the failed attempt
    """
    columns = SQL(", o.attempt, o.worker_id, j.date_started") if kept else SQL("")
    update = statement(
        """UPDATE connector_job j
              SET state = CASE WHEN o.duplicate IS NULL THEN 'pending' ELSE 'cancelled' END,
                  hold = CASE WHEN o.duplicate IS NULL AND %(delay)s > 0 THEN 'eta' END,
                  eta = CASE WHEN %(delay)s > 0 THEN %(now)s + %(delay)s * interval '1 second' ELSE j.eta END,
                  attempt = %(attempt)s, crashes = j.crashes + %(crashes)s, worker_id = NULL,
                  date_done = CASE WHEN o.duplicate IS NULL THEN NULL ELSE %(now)s END,
                  result = CASE WHEN o.duplicate IS NULL THEN NULL ELSE 'superseded by job ' || o.duplicate END,
                  %(failure)s
             FROM (SELECT k.id, k.attempt, k.worker_id,
                          coalesce(k.other, CASE WHEN k.first <> k.id THEN k.first END) AS duplicate
                     FROM (SELECT k.id, k.attempt, k.worker_id, %(duplicate)s AS other,
                                  CASE WHEN k.identity_key IS NOT NULL THEN first_value(k.id)
                                      OVER (PARTITION BY k.identity_key ORDER BY k.priority, k.id) END AS first
                             FROM (SELECT * FROM connector_job WHERE %(condition)s) k) k) o
            WHERE j.id = o.id
        RETURNING j.id, j.state, j.exclusive_key%(columns)s""",
        columns=columns,
        delay=delay_s,
        attempt=attempt,
        crashes=int(crashed),
        failure=_set_failure(failure),
        duplicate=_DUPLICATE,
        condition=condition,
    )
    return _keeping(update, failure) if kept else update


_LOCK = SQL("FOR NO KEY UPDATE")
_UNLOCKED = SQL("FOR NO KEY UPDATE SKIP LOCKED")


def _owned(worker_id: int, job: Claimed, wait: bool) -> SQL:
    return statement(
        "id = %(id)s AND worker_id = %(worker)s AND attempt = %(attempt)s AND %(running)s %(lock)s",
        id=job.id,
        worker=worker_id,
        attempt=job.attempt,
        lock=_LOCK if wait else _UNLOCKED,
    )


def retry(
    worker_id: int, job: Claimed, *, delay_s: float, count_attempt: bool, failure: Failure, wait: bool = True
) -> SQL:
    """Put one's own job back for a later attempt, with its failure.

    :param wait: wait for a work transaction that has locked the row; False: do nothing then
    """
    return back_to_pending(
        _owned(worker_id, job, wait),
        SQL("j.attempt") if count_attempt else SQL("j.attempt - 1"),
        delay_s=delay_s,
        failure=failure,
        # One that does not count may come again very often, e.g. at each look at an empty token bucket.
        kept=count_attempt,
    )


def fail(worker_id: int, job: Claimed, *, failure: Failure, started: Any = None, wait: bool = True) -> SQL:
    """End one's own job ``failed``; columns as :func:`retry`, no row if it is not this worker's any more.

    :param wait: as of :func:`retry`
    """
    update = statement(
        """UPDATE connector_job j
              SET state = 'failed', worker_id = NULL, date_done = %(now)s,
                  date_started = coalesce(%(started)s::timestamp, j.date_started),
                  duration_s = extract(epoch FROM %(now)s - coalesce(%(started)s::timestamp, j.date_started)),
                  result = NULL, incident_id = c.id, %(failure)s
             FROM o JOIN counted c ON %(of_job)s WHERE j.id = o.id
        RETURNING j.id, j.state, j.exclusive_key, o.attempt, o.worker_id, j.date_started""",
        started=started,
        failure=_set_failure(failure),
        of_job=incidents.OF_JOB,
    )
    return _keeping(update, failure, incidents.counting(_owned(worker_id, job, wait), failure))


def give_back(worker_id: int, job_ids: Sequence[int]) -> SQL:
    """Put back jobs that a worker has claimed and not begun: the attempt does not count."""
    return back_to_pending(
        statement("%(running)s AND worker_id = %(worker)s AND id = ANY(%(ids)s)", worker=worker_id, ids=list(job_ids)),
        SQL("j.attempt - 1"),
    )


# -- jobs that their worker does not run any more ----------------------------------------------------------------------


def lost_jobs(condition: SQL) -> SQL:
    """Return (id, begun, whether no attempt is left) of running jobs that are to be taken from their worker.

    A statement of its own: the lock that the taking over takes would look like the work's.
    """
    return statement(
        """SELECT id, %(begun)s AS begun, max_attempts > 0 AND attempt >= max_attempts AS exhausted
             FROM connector_job WHERE %(running)s AND %(condition)s""",
        begun=BEGUN,
        condition=condition,
    )


def fail_lost(job_ids: Sequence[int], failure: Failure, *, crashed: bool, wait: bool = False) -> SQL:
    """Fail lost jobs; returns (id, state, exclusive key).

    :param wait: wait for rows that a work transaction has locked; False: pass them by
    """
    update = statement(
        """UPDATE connector_job j
              SET state = 'failed', crashes = crashes + %(crashes)s, worker_id = NULL, date_done = %(now)s,
                  incident_id = c.id, %(failure)s
             FROM o JOIN counted c ON %(of_job)s WHERE j.id = o.id
        RETURNING j.id, j.state, j.exclusive_key, o.attempt, o.worker_id, j.date_started""",
        crashes=int(crashed),
        failure=_set_failure(failure),
        of_job=incidents.OF_JOB,
    )
    lock = _LOCK if wait else _UNLOCKED
    failing = statement("%(running)s AND id = ANY(%(ids)s) %(lock)s", ids=list(job_ids), lock=lock)
    return _keeping(update, failure, incidents.counting(failing, failure))


def put_back_lost(
    job_ids: Sequence[int], *, begun: bool, failure: Failure = NO_FAILURE, crashed: bool = False, wait: bool = False
) -> SQL:
    """Put lost jobs back, as :func:`fail_lost`; those that had not begun lose no attempt."""
    lock = _LOCK if wait else _UNLOCKED
    return back_to_pending(
        statement("%(running)s AND id = ANY(%(ids)s) %(lock)s", ids=list(job_ids), lock=lock),
        SQL("j.attempt") if begun else SQL("j.attempt - 1"),
        failure=failure,
        crashed=crashed,
        kept=begun and failure is not NO_FAILURE,
    )


# -- dependents of a job that has ended --------------------------------------------------------------------------------


def release_dependents(parent_ids: Sequence[int] | None = None) -> SQL:
    """Make waiting jobs pending whose parents are all done; returns their ids.

    Never in a work transaction: of two parents that end at once each would see the other unfinished. After the later
    commit both are seen. A parent that was deleted counts as done. Children that an enqueuer holds are left to
    maintenance.

    :param parent_ids: those that have just ended; None: check every waiting job (maintenance)
    """
    which = (
        SQL("true")
        if parent_ids is None
        else SQL("w.id IN (SELECT child_id FROM connector_job_dependency WHERE parent_id = ANY(%s))", list(parent_ids))
    )
    return statement(
        """
        UPDATE connector_job c SET state = 'pending', hold = CASE WHEN eta > %(now)s THEN 'eta' END
         WHERE c.id IN (SELECT w.id FROM connector_job w WHERE %(waiting)s AND %(which)s FOR NO KEY UPDATE SKIP LOCKED)
           AND NOT EXISTS (SELECT 1 FROM connector_job_dependency d JOIN connector_job p ON p.id = d.parent_id
                            WHERE d.child_id = c.id AND p.state <> 'done')
        RETURNING id
        """,
        which=which,
    )


def cancel_dependents() -> SQL:
    """Cancel the waiting jobs of which some parent, at any distance, is cancelled (maintenance)."""
    return statement(
        """
        WITH RECURSIVE gone AS (
            SELECT d.child_id AS id FROM connector_job w JOIN connector_job_dependency d ON d.child_id = w.id
              JOIN connector_job p ON p.id = d.parent_id AND p.state = 'cancelled' WHERE w.%(waiting)s
            UNION
            SELECT d.child_id FROM gone JOIN connector_job_dependency d ON d.parent_id = gone.id)
        UPDATE connector_job c
           SET state = 'cancelled', date_done = %(now)s, result = 'a job that it waits for was cancelled'
         WHERE c.%(waiting)s AND c.id IN (SELECT id FROM gone) RETURNING id
        """
    )
