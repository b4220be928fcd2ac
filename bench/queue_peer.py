#!/usr/bin/env python3
"""Compare the queue with OCA's queue_job 19.0, on the same Odoo, the same PostgreSQL, in one run.

For each: jobs stored one by one and in bulk, and empty jobs run per second, each on a prefork server of its own with
four workers: here with the default ``processes`` beside them, there with the channel ``root:4`` that its documentation
recommends; the same with ``synchronous_commit`` off for both, and here with
``group_commit=20``. The rounds alternate, the ratio is that of the medians. A bare loop of psycopg2 that claims,
commits and updates the same number of rows, and the disk's time for a durable commit, say how much of it is PostgreSQL.

Both databases are copies of the one that ``script/bench`` names, so this addon is installed in the peer's too, where
its worker looks at an empty queue once a second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import _peers
import _servers
import psycopg2

THREADS = 4
BARE = "bare loop"
STORED_SINGLE, STORED_BULK = "jobs stored one by one", "jobs stored in bulk"
RUN, RUN_ASYNC = "empty jobs run", "empty jobs run, synchronous_commit off"
RUN_GROUPED = "empty jobs run, group_commit=20"

ENQUEUE = """
import json, time
def timed(function):
    env.cr.commit()
    began = time.perf_counter()
    function()
    env.flush_all()
    env.cr.commit()
    return time.perf_counter() - began
model = env["{model}"]
def single():
    for _ in range({singles}):
        {single}
def bulk():
    {bulk}
single_s = timed(single)
bulk_s = timed(bulk)
print("RESULT", json.dumps({{"single": {singles} / single_s, "bulk": {jobs} / bulk_s}}))
"""
OURS = {
    "single": "model.as_job().exists()",
    "bulk": 'model.as_job().map("{method}", [()] * {jobs})',
    "table": "connector_job",
}
THEIRS = {
    "single": "model.with_delay().exists()",
    "bulk": "[model.with_delay().{method}() for _ in range({jobs})]",
    "table": "queue_job",
}


class Contender:
    """One queue on a database of its own."""

    def __init__(
        self, name: str, module: str, code: dict[str, str], addons: str, server_args: list[str], extra: str = ""
    ):
        self.name = name
        self.module = module
        self.code = code
        self.database = f"bench_{module}"
        folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
        self.log = folder / "odoo.log"
        self.config = _servers.config_file(folder, addons=addons, extra=extra)
        self.server = ["-c", str(self.config), "-d", self.database, "--log-level=warn", *server_args]
        if addons.endswith("/odoo/addons"):
            # What it imports beside Odoo lies where it was installed.
            path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), addons.removesuffix("/odoo/addons")]))
            os.environ["PYTHONPATH"] = path

    def prepare(self) -> None:
        _servers.create_database(self.database, self.module, self.config, self.log)

    def enqueue(self, singles: int, jobs: int, model: str = "res.lang", method: str = "exists") -> dict[str, float]:
        """Store jobs one by one and in bulk, instead of those that are there; return each per second."""
        _servers.sql(self.database, f"TRUNCATE {self.code['table']} CASCADE")
        code = {name: text.format(jobs=jobs, method=method) for name, text in self.code.items()}
        script = ENQUEUE.format(singles=singles, jobs=jobs, single=code["single"], bulk=code["bulk"], model=model)
        shell = [*_servers.COMMAND, "shell", "-c", str(self.config), "-d", self.database, "--no-http"]
        done = subprocess.run([*shell, "--log-level=warn"], input=script, capture_output=True, text=True, check=True)
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if line is None:
            raise RuntimeError(f"{self.name}: nothing was enqueued: {done.stderr[-2000:]}")
        return json.loads(line[7:])

    def commit_asynchronously(self, asynchronously: bool) -> None:
        value = "off" if asynchronously else "on"
        _servers.sql("postgres", f'ALTER DATABASE "{self.database}" SET synchronous_commit = {value}')

    def run(self) -> float:
        """Start the server on what is enqueued and return the jobs per second between a tenth and nine tenths of it."""
        jobs = _servers.sql(self.database, f"SELECT count(*) FROM {self.code['table']}")[0][0]
        _servers.sql(self.database, f"VACUUM ANALYZE {self.code['table']}")
        with _servers.process(self.server, self.log):
            return _servers.rate(self.database, self.code["table"], jobs)


def bare_loop(database: str, jobs: int) -> float:
    """Return how many rows a second bare psycopg2 claims, takes, and sets to done, in a process of four threads."""
    _servers.sql(
        database,
        "DROP TABLE IF EXISTS bench_bare; CREATE TABLE bench_bare (id serial PRIMARY KEY, state text, call text)",
    )
    _servers.sql(
        database,
        f"INSERT INTO bench_bare (state, call) SELECT 'pending', repeat('x', 160) FROM generate_series(1, {jobs})",
    )
    _servers.sql(database, "CREATE INDEX ON bench_bare (id) WHERE state = 'pending'")
    claim = """UPDATE bench_bare SET state = 'running' WHERE id IN (
        SELECT id FROM bench_bare WHERE state = 'pending' ORDER BY id LIMIT 10 FOR NO KEY UPDATE SKIP LOCKED)
        RETURNING id"""

    def work() -> None:
        claimer, worker = psycopg2.connect(dbname=database), psycopg2.connect(dbname=database)
        claimer.autocommit = True
        worker.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ)
        with claimer.cursor() as claims, worker.cursor() as works:
            claims.execute("SET synchronous_commit = off")
            while True:
                claims.execute(claim)
                ids = claims.fetchall()
                if not ids:
                    break
                for (job_id,) in ids:
                    works.execute(
                        "SELECT call FROM bench_bare WHERE id = %s AND state = 'running' FOR NO KEY UPDATE", [job_id]
                    )
                    works.execute("UPDATE bench_bare SET state = 'done' WHERE id = %s AND state = 'running'", [job_id])
                    worker.commit()
        claimer.close()
        worker.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return jobs / (time.perf_counter() - began)


def commit_ms(database: str, count: int = 200) -> float:
    """Return the median of a durable commit of one small row, in milliseconds."""
    _servers.sql(database, "CREATE TABLE IF NOT EXISTS bench_commit (n int)")
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    took = []
    with connection.cursor() as cursor:
        for number in range(count):
            began = time.perf_counter()
            cursor.execute("INSERT INTO bench_commit VALUES (%s)", [number])
            took.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(took) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=5000, help="empty jobs a round for this queue")
    parser.add_argument("--peer-jobs", type=int, default=500, help="and for the peer")
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    probe = str(_servers.ROOT / "connector_framework/tests/addons")
    ours = Contender("connector_framework", _servers.PROBE, OURS, probe, ["--workers=4"])
    contenders: list[tuple[Contender, int]] = [(ours, options.jobs)]
    if not options.no_peer:
        extra = (
            "server_wide_modules = base,rpc,web,queue_job\n"
            "[queue_job]\nchannels = root:4\nhost = 127.0.0.1\nport = {port}\n"
        )
        peer = Contender(
            "OCA queue_job",
            "queue_job",
            THEIRS,
            str(_peers.install(_peers.QUEUE_JOB) / "odoo/addons"),
            ["--workers=4"],
            extra,
        )
        contenders.append((peer, options.peer_jobs))
    figures: dict[tuple[str, str], list[float]] = {}

    def note(contender: str, label: str, value: float) -> None:
        figures.setdefault((contender, label), []).append(value)

    for contender, _jobs in contenders:
        print(f"installing {contender.name} ...", flush=True)
        contender.prepare()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} ...", flush=True)
        for contender, jobs in contenders:
            stored = contender.enqueue(min(jobs, 500), jobs)
            note(contender.name, STORED_SINGLE, stored["single"])
            note(contender.name, STORED_BULK, stored["bulk"])
            note(contender.name, RUN, contender.run())
            contender.commit_asynchronously(True)
            contender.enqueue(1, jobs)
            note(contender.name, RUN_ASYNC, contender.run())
            note(BARE, RUN_ASYNC, bare_loop(contender.database, options.jobs))
            contender.commit_asynchronously(False)
        ours.enqueue(1, options.jobs * 3, "queue.probe", "nothing")
        note(ours.name, RUN_GROUPED, ours.run())
        note(BARE, RUN, bare_loop(ours.database, options.jobs))
    _report(figures, options.rounds, commit_ms(ours.database))


def _report(figures: dict[tuple[str, str], list[float]], rounds: int, commit: float) -> None:
    ours, theirs = "connector_framework", "OCA queue_job"
    print(f"\nper second, median of {rounds} rounds (lowest to highest); {os.cpu_count()} processors")
    print(f"a durable commit takes {commit:.2f} ms\n")
    print(f"{'':46}{ours:>30}{theirs:>24}{'ratio':>8}{'bare loop':>26}{'ratio':>8}")
    for label in (STORED_SINGLE, STORED_BULK, RUN, RUN_ASYNC, RUN_GROUPED):
        own = figures[ours, label]
        row = f"{label:46}{_figure(own):>30}"
        # With a group commit, the peer's and the loop's plain runs are what there is to compare.
        for other, width in ((theirs, 24), (BARE, 26)):
            values = figures.get((other, RUN if label == RUN_GROUPED else label))
            if values:
                row += f"{_figure(values):>{width}}{statistics.median(own) / statistics.median(values):>7.2f}x"
            else:
                row += " " * (width + 8)
        print(row.rstrip())


def _figure(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


if __name__ == "__main__":
    main()
