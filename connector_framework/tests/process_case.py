"""A test case with a database of its own and real servers and workers, each a process."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import odoo
import psycopg2
from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.service import db
from odoo.tests import BaseCase
from odoo.tools import config

from .common import wait_until

PROBE_PATH = Path(__file__).parent / "addons"
PROBE = "connector_queue_probe"


def _addons_path() -> str:
    return ",".join([str(PROBE_PATH), *(str(path) for path in config["addons_path"])])


def odoo_command(*args: str) -> list[str]:
    """Return the command line of another Odoo on the same database server, with the probe addon."""
    command = [sys.executable, str(Path(sys.argv[0]).resolve())]
    if args and not args[0].startswith("-"):
        command += [f"--addons-path={_addons_path()}", *args]
    else:
        command += [*args, f"--addons-path={_addons_path()}"]
    for option in ("db_host", "db_port", "db_user", "db_password", "data_dir"):
        if config[option]:
            command.append(f"--{option.replace('_', '-') if option == 'data_dir' else option}={config[option]}")
    return command


def free_port() -> int:
    """Return a loopback port that nothing listens on, below those that Linux gives to outgoing connections."""
    while True:
        port = random.randrange(10000, 32768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Process:
    """A child process that logs to a file and is ended with the test."""

    def __init__(
        self, command: list[str], log: Path, environ: dict[str, str] | None = None, stdin: Any = subprocess.DEVNULL
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**os.environ, **(environ or {})},
            )
        self.pid = self.popen.pid

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        return self.popen.wait(timeout_s)

    def kill(self) -> None:
        """End it and all its children at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(10)


class ProcessCase(BaseCase):
    """Tests with real workers on a database of their own."""

    #: The addons that the database has.
    modules = (PROBE,)
    _templates: dict[tuple[str, ...], str] = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix="connector-process-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.dbname = cls.make_database()

    @classmethod
    def make_database(cls) -> str:
        """Return the name of a new database with the probe addon; it is dropped with the class."""
        if cls.modules not in ProcessCase._templates:
            ProcessCase._templates[cls.modules] = cls._make_template()
        name = f"connector_probe_{os.getpid()}_{next(_numbers)}"
        with _postgres() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{ProcessCase._templates[cls.modules]}"')
        cls.addClassCleanup(drop_database, name)
        return name

    @classmethod
    def _make_template(cls) -> str:
        name = f"connector_probe_template_{os.getpid()}_{next(_numbers)}"
        # With the framework alone, a worker starts in two thirds of the time: script/test makes such a database.
        framework = os.environ.get("CONNECTOR_FRAMEWORK_TEMPLATE")
        if framework and cls.modules == (PROBE,):
            with _postgres() as cursor:
                cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{framework}"')
        else:
            db._create_empty_database(name)
        sql_db.close_db(name)
        atexit.register(drop_database, name)
        log = cls.folder / "template.log"
        with log.open("wb") as out:
            done = subprocess.run(
                odoo_command("-d", name, "-i", ",".join(cls.modules), "--stop-after-init", "--no-http"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
                timeout=600,
            )
        if done.returncode:
            raise AssertionError(f"{cls.modules} cannot be installed: {log.read_text()[-3000:]}")
        return name

    def setUp(self):
        super().setUp()
        self._processes: list[Process] = []
        self.addCleanup(self._end_processes)
        self.connect()
        self.addCleanup(self.disconnect)
        self.sql(
            "TRUNCATE connector_job, connector_worker, queue_probe_effect, queue_probe_run, connector_job_dependency"
        )
        # Those of a test have no limit again; those that an addon brings keep theirs.
        brought = "SELECT res_id FROM ir_model_data WHERE model = 'connector.job.channel'"
        self.sql(f"UPDATE connector_job_channel SET capacity = 0, rate_limit = 0 WHERE id NOT IN ({brought})")
        self.sql("UPDATE connector_job_channel SET paused = false")

    def connect(self):
        """Open the connection that :meth:`sql` uses."""
        self._connection = psycopg2.connect(**sql_db.connection_info_for(self.dbname)[1])
        self._connection.autocommit = True

    def disconnect(self):
        self._connection.close()

    def _end_processes(self):
        for process in self._processes:
            process.kill()

    def sql(self, query: str, *params):
        """Run a statement in a transaction of its own and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, params or None)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def environment(self, dbname: str | None = None):
        """Yield an environment on the database, or another one; what it did is committed at the end."""
        path = str(PROBE_PATH)
        if path not in odoo.addons.__path__:
            odoo.addons.__path__.append(path)
        registry = Registry(dbname or self.dbname)
        with registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def enqueue(self, method: str, args_list: list[tuple], **options) -> list[int]:
        """Store jobs of the probe's methods and commit; return their ids."""
        with self.environment() as env:
            return env["queue.probe"].as_job(**options).map(method, args_list).ids

    def effects(self) -> int:
        """Return how many effects were committed."""
        return self.sql("SELECT count(*) FROM queue_probe_effect")[0][0]

    def states(self) -> dict[str, int]:
        return dict(self.sql("SELECT state, count(*) FROM connector_job GROUP BY state"))

    def wait_states(self, timeout_s: float = 90, **counts: int) -> None:
        """Wait until there are exactly so many jobs in each state."""
        wait_until(
            lambda: self.states() == counts, timeout_s, lambda: f"expected {counts}, got {self.states()}; {self.logs()}"
        )

    def wait_begun(self, count: int) -> None:
        """Wait until the work of so many jobs has begun: one that is only claimed loses nothing by a crash."""
        begun = "SELECT count(*) FROM connector_job WHERE state = 'running' AND xmax <> xmin"
        wait_until(lambda: self.sql(begun) == [(count,)], 90, self.logs)

    def logs(self) -> str:
        """Return the ends of the processes' logs, and what the sessions of the database do."""
        sessions = []
        with contextlib.suppress(psycopg2.Error):  # the server is down: there are none
            sessions = self.sql(
                """SELECT pid, application_name, state, now() - xact_start, wait_event, pg_blocking_pids(pid),
                          left(query, 200)
                     FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )
        logs = (f"{p.log.name}: {p.log.read_text(errors='replace')[-1500:]}" for p in self._processes)
        return "\n".join([*logs, *map(str, sessions)])

    def worker_command(self, *args: str, **settings: object) -> list[str]:
        """Return the command line of a worker; ``settings`` go to its section of a configuration file."""
        return [*odoo_command("connector", "worker", "-d", self.dbname, *args), *self._configured(settings)]

    def _configured(self, settings: dict[str, object]) -> list[str]:
        """Return the options that name a configuration file with these settings, none if there are none."""
        if not settings:
            return []
        path = self.folder / f"{next(_numbers)}.conf"
        lines = [f"{name} = {value}" for name, value in settings.items()]
        path.write_text("\n".join(["[options]", "[connector_framework]", *lines]))
        return ["-c", str(path)]

    def start_worker(self, *args: str, environ: dict[str, str] | None = None, **settings: object) -> Process:
        """Start ``odoo connector worker`` in one process and wait until it serves."""
        before = {row[0] for row in self.sql("SELECT pid FROM connector_worker")}
        process = self.spawn(*self.worker_command("--processes=1", *args, **settings), environ=environ)
        wait_until(
            lambda: process.pid in {row[0] for row in self.sql("SELECT pid FROM connector_worker")} - before,
            90,
            lambda: f"the worker did not start: {self.logs()}",
        )
        return process

    def start_server(self, *args: str, **settings: object) -> Process:
        """Start an Odoo server and wait until a worker of it serves."""
        process = self.spawn_server(*args, **settings)
        wait_until(
            lambda: bool(self.sql("SELECT 1 FROM connector_worker")),
            90,
            lambda: f"no worker has started: {self.logs()}",
        )
        return process

    def spawn_server(self, *args: str, **settings: object) -> Process:
        """Start an Odoo server; ``settings`` go to the framework's section of a configuration file."""
        port = free_port()
        process = self.spawn(
            *odoo_command(
                "-d", self.dbname, "--http-interface=127.0.0.1", f"--http-port={port}", "--max-cron-threads=0", *args
            ),
            *self._configured(settings),
        )
        process.port = port
        return process

    def spawn(self, *command: str, environ: dict[str, str] | None = None, stdin: Any = subprocess.DEVNULL) -> Process:
        """Start a process that ends with the test."""
        process = Process(list(command), self.folder / f"{next(_numbers)}.log", environ, stdin)
        self._processes.append(process)
        return process


@contextlib.contextmanager
def _postgres():
    connection = psycopg2.connect(**sql_db.connection_info_for("postgres")[1])
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def drop_database(name: str) -> None:
    """Drop a database and whoever is on it."""
    Registry.delete(name)
    sql_db.close_db(name)
    with _postgres() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


_numbers = itertools.count(1)
