"""The threads of a worker process that run the claimed jobs of one database."""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from odoo.modules.registry import Registry

from ..exceptions import JobLostError
from .claimed import Claimed
from .heartbeat import Slot
from .runner import Runner
from .worker import Worker

__all__ = ["Pool"]

_logger = logging.getLogger(__name__)

#: A thread without work for so long ends and gives its database connection back.
IDLE_S = 60.0
#: Jobs are claimed ahead as long as all that is ahead is begun within this time, and at most so many. A claim costs as
#: much as several tiny jobs, so the next one waits until half of them have begun.
AHEAD_S, AHEAD_MAX = 0.2, 128
#: Jobs that take so long are claimed one by one, that other processes get their share: in a process all compute on one
#: core.
SLOW_S = 0.1
#: Seconds without a job after which the last ones say nothing about the next ones any more.
FORGET_S = 1.0


class Pool:
    """Runs jobs on up to ``size`` threads, made when there is work and ended when there is none.

    :param changed: called when a thread becomes idle
    :param group_size: tells how many jobs of a job's method may share a transaction
    """

    def __init__(
        self, dbname: str, size: int, changed: Callable[[], None], group_size: Callable[[Claimed], int] = lambda job: 1
    ) -> None:
        self.dbname = dbname
        self.size = size
        self._changed = changed
        self._group_size = group_size
        self._largest_group = 1
        #: Taken by itself, not by the condition: an error that :meth:`retire` raises in the condition's ``__enter__``,
        #: which is Python, would leave the lock behind for good.
        self._lock = threading.RLock()
        self._condition = threading.Condition(self._lock)
        self._queue: deque[tuple[float, Worker, Claimed]] = deque()
        self._slots: set[Slot] = set()
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._average_s = AHEAD_S
        self._ended_at = 0.0

    # -- for the dispatcher and the heartbeat --------------------------------------------------------------------------

    @property
    def room(self) -> tuple[int, int]:
        """How many jobs to start at once, and how many more to prefetch, 0 while enough are prefetched."""
        with self._lock:
            if not self._busy() and time.monotonic() - self._ended_at > FORGET_S:
                self._average_s = AHEAD_S
            free = max(0, self.size - self._busy() - len(self._queue))
            if self._pace_s() >= SLOW_S:
                return min(1, free), 0
            ahead = self._window() - len(self._queue) - free if self._is_low() else 0
            return free, max(0, ahead)

    def _pace_s(self) -> float:
        """How long a job takes, by the last ones."""
        if self._busy() < self.size:
            return self._average_s
        now = time.monotonic()
        return max(self._average_s, min(now - slot.began for slot in self._slots if not slot.retired))

    def _window(self) -> int:
        """How many jobs that wait for a thread are begun soon, by the pace so far."""
        soon = int(self.size * AHEAD_S / max(self._pace_s(), 0.0001))
        return min(max(AHEAD_MAX, self.size * self._largest_group), soon)

    def _is_low(self) -> bool:
        return len(self._queue) <= self._window() // 2

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits for a thread."""
        with self._lock:
            return not self._busy() and not self._queue

    def slots(self) -> list[Slot]:
        with self._lock:
            return [slot for slot in self._slots if not slot.retired]

    def known_ids(self) -> list[int]:
        with self._lock:
            running = [job.id for slot in self._slots for job in slot.jobs]
            return running + [job.id for _claimed, _worker, job in self._queue]

    def _busy(self) -> int:
        return sum(not slot.retired for slot in self._slots)

    def submit(self, worker: Worker, jobs: Iterable[Claimed]) -> None:
        """Run jobs in this order as threads become free."""
        now = time.monotonic()
        with self._lock:
            self._queue.extend((now, worker, job) for job in jobs)
            wanted = min(self.size, self._busy() + len(self._queue))
            while len(self._threads) < wanted:
                thread = threading.Thread(target=self._run, name=f"connector job {self.dbname}", daemon=True)
                self._threads.add(thread)
                thread.start()
            self._condition.notify(len(self._queue))

    def withdraw(self, older_than_s: float = 0.0) -> list[Claimed]:
        """Take back jobs that no thread has begun: all, or all if the first has waited for so long."""
        with self._lock:
            if not self._queue or time.monotonic() - self._queue[0][0] < older_than_s:
                return []
            jobs = [job for _claimed, _worker, job in self._queue]
            self._queue.clear()
            return jobs

    def retire(self, slot: Slot) -> None:
        """Give up on a thread whose job was taken from it; another one takes its place."""
        with self._lock:
            if slot not in self._slots or slot.retired:
                return
            slot.retired = True
            self._threads.discard(slot.thread)
            # Ends a loop in Python code; a sleep or a call of C code ends when it returns.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(slot.thread.ident or 0), ctypes.py_object(JobLostError)
            )
        self._changed()

    def report(self, worker: Worker) -> None:
        """Report the jobs that failed outside of a thread, incidents, and that jobs have ended, in a thread of its own.

        A process without a registry loads one for jobs that failed alone.
        """
        is_loaded = self.dbname in Registry.registries
        if worker.has_failed or (is_loaded and (worker.has_news or worker.has_ended_jobs)):
            threading.Thread(target=self._report, args=[worker], name=f"connector reports {self.dbname}").start()

    def _report(self, worker: Worker) -> None:
        runner = Runner(self.dbname)
        try:
            runner.report(worker)
            runner.send_news(worker)
        finally:
            runner.close()

    def close(self) -> None:
        """Start nothing more; threads end with the job that they run."""
        with self._lock:
            self._closed = True
            self._condition.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait for the running jobs; True: all have ended."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while self._busy():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(min(left, 1.0))
        return True

    # -- a thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        runner, slot = Runner(self.dbname), None
        try:
            while (slot := self._next(0.0) or self._rest(runner)) is not None:
                self._run_slot(runner, slot)
                if self._ended(slot):
                    return
            runner.disconnect()
        except JobLostError:
            _logger.info("the thread of %s has ended, its job was taken from it", slot and slot.jobs[0])
        finally:
            try:
                runner.close()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())
                    if slot is not None:
                        self._slots.discard(slot)
                    self._condition.notify_all()

    def _run_slot(self, runner: Runner, slot: Slot) -> None:
        """Run a slot's jobs; after an error of the runner itself the heartbeat puts them back."""
        try:
            runner.run(slot.worker, slot.jobs)
        except JobLostError:
            raise
        except BaseException:
            _logger.exception("%s: unexpected error while it ran, it is put back", slot.jobs[0])
            runner.close()

    def _rest(self, runner: Runner) -> Slot | None:
        """Wait for work; None: the thread was idle for long, or the pool is closed."""
        runner.rest()
        return self._next(IDLE_S)

    def _next(self, timeout_s: float) -> Slot | None:
        """Return the next job or group; None: none came in time. A thread that then ends is not counted any more."""
        with self._lock:
            deadline = time.monotonic() + timeout_s
            while not self._queue:
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    if timeout_s:
                        self._threads.discard(threading.current_thread())
                    return None
                self._condition.wait(left)
            if self._closed:
                return None
            _claimed, worker, job = self._queue.popleft()
            slot = Slot(worker, [job], threading.current_thread(), time.monotonic())
            size = self._group_size(job)
            self._largest_group = max(size, self._largest_group - 1)
            while len(slot.jobs) < size and self._queue and _go_together(job, self._queue[0][2]):
                slot.jobs.append(self._queue.popleft()[2])
            self._slots.add(slot)
            return slot

    def _ended(self, slot: Slot) -> bool:
        """Note that a job has ended; True: the thread is to end too."""
        with self._lock:
            self._slots.discard(slot)
            self._ended_at = time.monotonic()
            self._average_s += ((time.monotonic() - slot.began) / len(slot.jobs) - self._average_s) * 0.1
            self._condition.notify_all()
            is_low = self._is_low()
        if is_low or slot.worker.has_releases:
            self._changed()
        return slot.retired


def _go_together(job: Claimed, other: Claimed) -> bool:
    """Tell whether two jobs may share a transaction: of one method, and nothing that is counted or timed one by one."""
    return (job.model_name, job.method_name) == (other.model_name, other.method_name) and not (
        job.exclusive_key or other.exclusive_key or job.timeout_s or other.timeout_s or job.crashes or other.crashes
    )
