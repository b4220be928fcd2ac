"""The memory limits of a process that runs jobs."""

from __future__ import annotations

import os
from unittest.mock import MagicMock, patch

import psutil
from odoo.tests import BaseCase, tagged

from ..queue import memory


@tagged("post_install", "-at_install", "plain")
class TestMemory(BaseCase):
    def uses_too_much(self, used, limit):
        """Tell what is thought of a process that uses so much; an error is raised instead."""
        with (
            patch.object(memory, "memory_info", side_effect=[used]),
            patch.object(memory, "config", {"limit_memory_soft": limit}),
        ):
            return memory.uses_too_much(os.getpid())

    def test_soft_limit(self):
        """A process uses too much past the soft limit; none does without a limit, nor when it is gone."""
        for used, limit, expected in (
            (2048, 2048, False),
            (2049, 2048, True),
            (2049, 0, False),
            (psutil.NoSuchProcess(1), 2048, False),
        ):
            with self.subTest(used=used, limit=limit):
                self.assertIs(self.uses_too_much(used, limit), expected)

    def prepare(self, environ=(), library=MagicMock, platform="linux"):
        """Prepare a process; return the mock of its C library."""
        with (
            patch.object(memory, "set_limit_memory_hard") as hard_limit,
            patch.object(memory.ctypes, "CDLL", library()) as found,
            patch.object(memory.sys, "platform", platform),
            patch.dict(os.environ, dict(environ)),
        ):
            if not environ:
                os.environ.pop("MALLOC_ARENA_MAX", None)
            memory.prepare_process()
        hard_limit.assert_called_once_with()
        return found

    def test_arenas(self):
        """Each process sets the hard limit, and limits its threads to two arenas, unless the environment says so."""
        self.prepare().return_value.mallopt.assert_called_once_with(-8, 2)
        self.prepare(environ={"MALLOC_ARENA_MAX": "4"}).assert_not_called()
        self.prepare(platform="darwin").assert_not_called()

    def test_other_library(self):
        """A C library without arenas, or none of that name, is no error."""
        self.prepare(library=lambda: MagicMock(side_effect=OSError("no such file")))
        self.prepare(library=lambda: MagicMock(return_value=MagicMock(spec=())))
