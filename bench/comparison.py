#!/usr/bin/env python3
"""Measure comparisons: beside a full import of the same records, at 100 000 records, and with faults among live work.

- Speed: customers with two addresses each, all in step, compared by one worker process; beside a forced import of the
  same customers in chunks, and one that finds them unchanged.
- Scale: 100 000 small records; records a second and the greatest resident memory of the worker's processes.
- Faults: 20 000 records, 200 of each kind of fault, while records change there and are imported; whether all faults
  were found and no other ones, whether they are repaired, and what a second comparison finds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import _servers
from chunk_scale import BOUND, _resident_mib, _tree
from import_peer import ADDONS, OURS, Contender, shop

COMPARE = """
env["connector.comparison"].compare(env["bench.backend"].search([]), "{model}")
env.cr.commit()
"""
IMPORT = """
backend = env["bench.backend"].search([])
ids = [int(one) for one in env["bench.partner"].search([]).mapped("external_id")]
chunks = [(backend, ids[start:start + 50], {force}) for start in range(0, len(ids), 50)]
env["bench.partner"].as_job(channel=backend.channel_id.name).map("import_records", chunks)
env.cr.commit()
"""
SPAN = """SELECT extract(epoch FROM max(date_done) - min(date_started))::float, count(*) FILTER (WHERE state <> 'done')
             FROM connector_job WHERE id > %s AND method_name IN ('_run', 'import_records')"""


class Runs:
    """Jobs of one database, run by one worker process."""

    def __init__(self, ours: Contender, database: str) -> None:
        self.ours = ours
        self.database = database
        #: MiB, of the worker's processes.
        self.peak = 0.0

    def seconds(self, script: str) -> float:
        """Run a script and then the jobs that it has stored; return the seconds that these took."""
        last = _servers.sql(self.database, "SELECT coalesce(max(id), 0) FROM connector_job")[0][0]
        self.ours.shell(self.database, script)
        args = _servers.worker_args(self.ours.config, self.database, "--processes", "1", "--drain")
        began = time.monotonic()
        with _servers.process(args, self.ours.log) as worker:
            while worker.poll() is None:
                self.peak = max(self.peak, *(_resident_mib(pid) for pid in _tree(worker.pid)))
                time.sleep(0.2)
                if time.monotonic() - began > 1800:
                    raise RuntimeError("the jobs did not end within 1 800 s")
        seconds, unfinished = _servers.sql(self.database, SPAN, last)[0]
        if unfinished:
            raise RuntimeError(f"{unfinished} jobs are not done: see {self.ours.log}")
        return seconds

    def result(self) -> tuple:
        """Return the counts of the last comparison."""
        return _servers.sql(
            self.database,
            "SELECT state, count_in_step, count_missing_here, count_missing_there, count_different,"
            " count_not_comparable FROM connector_comparison ORDER BY id DESC LIMIT 1",
        )[0]


def speed(ours: Contender, count: int) -> None:
    """Compare customers, and import them again."""
    with shop(count) as url, ours.database(url) as name:
        runs = Runs(ours, name)
        runs.seconds(OURS)
        compared = runs.seconds(COMPARE.format(model="bench.partner"))
        if runs.result() != ("done", count, 0, 0, 0, 0):
            raise RuntimeError(f"the comparison found {runs.result()}")
        unchanged = runs.seconds(IMPORT.format(force=False))
        forced = runs.seconds(IMPORT.format(force=True))
        print(f"{count} customers with two addresses: compared {count / compared:.0f} a second,")
        print(f"  imported again {count / forced:.0f}, found unchanged by an import {count / unchanged:.0f}")
        print(f"  compared / imported again: {forced / compared:.1f}", flush=True)


def scale(ours: Contender, count: int) -> None:
    """Compare very many small records."""
    with shop(count) as url, ours.database(url) as name:
        ours.shell(name, BOUND.format(count=count))
        runs = Runs(ours, name)
        seconds = runs.seconds(COMPARE.format(model="bench.tag"))
        print(f"{count} small records compared: {count / seconds:.0f} a second; result {runs.result()}")
        print(f"  greatest resident memory of a process: {runs.peak:.0f} MiB", flush=True)


def faults(ours: Contender, count: int, each: int) -> None:
    """Find faults among live work, and repair them."""
    with shop(1) as url, ours.database(url) as name:
        script = Path(__file__).with_name("_faults.py").read_text()
        # A shell reads line by line: the file has empty lines in its blocks.
        print(ours.shell(name, f"exec({script!r})\nprint('RESULT', Check(env, {count}, {each})())\n"), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--among", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=200)
    options = parser.parse_args()
    ours = Contender("bench_import_ours", OURS, str(ADDONS))
    speed(ours, options.customers)
    scale(ours, options.records)
    faults(ours, options.among, options.faults)


if __name__ == "__main__":
    main()
