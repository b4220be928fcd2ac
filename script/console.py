"""Print progress lines, and one sentence when something is missing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Failure(Exception):
    """Say in one sentence what is missing and what to do about it."""


def say(message: str) -> None:
    """Print a progress line at once, also into a pipe."""
    print(f"==> {message}", flush=True)


def run_logged(command: list[str | Path], log: Path, failure: str, **options: Any) -> None:
    """Run a command with its output in a log file.

    :raises Failure: `failure` and the last line of the output, when it does not succeed.
    """
    with log.open("ab") as output:
        status = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)
    if status.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = lines[-1] if lines else "no output"
        raise Failure(f"{failure} (exit code {status.returncode}, log {log}): {last}")


def command(main: Callable[[], int]) -> None:
    """Run an executable's main function; a `Failure` becomes one line on stderr and exit code 1.

    SIGTERM, and a closed terminal's SIGHUP, are turned into `SystemExit`, so that `finally` and `with` clean up as on
    Ctrl-C.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
