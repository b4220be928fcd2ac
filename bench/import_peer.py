#!/usr/bin/env python3
"""Compare the import of customers with two addresses each: this framework, OCA's connector, and ``create`` alone.

The same customers from the same HTTP server into databases of their own, in one run: by OCA's connector and queue_job
on four prefork workers with the channel ``root:4``, a job a record; by this framework with its defaults, in one process
and in two; with one record in a hundred that Odoo refuses; and the floor, ``create`` of the same mapped values, quiet,
200 at a time in one process, without network and jobs. A rate is that between a tenth and nine tenths of the customers,
so that starting the servers does not count.

"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import _peers
import _servers

ADDONS = Path(__file__).with_name("addons")
BAD_EACH = 100

PREPARE = """
backend = env["bench.backend"].create({{"name": "Bench", "url": "{url}"}})
env.cr.commit()
"""
OURS = """
env["bench.partner"].as_job(max_attempts=1).import_batch(env["bench.backend"].search([]))
env.cr.commit()
"""
THEIRS = """
env["bench.partner"].with_delay().import_batch(env["bench.backend"].search([]))
env.cr.commit()
"""
FLOOR = """
import time
from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.synchronizers import Importer
from odoo.addons.connector_framework.synchronizers.importer import QUIET
backend = env["bench.backend"].search([])
with backend.work_on("bench.partner") as work:
    importer = work.unit(Importer)
    ids, _next = work.unit(Adapter).search()
    rows = work.unit(Adapter).read_many(ids)
    values = [{**importer.values_of(key, row, work.model), "backend_id": backend.id, "external_id": key}
              for key, row in rows.items()]
for one in values:
    for _command, _id, address in one["address_ids"]:
        address["backend_id"] = backend.id
env["bench.partner"].with_context(**QUIET).create(values[:200])
env.cr.commit()
began = time.perf_counter()
for start in range(200, len(values), 200):
    env["bench.partner"].with_context(**QUIET).create(values[start:start + 200])
    env.cr.commit()
print("RESULT", (len(values) - 200) / (time.perf_counter() - began))
"""


@contextmanager
def shop(count: int, bad_each: int = 0) -> Iterator[str]:
    """Yield the address of a shop of so many customers."""
    command = [sys.executable, "-u", str(Path(__file__).with_name("_customers.py")), str(count), str(bad_each)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


class Contender:
    """One of the two frameworks, with a database for each measurement."""

    def __init__(self, module: str, code: str, addons: str, extra: str = "") -> None:
        self.module = module
        self.code = code
        self.folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
        self.log = self.folder / "odoo.log"
        self.config = _servers.config_file(self.folder, addons=addons, extra=extra)
        self.template = f"bench_{module}"
        _servers.create_database(self.template, module, self.config, self.log)

    @contextmanager
    def database(self, url: str) -> Iterator[str]:
        """Yield a new database with a backend."""
        name = f"{self.template}_run"
        _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        _servers.sql("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        self.shell(name, PREPARE.format(url=url))
        yield name

    def shell(self, database: str, script: str) -> str:
        """Run code in an Odoo shell; return what follows RESULT in its output."""
        command = [*_servers.COMMAND, "shell", "-c", str(self.config), "-d", database, "--no-http", "--log-level=error"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
        if "Traceback" in done.stderr:
            raise RuntimeError(done.stderr[-3000:])
        return next((line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")), "")

    def rate(self, args: list[str], count: int, bad_each: int = 0) -> float:
        """Import so many customers by a server; return the customers a second."""
        with shop(count, bad_each) as url, self.database(url) as name:
            self.shell(name, self.code)
            good = count - (count // bad_each if bad_each else 0)
            with _servers.process([*args, "-d", name], self.log):
                rate = _rate(name, good)
            if bad_each and self.module == "bench_import_ours":
                self.check_bad(name, count // bad_each)
            return rate

    def check_bad(self, database: str, count: int) -> None:
        """Check that each bad record has failed by itself."""
        query = "SELECT count(*), min(exc_message) FROM connector_job WHERE state = 'failed'"
        failed = 0
        deadline = time.monotonic() + 60
        while failed != count and time.monotonic() < deadline:
            time.sleep(0.2)
            failed, message = _servers.sql(database, query)[0]
        if failed != count:
            raise RuntimeError(f"{failed} jobs failed, not {count}: {message}")

    def floor(self, count: int) -> float:
        with shop(count) as url, self.database(url) as name:
            return float(self.shell(name, FLOOR))


def _rate(database: str, count: int) -> float:
    """Return the customers a second between a tenth and nine tenths of them."""
    query = "SELECT count(*), extract(epoch FROM clock_timestamp())::float FROM bench_partner"
    first = last = None
    deadline = time.monotonic() + 900
    while last is None or last[0] < count * 0.9:
        time.sleep(0.1)
        last = _servers.sql(database, query)[0]
        if first is None and last[0] >= count / 10:
            first = last
        if time.monotonic() > deadline:
            raise RuntimeError(f"{last[0]} of {count} customers within 900 s")
    _servers.wait_for(
        lambda: _servers.sql(database, query)[0][0] == count, f"{count} customers, of which {last[0]} came", 300
    )
    return (last[0] - first[0]) / (last[1] - first[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--peer-customers", type=int, default=300)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    ours = Contender("bench_import_ours", OURS, str(ADDONS))
    worker = [*_servers.worker_args(ours.config, "x")[:-2]]
    contenders = {
        "floor: create, 200 at a time": lambda: ours.floor(options.customers),
        "one process": lambda: ours.rate([*worker, "--processes", "1"], options.customers),
        "two processes": lambda: ours.rate([*worker, "--processes", "2"], options.customers),
        "two processes, 1 % bad": lambda: ours.rate([*worker, "--processes", "2"], options.customers, BAD_EACH),
    }
    if not options.no_peer:
        folder = _peers.install(_peers.CONNECTOR)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))
        extra = (
            "server_wide_modules = base,rpc,web,queue_job\n"
            "[queue_job]\nchannels = root:4\nhost = 127.0.0.1\nport = {port}\n"
        )
        peer = Contender("bench_import_oca", THEIRS, f"{folder / 'odoo/addons'},{ADDONS}", extra)
        server = ["-c", str(peer.config), "--log-level=warn", "--workers=4"]
        contenders["OCA connector"] = lambda: peer.rate(server, options.peer_customers)
    figures: dict[str, list[float]] = {}
    for number in range(options.rounds):
        for name, measure in contenders.items():
            figures.setdefault(name, []).append(measure())
            print(f"round {number + 1}: {name}: {figures[name][-1]:.1f}", flush=True)
    print(f"\ncustomers a second, median of {options.rounds} rounds (lowest to highest); {os.cpu_count()} processors")
    for name, values in figures.items():
        print(f"{name:32}{statistics.median(values):8.1f} ({min(values):.1f} to {max(values):.1f})")

    def ratio(one: str, other: str) -> str:
        return f"{statistics.median(figures[one]) / statistics.median(figures[other]):.2f}"

    print(f"one process / floor: {ratio('one process', 'floor: create, 200 at a time')}")
    print(f"two processes / one: {ratio('two processes', 'one process')}")
    print(f"1 % bad / none: {ratio('two processes, 1 % bad', 'two processes')}")
    if "OCA connector" in figures:
        print(f"two processes / OCA: {ratio('two processes', 'OCA connector')}")


if __name__ == "__main__":
    main()
