"""Take packages from Debian's archive: installed on the system, or unpacked into a folder of our own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from console import Failure, run_logged, say

SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
SOURCES_ONE_LINE = Path("/etc/apt/sources.list")
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def system_source() -> tuple[str, str]:
    """Return the mirror and the keyring of the system's own main archive; Debian's defaults if it names none."""
    if SOURCES.exists():
        for stanza in SOURCES.read_text().split("\n\n"):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            uris = fields.get("URIs", "").split()
            if uris and "deb" in fields.get("Types", "") and "security" not in uris[0]:
                return uris[0], fields.get("Signed-By") or KEYRING
    if SOURCES_ONE_LINE.exists():
        for line in SOURCES_ONE_LINE.read_text().splitlines():
            match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+\S+\s+main\b", line)
            if match and "security" not in match[2]:
                signed_by = re.search(r"signed-by=(\S+)", match[1] or "")
                return match[2], signed_by[1] if signed_by else KEYRING
    return MIRROR, KEYRING


class Archive:
    """Read suites of the archive with lists and caches in a folder of our own: the system's apt stays untouched."""

    def __init__(self, folder: Path, suites: list[str], log: Path) -> None:
        self.folder = folder
        self.suites = suites
        self.log = log

    def _options(self) -> list[str]:
        options = {
            "Dir::Etc::sourcelist": self.folder / "archive.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::Lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            # The user that apt becomes when root calls it cannot write in our folder.
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        return [text for name, value in options.items() for text in ("-o", f"{name}={value}")]

    def update(self) -> None:
        """Fetch the package lists. :raises Failure: when the mirror cannot be reached."""
        mirror, keyring = system_source()
        (self.folder / "lists/partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "archive.sources").write_text(
            f"Types: deb\nURIs: {mirror}\nSuites: {' '.join(self.suites)}\nComponents: main\n"
            f"Targets: Packages\nSigned-By: {keyring}\n"
        )
        run_logged(
            ["apt-get", *self._options(), "update", "--error-on=any"],
            self.log,
            "Debian's package lists could not be fetched: check the network and the mirror in /etc/apt, then try again",
        )

    def candidate(self, package: str) -> str:
        """Return the version that the archive offers. :raises Failure: when it has no such package."""
        answer = subprocess.run(
            ["apt-cache", *self._options(), "show", "--no-all-versions", package], capture_output=True, text=True
        )
        match = re.search(r"^Version: (\S+)$", answer.stdout, re.MULTILINE)
        if not match:
            raise Failure(f"Debian's archive offers no package {package} now: set ODOO_BIN to an Odoo 19 of your own")
        return match[1]

    def unpack(self, packages: list[str], prefix: Path) -> None:
        """Download packages (`name` or `name/suite`) and unpack them below `prefix`; nothing is installed."""
        debs = self.folder / "debs"
        debs.mkdir(exist_ok=True)
        run_logged(
            ["apt-get", *self._options(), "download", *packages],
            self.log,
            "Odoo's packages could not be downloaded: check the network and run it again",
            cwd=debs,
        )
        for deb in sorted(debs.glob("*.deb")):
            run_logged(["dpkg-deb", "-x", deb, prefix], self.log, f"{deb.name} could not be unpacked")


def install(packages: list[str], purpose: str, log: Path) -> None:
    """Install packages on the system, as root or with sudo.

    :raises Failure: naming the command for an administrator, when neither is possible.
    """
    by_hand = f"apt-get install {' '.join(packages)}"
    prefix: list[str] = []
    if os.getuid():
        if not shutil.which("sudo"):
            raise Failure(f"{purpose} needs {by_hand}: run that as root, then try again")
        # Asking for a password makes sense only at a terminal.
        prefix = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
        if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode:
            raise Failure(f"{purpose} needs sudo {by_hand}: run that, then try again")
    say(f"{purpose}: {by_hand}")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    failure = f"{purpose} could not be installed: run {by_hand} by hand to see why"
    run_logged([*apt, "update"], log, failure)
    run_logged([*apt, "install", "-y", "--no-install-recommends", *packages], log, failure)
