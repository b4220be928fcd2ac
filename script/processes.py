"""End the processes of a workspace, also those that outlived their owner."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def lock(path: Path) -> IO[str] | None:
    """Take the lock on a file; None if another process has it. It ends with the returned file, or with this process."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Hold the lock on a file, waiting for the process that has it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def stop(process: subprocess.Popen, timeout_s: float = 30) -> None:
    """End a child: SIGTERM, and SIGKILL when it is still there after `timeout_s`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def reap(folder: Path) -> None:
    """End what was started for a workspace and has outlived its owner: Odoo and all that came of it, then PostgreSQL.

    A process that we start has the folder's configuration file in its environment, and so have its descendants,
    whatever session they moved to; nothing else can have it.
    """
    mark = b"ODOO_RC=" + os.fsencode(folder / "odoo.conf")
    doomed = [(pid, signal.SIGKILL) for pid in _pids() if mark in _read(pid, "environ").split(b"\0")]
    if server := postmaster(folder):
        doomed.append((server, signal.SIGQUIT))
    for pid, number in doomed:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        deadline = time.monotonic() + 10
        while _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    (folder / "pgdata/postmaster.pid").unlink(missing_ok=True)


def postmaster(folder: Path) -> int:
    """Return the id of the PostgreSQL server that runs on a folder, 0 if none does."""
    file = folder / "pgdata/postmaster.pid"
    first_line = file.read_text().partition("\n")[0] if file.exists() else ""
    pid = int(first_line) if first_line.isdigit() else 0
    # The file may be older than a restart of the machine: only a server of this very folder is meant.
    return pid if pid and os.fsencode(folder / "pgdata") in _read(pid, "cmdline").split(b"\0") else 0


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def _read(pid: int, name: str) -> bytes:
    """Return a file of a process; nothing if it has ended or is not ours to look at."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _lives(pid: int) -> bool:
    """Tell whether a process is still there; one that only waits to be fetched by its parent (state Z) is not."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])
