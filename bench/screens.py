#!/usr/bin/env python3
"""Measure what the screens of an administrator take at 1 000 000 jobs.

800 000 done, 20 000 failed of 12 incidents, 150 000 waiting, the rest pending, in ten channels; 300 000 of them are
about an external id. Each screen makes the calls that the web client makes for it, as a Connector User, in a
transaction of their own; HTTP and the browser are not measured. Goal: each below 1 s.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import _servers
from metrics import DATABASE, FILL, STATES
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config

ROUNDS = 5
#: What the web client asks for: rows of a page, and the number up to which it has them counted.
PAGE, COUNTED = 80, 10_001

INCIDENTS = """
    INSERT INTO connector_incident (fingerprint, state, name, exc_type, count, date_first, date_last, date_opened)
    SELECT 'bench' || n, 'open', 'Cause ' || n, 'ValueError', 1, now(), now(), now() FROM generate_series(1, 12) n"""
ABOUT = """
    UPDATE connector_job SET name = 'Import Customer ' || id, backend_name = 'Bench', company_id = 1,
           backend_model = 'magento.backend', backend_id = %(backend)s,
           incident_id = CASE WHEN state = 'failed' THEN (SELECT min(id) FROM connector_incident) + id %% 12 END,
           exc_message = CASE WHEN state = 'failed' THEN 'no country ' || id END"""
SUBJECTS = """
    INSERT INTO connector_job_subject (job_id, model_name, external_id)
    SELECT id, 'magento.res.partner', id::text FROM connector_job WHERE id %% 10 < 3"""


def fill(backend_id: int) -> None:
    _servers.sql(
        DATABASE,
        """INSERT INTO connector_job_channel (name, parent_id, parent_path, capacity, rate_limit, paused, timeout_s,
                                              max_attempts, keep_days)
           SELECT 'root.bench' || n, p.id, '1/', 0, 0, false, 0, 5, 30
             FROM generate_series(0, 9) n JOIN connector_job_channel p ON p.name = 'root'""",
    )
    connection = _servers.psycopg2.connect(dbname=DATABASE)
    with connection, connection.cursor() as cursor:
        for state, count in STATES.items():
            cursor.execute(FILL, {"state": state, "count": count})
        cursor.execute(INCIDENTS)
        cursor.execute(ABOUT, {"backend": backend_id})
        cursor.execute(SUBJECTS, {})
    connection.close()
    _servers.sql(DATABASE, "VACUUM (ANALYZE) connector_job")
    _servers.sql(DATABASE, "VACUUM (ANALYZE) connector_job_subject")


def columns(model) -> dict:
    """Return the specification of the columns of the model's list."""
    from lxml import etree

    arch = etree.fromstring(model.get_views([(False, "list")])["views"]["list"]["arch"])
    names = [node.get("name") for node in arch.findall("field") if node.get("optional") != "hide"]
    return {name: {"fields": {"display_name": {}}} if model._fields[name].type == "many2one" else {} for name in names}


def listed(model: str, domain: list, **how):
    def call(env):
        records = env[model]
        records.web_search_read(domain, columns(records), limit=PAGE, count_limit=COUNTED, **how)

    return call


def grouped(by: str, domain: list = ()):
    return lambda env: env["connector.job"].web_read_group(list(domain), [by], ["__count"], limit=PAGE)


NOT_ENDED = [("state", "in", ["failed", "running", "pending", "waiting"])]
SCREENS = {
    "dashboard": lambda env: env["connector.dashboard"].action_read(),
    "dashboard: graph of 7 days": lambda env: env["connector.dashboard"].action_read_days(),
    "jobs: first screen, not ended": listed("connector.job", NOT_ENDED),
    "jobs: all": listed("connector.job", []),
    **{
        f"jobs: {state}": listed("connector.job", [("state", "=", state)])
        for state in ("waiting", "pending", "running", "failed", "done", "cancelled")
    },
    "jobs: external id": listed("connector.job", [("external_id", "ilike", "123451")]),
    "jobs: external id, not ended": listed("connector.job", [*NOT_ENDED, ("external_id", "ilike", "123451")]),
    "jobs: an incident": listed("connector.job", [("incident_id", "=", 3)]),
    "jobs: a backend, not ended": listed("connector.job", [*NOT_ENDED, ("backend_name", "ilike", "Bench")]),
    "jobs: error, not ended": listed("connector.job", [*NOT_ENDED, ("exc_message", "ilike", "country 8123")]),
    "jobs: name, not ended": listed("connector.job", [*NOT_ENDED, ("name", "ilike", "Customer 123451")]),
    "jobs: name, all": listed("connector.job", [("name", "ilike", "Customer 123451")]),
    "jobs: model, all": listed("connector.job", [("model_name", "ilike", "res.lang")]),
    "jobs: model that has none, all": listed("connector.job", [("model_name", "ilike", "res.partner")]),
    "jobs: identity key, all": listed("connector.job", [("identity_key", "ilike", "abc")]),
    "jobs: by state": grouped("state"),
    "jobs: by channel": grouped("channel"),
    "jobs: by day": grouped("date_enqueued:day"),
    "jobs: not ended, by state": grouped("state", NOT_ENDED),
    "jobs: failed, by incident": grouped("incident_id", [("state", "=", "failed")]),
    "incidents": listed("connector.incident", [("state", "=", "open")]),
    "channels": listed("connector.job.channel", []),
    "all that match: dialog": lambda env: (
        env["connector.job.bulk"].sudo().new({"domain": [["state", "=", "failed"]]}).requeue_count
    ),
}


def main() -> None:
    config.parse_config(["-c", os.environ["ODOO_RC"]])
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}"')
    _servers.sql("postgres", f'CREATE DATABASE "{DATABASE}" TEMPLATE "{os.environ["CONNECTOR_TEMPLATE"]}"')
    registry = Registry(DATABASE)
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        backend = env["magento.backend"].create({"name": "Bench", "url": "https://shop.example.com"})
        group = env.ref("connector_framework.group_connector_user")
        user = env["res.users"].create({"name": "Bench", "login": "bench", "group_ids": [(4, group.id)]})
        backend_id, user_id = backend.id, user.id
    fill(backend_id)
    slow = 0
    for label, call in SCREENS.items():
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with registry.cursor() as cr:
                call(api.Environment(cr, user_id, {"lang": "en_US"}))
            took.append(time.perf_counter() - began)
        slow += statistics.median(took) > 1
        print(f"{label:<44}{statistics.median(took) * 1000:>8.0f} ms, at most {max(took) * 1000:.0f}", flush=True)
    _servers.sql("postgres", f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    print(f"{slow} of {len(SCREENS)} take more than 1 s")


if __name__ == "__main__":
    sys.exit(main())
