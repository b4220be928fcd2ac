#!/usr/bin/env python3
"""Measure chunks at scale: many changes exported, and very many records imported in one batch.

- Exports: in one transaction another price on each of 10 000 bindings, sent to an API that takes several a call; the
  calls, jobs and bindings a second, beside the same with an adapter that takes one a call.
- Imports: 100 000 small records in one batch of a stream; records a second in each tenth of the run, the greatest
  resident memory of the worker's processes, and the size of the stream's row.
"""

from __future__ import annotations

import argparse
import os
import time
import urllib.request
from pathlib import Path

import _servers
from import_peer import ADDONS, OURS, Contender, shop

BOUND = """
ids = range(1, {count} + 1)
backend = env["bench.backend"].search([])
model = env["bench.tag"].with_context(connector_origin=("bench.backend", backend.id))
for start in range(0, {count}, 1000):
    model.create([dict(backend_id=backend.id, external_id=str(i), name="Tag %s" % i) for i in ids[start:start + 1000]])
    env.cr.commit()
"""
CHANGE = """
import time
began = time.perf_counter()
for tag in env["bench.tag"].search([]):
    tag.price = tag.id
env.cr.commit()
print("RESULT", time.perf_counter() - began)
"""
IMPORT = """
env["bench.tag"].as_job().import_batch(env["bench.backend"].search([]))
env.cr.commit()
"""


def exports(ours: Contender, count: int) -> None:
    """Export changes by a worker, several a call and one a call."""
    for label, variable in (("several a call", ""), ("one a call", "1")):
        os.environ["BENCH_ONE_BY_ONE"] = variable
        with shop(count) as url, ours.database(url) as name:
            ours.shell(name, BOUND.format(count=count))
            took_s = float(ours.shell(name, CHANGE))
            began = time.perf_counter()
            with _servers.process(_servers.worker_args(ours.config, name, "--drain"), ours.log) as worker:
                if worker.wait(900):
                    raise RuntimeError(f"the worker ended with {worker.returncode}: see {ours.log}")
            run_s = time.perf_counter() - began
            jobs = _servers.sql(name, "SELECT count(*), bool_and(state = 'done') FROM connector_job")[0]
            calls = urllib.request.urlopen(f"{url}/calls").read().decode()
            print(
                f"{label:16} {count} changes in {took_s:.1f} s; {jobs[0]} jobs, all done: {jobs[1]};"
                f" [calls, records]: {calls}; {count / run_s:.0f} bindings a second, start of the worker included",
                flush=True,
            )
    os.environ.pop("BENCH_ONE_BY_ONE")


def imports(ours: Contender, count: int) -> None:
    """Import very many records in one batch."""
    with shop(count) as url, ours.database(url) as name:
        ours.shell(name, IMPORT)
        began, tenths, peak = time.perf_counter(), [], 0
        with _servers.process(_servers.worker_args(ours.config, name), ours.log) as worker:
            while len(tenths) < 10:
                time.sleep(0.2)
                done = _servers.sql(name, "SELECT count(*) FROM bench_tag")[0][0]
                peak = max(peak, *(_resident_mib(pid) for pid in _tree(worker.pid)))
                while len(tenths) < 10 and done >= count * (len(tenths) + 1) / 10:
                    tenths.append(time.perf_counter() - began)
                if time.perf_counter() - began > 3000:
                    raise RuntimeError(f"{done} of {count} records within 3 000 s")
        rates = [count / 10 / (end - start) for start, end in zip([0.0, *tenths], tenths, strict=False)]
        stream = _servers.sql(name, "SELECT max(pg_column_size(s.*)) FROM connector_stream s")[0][0]
        print(f"{count} records in {tenths[-1]:.0f} s, {count / tenths[-1]:.0f} a second; in each tenth of the run:")
        print("  " + ", ".join(f"{rate:.0f}" for rate in rates))
        print(f"greatest resident memory of a process: {peak:.0f} MiB; the stream's row: {stream} bytes", flush=True)


def _tree(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(one for child in children for one in _tree(child))]


def _resident_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    ours = Contender("bench_import_ours", OURS, str(ADDONS))
    exports(ours, options.changes)
    imports(ours, options.records)


if __name__ == "__main__":
    main()
