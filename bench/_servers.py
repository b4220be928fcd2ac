"""What the benchmarks of the queue share: databases, servers and workers of an Odoo as ``script/bench`` sets it up."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1] / "script"))
from ports import free_port

COMMAND = shlex.split(os.environ.get("ODOO_COMMAND", ""))
ROOT = Path(__file__).resolve().parents[1]
PROBE = "connector_queue_probe"


def sql(database: str, query: str, *params: object) -> list[tuple]:
    """Run a statement in a transaction of its own."""
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, params or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def config_file(folder: Path, *, addons: str = "", extra: str = "") -> Path:
    """Write a configuration as that of ``script/bench``, with a port of its own; return its path."""
    lines = Path(os.environ["ODOO_RC"]).read_text().splitlines()
    lines = [line for line in lines if not line.startswith(("http_port", "max_cron_threads"))]
    lines = [f"{line},{addons}" if line.startswith("addons_path") and addons else line for line in lines]
    port = free_port()
    path = folder / f"odoo-{port}.conf"
    path.write_text("\n".join([*lines, f"http_port = {port}", "max_cron_threads = 0", extra.format(port=port)]) + "\n")
    path.chmod(0o600)
    return path


def create_database(name: str, modules: str, config: Path, log: Path) -> None:
    """Make a database with modules, as a copy of the template."""
    sql("postgres", f'DROP DATABASE IF EXISTS "{name}"')
    sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{os.environ["CONNECTOR_TEMPLATE"]}"')
    with log.open("ab") as out:
        command = [*COMMAND, "-c", str(config), "-d", name, "-i", modules, "--stop-after-init", "--no-http"]
        subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=True)


def worker_args(config: Path, database: str, *args: str) -> list[str]:
    """Return the arguments of ``odoo connector worker`` for a database."""
    lines = config.read_text().splitlines()
    addons = next(line.split("=", 1)[1].strip() for line in lines if line.startswith("addons_path"))
    return [f"--addons-path={addons}", "connector", "worker", "-c", str(config), "-d", database, *args]


@contextmanager
def process(args: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """Run an Odoo command for a while, and end it and all that came of it."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*COMMAND, *args], stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield child
    finally:
        for number, patience_s in ((signal.SIGTERM, 40), (signal.SIGKILL, 10)):
            try:
                os.killpg(child.pid, number)
                child.wait(patience_s)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 120) -> float:
    """Wait for a condition and return the seconds that it took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > timeout_s:
            raise RuntimeError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.01)
    return time.perf_counter() - began


def rate(database: str, table: str, jobs: int) -> float:
    """Wait until nine tenths of the jobs are done; return how many were done a second since the first tenth was."""
    count = f"SELECT count(*) FILTER (WHERE state = 'done'), extract(epoch FROM clock_timestamp())::float FROM {table}"
    first = last = None
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            deadline = time.monotonic() + 300
            while last is None or last[0] < jobs * 0.9:
                # Counting takes processor time from those that are measured.
                time.sleep(0.1)
                cursor.execute(count)
                last = cursor.fetchone()
                if first is None and last[0] >= jobs / 10:
                    first = last
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{last[0]} of {jobs} jobs of {table} within 300 s")
    finally:
        connection.close()
    if last[0] <= first[0]:
        raise RuntimeError(f"{jobs} jobs are done too soon to be measured: take more")
    return (last[0] - first[0]) / (last[1] - first[1])


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the values is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


STORE = """
    INSERT INTO connector_job (state, priority, channel_id, channel, attempt, max_attempts, crashes, user_id, call,
                               model_name, method_name)
    SELECT 'pending', 10, c.id, c.name, 0, 5, 0, 1,
           json_build_object('ids', '[]'::json, 'args', %s::json, 'kwargs', '{}'::json, 'context', '{}'::json,
                             'su', true)::text, %s, %s
      FROM connector_job_channel c, generate_series(1, %s) WHERE c.name = 'root'"""


def store(database: str, model: str, method: str, count: int, args: str = "[]") -> None:
    """Store jobs of a model's method without starting an Odoo."""
    sql(database, STORE, args, model, method, count)
