"""The memory limits of a process that runs jobs; its time limits are those of the jobs, ``timeout_s``."""

from __future__ import annotations

import ctypes
import logging
import os
import sys

import psutil
from odoo.service.server import memory_info, set_limit_memory_hard
from odoo.tools import config

__all__ = ["prepare_process", "uses_too_much"]

_logger = logging.getLogger(__name__)

_M_ARENA_MAX = -8


def prepare_process() -> None:
    """Set the hard limit, past which a job gets a MemoryError, and keep threads from reserving memory of their own.

    Odoo's threaded server does the same: the limits count reserved memory, and each thread would reserve 64 MB.
    """
    set_limit_memory_hard()
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        try:
            ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)
        except (OSError, AttributeError):
            _logger.debug("this C library has no arenas to be limited")


def uses_too_much(pid: int) -> bool:
    """Tell whether a process uses more than the soft limit of memory."""
    limit = config["limit_memory_soft"]
    if not limit:
        return False
    try:
        used = memory_info(psutil.Process(pid))
    except psutil.Error:
        return False
    if used > limit:
        _logger.info("process %s uses %s bytes, limit_memory_soft is %s", pid, used, limit)
        return True
    return False
