#!/usr/bin/env python3
"""Measure the memory of the processes that run jobs, without work and with it.

All of the repository's addons are installed. ``own`` is what a process shares with no other (USS), and so what each
further one costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import _servers
import psutil

DATABASE = "bench_memory"
PIDS = "SELECT pid FROM connector_worker ORDER BY id"
MIB = 2**20


def measure(name: str, args: list[str], processes: int, log: Path) -> None:
    """Start an Odoo and print what each of its processes that run jobs holds."""
    _servers.sql(DATABASE, "TRUNCATE connector_job, connector_worker CASCADE")
    with _servers.process(args, log):
        _servers.wait_for(lambda: len(_servers.sql(DATABASE, PIDS)) == processes, f"{processes} processes")
        time.sleep(2)
        show(name, "idle")
        _servers.store(DATABASE, "queue.probe", "pause", 60 * processes, "[0.2]")
        done = "SELECT 1 FROM connector_job WHERE state <> 'done'"
        _servers.wait_for(lambda: not _servers.sql(DATABASE, done), "all jobs done")
        show(name, "with work")


def show(name: str, when: str) -> None:
    for (pid,) in _servers.sql(DATABASE, PIDS):
        memory = psutil.Process(pid).memory_full_info()
        print(f"{name:<10} {when:<10} {memory.rss / MIB:>8.0f} {memory.uss / MIB:>8.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="connector-bench-"))
    addons = str(_servers.ROOT / "connector_framework/tests/addons")
    extra = f"[connector_framework]\nprocesses = {options.processes}\n"
    config, log = _servers.config_file(folder, addons=addons, extra=extra), folder / "odoo.log"
    _servers.create_database(DATABASE, _servers.PROBE, config, log)
    server = ["-c", str(config), "-d", DATABASE]
    print(f"{'':<10} {'':<10} {'RSS MiB':>8} {'own MiB':>8}")
    measure("command", _servers.worker_args(config, DATABASE), options.processes, log)
    measure("prefork", [*server, "--workers=2"], options.processes, log)
    measure("threaded", server, options.processes, log)


if __name__ == "__main__":
    main()
