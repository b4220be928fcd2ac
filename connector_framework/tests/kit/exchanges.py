"""Exchanges in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from odoo.tests.test_cursor import TestCursor

from ...adapters import exchanges

__all__ = ["exchanges_kept"]


@contextmanager
def exchanges_kept(registry: Any) -> Iterator[None]:
    """Write the exchanges of what commits inside, too.

    The cursors of Odoo's test mode run what is to be done after a rollback, and nothing of what is to be done after a
    commit.
    """
    commit = TestCursor.commit

    def commit_and_keep(cursor: TestCursor) -> None:
        pending = cursor.postcommit.data.get(exchanges._KEY)
        commit(cursor)
        if pending:
            exchanges._store(registry, pending)

    with patch.object(TestCursor, "commit", commit_and_keep):
        yield
