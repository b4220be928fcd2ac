"""Every SQL statement of the queue, by noun.

:mod:`schema`: tables, names, predicates. :mod:`enqueue`: storing jobs, in the caller's transaction. :mod:`claim`:
taking jobs, parking, releasing. :mod:`attempt`: a running job and its end. :mod:`workers`: liveness and dead workers.
:mod:`actions`: what people do with jobs. :mod:`metrics`: what monitoring reads.

Statements on a job's *work* transaction (REPEATABLE READ) and on the caller's say so; all others run on a worker's own
session, each in a short READ COMMITTED transaction. The row of a running job is locked by its work transaction from
start to end and written by nothing else, or the final UPDATE would fail with a serialization error; so progress,
checkpoints and heartbeats have tables of their own.

Times are naive UTC by the database's clock, so that the hosts' clocks do not matter.
"""
