"""A running demo: a shop, an Odoo with the connector, and the database that is kept from run to run."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import processes
from addons import addons, content_key
from cluster import OwnServer
from console import Failure, say
from environment import ROOT, Environment, key_of
from ports import free_port
from shop import Shop
from web_client import WebClient
from workspace import ADDONS_DATABASE, Template, Workspace, copy_installed, new_cluster

LOGS = ROOT / ".run/demo"
LOGIN = PASSWORD = "admin"
BACKEND = "Demo Shop"
START_TIMEOUT_S = 60
# A job that has to wait for its retry may take its time; when nothing at all happens for so long, something is wrong.
STANDSTILL_S = 180
# How often jobs that failed for good are given another chance, where failures are asked for.
REQUEUES = 10

# What is counted in Odoo, by the words of the shop's own numbers (shop.py).
COUNTED = {
    "customers": "SELECT count(*) FROM magento_res_partner",
    "addresses": "SELECT count(*) FROM magento_address",
    "categories": "SELECT count(*) FROM magento_product_category",
    # A configurable product is a product with variants, each of which is a product of the shop too.
    "products": "SELECT (SELECT count(*) FROM magento_product_product)"
    " + (SELECT count(*) FROM magento_product_template)",
    "orders": "SELECT count(*) FROM magento_sale_order",
    # Shipping, discounts and roundings are lines too, with a word after the id.
    "order lines": "SELECT count(*) FROM magento_sale_order_line WHERE external_id NOT LIKE '%:%'",
    "sum of order totals": "SELECT coalesce(sum(amount_total), 0) FROM sale_order"
    " WHERE id IN (SELECT odoo_id FROM magento_sale_order)",
}
# What a second import may neither add to nor write.
UNTOUCHED = (
    "magento_res_partner magento_address magento_product_category magento_product_template magento_product_product "
    "magento_sale_order magento_sale_order_line res_partner product_category product_template product_product "
    "sale_order sale_order_line"
).split()


class Demo:
    """The running parts of a demo: database, shop, Odoo."""

    def __init__(self, space: Workspace, database: str, logs: Path = LOGS) -> None:
        self.space = space
        self.database = database
        self.shop = Shop(space, logs / "sandbox.log")
        self.odoo_log = logs / "odoo.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["-d", database, f"--db-filter=^{database}$", f"--http-port={port}", "--http-interface=127.0.0.1"]
        with self.odoo_log.open("w") as log:
            self.odoo = space.spawn(space.odoo(*arguments), stdout=log, stderr=log)
        self.client = WebClient(self.url, database)

    def stop(self) -> None:
        """End Odoo and the shop."""
        processes.stop(self.odoo)
        self.shop.stop()

    def query(self, statement: str) -> str:
        """Read from the demo's database."""
        return self.space.cluster.psql(statement, self.database)

    def wait_for_odoo(self) -> None:
        """Wait until Odoo answers, and log in."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.client.is_up():
            self.check_odoo()
            if time.monotonic() > deadline:
                raise Failure(f"Odoo did not answer within {START_TIMEOUT_S} s: see {self.odoo_log}")
            time.sleep(0.2)
        self.client.log_in(LOGIN, PASSWORD)

    def check_odoo(self) -> None:
        """:raises Failure: when Odoo has ended."""
        if self.odoo.poll() is not None:
            raise Failure(f"Odoo ended by itself (exit code {self.odoo.returncode}): see {self.odoo_log}")

    def connect(self) -> int:
        """Create the backend, or give it the shop's new address; check the connection and return its id."""
        values = {"url": self.shop.url, "api_user": self.shop.user, "api_key": self.shop.key}
        ids = self.client.call("magento.backend", "search", [("name", "=", BACKEND)])
        if ids:
            self.client.call("magento.backend", "write", ids, values)
        else:
            ids = self.client.call("magento.backend", "create", [{"name": BACKEND, **values}])
        self.client.call("magento.backend", "action_check_connection", ids)
        backend = self.client.call("magento.backend", "read", ids, ["state", "last_error"])[0]
        if backend["state"] != "connected":
            raise Failure(f"the backend could not be connected with the shop: {backend['last_error']}")
        return ids[0]

    def run_import(self, backend_id: int) -> int:
        """Start the import, show its jobs until none is left, and return the id of the last job before it.

        :raises Failure: when it comes to a standstill.
        """
        last_id = int(self.query("SELECT coalesce(max(id), 0) FROM connector_job"))
        self.client.call("magento.backend", "action_import_all", [backend_id])
        self.wait_for_jobs(last_id)
        return last_id

    def wait_for_jobs(self, last_id: int) -> None:
        """Show the jobs after `last_id` until none of them has anything left to do.

        :raises Failure: when they come to a standstill.
        """
        shown = before = ""
        shown_at = moved_at = time.monotonic()
        while True:
            self.check_odoo()
            rows = self.query(
                f"SELECT state, count(*) FROM connector_job WHERE id > {last_id} GROUP BY state ORDER BY 1"
            )
            counts = dict(row.split("|") for row in rows.splitlines())
            now = time.monotonic()
            text = ", ".join(f"{count} {state}" for state, count in counts.items())
            if rows != before:
                before, moved_at = rows, now
            is_over = not {"pending", "waiting", "running"} & set(counts)
            if text != shown and (is_over or now > shown_at + 2):
                say(f"jobs: {text}")
                shown, shown_at = text, now
            if is_over:
                return
            if now > moved_at + STANDSTILL_S:
                raise Failure(f"the jobs stand still ({text}): look at them in Odoo and at {self.odoo_log}")
            time.sleep(0.3)

    def run_failing_import(self, backend_id: int, rate: float) -> int:
        """Import while this share of the shop's calls fails; return the id of the last job before it.

        :raises Failure: when jobs still fail after they were requeued time and again.
        """
        # What the button imports at once is told to the person in front of it, who presses it again: not measured here.
        self.client.call("magento.backend", "action_import_metadata", [backend_id])
        last_id = int(self.query("SELECT coalesce(max(id), 0) FROM connector_job"))
        self.shop.fail(rate)
        try:
            for kind in ("categories", "customers", "products", "orders"):
                self.client.call("magento.backend", f"action_import_{kind}", [backend_id])
            for _round in range(REQUEUES):
                self.wait_for_jobs(last_id)
                rows = self.query(f"SELECT id FROM connector_job WHERE id > {last_id} AND state = 'failed'")
                if not rows:
                    return last_id
                say(f"{len(rows.splitlines())} jobs failed for good: requeuing them")
                self.client.call("connector.job", "action_requeue", list(map(int, rows.splitlines())))
            raise Failure(f"jobs still fail after they were requeued {REQUEUES} times: look at {self.odoo_log}")
        finally:
            self.shop.fail(0)

    def failed_jobs(self, last_id: int) -> list[str]:
        """Return what went wrong in the jobs after `last_id`, one line each."""
        rows = self.query(
            "SELECT name || ': ' || coalesce(exc_type, '') || ': ' || replace(coalesce(exc_message, ''), E'\\n', ' ')"
            f" FROM connector_job WHERE id > {last_id} AND state IN ('failed', 'cancelled') ORDER BY id LIMIT 20"
        )
        return rows.splitlines()

    def stages(self, last_id: int) -> list[list[str]]:
        """Return for each model of the jobs after `last_id` how many there were and how long they took."""
        rows = self.query(
            "SELECT model_name, count(*), round(sum(duration_s)::numeric, 1),"
            " round(extract(epoch FROM max(date_done) - min(date_started))::numeric, 1)"
            f" FROM connector_job WHERE id > {last_id} AND state = 'done' GROUP BY 1 ORDER BY min(date_started)"
        )
        return [row.split("|") for row in rows.splitlines()]

    def counts(self) -> dict[str, Decimal]:
        """Return what Odoo holds, by kind."""
        return {kind: Decimal(self.query(statement)) for kind, statement in COUNTED.items()}

    def fingerprint(self) -> dict[str, str]:
        """Return for each table how many rows it has, the last one's id, and when a row was last written."""
        return {table: self.query(f"SELECT count(*), max(id), max(write_date) FROM {table}") for table in UNTOUCHED}


@contextmanager
def kept_workspace(ready: Environment, reset: bool) -> Iterator[tuple[Workspace, str]]:
    """Give the running workspace of this checkout's demo, kept from run to run, and the name of its database.

    It lies in the cache and not in the checkout, which the database's unprivileged owner often cannot enter.
    """
    folder = ready.cache / f"demo-{key_of(ROOT)}"
    lock = processes.lock(Path(f"{folder}.lock"))
    if lock is None:
        raise Failure("another script/demo runs in this checkout: stop it with Ctrl-C first")
    with lock:
        processes.reap(folder)
        template = Template(ready).ensure()
        cluster = new_cluster(ready, folder)
        own = isinstance(cluster, OwnServer)
        database = f"connector_demo_{key_of(ROOT)}" if own else "connector_demo"
        if own and reset:
            cluster.start()
            cluster.drop_database(database)
        # What was made by another Odoo, or has not been completed, is of no use.
        made_from = folder / "made_from"
        if reset or not made_from.exists() or made_from.read_text() != template.folder.name:
            shutil.rmtree(folder, ignore_errors=True)
        space = Workspace(ready, folder, cluster)
        try:
            fill(space, template, database, made_from)
            yield space, database
        finally:
            # A second Ctrl-C must not leave a server behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if not own:
                cluster.stop(fast=True)


def fill(space: Workspace, template: Template, database: str, made_from: Path) -> None:
    """Start the workspace, with the addons as they are in the checkout now."""
    own = isinstance(space.cluster, OwnServer)
    addons_file = space.folder / "addons"
    log = LOGS / "install.log"
    if not made_from.exists() and not own:
        copy_installed(template, space.folder)
    space.folder.mkdir(exist_ok=True)
    space.start()
    if not made_from.exists():
        if own:
            space.cluster.drop_database(database)
            space.create_database(database, template.database)
            say(f"demo: installing {', '.join(addons())}")
            space.install(database, addons(), log)
        else:
            space.rename_database(ADDONS_DATABASE, database)
        addons_file.write_text(content_key())
        made_from.write_text(template.folder.name)
    elif addons_file.read_text() != content_key():
        say(f"demo: updating {', '.join(addons())}")
        space.install(database, addons(), log, update=True)
        addons_file.write_text(content_key())
