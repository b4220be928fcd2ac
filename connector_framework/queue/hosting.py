"""Where workers start by themselves: in Odoo's threaded server, and beside the workers of the prefork one.

Odoo has no hook for a background service of an addon, so the two methods of its servers that start the cron are
wrapped, once a process, when the addon's code is loaded (``post_load`` in the manifest).
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import odoo
import odoo.cli
from odoo import sql_db
from odoo.service import server
from odoo.tools import config

from .settings import load_settings
from .supervisor import Supervisor

__all__ = ["install"]

_logger = logging.getLogger(__name__)

_installed = False


def install() -> None:
    """Make the servers of this process start workers.

    Starts nothing by itself unless the threaded server serves already.
    """
    global _installed  # noqa: PLW0603  # once a process, whatever databases come and go
    if _installed or getattr(odoo, "evented", False) or config["test_enable"] or config["stop_after_init"]:
        return
    _installed = True
    _wrap(server.ThreadedServer, "cron_spawn", _start_threaded)
    _wrap(server.PreforkServer, "process_spawn", _spawn_worker)
    running = server.server
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
    if getattr(running, "connector_supervisor", None) is not None:
        return
    running.connector_supervisor = supervisor = Supervisor(load_settings())
    server.CommonServer.on_stop(supervisor.stop)
    supervisor.start()


class WorkerJobs(server.Worker):
    """The process of a prefork server that runs jobs."""

    def __init__(self, multi: Any) -> None:
        super().__init__(multi)
        # A job may take long and says itself for how long: none of the limits of a request.
        self.watchdog_timeout = None

    def start(self) -> None:
        super().start()
        if self.multi.socket:
            self.multi.socket.close()
        self.supervisor = Supervisor(load_settings())
        self.supervisor.start()

    def sleep(self) -> None:
        server.select.select([self.wakeup_fd_r], [], [], self.multi.beat)
        server.empty_pipe(self.wakeup_fd_r)

    def check_limits(self) -> None:
        """Leave with the parent, and when there is too much memory; no limit on requests or processor time."""
        if self.ppid != os.getppid():
            _logger.info("%s (%s): the parent changed", type(self).__name__, self.pid)
            self.alive = False
        memory = server.memory_info(server.psutil.Process(os.getpid()))
        if config["limit_memory_soft"] and memory > config["limit_memory_soft"]:
            _logger.info("%s (%s): the memory limit is reached: %s", type(self).__name__, self.pid, memory)
            self.alive = False
        server.set_limit_memory_hard()

    def stop(self) -> None:
        self.supervisor.stop()
        super().stop()


def _spawn_worker(running: server.PreforkServer) -> None:
    if not any(isinstance(worker, WorkerJobs) for worker in running.workers.values()):
        # No connection of the parent's must be shared with the child.
        sql_db.close_all()
        running.worker_spawn(WorkerJobs, {})
