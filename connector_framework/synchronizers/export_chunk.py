"""Exporting a chunk: bindings that one job exports together, each with an outcome of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg2

from ..exceptions import ConcurrentUpdateError, PermanentError, RetryableError, SkipError
from .enqueue import enqueue_exports
from .outcomes import Outcomes

__all__ = ["ChunkExport"]

_logger = logging.getLogger(__name__)


class LocksLostError(ConcurrentUpdateError):
    """After a commit, another process has locked one of the bindings that are being exported."""


@dataclass(eq=False)
class Entry:
    """One binding of a chunk."""

    binding: Any
    external_id: Any = None
    values: dict[str, Any] | None = None
    #: An exception when the binding could not be exported now.
    outcome: str | Exception | None = None


class ChunkExport:
    """Export bindings together, by the steps of their exporter.

    All are locked and prepared, then sent in one call, as far as the adapter can. Nothing of what was sent is rolled
    back: an error of one binding is kept beside it, and it gets a job of its own.
    """

    def __init__(self, exporter: Any, bindings: Any, fields: Iterable[str] | None) -> None:
        self.exporter = exporter
        self.fields = None if fields is None else list(fields)
        bindings = bindings.with_env(exporter.env).exists()
        self.entries = [Entry(binding) for binding in bindings]

    def run(self) -> Outcomes:
        """Export, and enqueue what could not be exported now; return the counts by outcome."""
        self._lock()
        with self.exporter._holding(self._lock_again):
            for entry in self._open():
                self._guarded(entry, self._prepare)
            ready = [entry for entry in self._open() if entry.values is not None]
            self._update([entry for entry in ready if entry.external_id is not None])
            self._create([entry for entry in ready if entry.external_id is None])
        self._enqueue_rest()
        return Outcomes(str(entry.outcome) for entry in self.entries)

    def _open(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.outcome is None]

    def _lock(self) -> None:
        locked = self._bindings(self.entries).try_lock_for_update(allow_referencing=True)
        for entry in self.entries:
            if entry.binding not in locked:
                entry.outcome = self.exporter._concurrent(f"another process is changing {entry.binding}")

    def _lock_again(self) -> None:
        """Lock the same bindings again after a commit.

        :raises ConcurrentUpdateError: when another process was quicker for one
        """
        self.exporter._lock_bindings(
            self._bindings(entry for entry in self.entries if not isinstance(entry.outcome, Exception))
        )

    def _bindings(self, entries: Iterable[Entry]) -> Any:
        return self.exporter.model.browse([entry.binding.id for entry in entries])

    def _guarded(self, entry: Entry, step: Callable[[Entry], None]) -> None:
        """Take a step for one binding, and keep its error."""
        try:
            with self.exporter._exporting(entry.binding, entry.external_id):
                step(entry)
        except (psycopg2.Error, LocksLostError):
            raise
        except Exception as error:
            entry.outcome = error

    def _prepare(self, entry: Entry) -> None:
        # Another one of the chunk may have exported it as its dependency.
        entry.external_id = self.exporter.binder.to_external(entry.binding)
        values = self.exporter._prepare(entry.external_id, self.fields)
        if isinstance(values, str):
            entry.outcome = "conflict" if "conflict" in values else values
        else:
            entry.values = values

    def _update(self, entries: list[Entry]) -> None:
        exporter = self.exporter
        if len(entries) > 1 and exporter.sends_together("write_many"):
            changes = [(entry.external_id, entry.values) for entry in entries]
            for entry, result in zip(entries, self._results("write_many", changes), strict=True):
                if isinstance(result, Exception):
                    entry.outcome = result
        else:
            for entry in entries:
                self._guarded(entry, lambda entry: exporter._update(entry.external_id, entry.values))
        for entry in entries:
            if entry.outcome is None:
                self._guarded(entry, lambda entry: self._finish(entry, "updated"))

    def _create(self, entries: list[Entry]) -> None:
        exporter = self.exporter
        for entry in entries:
            if exporter.binder.to_external(entry.binding) is not None:
                # Another one of the chunk, prepared after it, has exported it as its dependency.
                entry.outcome = "created"
        entries = [entry for entry in entries if entry.outcome is None]
        if len(entries) > 1 and exporter.sends_together("create_many"):
            for entry in entries:
                self._guarded(entry, self._find)
            new = [entry for entry in entries if entry.outcome is None and entry.external_id is None]
            for entry, result in zip(new, self._results("create_many", [e.values for e in new]), strict=True):
                if isinstance(result, Exception):
                    entry.outcome = result
                else:
                    entry.external_id = result
        else:
            for entry in entries:
                self._guarded(entry, self._create_one)
        created = [entry for entry in entries if entry.outcome is None]
        for entry in created:
            self._guarded(entry, lambda entry: exporter._sent(entry.external_id, entry.values))
        # From here on a failure must not lose the ids: the next attempt would create the records again.
        if created:
            exporter._commit()
        for entry in created:
            if entry.outcome is None:
                self._guarded(entry, lambda entry: self._after(entry, "created"))

    def _find(self, entry: Entry) -> None:
        entry.external_id = self.exporter._find_external(entry.values)
        if entry.external_id is not None:
            self.exporter._update(entry.external_id, entry.values)

    def _create_one(self, entry: Entry) -> None:
        entry.external_id = self.exporter._create(entry.values)

    def _results(self, method: str, payload: list[Any]) -> list[Any]:
        """Send in one call and return the answer for each, in order.

        :raises PermanentError: when the adapter returns another number of answers
        """
        if not payload:
            return []
        results = list(getattr(self.exporter.adapter, method)(payload))
        if len(results) != len(payload):
            raise PermanentError(
                f"{type(self.exporter.adapter).__name__}.{method}() returned {len(results)} results for"
                f" {len(payload)} records"
            )
        return results

    def _finish(self, entry: Entry, outcome: str) -> None:
        self.exporter._sent(entry.external_id, entry.values)
        self._after(entry, outcome)

    def _after(self, entry: Entry, outcome: str) -> None:
        exporter = self.exporter
        with exporter.work.origin():
            exporter._after_export(entry.binding.with_env(exporter.env))
        entry.outcome = outcome

    def _enqueue_rest(self) -> None:
        """Give jobs of their own to the bindings that could not be exported now.

        :raises RetryableError: when all of them only have to wait: the job is run again, then
        """
        failed = [entry for entry in self.entries if isinstance(entry.outcome, Exception)]
        if failed and len(failed) == len(self.entries):
            waiting = [entry.outcome for entry in failed if isinstance(entry.outcome, RetryableError)]
            if len(waiting) == len(failed):
                raise waiting[0]
        for entry in failed:
            error = entry.outcome
            if isinstance(error, SkipError):
                _logger.info("%s is skipped: %s", entry.binding, error)
                entry.outcome = "skipped"
                continue
            _logger.info("%s gets a job of its own: %s", entry.binding, error)
            wait_s = error.retry_after_s if isinstance(error, ConcurrentUpdateError) else None
            enqueue_exports(entry.binding, self.fields, eta=wait_s)
            entry.outcome = "own job"
