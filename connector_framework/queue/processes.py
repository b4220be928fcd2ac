"""Child processes that run jobs: kept running by their parent, ended with it."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

if os.name == "posix":
    import fcntl

__all__ = ["BEAT_S", "MARGIN_S", "RETIRED", "Ending", "LoadingTurn", "Processes", "fork"]

_logger = logging.getLogger(__name__)

#: Seconds between two looks at signals and children.
BEAT_S = 0.2
#: The exit code (EX_TEMPFAIL of sysexits.h) of a process that is to be replaced at once: it has used too much memory.
RETIRED = 75
#: Seconds before a child that died soon is started again: at first, and at most; each time twice as long.
PAUSE_S, PAUSE_MAX_S = 1.0, 30.0
#: A child that has lived for so many seconds did not die soon.
STEADY_S = 30.0
#: Seconds that children have to stop beyond those that their jobs have, before they are killed.
MARGIN_S = 5.0


@dataclass(eq=False)
class _Place:
    """A slot for a child process: its id and start, or when the next child may start."""

    pid: int = 0
    began: float = 0.0
    pause_s: float = 0.0
    free_from: float = 0.0


class Processes:
    """Keeps a number of child processes running; one that dies is replaced, later and later if it dies soon.

    Needs no thread of its own, so that ``spawn`` may fork.

    :param spawn: starts a child and returns its id
    :param stop_timeout_s: seconds that children may take to stop
    :param through: exit codes of children that are through with their work and not replaced
    """

    def __init__(
        self, count: int, spawn: Callable[[], int], *, stop_timeout_s: float, through: Collection[int] = ()
    ) -> None:
        self._places = [_Place() for _ in range(count)]
        self._spawn = spawn
        self._stop_timeout_s = stop_timeout_s
        self._through = through
        #: Exit codes of the children that are through.
        self.codes: list[int] = []

    def run(self, is_ending: Callable[[], bool]) -> None:
        """Keep the children running until this process ends or all are through with their work; then stop them."""
        while self._places and not is_ending():
            for place in list(self._places):
                self._look(place)
            time.sleep(BEAT_S)
        self._stop()

    def kill(self) -> None:
        """End the children at once."""
        self._signal(signal.SIGKILL)

    def _look(self, place: _Place) -> None:
        now = time.monotonic()
        if place.pid:
            code = _exit_code(place.pid)
            if code is None:
                return
            if code in self._through:
                self._places.remove(place)
                self.codes.append(code)
                return
            soon = code != RETIRED and now - place.began < STEADY_S
            place.pause_s = min(PAUSE_MAX_S, place.pause_s * 2 or PAUSE_S) if soon else 0.0
            _logger.log(
                logging.INFO if code == RETIRED else logging.WARNING,
                "process %s has ended (%s), it is replaced%s",
                place.pid,
                f"signal {-code}" if code < 0 else f"exit code {code}",
                f" in {place.pause_s:g} s" if soon else "",
            )
            place.pid, place.free_from = 0, now + place.pause_s
        if now >= place.free_from:
            try:
                place.pid, place.began = self._spawn(), now
            except OSError as error:
                _logger.error("no process for jobs can be started, trying again in %g s: %s", PAUSE_MAX_S, error)
                place.free_from = now + PAUSE_MAX_S

    def _stop(self) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_timeout_s + MARGIN_S
        while any(place.pid for place in self._places):
            for place in self._places:
                if place.pid and _exit_code(place.pid) is not None:
                    place.pid = 0
            if time.monotonic() > deadline:
                _logger.warning("processes %s do not stop, they are killed", [p.pid for p in self._places if p.pid])
                self.kill()
                deadline += MARGIN_S
            time.sleep(BEAT_S / 4)

    def _signal(self, number: int) -> None:
        for place in self._places:
            if place.pid:
                with suppress(ProcessLookupError):
                    os.kill(place.pid, number)


def _exit_code(pid: int) -> int | None:
    """Return the exit code of a child, or its signal as a negative number; None: it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 1  # reaped elsewhere, its code is lost
    return os.waitstatus_to_exitcode(status) if ended else None


def fork(work: Callable[[], int]) -> int:
    """Call a function in a child process, which ends with the exit code that it returns; return the child's id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        random.seed()
        code = work()
    except BaseException:
        _logger.exception("unexpected error, the process ends")
    finally:
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)


class Ending:
    """Tells a process that it is to end: it got SIGTERM or SIGINT, or its parent has ended.

    A second signal ends it at once; not one with a parent: it may get the same from a terminal, systemd and its parent.

    :param parent: the id of the process that it must not outlive
    """

    def __init__(self, parent: int | None = None) -> None:
        self.parent = parent
        #: Called before a second signal ends the process.
        self.before_force: Callable[[], None] = lambda: None
        self._signaled = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def is_due(self) -> bool:
        return self._signaled or (self.parent is not None and os.getppid() != self.parent)

    def _note(self, number: int, frame: object) -> None:
        if self._signaled and self.parent is None:
            sys.stderr.write("Forced shutdown.\n")
            self.before_force()
            os._exit(1)
        self._signaled = True


class LoadingTurn:
    """Lets the processes of a parent load a registry in turn, so that a single job does not make each of them load it.

    To be made by the parent. The lock is of a process, and ends with it.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Yield whether it is this process's turn."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
