#!/usr/bin/env python3
"""Measure the import of a Magento shop: one by one, in chunks, and by jobs with a worker.

The shop is the sandbox of this repository, a process of its own on this machine: 300 customers with their addresses,
200 products, 100 orders. Each way gets a database of its own, a copy of CONNECTOR_TEMPLATE, and imports the categories
first, which are not timed. What is counted as the shop's time is from a request to the last byte of its answer.

Run by ``script/bench shop_import [-- --threads 4]``.
"""

from __future__ import annotations

import os
import sys

# A benchmark beside this one may bear the name of a module of the standard library.
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))

import argparse
import importlib.util
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import odoo.init  # noqa: F401
from odoo import api
from odoo.modules.registry import Registry
from odoo.service.db import exp_drop, exp_duplicate_database
from odoo.sql_db import Cursor
from odoo.tools import config, split_every

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 50
MODELS = ("magento.res.partner", "magento.product.product", "magento.sale.order")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=4)
    options, rest = parser.parse_known_args()
    config.parse_config([*rest, "--log-level=error"], setup_logging=True)
    print(
        f"{'way':<22} {'model':<24} {'records':>7} {'s':>7} {'/s':>7} {'SQL/rec':>8} {'shop':>6} {'SQL':>6} {'rest':>6}"
    )
    for way, size in (("one by one", 1), (f"chunks of {CHUNK}", CHUNK)):
        with shop() as (url, user, key), database() as name:
            in_transactions(way, size, name, url, user, key)
    with shop() as (url, user, key), database() as name:
        delayed(name, url, user, key, options.threads)


@contextmanager
def shop() -> Iterator[tuple[str, str, str]]:
    """Yield address, user and key of a sandbox shop."""
    command = [sys.executable, "-u", "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            words = process.stdout.readline().replace(",", "").replace("(", "").replace(")", "").split()
            yield words[words.index("on") + 1], words[words.index("user") + 1], words[words.index("key") + 1]
        finally:
            process.terminate()


@contextmanager
def database() -> Iterator[str]:
    """Yield a copy of CONNECTOR_TEMPLATE."""
    template = os.environ.get("CONNECTOR_TEMPLATE") or sys.exit("Run it by script/bench.")
    name = f"bench_shop_import_{os.getpid()}"
    exp_duplicate_database(template, name)
    try:
        yield name
    finally:
        exp_drop(name)


def connect(env: Any, url: str, user: str, key: str) -> Any:
    """Return a backend with the shop's metadata and categories."""
    backend = env["magento.backend"].create({"name": "Bench", "url": url, "api_user": user, "api_key": key})
    backend.action_import_metadata()
    env["magento.product.category"].as_job().import_batch(backend)
    env.cr.commit()
    env["connector.job"].run_pending()
    env.cr.commit()
    return backend


class Clock:
    """Add up where the time goes."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.statements = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time what happens inside."""
        from odoo.addons.connector_framework.adapters import HttpAdapter

        execute, send = Cursor.execute, HttpAdapter._send

        def timed_execute(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return execute(cursor, *args, **kwargs)
            finally:
                self.seconds["SQL"] += time.perf_counter() - begin
                self.statements += 1

        def timed_send(adapter: Any, *args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            try:
                return send(adapter, *args, **kwargs)
            finally:
                self.seconds["shop"] += time.perf_counter() - begin

        with ExitStack() as stack:
            stack.enter_context(patch.object(Cursor, "execute", timed_execute))
            stack.enter_context(patch.object(HttpAdapter, "_send", timed_send))
            begin = time.perf_counter()
            yield
            self.seconds["all"] += time.perf_counter() - begin


def show(way: str, model_name: str, count: int, clock: Clock) -> None:
    total = clock.seconds["all"]
    shares = [clock.seconds["shop"] / total, clock.seconds["SQL"] / total]
    shares.append(1 - sum(shares))
    print(
        f"{way:<22} {model_name:<24} {count:>7} {total:>7.1f} {count / total:>7.1f} {clock.statements / count:>8.1f} "
        + " ".join(f"{share:>6.0%}" for share in shares),
        flush=True,
    )


def ids_of(backend: Any, model_name: str) -> list[str]:
    """Return all ids that the shop has of a model."""
    from odoo.addons.connector_framework.adapters import Adapter

    ids, cursor = [], None
    with backend.work_on(model_name) as work:
        while True:
            page, cursor = work.unit(Adapter).search({}, cursor)
            ids += page
            if cursor is None:
                return ids


def in_transactions(way: str, size: int, name: str, url: str, user: str, key: str) -> None:
    """Import so many records in one transaction, as the jobs of a batch do; 1: as the job of a record does."""
    with Registry(name).cursor() as cr:
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        backend = connect(env, url, user, key)
        for model_name in MODELS:
            ids, clock = ids_of(backend, model_name), Clock()
            with clock.running():
                for chunk in split_every(size, ids, list):
                    if size == 1:
                        env[model_name].import_record(backend, chunk[0])
                    else:
                        env[model_name].import_records(backend, chunk)
                    cr.commit()
            alone = env["connector.job"].search(
                [("model_name", "=", model_name), ("method_name", "in", ["import_record", "import_records"])]
            )
            if alone:
                sys.exit(f"{model_name}: records were put off: {alone.mapped('name')}")
            show(way, model_name, len(ids), clock)


def delayed(name: str, url: str, user: str, key: str, threads: int) -> None:
    """Import as a user does, by a batch whose chunks a worker runs."""
    servers = sibling("_servers")
    with Registry(name).cursor() as cr:
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        backend = connect(env, url, user, key)
        servers.sql(name, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        with tempfile.TemporaryDirectory() as folder:
            config_file = servers.config_file(Path(folder))
            for model_name in MODELS:
                env["connector.job"].search([]).unlink()
                env[model_name].as_job().import_batch(backend)
                cr.commit()
                servers.sql(name, "SELECT pg_stat_statements_reset()")
                args = servers.worker_args(config_file, name, "--processes=1", "--threads", str(threads), "--drain")
                with servers.process(args, Path(folder) / "worker.log") as worker:
                    if worker.wait(900):
                        sys.exit(f"the worker ended: {(Path(folder) / 'worker.log').read_text()[-2000:]}")
                seconds = servers.sql(
                    name,
                    "SELECT extract(epoch FROM max(date_done) - min(date_started)) FROM connector_job"
                    " WHERE model_name = %s AND method_name LIKE 'import_record%%' AND state = 'done'",
                    model_name,
                )[0][0]
                count = env[model_name].search_count([])
                statements = servers.sql(
                    name,
                    "SELECT sum(calls) FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid"
                    " WHERE d.datname = current_database()",
                )[0][0]
                if not count:
                    states = servers.sql(name, "SELECT name, state, exc_message FROM connector_job LIMIT 5")
                    sys.exit(f"{model_name}: nothing was imported: {states}")
                way, seconds = f"{threads} threads", float(seconds)
                print(
                    f"{way:<22} {model_name:<24} {count:>7} {seconds:>7.1f} {count / seconds:>7.1f}"
                    f" {float(statements) / count:>8.1f}",
                    flush=True,
                )
                cr.rollback()


def sibling(name: str) -> Any:
    """Return a module beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
