#!/usr/bin/env python3
"""Measure what a claim costs, with little and much waiting and with a long history.

The worker's own statements on its own session claim ten jobs and finish them; no Odoo runs. Before each case the table
is vacuumed, so that what is measured is the size and not the leavings of the case before. Goal: within 1.5 of the
smallest.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import _servers
import odoo.init
from odoo.tools import config

import odoo.addons

odoo.addons.__path__.append(str(_servers.ROOT))

from odoo.addons.connector_framework.queue.session import DatabaseSession
from odoo.addons.connector_framework.queue.sql import attempt
from odoo.addons.connector_framework.queue.worker import Worker

DATABASE = "bench_claim"
CASES = [(1_000, 0), (100_000, 0), (1_000_000, 0), (1_000, 1_000_000), (100_000, 1_000_000)]
CLAIMS = 60


def main() -> None:
    config.parse_config(["-c", os.environ["ODOO_RC"]])
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}"')
    _servers.sql("postgres", f'CREATE DATABASE "{DATABASE}" TEMPLATE "{os.environ["CONNECTOR_TEMPLATE"]}"')
    print(f"{'waiting':>10}{'done':>12}{'ms a claim of 10, median (lowest to highest)':>48}{'ratio':>8}")
    smallest = None
    for waiting, done in CASES:
        _servers.sql(DATABASE, "TRUNCATE connector_job")
        if done:
            _servers.store(DATABASE, "res.lang", "exists", done)
            _servers.sql(DATABASE, "UPDATE connector_job SET state = 'done', date_done = now()")
        _servers.store(DATABASE, "res.lang", "exists", waiting)
        _servers.sql(DATABASE, "VACUUM (ANALYZE) connector_job")
        session = DatabaseSession(DATABASE)
        worker = Worker(session)
        took = []
        for _ in range(CLAIMS):
            began = time.perf_counter()
            jobs = worker.claim(10)
            took.append((time.perf_counter() - began) * 1000)
            none = [None] * len(jobs)
            session.execute(attempt.finish(worker.id, jobs, none, none))
        worker.close()
        median = statistics.median(took)
        smallest = smallest or median
        figures = f"{median:.2f} ({min(took):.2f} to {max(took):.2f})"
        print(f"{waiting:>10,}{done:>12,}{figures:>48}{median / smallest:>7.2f}x", flush=True)
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}"')


if __name__ == "__main__":
    sys.exit(main())
