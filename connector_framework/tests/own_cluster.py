"""A PostgreSQL server of a test's own, that it may restart and kill; and PgBouncer before it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql")


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
    """A server that listens on a socket in a folder of its own."""

    user = "odoo"
    port = 5432

    def __init__(self) -> None:
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
                "listen_addresses = ''\nfsync = off\nmax_connections = 100\n"
                f"unix_socket_directories = '{self.folder}'\n"
            )
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
