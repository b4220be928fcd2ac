"""Where workers start by themselves: in Odoo's threaded server, and beside the workers of the prefork one.

Odoo has no hook for a background service of an addon, so the two methods of its servers that start the cron are
wrapped, once a process, when the addon's code is loaded (``post_load`` in the manifest).
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import odoo
import odoo.cli
from odoo import sql_db
from odoo.service import server
from odoo.tools import config
from odoo.tools.misc import stripped_sys_argv

from ..settings import Settings, load_settings, usable_cores, warn_of_unknown_settings
from .memory import prepare_process, uses_too_much
from .processes import MARGIN_S, LoadingTurn, Processes
from .supervisor import Supervisor

__all__ = ["install"]

_logger = logging.getLogger(__name__)

_installed = False

#: Seconds between two checks whether the running jobs of a retiring process have ended.
RETIRING_BEAT_S = 0.2


def install() -> None:
    """Make the servers of this process start workers.

    Starts nothing by itself unless the threaded server serves already.
    """
    global _installed  # noqa: PLW0603  # once a process, whatever databases come and go
    if _installed or getattr(odoo, "evented", False) or config["test_enable"] or config["stop_after_init"]:
        return
    _installed = True
    _wrap(server.ThreadedServer, "cron_spawn", _start_threaded)
    _wrap(server.PreforkServer, "process_spawn", _spawn_workers)
    running = server.server
    if isinstance(running, server.PreforkServer) and running.pid != os.getpid():
        # A child of it that has come upon a database with the addon.
        _logger.warning(
            "this prefork server has no processes for jobs, as it did not know at its start that a database has "
            "connector_framework: name the database (-d, db_name), or put the addon into server_wide_modules. Until "
            "then the scheduler runs jobs"
        )
    if (
        isinstance(running, server.ThreadedServer)
        and odoo.cli.COMMAND in ("server", "start")
        and threading.current_thread() is not threading.main_thread()
    ):
        # The first database with the addon was loaded by a request or a cron thread: the start has gone by.
        _start_threaded(running)


def _wrap(cls: type, name: str, after: Callable[[Any], None]) -> None:
    original = getattr(cls, name)

    @functools.wraps(original)
    def wrapper(self: Any) -> None:
        original(self)
        after(self)

    setattr(cls, name, wrapper)


def _start_threaded(running: server.ThreadedServer) -> None:
    if getattr(running, "connector_stop", None) is not None:
        return
    settings = load_settings()
    warn_of_unknown_settings()
    running.connector_stop = stop = _start_processes(settings) if settings.processes else _start_threads(settings)
    server.CommonServer.on_stop(stop)


def _start_threads(settings: Settings) -> Callable[[], None]:
    supervisor = Supervisor(settings)
    supervisor.start()
    return supervisor.stop


def _start_processes(settings: Settings) -> Callable[[], None]:
    """Keep the command running as a child, which has the processes: one with threads cannot fork."""
    command = [sys.executable, *worker_command(), f"--processes={settings.processes}", f"--parent={os.getpid()}"]
    processes = Processes(
        1,
        lambda: os.posix_spawn(sys.executable, command, os.environ),
        stop_timeout_s=settings.stop_timeout_s + MARGIN_S,
    )
    stopping = threading.Event()
    thread = threading.Thread(target=processes.run, args=(stopping.is_set,), name="connector processes", daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        thread.join()

    return stop


def worker_command() -> list[str]:
    """Return ``odoo connector worker`` with the options of this server."""
    program, *arguments = stripped_sys_argv()
    if len(arguments) > 1 and arguments[0].startswith("--addons-path="):
        del arguments[0]
    if arguments and not arguments[0].startswith("-"):
        del arguments[0]
    if config["db_name"]:
        arguments.append(f"--database={','.join(config['db_name'])}")
    return [program, f"--addons-path={','.join(config['addons_path'])}", "connector", "worker", *arguments]


class WorkerJobs(server.Worker):
    """A process of a prefork server that runs jobs."""

    def __init__(self, multi: Any) -> None:
        super().__init__(multi)
        # A job may take long and says itself for how long: none of the limits of a request.
        self.watchdog_timeout = None
        self.alive = True
        #: It claims no more and exits when its running jobs have ended.
        self.retiring = False

    def start(self) -> None:
        super().start()
        signal.signal(signal.SIGTERM, self._terminate)
        signal.signal(signal.SIGHUP, self._retire)
        if self.multi.socket:
            self.multi.socket.close()
        prepare_process()
        self.supervisor = Supervisor(self.multi.connector_settings, turn=self.multi.connector_turn)
        self.supervisor.start()

    def _terminate(self, number: int, frame: Any) -> None:
        """Stop in order; at once if it is stopping already: the server forces its shutdown."""
        if not self.alive:
            os._exit(1)
        self.signal_handler(number, frame)

    def _retire(self, number: int, frame: Any) -> None:
        self.retiring = True

    def sleep(self) -> None:
        server.select.select([self.wakeup_fd_r], [], [], RETIRING_BEAT_S if self.retiring else self.multi.beat)
        server.empty_pipe(self.wakeup_fd_r)

    def check_limits(self) -> None:
        """Exit with the parent, which checks the memory; there is no limit on requests or processor time."""
        if self.ppid != os.getppid():
            _logger.info("%s (%s): the parent changed", type(self).__name__, self.pid)
            self.alive = False

    def process_work(self) -> None:
        if self.retiring:
            self.supervisor.retire()
            self.alive = not self.supervisor.ended

    def stop(self) -> None:
        self.supervisor.stop()
        super().stop()


def _spawn_workers(running: server.PreforkServer) -> None:
    """Start the processes for jobs that are missing.

    One that uses too much memory is replaced before it has ended, as long as there are not twice as many.
    """
    if not hasattr(running, "connector_settings"):
        running.connector_settings, running.connector_turn = load_settings(), LoadingTurn()
        warn_of_unknown_settings()
    wanted = running.connector_settings.processes
    wanted = usable_cores() if wanted is None else wanted
    workers = [worker for worker in running.workers.values() if isinstance(worker, WorkerJobs)]
    for worker in workers:
        if not worker.retiring and uses_too_much(worker.pid):
            worker.retiring = True
            running.worker_kill(worker.pid, signal.SIGHUP)
    missing = wanted - sum(not worker.retiring for worker in workers)
    for _number in range(min(missing, 2 * wanted - len(workers))):
        # No connection of the parent's must be shared with the child.
        sql_db.close_all()
        running.worker_spawn(WorkerJobs, {})
