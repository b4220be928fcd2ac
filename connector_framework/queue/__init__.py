"""The queue: delayed method calls, stored in PostgreSQL, claimed and run by workers.

``records.as_job(...).method(...)`` stores a *job* in the caller's transaction. A *worker* claims jobs of a database, in
order of priority, within the limits of their *channels*; it runs each in a transaction of its own, and ``done`` is
written in that transaction. An *attempt* is one try of a job.

State machine::

    waiting --(all parents done)--> pending --(claim)--> running --(returned)--> done
    running --(retryable error, worker died)--> pending      running --(other error, no attempt left)--> failed
    failed, cancelled, done --(requeue)--> pending           waiting, pending, failed, running --(cancel)--> cancelled
    waiting, pending, failed --(set done)--> done
"""

from .arguments import arguments_by_name
from .current import current_job
from .enqueue import JobProxy
from .inline import run_pending
from .options import job_options

#: The states of a job and their labels.
STATES = [
    ("waiting", "Waiting"),
    ("pending", "Pending"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]

__all__ = ["STATES", "JobProxy", "arguments_by_name", "current_job", "job_options", "run_pending"]
