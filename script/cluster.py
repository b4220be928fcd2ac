"""Run a PostgreSQL cluster of our own, or use the server that the user names by PGHOST, PGPORT and PGUSER."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import debian
import processes
from console import Failure, run_logged

BINARIES = Path("/usr/lib/postgresql")
OLDEST = 13
USER = "odoo"
PORT = 5432
# A socket's whole path must fit into 107 bytes on Linux; its file name takes 15 of them.
LONGEST_FOLDER = 90
# The installation of Debian's package makes and starts a system cluster, unless a file here says otherwise.
NO_SYSTEM_CLUSTER = Path("/etc/postgresql-common/createcluster.d/connector_framework.conf")
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0777",
    "max_connections": 200,
    "shared_buffers": "256MB",
    "log_line_prefix": "%m [%p] %d ",
}
# A throw-away cluster need not survive a power cut; a benchmark measures one that does.
# Little of the log is kept, as every run copies it.
VOLATILE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "min_wal_size": "32MB"}


def binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server programs, None if there are none that are new enough."""
    found = [
        (int(folder.name), folder / "bin")
        for folder in BINARIES.glob("*")
        if folder.name.isdigit() and (folder / "bin/initdb").exists() and (folder / "bin/postgres").exists()
    ]
    newest, folder = max(found, default=(0, BINARIES))
    return folder if newest >= OLDEST else None


def ensure_binaries(log: Path) -> Path:
    """Return the folder of the server programs, after installing them if need be, without a system cluster."""
    folder = binaries()
    if folder:
        return folder
    if os.getuid() == 0:
        NO_SYSTEM_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        NO_SYSTEM_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        debian.install(["postgresql"], "the database server", log)
    finally:
        if os.getuid() == 0:
            NO_SYSTEM_CLUSTER.unlink(missing_ok=True)
    folder = binaries()
    if not folder:
        raise Failure(f"PostgreSQL {OLDEST} or newer is missing: install it, or set PGHOST to a server of yours")
    return folder


def is_own_server() -> bool:
    """Tell whether PGHOST or PGPORT names a server."""
    return bool(os.environ.get("PGHOST") or os.environ.get("PGPORT"))


def owner() -> pwd.struct_passwd:
    """Return the account that a private cluster belongs to: oneself, but for root, which PostgreSQL refuses."""
    if os.getuid():
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Failure("PostgreSQL refuses to run as root and there is no user postgres: run adduser --system postgres")


def as_owner() -> dict[str, Any]:
    """Return the options by which `subprocess` runs a program as the owner of private clusters."""
    if os.getuid():
        return {}
    account = owner()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def check_reachable(folder: Path) -> None:
    """:raises Failure: when the owner of private clusters cannot enter a folder that they shall lie in."""
    if subprocess.run(["test", "-x", folder], cwd="/", **as_owner()).returncode:
        raise Failure(
            f"user {owner().pw_name}, whom the database belongs to, cannot enter {folder}:"
            " set CONNECTOR_CACHE to a folder that everybody may enter"
        )


class Cluster:
    """A PostgreSQL server that Odoo uses: where it is, and its databases."""

    host: str
    port: int
    user: str
    password: str | None = None

    def start(self) -> None:
        """Make the server reachable."""

    def stop(self) -> None:
        """Leave the server."""

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return variables by which psql, libpq and Odoo find this server and no other, and those of `base`."""
        kept = {name: value for name, value in base.items() if not name.startswith("PG")}
        found = {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user}
        return {**kept, **found, **({"PGPASSWORD": self.password} if self.password else {})}

    @property
    def _psql(self) -> str:
        folder = binaries()
        found = shutil.which("psql", path=f"{folder}{os.pathsep}{os.environ.get('PATH', '')}")
        if not found:
            raise Failure("psql is missing: apt-get install postgresql-client")
        return found

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Run one SQL statement and return its rows, unaligned, columns separated by `|`.

        :raises Failure: with PostgreSQL's message.
        """
        answer = subprocess.run(
            [self._psql, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement],
            env=self.environ(),
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            raise Failure(f"PostgreSQL at {self.host} refused a statement: {' '.join(answer.stderr.split())}")
        return answer.stdout.strip()

    def has_database(self, name: str) -> bool:
        """Tell whether a database exists."""
        return self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "1"

    def create_database(self, name: str, template: str) -> None:
        """Create a database as a copy of another one, which must have no connections."""
        self.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def rename_database(self, name: str, new_name: str) -> None:
        """Rename a database, which must have no connections."""
        self.psql(f'ALTER DATABASE "{name}" RENAME TO "{new_name}"')

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, with the connections to it."""
        self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class OwnServer(Cluster):
    """The server that the user's PG* variables name."""

    def __init__(self) -> None:
        self.host = os.environ.get("PGHOST") or "/var/run/postgresql"
        self.port = int(os.environ.get("PGPORT") or PORT)
        self.user = os.environ.get("PGUSER") or pwd.getpwuid(os.getuid()).pw_name
        self.password = os.environ.get("PGPASSWORD")

    def start(self) -> None:
        """Check that the server answers, is new enough, and lets the user create databases."""
        if self.user == "postgres":
            raise Failure("Odoo refuses to work as the user postgres: set PGUSER to another role with CREATEDB")
        try:
            facts = self.psql(
                "SELECT current_setting('server_version_num')::int / 10000, rolcreatedb OR rolsuper"
                " FROM pg_roles WHERE rolname = current_user"
            )
        except Failure as failure:
            raise Failure(f"{failure}; set PGHOST, PGPORT, PGUSER right, or unset them for a private cluster") from None
        version, may_create = facts.split("|")
        if int(version) < OLDEST:
            raise Failure(f"the server at {self.host} is PostgreSQL {version}: Odoo 19 needs {OLDEST} or newer")
        if may_create != "t":
            raise Failure(f"role {self.user} may not create databases: run ALTER ROLE {self.user} CREATEDB")


class PrivateCluster(Cluster):
    """A cluster in a folder of ours, reached by a socket in that folder, owned by an unprivileged user.

    `durable` makes it survive a power cut as a server in production does; `preload` are shared libraries.
    """

    user = USER
    port = PORT

    def __init__(self, folder: Path, programs: Path, durable: bool = False, preload: str = "") -> None:
        self.folder = folder
        self.programs = programs
        self.data = folder / "pgdata"
        self.log = folder / "postgresql.log"
        self.durable = durable
        self.preload = preload
        self.host = ""

    def _run(self, program: str, *arguments: str | Path, failure: str) -> None:
        log = self.folder / "postgresql-tools.log"
        run_logged([self.programs / program, *arguments], log, failure, cwd=self.data, **as_owner())

    def _own(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, owner().pw_uid, owner().pw_gid)

    def create(self) -> None:
        """Make an empty cluster with the superuser `odoo`."""
        self.data.mkdir(mode=0o700)
        self._own(self.data)
        arguments: list[str | Path] = [
            *("-D", self.data, "-U", USER),
            *("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ]
        self._run("initdb", *arguments, failure="the database cluster could not be made")

    def start(self) -> None:
        """Start the server on a socket of its own, if it does not run, and wait until it answers."""
        sockets = self.folder / "s"
        if not sockets.exists():
            sockets.unlink(missing_ok=True)
            if len(os.fsencode(sockets)) <= LONGEST_FOLDER:
                sockets.mkdir()
            else:
                sockets.symlink_to(tempfile.mkdtemp(prefix="connector-"))
        self._own(sockets)
        sockets.chmod(0o700)
        self.host = str(sockets.resolve())
        if processes.postmaster(self.folder):
            return
        settings = {
            **SETTINGS,
            **({} if self.durable else VOLATILE),
            "unix_socket_directories": self.host,
            "shared_preload_libraries": self.preload,
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        auto = self.data / "postgresql.auto.conf"
        auto.write_text("".join(lines))
        self._own(auto)
        self.log.touch()
        self._own(self.log)
        self._run(
            "pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60", "start", failure="PostgreSQL did not start"
        )

    def stop(self, fast: bool = False) -> None:
        """Stop the server; `fast` leaves a consistent folder behind, otherwise it is only fit to be removed."""
        if (self.data / "postmaster.pid").exists():
            mode = "fast" if fast else "immediate"
            self._run(
                "pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop", failure="PostgreSQL did not stop"
            )
        sockets = self.folder / "s"
        if sockets.is_symlink():
            shutil.rmtree(sockets.resolve(), ignore_errors=True)
            sockets.unlink()
