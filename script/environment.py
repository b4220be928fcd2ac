"""Make once, and find again, what the project needs to run: Odoo, its Python packages, a browser.

All of it lives in one cache folder. Each piece is made under a temporary name and renamed when it is complete, so a
piece that is there is whole: an interrupted run heals by being repeated, and a second run only looks.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cluster
import debian
from console import Failure, run_logged, say

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "script/requirements.txt"
PYTHONS = ("3.13", "3.12", "3.11", "3.10")
ODOO_PACKAGE = "odoo-19"
# What the Odoo package links to by relative symlinks. Font Awesome is 4.7 in bookworm; sid's 7.x lacks the files.
ASSET_PACKAGES = (
    "libjs-jquery libjs-jquery-form libjs-underscore fonts-glyphicons-halflings fonts-inconsolata fonts-montserrat "
    "fonts-ocr-b fonts-roboto-unhinted gsfonts fonts-dejavu-core fonts-noto-core fonts-font-awesome/bookworm"
).split()
# The package leaves this file out, and every page of the web client then logs an error in the browser's console.
LEFT_OUT = "usr/lib/python3/dist-packages/odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
# Programs that some tests need, and the packages that have them.
TEST_PROGRAMS = {"pgbouncer": "pgbouncer", "ip": "iproute2"}
LEFT_VARIABLES = ("ODOO_RC", "OPENERP_SERVER", "PYTHONDONTWRITEBYTECODE")
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")


def cache_folder() -> Path:
    """Return the folder of all that is made once: `$CONNECTOR_CACHE`, else the system's or the user's cache."""
    chosen = os.environ.get("CONNECTOR_CACHE")
    if chosen:
        folder = Path(chosen).absolute()
    elif os.getuid() == 0:
        folder = Path("/var/cache/connector_framework")
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "connector_framework"
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{folder} cannot be made ({error.strerror}): set CONNECTOR_CACHE to a folder of yours") from None
    if not cluster.is_own_server():
        if os.getuid() == 0:
            # A folder of root's own is often closed to others (mktemp), such as PostgreSQL's user.
            folder.chmod(folder.stat().st_mode | 0o111)
        cluster.check_reachable(folder)
    return folder


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Let one process at a time make pieces of the cache; the kernel frees the lock when its holder dies."""
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another bootstrap")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def made_in_place(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`, and rename it to `folder` if the block succeeds."""
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    draft.chmod(0o755)
    try:
        yield draft
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def key_of(*parts: object) -> str:
    """Return a short name for what a piece was made from."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Environment:
    """The Odoo to run and how it is started.

    `command` starts Odoo's command line, `python` is the interpreter with its packages, `variables` are added to the
    environment of both, `key` changes whenever a template database made before would not fit any more.
    """

    cache: Path
    command: tuple[str, ...]
    python: Path
    variables: dict[str, str]
    key: str

    @cached_property
    def environ(self) -> dict[str, str]:
        """Return the variables for a process that uses Odoo, without those that would lead it to another database.

        Bytecode is kept in the cache, outside the checkout: without it, an Odoo takes twice as long to start.
        """
        kept = {name: value for name, value in os.environ.items() if name not in LEFT_VARIABLES}
        return {**kept, "PYTHONPYCACHEPREFIX": str(self.cache / "bytecode"), **self.variables}


def ensure(upgrade: bool = False) -> Environment:
    """Make what is missing and return the environment; with `upgrade`, look for a newer Odoo too.

    :raises Failure: when a piece is missing that cannot be had here.
    """
    cache = cache_folder()
    odoo_bin = os.environ.get("ODOO_BIN")
    if odoo_bin:
        return own_environment(cache, Path(odoo_bin).absolute())
    prefix = ensure_odoo(cache, upgrade)
    venv = ensure_venv(cache, "venv", REQUIREMENTS)
    libraries = prefix / "usr/lib/python3/dist-packages"
    return Environment(
        cache=cache,
        command=(str(venv / "bin/python"), str(prefix / "usr/bin/odoo")),
        python=venv / "bin/python",
        variables={"PYTHONPATH": str(libraries)},
        key=key_of(prefix.resolve().name, venv.name),
    )


def own_environment(cache: Path, odoo_bin: Path) -> Environment:
    """Use the Odoo that `ODOO_BIN` names, run by `ODOO_PYTHON` or by the interpreter of its first line."""
    if not odoo_bin.is_file():
        raise Failure(f"ODOO_BIN names {odoo_bin}, which is not a file: set it to the path of Odoo 19's odoo-bin")
    python = os.environ.get("ODOO_PYTHON")
    if not python:
        first_line = odoo_bin.open(errors="replace").readline()
        words = first_line[2:].split() if first_line.startswith("#!") else []
        python = shutil.which(words[-1]) if words else None
    if not python:
        raise Failure(f"no interpreter is known for {odoo_bin}: set ODOO_PYTHON to the Python that has Odoo's packages")
    answer = subprocess.run([python, odoo_bin, "--version"], capture_output=True, text=True)
    version = re.search(r"\d+\.\d+\S*", answer.stdout)
    if not version or not version[0].startswith("19."):
        found = f"is Odoo {version[0]}" if version else "does not tell its version"
        raise Failure(f"{odoo_bin} {found}: set ODOO_BIN to an Odoo 19 (and ODOO_PYTHON to its Python)")
    command = (python, str(odoo_bin))
    return Environment(cache, command, Path(python), {}, key_of(*command, version[0]))


def ensure_odoo(cache: Path, upgrade: bool = False) -> Path:
    """Return the prefix of the newest Odoo in the cache (a symbolic link), after fetching one if need be."""
    current = cache / "odoo"
    if current.exists() and not upgrade:
        return current
    with locked(cache):
        if current.exists() and not upgrade:
            return current
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise Failure("apt-get is missing, so Odoo cannot be had from Debian: set ODOO_BIN to an Odoo 19 of yours")
        # What a run that was killed left behind.
        for draft in [*cache.glob(".odoo-*"), *cache.glob(".apt.*")]:
            shutil.rmtree(draft, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=".apt.", dir=cache) as folder:
                archive = debian.Archive(Path(folder), ["sid", "bookworm"], cache / "odoo.log")
                say("odoo: fetching Debian's package lists")
                archive.update()
                version = archive.candidate(ODOO_PACKAGE)
                prefix = cache / f"odoo-{version}"
                if not prefix.exists():
                    fetch_odoo(archive, version, prefix)
        except Failure as failure:
            if not current.exists():
                raise
            say(f"odoo: keeping {current.resolve().name}, as {failure}")
            return current
        link = cache / ".odoo.link"
        link.unlink(missing_ok=True)
        link.symlink_to(prefix.name)
        link.replace(current)
    return current


def fetch_odoo(archive: debian.Archive, version: str, prefix: Path) -> None:
    """Unpack Odoo and its assets into a new prefix."""
    with made_in_place(prefix) as draft:
        say(f"odoo {version}: downloading and unpacking (about 200 MB)")
        archive.unpack([ODOO_PACKAGE, *ASSET_PACKAGES], draft)
        # Packages bring the times and modes of their own root folder.
        draft.chmod(0o755)
        left_out = draft / LEFT_OUT
        if not left_out.exists():
            left_out.parent.mkdir(parents=True, exist_ok=True)
            left_out.touch()
    say(f"odoo {version}: ready")


def base_python() -> str:
    """Return an interpreter that Odoo 19 supports. :raises Failure: when there is none."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" in PYTHONS:
        return sys.executable
    for version in PYTHONS:
        python = shutil.which(f"python{version}")
        if python:
            return python
    raise Failure(f"Python {PYTHONS[-1]} to {PYTHONS[0]} is missing: install one of them, for example python3.13")


def ensure_venv(cache: Path, name: str, requirements: Path) -> Path:
    """Return a virtual environment with the packages of a lock file, made if it is not there."""
    python = base_python()
    described = subprocess.run([python, "-VV"], capture_output=True, text=True).stdout
    venv = cache / f"{name}-{key_of(described, python, requirements.read_text())}"
    # A virtual environment holds its own path and cannot be renamed into place: a file says that it is complete.
    complete = venv / "complete"
    if complete.exists():
        return venv
    with locked(cache):
        if complete.exists():
            return venv
        log = cache / f"{name}.log"
        log.unlink(missing_ok=True)
        if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True).returncode:
            debian.install(["python3-venv"], "python's venv module", log)
        # The list is complete, and says which part of a package's own list is not needed.
        say(f"python: installing the packages of {requirements.name}")
        shutil.rmtree(venv, ignore_errors=True)
        run_logged([python, "-m", "venv", venv], log, "the virtual environment could not be made: install python3-venv")
        run_logged(
            [venv / "bin/pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "-r", requirements],
            log,
            "the Python packages could not be installed: check the network and run it again",
        )
        complete.touch()
        say("python: ready")
    return venv


def ensure_browser(cache: Path) -> bool:
    """Return whether a Chromium is there for the browser tests, after trying to install one."""
    if any(map(shutil.which, BROWSERS)):
        return True
    with locked(cache):
        if not any(map(shutil.which, BROWSERS)):
            debian.install(["chromium"], "the browser for browser tests", cache / "browser.log")
    return True


def ensure_test_programs(cache: Path) -> None:
    """Install what some tests need, as root: they are skipped without."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [package for program, package in TEST_PROGRAMS.items() if not shutil.which(program, path=places)]
    if not missing:
        return
    if os.getuid() or not shutil.which("apt-get"):
        say(f"some tests are skipped: they need apt-get install {' '.join(missing)}, by root")
        return
    with locked(cache):
        try:
            debian.install(missing, "programs that some tests need", cache / "test-programs.log")
        except Failure as failure:
            say(f"some tests are skipped, as {failure}")
