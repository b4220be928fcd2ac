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

import psycopg2
from odoo.modules.registry import Registry
from odoo.sql_db import close_db
from odoo.tools import config
from psycopg2 import errorcodes

from ..settings import Settings
from . import sql, wake
from .options import method_options
from .pool import STALE_AFTER_S, Pool, Slot
from .runner import retry_delay
from .session import DatabaseSession
from .worker import WORKER_DIED, Claimed, Worker

__all__ = ["Dispatcher"]

_logger = logging.getLogger(__name__)

#: The database that a name meant when this process served it last.
_seen: dict[str, int] = {}

BEAT_S = 1.0
#: Seconds to wait before a lost database is tried again: at first, and at most.
RECONNECT_S, RECONNECT_MAX_S = 1.0, 30.0
#: Addons that are "to be upgraded" keep jobs from starting, but a run that died in the middle must not for ever.
MODULES_MAX_S = 900.0

#: Seconds that a job which a worker died with runs alone. It also waits so long for its turn at first, then twice as
#: long each time; in between, others are started for as long as it has waited.
ALONE_S = 30.0

_GONE = (errorcodes.INVALID_CATALOG_NAME,)


class Dispatcher:
    """Serves one database until it is stopped, or the database or the addon in it is gone.

    :param channels: only these channels and those below
    :param drain: end when nothing is due or running
    """

    def __init__(
        self, dbname: str, settings: Settings, *, channels: Iterable[str] | None = None, drain: bool = False
    ) -> None:
        self.dbname = dbname
        self.settings = settings
        self.channels = None if channels is None else list(channels)
        self.drain = drain
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._sweep = False
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        #: A job that a worker died with, claimed and waiting to run alone; since when, and how patient each one is.
        self._suspect: Claimed | None = None
        self._suspect_since = 0.0
        self._patience: dict[int, float] = {}
        self._alone_until = 0.0
        self._modules_since: float | None = None
        self._last_beat = 0.0
        self._patient = False

    def run(self) -> None:
        """Serve until there is nothing to serve; survives whatever happens to the database."""
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
                _logger.exception("the worker of database %s stumbled, it starts again", self.dbname)
            if time.monotonic() - began > RECONNECT_MAX_S:
                pause_s = RECONNECT_S
            self._stopping.wait(pause_s * random.uniform(0.8, 1.2))
            pause_s = min(RECONNECT_MAX_S, pause_s * 2)

    def retire(self) -> None:
        """Claim no more; :meth:`run` returns when what runs has ended, however long that takes."""
        self._patient = True
        self._stopping.set()
        self.wake()

    def stop(self) -> None:
        """Claim no more; :meth:`run` returns when what runs has ended, or was given back."""
        self._patient = False
        self._stopping.set()
        self.wake()

    def wake(self, payload: str = "") -> None:
        """Look at the queue now."""
        if payload == wake.SWEEP:
            self._sweep = True
        # BlockingIOError: it is awake; another OSError: it is gone.
        with contextlib.suppress(OSError):
            self._wake_in.send(b".")

    # -- one session ---------------------------------------------------------------------------------------------------

    def _serve(self) -> bool:
        """Work on one session until it ends; False: there is nothing to serve any more."""
        session = DatabaseSession(self.dbname, on_notify=self.wake)
        try:
            installed, oid = session.execute(sql.addon_installed())[0]
            if not installed:
                return False
            self._forget_another(oid)
            self._load(session)
            worker = Worker(session, threads=self.settings.threads, channels=self.channels)
        except BaseException:
            session.close()
            raise
        session.listen()
        self._lost.clear()
        self._suspect = None
        self._last_beat = time.monotonic()
        pool = Pool(self.dbname, self.settings.threads, self.wake, self._group_size)
        beat = threading.Thread(
            target=self._beat, args=(worker, pool), name=f"connector beat {self.dbname}", daemon=True
        )
        beat.start()
        wake.local[self.dbname] = self.wake
        _logger.info("worker %s serves database %s with %s threads", worker.id, self.dbname, self.settings.threads)
        try:
            return self._loop(worker, session, pool)
        finally:
            wake.local.pop(self.dbname, None)
            self._leave(worker, pool)
            self._lost.set()
            beat.join()

    def _load(self, session: DatabaseSession) -> None:
        """Load a database that was named to this process, so that its first job does not wait for that.

        One of many that happen to be there is loaded when it has a job; one whose addons are being changed, after that.
        """
        _neutralized, changing, *_ = session.execute(sql.look())[0]
        if self.dbname in config["db_name"] and not changing:
            Registry(self.dbname)

    def _forget_another(self, oid: int) -> None:
        """Forget what this process knows of another database that had the name: it was dropped and made anew."""
        if _seen.setdefault(self.dbname, oid) != oid:
            _logger.info("database %s is another one than before", self.dbname)
            _seen[self.dbname] = oid
            Registry.delete(self.dbname)
            close_db(self.dbname)

    def _loop(self, worker: Worker, session: DatabaseSession, pool: Pool) -> bool:
        while not self._stopping.is_set():
            if self._lost.is_set():
                raise psycopg2.OperationalError("the worker's session was lost")
            stale = pool.withdraw(older_than_s=STALE_AFTER_S)
            if stale:
                worker.give_back(stale)
            if self._sweep:
                self._sweep = False
                worker.sweep()
            if not any(pool.room) and not self._suspect:
                # The threads are busy and have enough ahead; one of them says when that is no longer so.
                worker.tidy()
                self._wait(session, None)
                continue
            neutralized, changing, claimable, next_eta_s = worker.session.execute(sql.look(), often=True)[0]
            if neutralized:
                _logger.info("database %s is neutralized, no job is run", self.dbname)
                return False
            more = False
            if not self._is_blocked(changing):
                due = next_eta_s is not None and next_eta_s <= 0
                more = self._claim(worker, pool, claimable or due, due)
            if self.drain and not more and pool.idle and not self._suspect and self._is_drained(worker):
                return False
            if not more:
                self._wait(session, next_eta_s)
        return False

    def _claim(self, worker: Worker, pool: Pool, claimable: bool, due: bool) -> bool:
        """Claim what can start, hand it over, and tell whether to look again at once.

        :param claimable: whether there is anything to claim
        :param due: whether the time of a job has come
        """
        if self._suspect:
            self._start_suspect(worker, pool, self._suspect)
            return False
        runs_alone = time.monotonic() < self._alone_until and not pool.idle
        if runs_alone or not claimable:
            worker.tidy()
            return False
        registry = Registry(self.dbname).check_signaling()
        if not registry.ready:
            return False
        jobs = worker.claim(*pool.room, due)
        # A job that a worker died with starts alone here, so that it takes no other along if it is what killed the
        # worker. Two such jobs never run here together: each waits for the other to end.
        suspects = [job for job in jobs if job.crashes]
        if suspects:
            self._suspect, self._suspect_since = suspects.pop(0), time.monotonic()
            worker.give_back(suspects)
            jobs = [job for job in jobs if not job.crashes]
        pool.submit(worker, jobs)
        return self._suspect is not None

    def _start_suspect(self, worker: Worker, pool: Pool, job: Claimed) -> None:
        """Start it once nothing else runs here; nothing else is started meanwhile, unless that takes long."""
        now = time.monotonic()
        if pool.idle:
            pool.submit(worker, [job])
            self._suspect, self._alone_until = None, now + ALONE_S
            self._patience.pop(job.id, None)
            return
        worker.tidy()
        patience_s = self._patience.get(job.id, ALONE_S)
        if now - self._suspect_since >= patience_s:
            self._suspect = None
            self._patience[job.id] = 2 * patience_s
            worker.retry(job, patience_s, False, WORKER_DIED)

    def _group_size(self, job: Claimed) -> int:
        """Return how many jobs of this job's method may share a transaction."""
        registry = Registry(self.dbname)
        if job.model_name not in registry:
            return 1
        return method_options(registry[job.model_name], job.method_name).get("group_commit") or 1

    def _is_blocked(self, changing: bool) -> bool:
        """Tell whether nothing may start: addons are being changed, or this worker may count as dead elsewhere."""
        if time.monotonic() - self._last_beat > self.settings.lease_s * 2 / 3:
            return True
        if not changing:
            self._modules_since = None
            return False
        self._modules_since = self._modules_since or time.monotonic()
        if time.monotonic() - self._modules_since < MODULES_MAX_S:
            return True
        _logger.warning("addons of %s wait to be changed for very long, jobs are run all the same", self.dbname)
        return False

    def _is_drained(self, worker: Worker) -> bool:
        worker.sweep()
        channel_ids = worker.channel_ids()
        return not worker.session.execute(sql.unfinished(channel_ids))[0][0]

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

    def _leave(self, worker: Worker, pool: Pool) -> None:
        """Give back what has not begun, wait for what runs, give the rest back too."""
        pool.close()
        waiting = [*pool.withdraw(), *([self._suspect] if self._suspect else [])]
        try:
            worker.give_back(waiting)
            worker.beat(pool.running, stopping=True)
            if not self._join(pool):
                ids = [job.id for slot in pool.slots for job in slot.jobs]
                _logger.warning("jobs %s did not end in time, they are given back", ids)
                worker.session.execute(sql.end_session_of(ids))
            worker.tidy()
        except psycopg2.Error as error:
            _logger.debug("worker %s leaves without its session: %s", worker.id, error)
        worker.close()

    def _join(self, pool: Pool) -> bool:
        """Wait for what runs; False: it takes too long."""
        limit_s = self.settings.stop_timeout_s if self._stopping.is_set() else self.settings.lease_s
        began = time.monotonic()
        while not pool.join(min(1.0, limit_s)):
            if self._patient and not self._lost.is_set():
                began = time.monotonic()
            elif time.monotonic() - began >= limit_s:
                return False
        return True

    # -- the beat ------------------------------------------------------------------------------------------------------

    def _beat(self, worker: Worker, pool: Pool) -> None:
        """Each second: say that the worker lives, take over from dead ones, end what took too long."""
        while not self._lost.wait(BEAT_S):
            try:
                if not worker.beat(pool.running, self._stopping.is_set()):
                    _logger.warning("worker %s was taken for dead, it starts again under another number", worker.id)
                    break
                self._last_beat = time.monotonic()
                for slot in pool.slots:
                    if slot.jobs[0].timeout_s and time.monotonic() - slot.began > slot.jobs[0].timeout_s:
                        self._time_out(worker, pool, slot)
                if worker.reap(self.settings.lease_s):
                    self.wake()
            except psycopg2.Error as error:
                _logger.warning("worker %s has lost its session: %s", worker.id, str(error).strip())
                break
            except Exception:
                _logger.exception("worker %s: the beat stumbled", worker.id)
        self._lost.set()
        self.wake()

    def _time_out(self, worker: Worker, pool: Pool, slot: Slot) -> None:
        job = slot.jobs[0]
        worker.time_out(job, retry_delay(job, Registry(self.dbname)))
        pool.retire(slot)
