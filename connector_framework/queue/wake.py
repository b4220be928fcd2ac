"""Waking the workers of a database when there is something to do.

Sent after the commit, not with it: a NOTIFY in the transaction takes a lock of the whole cluster at commit time. A wake
that gets lost costs one poll interval, never a job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg2
from odoo.sql_db import db_connect

from .sql.schema import NOTIFY_CHANNEL

__all__ = ["after_commit", "local"]

_logger = logging.getLogger(__name__)


class Local(NamedTuple):
    """How the dispatcher of a database in this process is woken, without the database."""

    wake: Callable[[str], None]
    #: It is not one of several processes, which are to get their share.
    is_alone: bool


#: By database.
local: dict[str, Local] = {}

MAINTENANCE = "maintenance"


def after_commit(cr: Any, maintenance: bool = False) -> None:
    """Wake the workers once the transaction of ``cr`` is committed, however often it is called in it.

    :param maintenance: jobs may be free that waited for others
    """
    key = "connector_job_maintenance" if maintenance else "connector_job_wake"
    if key not in cr.postcommit.data:
        cr.postcommit.data[key] = True
        dbname = cr.dbname
        cr.postcommit.add(lambda: _wake(dbname, MAINTENANCE if maintenance else ""))


def _wake(dbname: str, payload: str) -> None:
    dispatcher = local.get(dbname)
    if dispatcher is not None:
        dispatcher.wake(payload)
        if dispatcher.is_alone:
            return
    try:
        with db_connect(dbname).cursor() as cr:
            cr.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, payload])
    except psycopg2.Error as error:
        _logger.debug("%s: the workers could not be woken, they will find the jobs by polling: %s", dbname, error)
