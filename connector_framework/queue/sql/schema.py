"""Tables, lock numbers, and the predicates that statements and partial indexes share."""

from __future__ import annotations

from typing import Any, NamedTuple

from odoo.tools import SQL

#: First key of the advisory locks: a live worker holds (WORKER_LOCK, its id) on its session.
WORKER_LOCK = 1_668_247_154
#: (QUEUE_LOCK, CLAIM): one claim at a time where limits are counted; (QUEUE_LOCK, PARK): parking against unparking;
#: (QUEUE_LOCK, REAP): one reaper at a time.
QUEUE_LOCK = 1_668_247_155
CLAIM, PARK, REAP = 1, 2, 3

NOTIFY_CHANNEL = "connector_job"

# The predicates of the partial indexes in ``models/job.py``. A statement that spells one otherwise does not use its
# index.
WAITING = "state = 'waiting'"
CLAIMABLE = "state = 'pending' AND hold IS NULL"
SCHEDULED = "state = 'pending' AND hold = 'eta'"
PARKED = "state = 'pending' AND hold = 'key'"
RUNNING = "state = 'running'"
FAILED = "state = 'failed'"
FINISHED = "state IN ('done', 'cancelled')"
ENQUEUED = "state IN ('waiting', 'pending')"
UNFINISHED = "state IN ('waiting', 'pending', 'running')"

_NAMES = {
    name.lower(): SQL(text)  # pylint: disable=sql-injection  # the constants above
    for name, text in {
        "WAITING": WAITING,
        "CLAIMABLE": CLAIMABLE,
        "SCHEDULED": SCHEDULED,
        "PARKED": PARKED,
        "RUNNING": RUNNING,
        "FAILED": FAILED,
        "FINISHED": FINISHED,
        "ENQUEUED": ENQUEUED,
        "UNFINISHED": UNFINISHED,
        # Stable within a statement, so that an index on a time can be used; ``clock`` moves while a lock is waited for.
        "NOW": "(statement_timestamp() AT TIME ZONE 'utc')",
        "CLOCK": "(clock_timestamp() AT TIME ZONE 'utc')",
        "ANCESTORS": "string_to_array(rtrim(c.parent_path, '/'), '/')::int[]",
    }.items()
}


def statement(code: str, **params: Any) -> SQL:
    """Return a statement with named parameters; ``%(running)s``, ``%(now)s`` and the like stand for the names above.

    ``%(ancestors)s`` are the ids of channel ``c`` and of all above it.
    """
    return SQL(code, **_NAMES, **params)  # pylint: disable=sql-injection  # the callers pass literals


class Bound(NamedTuple):
    """A statement of a :class:`Template` with its parameters, in the place of an ``SQL``."""

    code: str
    params: list[Any]

    def as_sql(self) -> SQL:
        return SQL(self.code, *self.params)  # pylint: disable=sql-injection  # the text of a template


class Template:
    """A statement of the hot path, composed once: composing one takes as long as a tenth of an empty job.

    :param code: as of :func:`statement`
    :param names: of its parameters
    """

    def __init__(self, code: str, *names: str) -> None:
        composed = statement(code, **{name: _Name(name) for name in names})
        self._code = composed.code
        self._names = [name.value for name in composed.params]

    def __call__(self, **values: Any) -> Bound:
        return Bound(self._code, [values[name] for name in self._names])


class _Name(NamedTuple):
    value: str


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
    CREATE TABLE IF NOT EXISTS connector_job_subject (
        job_id integer NOT NULL, model_name varchar NOT NULL, record_id integer, external_id varchar
    );
    CREATE INDEX IF NOT EXISTS connector_job_subject_job ON connector_job_subject (job_id);
    CREATE INDEX IF NOT EXISTS connector_job_subject_record ON connector_job_subject (record_id, model_name)
     WHERE record_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS connector_job_subject_external ON connector_job_subject (external_id, model_name)
     WHERE external_id IS NOT NULL;
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
        connector_job_dependency, connector_job_subject, connector_job_progress, connector_job_checkpoint,
        connector_job_bucket;
    DROP SEQUENCE IF EXISTS connector_worker_id_seq
""")


def addon_installed() -> SQL:
    """Return (the database has the queue, the number that PostgreSQL gave the database).

    The name of the table is looked up, so that a database without it raises no error.
    """
    return SQL(
        """SELECT to_regclass('connector_worker') IS NOT NULL AND to_regclass('connector_job_bucket') IS NOT NULL,
                  (SELECT oid::bigint FROM pg_database WHERE datname = current_database())"""
    )
