"""What all synchronizers have in common."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from odoo.models import BaseModel
from odoo.tools import SQL

from ..exceptions import ConcurrentUpdateError, NoUnitError
from ..references import ConnectorUnit

__all__ = ["Synchronizer", "as_text", "digest"]

#: Rows of ``connector.lock.slot`` at most.
LOCK_SLOTS = 4096


class Synchronizer(ConnectorUnit):
    """Brings records from one side to the other; :meth:`run` is the entry."""

    def run(self, *args: Any, **kwargs: Any) -> str:
        """Do it, and return in a few words what was done: it becomes the result of the job."""
        raise NotImplementedError(f"{type(self).__name__} does not implement run()")

    def _lock(self, *what: str) -> None:
        """Take locks on something of this backend and model until the end of the transaction.

        It does not wait: who has the lock may be waiting for one of ours.

        :param what: names each, e.g. ``import 42``
        :raises ConcurrentUpdateError: when another transaction has one of them
        """
        self.env.cr.execute(
            SQL(
                "SELECT name FROM unnest(%s) AS name"
                " WHERE NOT pg_try_advisory_xact_lock(hashtextextended(%s || name, 0))",
                list(what),
                self._lock_prefix,
            )
        )
        taken = [name for (name,) in self.env.cr.fetchall()]
        if taken:
            raise self._concurrent(
                f"another process is at the same time at: {', '.join(taken)} of {self.model._name},"
                f" {self.backend.display_name}"
            )

    def _take_turn(self, what: str) -> None:
        """Lock as :meth:`_lock` does, and see what all others did when it was their turn.

        For what is looked for and then created where no unique index keeps it from being made twice, such as a partner
        by his e-mail. A transaction that began before another one's turn ended cannot see what that did: it is run
        again, by the worker or by Odoo's own retry.

        :raises ConcurrentUpdateError: when another transaction has its turn
        :raises psycopg2.errors.SerializationFailure: when one has had it since this transaction began
        """
        self._lock(what)
        # A row that was written after this transaction's snapshot cannot be written: PostgreSQL, "Repeatable Read
        # Isolation Level". Those that share a slot by chance run again for nothing.
        self.env.cr.execute(
            SQL(
                "INSERT INTO connector_lock_slot (slot) SELECT abs(hashtextextended(%s, 0) %% %s)"
                " ON CONFLICT (slot) DO UPDATE SET slot = EXCLUDED.slot",
                self._lock_prefix + what,
                LOCK_SLOTS,
            ),
            log_exceptions=False,
        )

    @property
    def _lock_prefix(self) -> str:
        return f"connector:{self.backend._name},{self.backend.id}:{self.model._name}:"

    def _concurrent(self, message: str) -> ConcurrentUpdateError:
        """Return the error of who meets another process."""
        # The other one takes about as long as a job does; not all that wait come back at once.
        return ConcurrentUpdateError(message, retry_after_s=random.uniform(1, 4))

    @contextmanager
    def _concerning(self, record: Any = None, external_id: Any = None) -> Iterator[None]:
        """Have the calls inside shown on the timeline of a record.

        :param record: a binding (0..1)
        :param external_id: its id in the other system, as far as it has one
        """
        try:
            adapter = self.adapter
        except NoUnitError:  # whoever needs none brings the record by other means
            yield
            return
        with adapter.about(record, None if external_id is None else as_text(external_id)):
            yield

    def _in_job(self) -> bool:
        """Tell whether a job runs on this cursor, which may commit with a checkpoint."""
        return bool(self.env["connector.job"].current())

    def _checkpoint(self) -> bool:
        """In a job, commit what was done so far, and leave the job's own checkpoint state as it is.

        :return: whether it did
        """
        if not self._in_job():
            return False
        job = self.env["connector.job"]
        job.checkpoint(job.checkpoint_state())
        return True


def digest(data: Any) -> str:
    """Return a short text that is the same for the same data, and for hardly any other; keys may be in any order."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def as_text(external_id: Any) -> str:
    """Return an external id as one text, to name it by: a number and its text are the same."""
    return ",".join(map(str, external_id)) if isinstance(external_id, list | tuple) else str(external_id)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return [value._name, value.ids]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)
