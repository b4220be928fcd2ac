"""The dispatcher of one database in one process: claims jobs and hands them to threads."""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import psycopg2
from odoo.modules.registry import Registry
from odoo.sql_db import close_db
from odoo.tools import config
from psycopg2 import errorcodes

from ..settings import Settings, with_stored
from . import wake
from .claimed import Claimed
from .completeness import Completeness
from .enqueue import channel_path
from .heartbeat import Heartbeat
from .options import method_options
from .pool import Pool
from .processes import LoadingTurn
from .quarantine import Quarantine
from .session import DatabaseSession
from .sql.schema import addon_installed
from .sql.workers import stored_settings
from .worker import Poll, Worker, poll

__all__ = ["Dispatcher"]

_logger = logging.getLogger(__name__)

#: The database that a name meant when this process served it last.
_seen: dict[str, int] = {}

#: Seconds to wait before a lost database is tried again: at first, and at most.
RECONNECT_S, RECONNECT_MAX_S = 1.0, 30.0
#: Seconds that a process without a registry leaves jobs to other processes before it loads one.
LEAVE_S = 0.2
#: Seconds after a claim that leaves threads free: other processes are to get their share of the jobs.
SPREAD_S = 0.01
#: Addons that are "to be upgraded" keep jobs from starting, but a run that died in the middle must not for ever.
MODULES_MAX_S = 900.0

_GONE = (errorcodes.INVALID_CATALOG_NAME,)


class Dispatcher:
    """Serves one database until it is stopped, or the database or the addon in it is gone.

    :param channels: only these channels and those below
    :param drain: end when nothing is due or running
    :param turn: of the processes that may load the registry
    """

    def __init__(
        self,
        dbname: str,
        settings: Settings,
        *,
        channels: Iterable[str] | None = None,
        drain: bool = False,
        turn: LoadingTurn | None = None,
    ) -> None:
        self.dbname = dbname
        self.settings = settings
        self.channels = None if channels is None else [channel_path(name) for name in channels]
        self.drain = drain
        self._turn = turn
        self._stopping = threading.Event()
        self._maintenance = False
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._registry: Any = None
        self._modules_since: float | None = None
        self._patient = False

    def run(self) -> None:
        """Serve until the database or the addon is gone; survives restarts and lost connections."""
        threading.current_thread().dbname = self.dbname  # type: ignore[attr-defined]
        pause_s = RECONNECT_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not self._serve():
                    return
            except psycopg2.Error as error:
                if error.pgcode in _GONE or "does not exist" in str(error).partition("\n")[0]:
                    _logger.info("database %s is gone", self.dbname)
                    return
                _logger.warning("database %s is out of reach, trying again: %s", self.dbname, str(error).strip())
            except Exception:
                _logger.exception("the worker of database %s: unexpected error, it starts again", self.dbname)
            if time.monotonic() - began > RECONNECT_MAX_S:
                pause_s = RECONNECT_S
            self._stopping.wait(pause_s * random.uniform(0.8, 1.2))
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)

    def retire(self) -> None:
        """Claim no more; :meth:`run` returns when the running jobs have ended, however long that takes."""
        self._patient = True
        self._stopping.set()
        self.wake()

    def stop(self) -> None:
        """Claim no more; :meth:`run` returns when the running jobs have ended or were given back."""
        self._patient = False
        self._stopping.set()
        self.wake()

    def wake(self, payload: str = "") -> None:
        """Poll the queue now."""
        if payload == wake.MAINTENANCE:
            self._maintenance = True
        # BlockingIOError: it is awake; another OSError: it is gone.
        with contextlib.suppress(OSError):
            self._wake_in.send(b".")

    # -- one session ---------------------------------------------------------------------------------------------------

    def _serve(self) -> bool:
        """Work on one session until it ends; False: the database needs no worker any more."""
        session = DatabaseSession(self.dbname, on_notify=self.wake)
        try:
            installed, oid = session.execute(addon_installed())[0]
            if not installed:
                return False
            self._forget_another(oid)
            settings = with_stored(self.settings, session.execute(stored_settings()))
            # A database that was named is loaded now, so that its first job does not wait for that; one of many that
            # happen to be there, and one for several processes, when it has a job; one whose addons are being changed,
            # after that.
            if self._turn is None and self.dbname in config["db_name"] and not poll(session).changing:
                Registry(self.dbname)
            worker = Worker(session, threads=settings.threads, channels=self.channels)
        except BaseException:
            session.close()
            raise
        session.listen()
        pool = Pool(self.dbname, settings.threads, self.wake, self._group_size)
        quarantine = Quarantine(worker)
        heartbeat = Heartbeat(
            worker,
            pool,
            registry=lambda: self._registry,
            lease_s=settings.lease_s,
            known_ids=lambda: [*pool.known_ids(), *quarantine.ids],
            changed=self.wake,
        )
        try:
            with heartbeat:
                wake.local[self.dbname] = wake.Local(self.wake, is_alone=self._turn is None)
                _logger.info("worker %s serves %s with %s threads", worker.id, self.dbname, settings.threads)
                try:
                    return self._loop(worker, session, pool, quarantine, heartbeat)
                finally:
                    wake.local.pop(self.dbname, None)
                    heartbeat.stopping = True
                    self._leave(worker, pool, quarantine, heartbeat)
        finally:
            worker.close()

    def _forget_another(self, oid: int) -> None:
        """Drop registry and connections of a database that was dropped and created again under the same name."""
        if _seen.setdefault(self.dbname, oid) != oid:
            _logger.info("database %s is another one than before", self.dbname)
            _seen[self.dbname] = oid
            Registry.delete(self.dbname)
            close_db(self.dbname)

    def _loop(
        self, worker: Worker, session: DatabaseSession, pool: Pool, quarantine: Quarantine, heartbeat: Heartbeat
    ) -> bool:
        completeness = Completeness(worker, self.dbname)
        while not self._stopping.is_set():
            if heartbeat.lost:
                raise psycopg2.OperationalError("the worker's session was lost")
            if self._maintenance:
                self._maintenance = False
                worker.maintain()
            # Of jobs that the heartbeat has failed: timed out, or of a dead worker.
            pool.report(worker)
            if job := quarantine.next(idle=pool.idle):
                pool.submit(worker, [job])
            if quarantine.blocks(idle=pool.idle) or not any(pool.room):
                # Nothing may start, or the threads have enough ahead; one of them wakes this when that changes.
                worker.release()
                self._wait(session, None)
                continue
            state = worker.poll()
            if state.neutralized:
                _logger.info("database %s is neutralized, no job is run", self.dbname)
                return False
            pause_s = None
            if not heartbeat.late and not self._is_blocked(state):
                pause_s = self._claim(worker, pool, quarantine, completeness, state)
            if self.drain and pause_s is None and pool.idle and not quarantine.ids and worker.is_drained():
                return False
            if pause_s != 0:
                self._wait(session, state.next_eta_s if pause_s is None else pause_s)
        return False

    def _claim(
        self, worker: Worker, pool: Pool, quarantine: Quarantine, completeness: Completeness, state: Poll
    ) -> float | None:
        """Claim jobs that can start, hand them over, and return after how many seconds to poll again.

        None: when something has changed.
        """
        if not state.has_work:
            worker.release()
            return None
        if self._turn is None or self.dbname in Registry.registries:
            return self._claim_loaded(worker, pool, quarantine, completeness, state)
        # A process without a registry leaves work to those that can begin it now, and loads one if it is still there.
        self._stopping.wait(LEAVE_S)
        with self._turn.take() as is_mine:
            if not is_mine:
                return LEAVE_S
            state = worker.poll()
            return self._claim_loaded(worker, pool, quarantine, completeness, state) if state.has_work else None

    def _claim_loaded(
        self, worker: Worker, pool: Pool, quarantine: Quarantine, completeness: Completeness, state: Poll
    ) -> float | None:
        self._registry = registry = Registry(self.dbname).check_signaling()
        if not registry.ready or not completeness.check(registry, state.installed):
            return None
        limit, prefetch = pool.room
        jobs = worker.claim(limit, prefetch=prefetch, due=state.is_due)
        pool.submit(worker, quarantine.admit(jobs))
        if quarantine.ids:
            return 0.0
        return SPREAD_S if jobs and pool.room[0] else None

    def _group_size(self, job: Claimed) -> int:
        """Return how many jobs of this job's method may share a transaction."""
        registry = self._registry
        if job.model_name not in registry:
            return 1
        return method_options(registry[job.model_name], job.method_name).group_commit or 1

    def _is_blocked(self, state: Poll) -> bool:
        """Tell whether addons are being changed."""
        if not state.changing:
            self._modules_since = None
            return False
        self._modules_since = self._modules_since or time.monotonic()
        if time.monotonic() - self._modules_since < MODULES_MAX_S:
            return True
        _logger.warning("addons of %s wait to be changed for very long, jobs are run all the same", self.dbname)
        return False

    def _wait(self, session: DatabaseSession, next_eta_s: float | None) -> None:
        timeout_s = self.settings.poll_interval_s * random.uniform(0.8, 1.0)
        if next_eta_s is not None:
            timeout_s = min(timeout_s, max(0.0, next_eta_s))
        readable: list[DatabaseSession | socket.socket] = [session, self._wake_out]
        try:
            ready, _, _ = select.select(readable, [], [], timeout_s)
        except (ValueError, OSError) as error:
            raise psycopg2.OperationalError(f"the worker's session was closed: {error}") from error
        if session in ready:
            session.poll()
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass

    def _leave(self, worker: Worker, pool: Pool, quarantine: Quarantine, heartbeat: Heartbeat) -> None:
        """Give prefetched jobs back, and wait for the running ones; past the time limit end their sessions."""
        pool.close()
        try:
            worker.give_back([*pool.withdraw(), *quarantine.withdraw()])
            worker.heartbeat(sum(len(slot.jobs) for slot in pool.slots()), stopping=True)
            if not self._join(pool, heartbeat):
                jobs = [job for slot in pool.slots() for job in slot.jobs]
                _logger.warning("jobs %s did not end in time, they are given back", [job.id for job in jobs])
            worker.release()
        except psycopg2.Error as error:
            _logger.debug("worker %s leaves without its session: %s", worker.id, error)

    def _join(self, pool: Pool, heartbeat: Heartbeat) -> bool:
        """Wait for the running jobs; False: they take too long."""
        limit_s = self.settings.stop_timeout_s if self._stopping.is_set() else self.settings.lease_s
        began = time.monotonic()
        while not pool.join(min(1.0, limit_s)):
            if self._patient and not heartbeat.lost:
                began = time.monotonic()
            elif time.monotonic() - began >= limit_s:
                return False
        return True
