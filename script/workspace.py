"""Work in a folder of one's own: a PostgreSQL server, Odoo's data directory and configuration, for one run.

A workspace starts as a copy of a template, in which the modules that the addons depend on are installed, so that a
run begins with a copied folder instead of an installation.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import processes
from addons import addons, content_key, dependencies
from cluster import Cluster, OwnServer, PrivateCluster, ensure_binaries, is_own_server
from console import Failure, say
from environment import ROOT, Environment, key_of, locked, made_in_place

ADDONS_DATABASE = "connector_template"
#: It has connector_framework alone: a worker starts on it in two thirds of the time.
FRAMEWORK_DATABASE = "connector_framework_template"
FRAMEWORK = ["connector_framework"]
KEPT_TEMPLATES = 6


def copy_folder(source: Path, target: Path) -> None:
    """Copy what is in a folder, owners and modes too."""
    target.mkdir(parents=True, exist_ok=True)
    # Without --reflink=never, cp copies inside the kernel: four times slower on ext4 for a cluster's files.
    subprocess.run(["cp", "-a", "--reflink=never", f"{source}/.", target], check=True)


def link_folder(source: Path, target: Path) -> None:
    """Copy a file store by hard links: Odoo names a file by its content and never writes to it again."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", f"{source}/.", target], check=True)


def copy_template(source: Path, target: Path) -> None:
    """Copy a stopped workspace: the cluster, if it has one, and the file store."""
    if (source / "pgdata").exists():
        copy_folder(source / "pgdata", target / "pgdata")
    link_folder(source / "odoo", target / "odoo")


class Workspace:
    """A folder with a PostgreSQL server and an Odoo data directory.

    With the user's own server (PGHOST), the folder holds Odoo's files alone.
    """

    def __init__(self, environment: Environment, folder: Path, cluster: Cluster) -> None:
        self.environment = environment
        self.folder = folder
        self.cluster = cluster
        self.config = folder / "odoo.conf"
        self.template = ""
        #: A database with connector_framework alone, if there is one.
        self.framework_template = ""
        self.created: list[str] = []

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables for Odoo, psql and all that works on this workspace."""
        found = {"ODOO_RC": str(self.config), "CONNECTOR_FRAMEWORK_TEMPLATE": self.framework_template}
        return {**self.cluster.environ(self.environment.environ), **found}

    def start(self) -> None:
        """Start the server and write Odoo's configuration."""
        self.cluster.start()
        (self.folder / "odoo").mkdir(mode=0o700, exist_ok=True)
        self.config.touch(mode=0o600)
        password = f"db_password = {self.cluster.password}\n" if self.cluster.password else ""
        self.config.write_text(
            f"[options]\n{password}"
            f"addons_path = {ROOT}\n"
            f"data_dir = {self.folder / 'odoo'}\n"
            f"db_host = {self.cluster.host}\n"
            f"db_port = {self.cluster.port}\n"
            f"db_user = {self.cluster.user}\n"
            "http_interface = 127.0.0.1\n"
        )

    def odoo(self, *arguments: str) -> list[str]:
        """Return the command that runs Odoo in this workspace."""
        return [*self.environment.command, *arguments]

    def spawn(self, command: list[str], **options: Any) -> subprocess.Popen:
        """Start a process that belongs to this workspace, in a session of its own: Ctrl-C is ours to handle."""
        defaults = {"env": self.environ, "cwd": ROOT, "stdin": subprocess.DEVNULL, "start_new_session": True}
        return subprocess.Popen(command, **{**defaults, **options})

    def create_database(self, name: str, template: str) -> None:
        """Create a database as a copy of another one, with its files."""
        self.created.append(name)
        self.cluster.create_database(name, template)
        files = self.folder / "odoo/filestore"
        if (files / template).exists():
            link_folder(files / template, files / name)

    def rename_database(self, name: str, new_name: str) -> None:
        """Rename a database and its files."""
        self.cluster.rename_database(name, new_name)
        files = self.folder / "odoo/filestore"
        if (files / name).exists():
            (files / name).rename(files / new_name)

    def install(self, database: str, modules: list[str], log: Path, update: bool = False) -> None:
        """Install modules in a database, which Odoo creates if need be, or update them.

        :raises Failure: when Odoo says no.
        """
        how = "-u" if update else "-i"
        command = self.odoo("-d", database, how, ",".join(modules), "--stop-after-init", "--no-http")
        process = self.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        trouble = ""
        last = time.monotonic()
        with log.open("w") as output, process:
            try:
                for line in process.stdout:
                    output.write(line)
                    progress = re.search(r"Loading module (\w+) \((\d+)/(\d+)\)", line)
                    if progress and time.monotonic() > last + 5:
                        last = time.monotonic()
                        say(f"installing {modules[0]}...: module {progress[2]} of {progress[3]} ({progress[1]})")
                    if re.search(r" (ERROR|CRITICAL) ", line) or re.match(r"\w+(\.\w+)*(Error|Exception)\b", line):
                        trouble = line.strip()
            finally:
                processes.stop(process)
        if process.returncode or trouble:
            raise Failure(f"Odoo could not install {', '.join(modules)} (log {log}): {trouble or 'it ended early'}")

    def pregenerate_assets(self, database: str, log: Path) -> None:
        """Make the bundles of JavaScript and CSS, which the first browser test or user would wait for."""
        self.shell(database, "env['ir.qweb']._pregenerate_assets_bundles()\nenv.cr.commit()\n", log)

    def shell(self, database: str, script: str, log: Path) -> int:
        """Run Python in Odoo's shell, which gives it `env`; return the exit code."""
        with log.open("a") as output:
            command = self.odoo("shell", "-d", database, "--no-http")
            process = self.spawn(command, stdin=subprocess.PIPE, stdout=output, stderr=output, text=True)
            try:
                process.communicate(script)
            finally:
                processes.stop(process)
        return process.returncode


def new_cluster(environment: Environment, folder: Path, durable: bool = False, preload: str = "") -> Cluster:
    """Return the user's server, else a private one in `folder`; neither is started."""
    if is_own_server():
        return OwnServer()
    return PrivateCluster(folder, ensure_binaries(environment.cache / "postgresql-install.log"), durable, preload)


class Template:
    """A stopped workspace in the cache with the modules that the addons depend on in a database, to be copied.

    A second database, `small`, has those that connector_framework depends on; private clusters only.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.modules = dependencies(addons())
        self.small = "connector_framework_dependencies"
        cluster = new_cluster(environment, environment.cache)
        server = cluster.programs if isinstance(cluster, PrivateCluster) else (cluster.host, cluster.port, cluster.user)
        key = key_of(environment.key, server, *self.modules, self.small, *dependencies(FRAMEWORK))
        self.database = f"connector_dependencies_{key}"
        self.folder = environment.cache / f"template-{key}"

    def _is_ready(self) -> bool:
        if not self.folder.exists():
            return False
        return not is_own_server() or OwnServer().has_database(self.database)

    def ensure(self) -> Template:
        """Make the template if it is not there."""
        if is_own_server():
            OwnServer().start()
        if self._is_ready():
            return self
        with locked(self.environment.cache):
            if self._is_ready():
                return self
            remove_drafts(self.environment.cache)
            shutil.rmtree(self.folder, ignore_errors=True)
            say(f"template: installing {', '.join(self.modules)} (about a minute)")
            with drafted(self.environment, self.folder) as draft:
                log = self.environment.cache / "template.log"
                if is_own_server():
                    draft.cluster.drop_database(self.database)
                try:
                    draft.install(self.database, self.modules, log)
                    if not is_own_server():
                        draft.install(self.small, dependencies(FRAMEWORK), log)
                except BaseException:
                    draft.cluster.drop_database(self.database)
                    raise
            say("template: ready")
        return self


@contextmanager
def drafted(environment: Environment, folder: Path, source: Path | None = None) -> Iterator[Workspace]:
    """Give a running workspace that becomes the template `folder` if the block succeeds."""
    with made_in_place(folder) as draft:
        cluster = new_cluster(environment, draft)
        if source:
            copy_template(source, draft)
        elif isinstance(cluster, PrivateCluster):
            cluster.create()
        workspace = Workspace(environment, draft, cluster)
        try:
            workspace.start()
            yield workspace
        finally:
            if isinstance(cluster, PrivateCluster):
                cluster.stop(fast=True)
        for left in ("s", "odoo.conf", "postgresql.log", "postgresql-tools.log"):
            path = draft / left
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def remove_drafts(cache: Path) -> None:
    """Remove what an interrupted run left of a template; to be called under the cache's lock."""
    for draft in [*cache.glob(".template-*"), *cache.glob(".installed-*")]:
        processes.reap(draft)
        shutil.rmtree(draft, ignore_errors=True)


def ensure_installed(template: Template, extra: str = "") -> Path:
    """Return a template that has the repository's addons too, keyed by their content; private clusters only.

    `extra`: "web" adds the bundles of the web client's files, "framework" the FRAMEWORK_DATABASE.
    """
    cache = template.environment.cache
    key = key_of(template.folder.name, *addons(), content_key())
    folder = cache / "-".join(filter(None, ("installed", key, extra)))
    if folder.exists():
        os.utime(folder)
        return folder
    source = ensure_installed(template) if extra else template.folder
    log = cache / f"{folder.name}.log"
    with locked(cache):
        if folder.exists():
            return folder
        remove_drafts(cache)
        with drafted(template.environment, folder, source) as draft:
            if extra == "web":
                say("template: bundling the web client's files")
                draft.pregenerate_assets(ADDONS_DATABASE, log)
            elif extra == "framework":
                say(f"template: installing {', '.join(FRAMEWORK)}")
                draft.rename_database(template.small, FRAMEWORK_DATABASE)
                draft.install(FRAMEWORK_DATABASE, FRAMEWORK, log)
            else:
                say(f"template: installing {', '.join(addons())}")
                draft.rename_database(template.database, ADDONS_DATABASE)
                draft.install(ADDONS_DATABASE, addons(), log)
    return folder


def remove_old_installed(cache: Path) -> None:
    """Keep the templates with addons that were used last; every edit of an addon makes one."""
    lock = processes.lock(cache / "installed.lock")
    if lock is None:
        return
    with lock:
        by_age = sorted(cache.glob("installed-*/"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in by_age[KEPT_TEMPLATES:]:
            shutil.rmtree(folder, ignore_errors=True)
            Path(f"{folder}.log").unlink(missing_ok=True)


def copy_installed(template: Template, folder: Path, extra: str = "") -> None:
    """Copy the template with addons, under a lock that keeps it from being removed."""
    with (template.environment.cache / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        copy_template(ensure_installed(template, extra), folder)


@contextmanager
def run_folder(cache: Path, name: str) -> Iterator[Path]:
    """Give a folder for this process, and remove it afterwards, with those of processes that died."""
    runs = cache / "run"
    runs.mkdir(mode=0o755, exist_ok=True)
    folder, lock_file = runs / f"{name}-{os.getpid()}", runs / f"{name}-{os.getpid()}.lock"
    with processes.waited_for(runs / ".guard"):
        for stale in runs.glob("*.lock"):
            if processes.lock(stale):
                _remove_run(stale.with_suffix(""))
                stale.unlink(missing_ok=True)
        held = processes.lock(lock_file)
        folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        _remove_run(folder)
        lock_file.unlink(missing_ok=True)
        if held:
            held.close()


def _remove_run(folder: Path) -> None:
    processes.reap(folder)
    sockets = folder / "s"
    if sockets.is_symlink():
        shutil.rmtree(sockets.resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def workspace(
    environment: Environment,
    name: str,
    with_addons: bool = False,
    extra: str = "",
    durable: bool = False,
    preload: str = "",
) -> Iterator[Workspace]:
    """Give a running workspace for this process alone; its `template` is the database to copy.

    `with_addons`: the repository's addons are installed in that database; `extra` as for
    `ensure_installed`, `durable` and `preload` as for a `PrivateCluster`.
    """
    template = Template(environment).ensure()
    with run_folder(environment.cache, name) as folder:
        cluster = new_cluster(environment, folder, durable, preload)
        space = Workspace(environment, folder, cluster)
        own = isinstance(cluster, OwnServer)
        if with_addons and not own:
            copy_installed(template, folder, extra)
            remove_old_installed(environment.cache)
            space.template = ADDONS_DATABASE
            space.framework_template = FRAMEWORK_DATABASE if extra == "framework" else ""
        else:
            copy_template(template.folder, folder)
            space.template = template.database
        try:
            space.start()
            if with_addons and own:
                name_here = f"{ADDONS_DATABASE}_{os.getpid()}"
                say(f"template: installing {', '.join(addons())}")
                space.create_database(name_here, template.database)
                space.install(name_here, addons(), environment.cache / "installed.log")
                space.template = name_here
            yield space
        finally:
            if own:
                for database in space.created:
                    cluster.drop_database(database)
            cluster.stop()
