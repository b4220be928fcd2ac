"""A PostgreSQL server of a test's own, to restart and kill; PgBouncer before it; hosts that are far from it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

import psycopg2
from odoo import sql_db

from .process_case import Process, ProcessCase

BINARIES = Path("/usr/lib/postgresql")
#: Of the simulated hosts.
NETWORK = "10.213"


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server programs of a Debian system."""
    found = [f / "bin" for f in BINARIES.glob("*") if f.name.isdigit() and (f / "bin/initdb").exists()]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def pgbouncer() -> str | None:
    """Return the path of PgBouncer."""
    return shutil.which("pgbouncer") or next((p for p in ("/usr/sbin/pgbouncer",) if Path(p).exists()), None)


def _unprivileged() -> dict[str, object]:
    """Return what makes a child run as somebody whom PostgreSQL accepts: it refuses root."""
    if os.getuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise AssertionError("there is no user postgres or nobody to run PostgreSQL as")


class OwnCluster:
    """A server that listens on a socket in a folder of its own.

    :param addresses: where it listens too
    """

    user = "odoo"
    port = 5432

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self.programs = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="cfpg-", dir="/tmp"))
        self.who = _unprivileged()
        if self.who:
            os.chown(self.folder, self.who["user"], self.who["group"])
            self.folder.chmod(0o755)
        self.host = str(self.folder)
        self._run(
            "initdb", "-D", self.folder / "data", "-U", self.user, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        with (self.folder / "data/postgresql.conf").open("a") as conf:
            conf.write(
                f"listen_addresses = '{', '.join(addresses)}'\nport = {self.port}\n"
                "fsync = off\nmax_connections = 100\n"
                f"unix_socket_directories = '{self.folder}'\n"
            )
        with (self.folder / "data/pg_hba.conf").open("a") as conf:
            conf.write(f"host all all {NETWORK}.0.0/16 trust\n")
        self.start()

    def _run(self, program: str, *args: object) -> None:
        command = [str(self.programs / program), *map(str, args)]
        done = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **self.who
        )
        if done.returncode:
            raise AssertionError(f"{program} failed: {done.stdout[-500:]} {done.stderr[-500:]}")

    def start(self) -> None:
        data, log = self.folder / "data", self.folder / "log"
        # pg_ctl's child keeps its output open: it must not be a pipe that somebody waits for.
        with open(os.devnull, "w") as void:
            subprocess.run(
                [str(self.programs / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "start"],
                cwd="/",
                stdout=void,
                stderr=void,
                stdin=subprocess.DEVNULL,
                check=True,
                **self.who,
            )

    def stop(self, mode: str) -> None:
        """Stop the server: ``fast`` ends sessions in order, ``immediate`` is a crash."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop")

    def copy_database(self, source: dict[str, object], name: str) -> None:
        """Copy a database from another server.

        :param source: what psycopg2.connect takes
        """
        self._run("createdb", "-h", self.host, "-U", self.user, "-T", "template0", name)
        dump = [str(self.programs / "pg_dump"), "-d", str(source["database"])]
        for option, flag in (("host", "-h"), ("port", "-p"), ("user", "-U")):
            if source.get(option):
                dump += [flag, str(source[option])]
        environ = {**os.environ, **({"PGPASSWORD": str(source["password"])} if source.get("password") else {})}
        reader = subprocess.Popen(dump, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environ)
        restore = [str(self.programs / "psql"), "-q", "-h", self.host, "-U", self.user, "-d", name]
        subprocess.run(restore, stdin=reader.stdout, stdout=subprocess.DEVNULL, check=True)
        if reader.wait():
            raise AssertionError("pg_dump failed")

    def close(self) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class PgBouncer:
    """PgBouncer in transaction mode before a server."""

    port = 6432

    def __init__(self, cluster: OwnCluster) -> None:
        self.host = cluster.host
        users = cluster.folder / "users.txt"
        users.write_text('"odoo" ""\n')
        config = cluster.folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={cluster.host} port={cluster.port}\n[pgbouncer]\nlisten_addr =\n"
            f"unix_socket_dir = {cluster.host}\nlisten_port = {self.port}\nauth_type = trust\nauth_file = {users}\n"
            "pool_mode = transaction\ndefault_pool_size = 20\nmax_client_conn = 200\n"
            "ignore_startup_parameters = extra_float_digits\n"
        )
        self.popen = subprocess.Popen(
            [str(pgbouncer()), str(config)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(cluster.folder / "pgbouncer.log").open("wb"),
            **cluster.who,
        )

    def close(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()


class Host:
    """A simulated host: a network namespace, and a cable to this machine that can be pulled."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        number = next(Host._numbers)
        self.name = f"cfh{os.getpid()}n{number}"
        self.cable, self._end = f"cfa{os.getpid()}n{number}"[:15], f"cfb{os.getpid()}n{number}"[:15]
        #: Where this machine is seen from the host.
        self.gateway = f"{NETWORK}.{os.getpid() % 250}.{4 * number + 1}"
        address = f"{NETWORK}.{os.getpid() % 250}.{4 * number + 2}"
        self._ip("netns", "add", self.name)
        try:
            self._ip("link", "add", self.cable, "type", "veth", "peer", "name", self._end, "netns", self.name)
            self._ip("addr", "add", f"{self.gateway}/30", "dev", self.cable)
            self._ip("link", "set", self.cable, "up")
            self._ip("-n", self.name, "addr", "add", f"{address}/30", "dev", self._end)
            self._ip("-n", self.name, "link", "set", "lo", "up")
            self.plug()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _ip(*args: str) -> None:
        done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise OSError(f"ip {' '.join(args)}: {done.stderr.strip()}")

    @classmethod
    def why_not(cls) -> str | None:
        """Return why there can be no simulated hosts here, if so."""
        if os.getuid() or not shutil.which("ip"):
            return (
                "simulated hosts need root and the program ip: apt-get install iproute2, as script/test does for root"
            )
        try:
            cls().close()
        except OSError as error:
            return f"simulated hosts cannot be made here: {error}"
        return None

    def command(self, command: Iterable[str]) -> list[str]:
        """Return the command as it is run on the host."""
        return ["ip", "netns", "exec", self.name, *command]

    def plug(self) -> None:
        self._ip("-n", self.name, "link", "set", self._end, "up")

    def pull(self) -> None:
        """Let nothing through any more; nobody is told."""
        self._ip("-n", self.name, "link", "set", self._end, "down")

    def close(self) -> None:
        self._ip("netns", "del", self.name)


class OwnServerCase(ProcessCase):
    """A test with a PostgreSQL server of its own."""

    @classmethod
    def setUpClass(cls):
        if binaries() is None:
            raise unittest.SkipTest("PostgreSQL's server programs are not in /usr/lib/postgresql")
        super().setUpClass()
        cls.cluster = cls.make_cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.copy_database(sql_db.connection_info_for(cls.dbname)[1], cls.dbname)

    @classmethod
    def make_cluster(cls) -> OwnCluster:
        return OwnCluster()

    def connect(self):
        self._connection = psycopg2.connect(
            host=self.cluster.host, port=self.cluster.port, user=self.cluster.user, dbname=self.dbname
        )
        self._connection.autocommit = True

    def store(self, count: int, sleep_s: float = 0.0, method: str = "effect", channel: str = "root") -> None:
        """Store jobs without Odoo, which has this server not in its configuration."""
        self.sql(
            """INSERT INTO connector_job (state, priority, channel_id, channel, attempt, max_attempts, crashes,
                                          user_id, call, model_name, method_name)
               SELECT 'pending', 10, c.id, c.name, 0, 0, 0, 1,
                      json_build_object('ids', '[]'::json, 'args', json_build_array(c.name || i, %s), 'kwargs',
                                        '{}'::json, 'context', '{}'::json, 'su', true)::text, 'queue.probe', %s
                 FROM connector_job_channel c, generate_series(1, %s) i WHERE c.name = %s""",
            sleep_s,
            method,
            count,
            channel,
        )

    def start_there(self, host: str, port: int, *args: str, on: Host | None = None, **settings: object) -> Process:
        """Start a worker that reaches the server at this address."""
        command = [
            c
            for c in self.worker_command("--processes=1", *args, **settings)
            if not c.startswith(("--db_host", "--db_port", "--db_user"))
        ]
        command += [f"--db_host={host}", f"--db_port={port}", f"--db_user={self.cluster.user}"]
        return self.spawn(*(on.command(command) if on else command))
