"""Several processes that run jobs: of the command, of the prefork and of the threaded server."""

from __future__ import annotations

import os
import signal

import psutil
from odoo.tests import tagged

from ..settings import usable_cores
from .common import wait_until
from .process_case import ProcessCase

PIDS = "SELECT pid FROM connector_worker ORDER BY id"


class ProcessesCase(ProcessCase):
    def pids(self) -> list[int]:
        return [row[0] for row in self.sql(PIDS)]

    def wait_workers(self, count: int, without: int = 0) -> list[int]:
        """Wait for so many live workers in as many processes, none of them ``without``; return their process ids."""

        def are_there():
            pids = self.pids()
            return len(pids) == len(set(pids)) == count and without not in pids

        wait_until(are_there, 60, lambda: f"expected {count} workers, got {self.pids()}; {self.logs()}")
        return self.pids()


@tagged("post_install", "-at_install", "process")
class TestCommand(ProcessesCase):
    def start(self, *args: str, count: int = 2, **settings: object):
        process = self.spawn(*self.worker_command(*args, **settings))
        pids = self.wait_workers(count)
        self.assertNotIn(process.pid, pids)
        return process, pids

    def test_default(self):
        """The command has a process for each core, at most 4."""
        cores = usable_cores()
        self.assertEqual(cores, min(4, len(os.sched_getaffinity(0))))
        self.spawn(*self.worker_command())
        self.wait_workers(cores)

    def test_idle(self):
        """Without work a process holds one connection, and no registry; the parent holds neither, nor a thread."""
        process, pids = self.start("--processes=2")
        connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        wait_until(lambda: self.sql(connections, self.dbname) == [(2,)], 10, self.logs)
        for pid in pids:
            print("IDLE", psutil.Process(pid).memory_full_info())
        print("PARENT", psutil.Process(process.pid).memory_full_info())
        self.assertNotIn("Registry loaded", process.log.read_text())
        self.assertEqual(psutil.Process(process.pid).num_threads(), 1)
        self.enqueue("effect", [("one",)])
        self.wait_states(30, done=1)
        import time
        time.sleep(3)
        for pid in pids:
            print("WARM", psutil.Process(pid).memory_full_info())
        self.assertEqual(process.log.read_text().count("Registry loaded"), 1, "one job is work for one process")
