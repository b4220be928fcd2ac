#!/usr/bin/env python3
"""Measure what a scrape of ``/connector/metrics`` and ``/connector/health`` costs at 1 000 000 jobs.

800 000 done, 20 000 failed, 150 000 waiting, 30 000 pending jobs in ten channels, eight streams; then the same with the
done ones pending. The page is made by the functions that the controllers call, in a transaction of its own, as a scrape
does; HTTP itself is not measured. Goal: below 20 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import _servers
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config

DATABASE = "bench_metrics"
SCRAPES = 30
JOBS = 1_000_000
STATES = {"done": 800_000, "failed": 20_000, "waiting": 150_000, "pending": 30_000}

FILL = """
    INSERT INTO connector_job (state, priority, channel_id, channel, attempt, max_attempts, crashes, user_id, call,
                               model_name, method_name, date_enqueued, date_started, date_done, duration_s, exc_type)
    SELECT %(state)s, 10 + n %% 3, c.id, c.name, 1, 5, 0, 1, '{}', 'res.lang', 'exists',
           now() - n * interval '1 second', now() - n * interval '10 ms',
           CASE WHEN %(state)s IN ('done', 'failed') THEN now() - n * interval '10 ms' END, n %% 100 / 50.0,
           CASE WHEN %(state)s = 'failed' THEN 'odoo.exceptions.UserError' END
      FROM generate_series(1, %(count)s) n
      JOIN connector_job_channel c ON c.name = 'root.bench' || n %% 10"""


def fill() -> None:
    _servers.sql(
        DATABASE,
        """INSERT INTO connector_job_channel (name, parent_id, parent_path, capacity, rate_limit, paused, timeout_s,
                                              max_attempts, keep_days)
           SELECT 'root.bench' || n, p.id, '', 0, 0, false, 0, 5, 30
             FROM generate_series(0, 9) n JOIN connector_job_channel p ON p.name = 'root'""",
    )
    _servers.sql(
        DATABASE, "UPDATE connector_job_channel SET parent_path = '1/' || id || '/' WHERE name LIKE 'root.bench%'"
    )
    connection = _servers.psycopg2.connect(dbname=DATABASE)
    with connection, connection.cursor() as cursor:
        for state, count in STATES.items():
            cursor.execute(FILL, {"state": state, "count": count})
    connection.close()


def measure(label: str, registry: Registry, page) -> None:
    took = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        with registry.cursor() as cr:
            page(api.Environment(cr, SUPERUSER_ID, {}))
        took.append((time.perf_counter() - began) * 1000)
    print(
        f"{label:<60}{statistics.median(took):>8.1f} ms, 95 % below {_servers.percentile(took, 0.95):.1f} ms",
        flush=True,
    )


def statements(registry: Registry) -> None:
    """Print what each statement takes."""
    from odoo.addons.connector_framework.queue.sql import metrics

    with registry.cursor() as cr:
        cr.execute(metrics.WITHOUT_JIT)
        for make in (metrics.live_jobs, metrics.due_jobs, metrics.durations, metrics.estimated_jobs):
            took = []
            for _ in range(SCRAPES):
                began = time.perf_counter()
                cr.execute(make())
                took.append((time.perf_counter() - began) * 1000)
            print(f"    {make.__name__:<56}{statistics.median(took):>8.1f} ms", flush=True)


def main() -> None:
    config.parse_config(["-c", os.environ["ODOO_RC"]])
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}"')
    _servers.sql("postgres", f'CREATE DATABASE "{DATABASE}" TEMPLATE "{os.environ["CONNECTOR_TEMPLATE"]}"')
    registry = Registry(DATABASE)
    from odoo.addons.connector_framework.monitoring import metrics_text, troubles

    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        backend = env["magento.backend"].create({"name": "Bench", "url": "https://shop.example.com"})
        for number in range(8):
            env["connector.stream"].of(backend, f"stream {number}")
    measure("metrics, no jobs", registry, metrics_text)
    fill()
    measure("metrics, 1 000 000 jobs, not yet vacuumed", registry, metrics_text)
    _servers.sql(DATABASE, "VACUUM (ANALYZE) connector_job")
    measure("metrics, 1 000 000 jobs", registry, metrics_text)
    statements(registry)
    measure("health, 1 000 000 jobs", registry, troubles)
    _servers.sql(DATABASE, "UPDATE connector_job SET state = 'pending' WHERE state = 'done'")
    measure("metrics, 830 000 of them pending, not yet vacuumed", registry, metrics_text)
    _servers.sql(DATABASE, "VACUUM (ANALYZE) connector_job")
    measure("metrics, 830 000 of them pending", registry, metrics_text)
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')


if __name__ == "__main__":
    sys.exit(main())
