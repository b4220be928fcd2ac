#!/usr/bin/env python3
"""Measure what more worker processes and more threads bring.

Empty jobs a second with 1, 2 and 4 worker processes of 4 threads, and with ``synchronous_commit`` off for the cluster,
to see what the disk takes; jobs that wait 50 ms, as a call to an API does, with 1, 4 and 16 threads; empty jobs of a
method with ``group_commit=20``; statements, durable commits and bytes of WAL a job.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import _servers

DATABASE = "bench_scale"


def rate(config: Path, log: Path, jobs: int, processes: int, threads: int) -> float:
    """Run what is stored and return the jobs a second between a tenth and nine tenths of it."""
    args = _servers.worker_args(config, DATABASE, "--processes=1", f"--threads={threads}", "--log-level=warn")
    with ExitStack() as stack:
        for _ in range(processes):
            stack.enter_context(_servers.process(args, log))
        return _servers.rate(DATABASE, "connector_job", jobs)


def fresh(method: str, count: int, args: str = "[]", model: str = "queue.probe") -> None:
    _servers.sql(DATABASE, "TRUNCATE connector_job, connector_worker, queue_probe_effect, queue_probe_run")
    _servers.store(DATABASE, model, method, count, args)
    _servers.sql(DATABASE, "VACUUM ANALYZE connector_job")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
    log = folder / "odoo.log"
    config = _servers.config_file(folder, addons=str(_servers.ROOT / "connector_framework/tests/addons"))
    _servers.create_database(DATABASE, _servers.PROBE, config, log)
    _servers.sql(DATABASE, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def show(label: str, value: float, of: float | None = None) -> None:
        ratio = f"{value / of:>8.2f}x" if of else ""
        print(f"{label:<58}{value:>10,.0f}/s{ratio}", flush=True)

    alone = None
    for sync in ("on", "off"):
        _servers.sql(DATABASE, f"ALTER DATABASE {DATABASE} SET synchronous_commit = {sync}")
        for processes in (1, 2, 4):
            fresh("exists", 6000, model="res.lang")
            value = rate(config, log, 6000, processes, 4)
            alone = alone or value
            show(f"empty jobs, {processes} x 4 threads, synchronous_commit {sync}", value, alone)
    _servers.sql(DATABASE, f"ALTER DATABASE {DATABASE} RESET synchronous_commit")
    fresh("nothing", 12000)
    show("empty jobs, 1 x 4 threads, group_commit=20", rate(config, log, 12000, 1, 4), alone)
    base = None
    for threads in (1, 4, 16):
        fresh("pause", 60 * threads, "[0.05]")
        value = rate(config, log, 60 * threads, 1, threads)
        base = base or value
        show(f"jobs that wait 50 ms, 1 x {threads} threads", value, base)
    fresh("exists", 2000, model="res.lang")
    _servers.sql(DATABASE, "SELECT pg_stat_statements_reset()")
    wal = "SELECT wal_bytes::float, wal_sync::float FROM pg_stat_wal"
    before = _servers.sql(DATABASE, wal)[0]
    rate(config, log, 2000, 1, 4)
    after = _servers.sql(DATABASE, wal)[0]
    done = _servers.sql(DATABASE, "SELECT count(*) FROM connector_job WHERE state = 'done'")[0][0]
    calls = _servers.sql(
        DATABASE,
        "SELECT sum(calls)::float FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = %s",
        DATABASE,
    )[0][0]
    print(
        f"a job of {done}: {calls / done:.1f} statements, {(after[1] - before[1]) / done:.2f} syncs of the WAL,",
        end=" ",
    )
    print(f"{(after[0] - before[0]) / done:,.0f} bytes of WAL (the cluster's, registry loading included)")
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')


if __name__ == "__main__":
    main()
