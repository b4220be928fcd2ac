"""The base of all synchronizers."""

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
from .keys import as_text, lock_key

__all__ = ["Synchronizer", "digest"]

#: Rows of ``connector.lock.slot`` at most.
LOCK_SLOTS = 4096


class Synchronizer(ConnectorUnit):
    """Bring records from one side to the other; :meth:`run` is the entry.

    For subclasses to call:

    ======================  ==========================================================================================
    ``_lock(*names)``       lock names of this backend and model until the end of the transaction; never waits
    ``_take_turn(*names)``  lock names and see what their earlier holders committed
    ``_lock_bindings(n)``   lock the rows of bindings until the end of the transaction; never waits
    ``_concurrent(text)``   make the error of a lock that another process holds: retried after 1 to 4 s
    ``_concerning(...)``    show the calls inside on the timeline of a record
    ======================  ==========================================================================================
    """

    def run(self, *args: Any, **kwargs: Any) -> str:
        """Synchronize, and return the outcome in a few words: the result of the job."""
        raise NotImplementedError(f"{type(self).__name__} does not implement run()")

    def _lock(self, *names: str) -> None:
        """Lock names of this backend and model until the end of the transaction, without waiting.

        :param names: e.g. ``import 42``
        :raises ConcurrentUpdateError: when another transaction holds one of them
        """
        taken = self._try_lock(names)
        if taken:
            raise self._concurrent(
                f"another process holds the lock on {', '.join(taken)} of {self.model._name},"
                f" {self.backend.display_name}"
            )

    def _try_lock(self, names: Any) -> list[str]:
        """Lock what is free of the names, in a fixed order; return those that another transaction holds."""
        keys = {lock_key(self.model, self.backend, name): name for name in names}
        # Unnesting a sorted array keeps its order, so two chunks with the same ids meet at the first one.
        self.env.cr.execute(
            SQL(
                "SELECT key FROM unnest(%s) AS key WHERE NOT pg_try_advisory_xact_lock(hashtextextended(key, 0))",
                sorted(keys),
            )
        )
        return [keys[key] for (key,) in self.env.cr.fetchall()]

    def _take_turn(self, *names: str) -> None:
        """Lock as :meth:`_lock` does, and see what all earlier holders of the locks committed.

        For search-then-create without a unique index, such as a partner by its e-mail. A transaction whose snapshot is
        older than the last holder's commit cannot see that commit: it is run again, by the worker or by Odoo's own
        retry.

        :raises ConcurrentUpdateError: when another transaction holds one of the locks
        :raises psycopg2.errors.SerializationFailure: when one held it since this transaction began
        """
        self._lock(*names)
        # A row that was written after this transaction's snapshot cannot be written: PostgreSQL, "Repeatable Read
        # Isolation Level". Names that share a slot by chance cause a retry for nothing.
        self.env.cr.execute(
            SQL(
                "INSERT INTO connector_lock_slot (slot)"
                " SELECT DISTINCT abs(hashtextextended(key, 0) %% %s) AS slot FROM unnest(%s) AS key ORDER BY slot"
                " ON CONFLICT (slot) DO UPDATE SET slot = EXCLUDED.slot",
                LOCK_SLOTS,
                [lock_key(self.model, self.backend, name) for name in names],
            ),
            log_exceptions=False,
        )

    def _lock_bindings(self, bindings: Any) -> None:
        """Lock the rows of bindings (n) until the end of the transaction, without waiting.

        :raises ConcurrentUpdateError: when another transaction holds one of them
        """
        if bindings.try_lock_for_update(allow_referencing=True) != bindings:
            some = "one of " if len(bindings) > 1 else ""
            raise self._concurrent(f"another process is changing {some}{bindings}")

    def _concurrent(self, message: str) -> ConcurrentUpdateError:
        """Return the error of a lock that another process holds."""
        # About the time that a job takes, spread so that the waiting jobs do not come back at once.
        return ConcurrentUpdateError(message, retry_after_s=random.uniform(1, 4))

    @contextmanager
    def _concerning(self, record: Any = None, external_id: Any = None) -> Iterator[None]:
        """Show the calls inside on the timeline of a record.

        :param record: a binding (0..1)
        :param external_id: its external id, None if it has none yet
        """
        try:
            adapter = self.adapter
        except NoUnitError:  # A synchronizer without adapter brings its records by other means.
            yield
            return
        with adapter.about(record, None if external_id is None else as_text(external_id)):
            yield


def digest(data: Any) -> str:
    """Return a hash of data that does not depend on the order of keys: 32 hexadecimal digits."""
    try:
        text = _as_json(data)
    except TypeError:  # Keys of several types, which JSON cannot sort.
        text = _as_json(_with_text_keys(data))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _as_json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _with_text_keys(data: Any) -> Any:
    if isinstance(data, dict):
        # The type is part of the key: 1 and "1" may be two keys.
        return {f"{type(key).__name__}:{key}": _with_text_keys(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_text_keys(value) for value in data]
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return [value._name, value.ids]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)
