"""Crash once at a chosen point of a worker.

``CONNECTOR_PROBE_CRASH=point:flag file`` names the point; it is armed while the file is there.
"""

import functools
import os
import signal

import psycopg2
from odoo import sql_db

from odoo.addons.connector_framework.queue import current_job
from odoo.addons.connector_framework.queue.pool import Pool
from odoo.addons.connector_framework.queue.worker import Worker


def install(point: str, flag: str) -> None:
    """Wrap what happens at the point."""

    def armed() -> bool:
        try:
            os.unlink(flag)
        except FileNotFoundError:
            return False
        return True

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def wrap(cls, name, before=None, after=None):
        original = getattr(cls, name)

        @functools.wraps(original)
        def wrapper(self, *args, **kwargs):
            if before is not None:
                before(self, *args)
            result = original(self, *args, **kwargs)
            if after is not None:
                after(self, *args)
            return result

        setattr(cls, name, wrapper)

    def in_job(cr) -> bool:
        return current_job(cr) is not None and armed()

    def lose_connection(cr) -> None:
        if in_job(cr):
            cr._cnx.close()
            raise psycopg2.OperationalError("server closed the connection unexpectedly (injected)")

    match point:
        case "claimed":
            wrap(Pool, "submit", before=lambda pool, worker, jobs: jobs and armed() and die())
        case "before_commit":
            wrap(sql_db.Cursor, "commit", before=lambda cr: in_job(cr) and die())
        case "after_commit":
            wrap(sql_db.Cursor, "commit", after=lambda cr: in_job(cr) and die())
        case "lost_before_commit":
            wrap(sql_db.Cursor, "commit", before=lose_connection)
        case "lost_in_commit":
            wrap(sql_db.Cursor, "commit", after=lose_connection)
        case "failure_unwritten":

            def lose(worker, *args):
                if armed():
                    raise psycopg2.OperationalError("the worker's session is gone (injected)")

            wrap(Worker, "fail", before=lose)
            wrap(Worker, "retry", before=lose)
        case _:
            raise ValueError(f"unknown point {point!r}")
