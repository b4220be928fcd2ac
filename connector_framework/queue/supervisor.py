"""The supervisor of a process: a dispatcher for each database that has the addon."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable

import psycopg2
from odoo.service.db import list_dbs
from odoo.tools import config

from ..settings import Settings
from .dispatcher import Dispatcher
from .processes import LoadingTurn
from .session import DatabaseSession
from .sql.schema import addon_installed
from .worker import poll

__all__ = ["Supervisor"]

_logger = logging.getLogger(__name__)


def served_databases() -> list[str]:
    """Return the databases that this process serves, as Odoo's own cron does."""
    return list(config["db_name"] or list_dbs(True))


def within_connections(settings: Settings) -> Settings:
    """Return settings whose threads Odoo's pool has connections for: ``threads * 3 + 2 < db_maxconn``.

    A thread has one for its work and needs two more at times, for the limits of a backend and its exchanges. With too
    few, jobs fail at random for want of a connection; so fewer threads are started, and an error says so.
    """
    most = max(1, (config["db_maxconn"] - 3) // 3)
    if settings.threads <= most:
        return settings
    _logger.error(
        "%s threads of the queue need db_maxconn > %s, and it is %s: %s are started; raise db_maxconn, or lower threads"
        " in section [connector_framework] of the configuration file",
        settings.threads,
        settings.threads * 3 + 2,
        config["db_maxconn"],
        most,
    )
    return dataclasses.replace(settings, threads=most)


class Supervisor:
    """Keeps a dispatcher thread for each database; one database's trouble is never another's.

    :param databases: returns the names to serve, asked each minute
    :param turn: shared with the other processes of the parent
    """

    def __init__(
        self,
        settings: Settings,
        databases: Callable[[], Iterable[str]] = served_databases,
        *,
        channels: Iterable[str] | None = None,
        drain: bool = False,
        turn: LoadingTurn | None = None,
    ) -> None:
        self.settings = settings = within_connections(settings)
        self._databases = databases
        self._channels = None if channels is None else list(channels)
        self._drain = drain
        self._turn = turn
        self._dispatchers: dict[str, tuple[Dispatcher, threading.Thread]] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        #: Why databases that were named to this process are not served.
        self.unserved: dict[str, str] = {}

    def start(self) -> threading.Thread:
        """Serve in a thread of its own."""
        thread = threading.Thread(target=self.run, name="connector supervisor", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Serve until stopped; with ``drain`` until every dispatcher has ended."""
        while not self._stopping.is_set():
            try:
                self.discover()
            except Exception:
                _logger.exception("unexpected error while databases were looked for, looking again")
            if self._drain:
                for _dispatcher, thread in list(self._dispatchers.values()):
                    thread.join()
                return
            self._stopping.wait(self.settings.discover_interval_s)

    def discover(self) -> None:
        """Start a dispatcher for each database that has the addon and none yet."""
        try:
            names = list(self._databases())
        except psycopg2.Error as error:
            _logger.warning("the databases cannot be listed, looking again: %s", str(error).strip())
            return
        for name in names:
            current = self._dispatchers.get(name)
            if (current is None or not current[1].is_alive()) and not self._stopping.is_set() and self._has_queue(name):
                self._start(name)

    def _start(self, name: str) -> None:
        dispatcher = Dispatcher(name, self.settings, channels=self._channels, drain=self._drain, turn=self._turn)
        thread = threading.Thread(target=dispatcher.run, name=f"connector worker {name}", daemon=True)
        with self._lock:
            # None may begin that :meth:`stop` has not seen.
            if not self._stopping.is_set():
                self._dispatchers[name] = (dispatcher, thread)
                thread.start()

    def retire(self) -> None:
        """Claim no more; every dispatcher ends when its running jobs have ended, however long that takes."""
        with self._lock:
            self._stopping.set()
        for dispatcher, _thread in list(self._dispatchers.values()):
            dispatcher.retire()

    @property
    def ended(self) -> bool:
        """Whether every dispatcher has ended."""
        return not any(thread.is_alive() for _dispatcher, thread in list(self._dispatchers.values()))

    def stop(self) -> None:
        """Stop every dispatcher; returns when the running jobs have ended or were given back."""
        with self._lock:
            self._stopping.set()
        dispatchers = list(self._dispatchers.values())
        for dispatcher, _thread in dispatchers:
            dispatcher.stop()
        for _dispatcher, thread in dispatchers:
            thread.join()

    def _has_queue(self, name: str) -> bool:
        try:
            session = DatabaseSession(name)
        except psycopg2.Error as error:
            return self._not_served(name, f"it is out of reach: {str(error).strip()}")
        try:
            if not session.execute(addon_installed())[0][0]:
                return self._not_served(name, "it does not have the addon connector_framework")
            self.unserved.pop(name, None)
            return not poll(session).neutralized
        except psycopg2.Error as error:
            return self._not_served(name, str(error).strip())
        finally:
            session.close()

    def _not_served(self, name: str, why: str) -> bool:
        """Log why, once, where the database was named; of all those on a server it is not expected."""
        if name in config["db_name"] and self.unserved.get(name) != why:
            self.unserved[name] = why
            _logger.info("database %s is not served: %s", name, why)
        return False
