#!/usr/bin/env python3
"""Measure how soon a job starts, and how soon it runs again when its worker is killed or frozen.

Commit to start: jobs are stored one at a time by an ``odoo shell`` beside a threaded server that has nothing else to
do; from the return of the commit to the start that the job notes. Goal: 5 ms in half of the cases, 50 ms in 99 of 100.
Kill to re-run: a worker is killed while it runs a job and another one lives. Goal: 5 s, and 35 s where it is frozen.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
from pathlib import Path

import _servers

DATABASE = "bench_latency"
SCRIPT = """
import time
took = []
for _ in range({count}):
    time.sleep(0.15)
    job = env["res.lang"].as_job().exists()
    env.cr.commit()
    env.cr.execute("SELECT clock_timestamp() AT TIME ZONE 'utc'")
    committed = env.cr.fetchone()[0]
    while True:
        env.cr.rollback()
        env.cr.execute("SELECT date_started FROM connector_job WHERE id = %s AND state = 'done'", [job.id])
        row = env.cr.fetchone()
        if row:
            break
        time.sleep(0.002)
    took.append((row[0] - committed).total_seconds() * 1000)
print("RESULT", *took)
"""


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
    log = folder / "odoo.log"
    probe = str(_servers.ROOT / "connector_framework/tests/addons")
    config = _servers.config_file(folder, addons=probe)
    _servers.create_database(DATABASE, _servers.PROBE, config, log)
    with _servers.process(["-c", str(config), "-d", DATABASE, "--log-level=warn"], log):
        _servers.wait_for(lambda: _servers.sql(DATABASE, "SELECT 1 FROM connector_worker"), "a worker of the server")
        shell = [*_servers.COMMAND, "shell", "-c", str(config), "-d", DATABASE, "--no-http", "--log-level=warn"]
        done = subprocess.run(shell, input=SCRIPT.format(count=200), capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    took = [max(0.0, float(value)) for value in line.split()[1:]]
    print(f"commit to start, {len(took)} jobs on an idle queue: p50 {statistics.median(took):.1f} ms,", end=" ")
    print(f"p99 {_servers.percentile(took, 0.99):.1f} ms, highest {max(took):.1f} ms")
    for name, number, rounds in (("kill -9", signal.SIGKILL, 5), ("SIGSTOP", signal.SIGSTOP, 1)):
        again = [take_over(config, log, number) for _ in range(rounds)]
        print(f"{name} to the start of the next attempt: median {statistics.median(again):.1f} s,", end=" ")
        print(f"highest {max(again):.1f} s, {rounds} rounds")
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')


def take_over(config: Path, log: Path, number: signal.Signals) -> float:
    """Return the seconds from a signal to a worker until its job is running again."""
    _servers.sql(DATABASE, "TRUNCATE connector_job, queue_probe_effect")
    args = _servers.worker_args(config, DATABASE, "--processes=1", "--threads=1")
    alive = "SELECT 1 FROM connector_worker WHERE pid = %s"
    running = "SELECT 1 FROM connector_job WHERE state = 'running' AND attempt = %s"
    with _servers.process(args, log) as first:
        _servers.wait_for(lambda: _servers.sql(DATABASE, alive, first.pid), "a worker")
        _servers.store(DATABASE, "queue.probe", "effect", 1, '["slow", 120]')
        started = "SELECT 1 FROM connector_worker WHERE running = 1"
        _servers.wait_for(lambda: _servers.sql(DATABASE, started), "the job's start")
        with _servers.process(args, log) as second:
            _servers.wait_for(lambda: _servers.sql(DATABASE, alive, second.pid), "another worker")
            os.kill(first.pid, number)
            took = _servers.wait_for(lambda: _servers.sql(DATABASE, running, 2), "the next attempt")
            os.killpg(first.pid, signal.SIGKILL)
            os.killpg(second.pid, signal.SIGKILL)
    return took


if __name__ == "__main__":
    main()
