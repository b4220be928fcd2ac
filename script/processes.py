"""Keep track of the processes that a folder's owner started, so that none outlives him for good."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def lock(path: Path) -> IO[str] | None:
    """Take the lock on a file, None if somebody has it. It ends with the returned file, or with this process."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def started(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; None if there is no such process.

    A process id alone names another process as soon as the number is used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may hold blanks; fields are counted after it (proc(5): starttime is 22nd).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def record(folder: Path, pid: int) -> None:
    """Note a process that was started for this folder."""
    with (folder / "processes").open("a") as file:
        file.write(f"{pid} {started(pid)}\n")


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
    """End what an owner who died left running: the processes noted in the folder, then its PostgreSQL."""
    pids = [(pid, signal.SIGKILL) for pid in _recorded(folder)]
    postmaster = folder / "pgdata/postmaster.pid"
    if postmaster.exists():
        first_line = postmaster.read_text().partition("\n")[0]
        pid = int(first_line) if first_line.isdigit() else 0
        # The file may be older than a restart of the machine: only a server of this very folder is meant.
        if pid and str(folder / "pgdata").encode() in _command_line(pid):
            pids.append((pid, signal.SIGQUIT))
    for pid, number in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        deadline = time.monotonic() + 10
        while started(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
    postmaster.unlink(missing_ok=True)
    (folder / "processes").unlink(missing_ok=True)


def _recorded(folder: Path) -> Iterator[int]:
    notes = folder / "processes"
    for line in notes.read_text().splitlines() if notes.exists() else ():
        pid, start = line.split()
        if started(int(pid)) == start:
            yield int(pid)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
