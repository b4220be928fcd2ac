"""Importing a chunk: records that one job imports together, each with an outcome of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg2

from ..binders import lookups_kept
from ..exceptions import (
    ConcurrentUpdateError,
    ConfigurationError,
    DependencyMissingError,
    NoUnitError,
    SkipError,
)
from .enqueue import enqueue_chunks, enqueue_imports
from .keys import as_text, id_token, import_lock
from .outcomes import Outcomes
from .reading import NO_CALLS, read_records

__all__ = ["ChunkImport"]

_logger = logging.getLogger(__name__)

#: Attempts to write the records of a chunk, whole and in parts, before those left get jobs of their own. Halving 50
#: records down to a bad one takes 13.
MAX_ATTEMPTS = 40
#: Errors of the whole transaction: the worker runs the chunk again.
_RERUN = (psycopg2.OperationalError, psycopg2.InterfaceError)
#: Errors that pass by themselves: these records are imported together, later.
_LATER = (*NO_CALLS, ConcurrentUpdateError)


@dataclass(eq=False)
class Entry:
    """One record of a chunk."""

    external_id: Any
    record: Any = None
    #: The last import's outcome; an exception when the record could not be imported now.
    outcome: str | Exception | None = None
    #: The binding (0..1), once the record is imported or found unchanged.
    binding: Any = None


class Ready(NamedTuple):
    """A record that can be written."""

    entry: Entry
    #: (0..1)
    binding: Any
    values: dict[str, Any]


class _Wanted(BaseException):
    """A dependency is not known yet: the step is called again when it is.

    Not an ``Exception``, so that the code of a step does not take it for an error.
    """


class _Refused(Exception):
    """One record could not be written; the others can."""

    def __init__(self, entry: Entry, error: Exception) -> None:
        super().__init__(str(error))
        self.entry = entry
        self.error = error


class ChunkImport:
    """Import records together, by the steps of their importer.

    All records are prepared, then the new ones created at once, in a savepoint. When a write is refused, the savepoint
    is rolled back and the chunk halved until the bad record stands alone. A step that needs a dependency is interrupted
    (:class:`_Wanted`); the dependencies of all records are looked up and imported together, and the step runs again.

    :param force: also import what has not changed
    """

    def __init__(self, importer: Any, external_ids: Iterable[Any], force: bool = False) -> None:
        self.importer = importer
        self.force = force
        self.entries: dict[str, Entry] = {}
        for external_id in external_ids:
            if not importer.is_importing(external_id):
                self.entries.setdefault(id_token(external_id), Entry(external_id))
        self._attempts = 0
        #: Bindings (0..1) of this model by token, from one lookup.
        self._bindings: dict[str, Any] = {}
        #: Outcome and binding of the records imported since the last savepoint.
        self._done: dict[Entry, tuple[str | Exception, Any]] = {}
        #: Bindings (0..1) of dependencies by (model, token, force), or why there is none.
        self._dependencies: dict[tuple[str, str, bool], Any] = {}
        #: External ids by token of the dependencies to import next, by (model, force).
        self._wanted: dict[tuple[str, bool], dict[str, Any]] = {}

    # -- the whole -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcomes:
        """Import, and enqueue what could not be imported now; return the counts by outcome."""
        self.import_all()
        self._enqueue_rest()
        return Outcomes(_outcome_name(entry.outcome) for entry in self.entries.values())

    def import_all(self) -> None:
        """Import, and leave the outcome on each entry."""
        importer = self.importer
        chunk, importer._chunk = importer._chunk, self
        importer._running.update(self.entries)
        try:
            self._lock()
            self._read()
            self._look_up()
            self._import(self._open())
        finally:
            importer._running.difference_update(self.entries)
            importer._chunk = chunk

    def _open(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.outcome is None]

    def _lock(self) -> None:
        """Lock all records; those that another process imports get jobs of their own."""
        importer = self.importer
        names = {import_lock(entry.external_id): entry for entry in self.entries.values()}
        for name in importer._try_lock(names):
            names[name].outcome = _OwnLockError.of(importer._concurrent(f"another process holds the lock on {name}"))

    def _read(self) -> None:
        entries = self._open()
        found = read_records(self.importer, [entry.external_id for entry in entries])
        gone = []
        for entry in entries:
            record = found.get(id_token(entry.external_id), self)
            if record is self:
                gone.append(entry)
            elif isinstance(record, Exception):
                entry.outcome = self._outcome(entry, record)
            else:
                entry.record = record
        if entries:
            self._mark_gone(gone)

    def _mark_gone(self, entries: list[Entry]) -> None:
        try:
            self.importer.mark_gone([entry.external_id for entry in entries])
        except Exception as error:
            if len(entries) == len(self.entries):
                raise
            for entry in entries:
                entry.outcome = _GoneLimitError.of(error)
            return
        for entry in entries:
            entry.outcome = "gone"

    def _look_up(self) -> None:
        """Look up the bindings of all records in one query."""
        importer = self.importer
        ids = [entry.external_id for entry in self.entries.values()]
        known = {id_token(external_id): importer.model for external_id in ids if importer._is_lookup_key(external_id)}
        self._bindings = known | importer._bound(ids)

    def _outcome(self, entry: Entry, error: Exception) -> str | Exception:
        """Return the outcome of a record whose import has raised."""
        if not isinstance(error, SkipError):
            return error
        _logger.info("%s %s is skipped: %s", self.importer.model._name, as_text(entry.external_id), error)
        return "skipped"

    # -- isolation -----------------------------------------------------------------------------------------------------

    def _import(self, entries: list[Entry]) -> None:
        """Import entries in a savepoint; when it is refused, without the bad record, or in halves."""
        if not entries:
            return
        self._attempts += 1
        try:
            with self.importer.env.cr.savepoint():
                self._together(entries)
        except _RERUN:
            raise
        except _Refused as refused:
            refused.entry.outcome = self._outcome(refused.entry, refused.error)
            rest = [entry for entry in entries if entry is not refused.entry]
            error: Exception = refused.error
        except Exception as refusal:
            if self.importer.env["connector.job"].is_rerun_for(refusal):
                # Another process has made the same, e.g. a category that both need.
                raise
            error, rest = refusal, entries
            if len(entries) == 1:
                entries[0].outcome = self._outcome(entries[0], refusal)
                rest = []
        else:
            for entry, (outcome, binding) in self._done.items():
                entry.outcome, entry.binding = outcome, binding
                if isinstance(outcome, str):
                    self._bindings[id_token(entry.external_id)] = binding
            return
        # What the savepoint made is gone.
        self._dependencies.clear()
        self._look_up()
        if self._attempts >= MAX_ATTEMPTS:
            for entry in rest:
                entry.outcome = error
        elif rest is entries:
            middle = len(entries) // 2
            self._import(entries[:middle])
            self._import(entries[middle:])
        else:
            self._import(rest)

    def _together(self, entries: list[Entry]) -> None:
        """Prepare and write entries.

        :raises _Refused: for one that cannot be written
        """
        self._done, self._wanted = {}, {}
        while entries:
            ready, entries = self._prepare(entries)
            if ready:
                self._write(ready)
                continue
            for entry in entries:
                name = f"{self.importer.model._name} {as_text(entry.external_id)}"
                self._done[entry] = DependencyMissingError(f"{name} needs a record that is not imported"), None
            break

    # -- preparing -----------------------------------------------------------------------------------------------------

    def _prepare(self, entries: list[Entry]) -> tuple[list[Ready], list[Entry]]:
        """Take the steps before the writing, and import dependencies between the rounds.

        :return: the records that can be written; and the entries that wait for one of them
        """
        ready: list[Ready] = []
        while entries:
            waiting: list[Entry] = []
            with self._prefetch([entry.record for entry in entries]):
                for entry in entries:
                    try:
                        ready += self._prepare_one(entry)
                    except _Wanted:
                        waiting.append(entry)
            if not self._resolve():
                return ready, waiting
            entries = waiting
        return ready, []

    def _prepare_one(self, entry: Entry) -> list[Ready]:
        """Take the steps of one record before the writing; return it (0..1) if it is to be written."""
        importer = self.importer
        try:
            with importer._importing(entry.external_id, entry.record):
                binding, values = importer._prepare(entry.record, self.force)
        except psycopg2.Error:
            raise
        except Exception as error:
            self._done[entry] = self._outcome(entry, error), None
            return []
        if values is None:
            self._done[entry] = importer._settled or "unchanged", binding
            return []
        return [Ready(entry, binding, values)]

    @contextmanager
    def _prefetch(self, records: Sequence[Any]) -> Iterator[None]:
        """Look up in bulk what the records refer to."""
        try:
            prefetch = self.importer.mapper.prefetch(records)
        except NoUnitError:  # The importer maps without a mapper.
            prefetch = nullcontext()
        with prefetch, lookups_kept(self.importer.work):
            yield

    def looked_up(self, external_id: Any) -> Any:
        """Return the binding (0..1) of a record of this model; None when it was not looked up."""
        binding = self._bindings.get(id_token(external_id))
        return None if binding is None else binding.with_env(self.importer.env)

    def require(self, wanted: list[tuple[Any, str]]) -> None:
        """Interrupt the step unless all dependencies are known, so that they are imported together."""
        missing = False
        for external_id, model_name in wanted:
            try:
                self.dependency(external_id, model_name)
            except _Wanted:
                missing = True
            except Exception as error:  # Raised again when the step asks for this one.
                _logger.debug("%s %s: %s", model_name, external_id, error)
        if missing:
            raise _Wanted

    def dependency(self, external_id: Any, model_name: str, force: bool = False) -> Any:
        """Return the binding (0..1) of a dependency.

        :raises _Wanted: when it is not known yet
        """
        importer, token = self.importer, id_token(external_id)
        found = self._dependencies.get((model_name, token, force))
        if isinstance(found, Exception):
            raise found
        if found is not None:
            return found.with_env(importer.env)
        entry = self.entries.get(token) if model_name == importer.model._name else None
        if entry is not None:
            return self._in_chunk(entry, external_id, force)
        self._wanted.setdefault((model_name, force), {})[token] = external_id
        raise _Wanted

    def _in_chunk(self, entry: Entry, external_id: Any, force: bool) -> Any:
        """Return the binding (0..1) of a record of this chunk that another one needs."""
        importer = self.importer
        outcome, binding = self._done.get(entry, (entry.outcome, entry.binding))
        if outcome is None:
            known = self.looked_up(external_id)
            if known and not force:
                return known
            if id_token(importer.external_id) == id_token(external_id):
                return importer.model
            raise _Wanted  # until it is written, in a later round
        if isinstance(outcome, Exception):
            raise DependencyMissingError(
                f"{importer.model._name} {as_text(external_id)} could not be imported: {outcome}"
            ) from outcome
        return importer.model if binding is None else binding.with_env(importer.env)

    def _resolve(self) -> bool:
        """Look up and import the dependencies that were asked for; tell whether there were any."""
        wanted, self._wanted = self._wanted, {}
        for (model_name, force), ids in wanted.items():
            importer = self.importer.unit(self.importer._kinds["importer"], model_name)
            found = {} if force else importer._bound(ids.values())
            missing = {}
            for token, external_id in ids.items():
                if token in found:
                    self._dependencies[model_name, token, force] = found[token]
                elif importer.is_importing(external_id):
                    # A circle over several chunks: the record may do without.
                    self.importer.note_circle(external_id, model_name)
                    self._dependencies[model_name, token, force] = importer._known_binding(external_id)
                else:
                    missing[token] = external_id
            if missing:
                chunk = ChunkImport(importer, missing.values(), force)
                chunk.import_all()
                for token, entry in chunk.entries.items():
                    if isinstance(entry.outcome, _Marked):
                        result: Any = entry.outcome.__cause__
                    elif isinstance(entry.outcome, Exception):
                        result = entry.outcome
                    elif entry.binding is None:
                        result = importer._known_binding(entry.external_id)
                    else:
                        result = entry.binding
                    self._dependencies[model_name, token, force] = result
        return bool(wanted)

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, ready: list[Ready]) -> None:
        """Create the new records at once, update the others, and finish each."""
        importer = self.importer
        with importer.work.origin():
            created = self._create([one for one in ready if not one.binding])
            for entry, binding, values in ready:
                with self._blaming(entry):
                    if binding:
                        binding = binding.with_env(importer.env)
                        importer._update(binding, values)
                        outcome = "updated"
                    else:
                        binding, outcome = created[entry], "created"
                    importer._finish(binding)
                self._done[entry] = outcome, binding

    def _create(self, new: list[Ready]) -> dict[Entry, Any]:
        """Return the new bindings."""
        importer = self.importer
        if not new:
            return {}
        if importer.creates_one_by_one():
            created = {}
            for entry, _binding, values in new:
                with self._blaming(entry):
                    created[entry] = importer._create(values)
            return created
        bindings = importer._create_many([one.values for one in new])
        if len(bindings) != len(new):
            raise ConfigurationError(
                f"{type(importer).__name__}._create_many() returned {len(bindings)} bindings for {len(new)} records"
            )
        return dict(zip((one.entry for one in new), bindings, strict=True))

    @contextmanager
    def _blaming(self, entry: Entry) -> Iterator[None]:
        """Make an entry the one that is imported; an error inside is its own, except one of the database."""
        try:
            with self.importer._importing(entry.external_id, entry.record):
                yield
        except psycopg2.Error:
            # May come from what another record left to be flushed.
            raise
        except Exception as error:
            raise _Refused(entry, error) from error

    # -- the rest ------------------------------------------------------------------------------------------------------

    def _enqueue_rest(self) -> None:
        """Enqueue what could not be imported now: alone what failed, together what only has to wait.

        :raises RetryableError: when all have to wait: the job is run again, then
        """
        rest = [entry for entry in self.entries.values() if isinstance(entry.outcome, Exception)]
        postponed = [entry for entry in rest if isinstance(entry.outcome, _LATER)]
        if postponed and len(postponed) == len(self.entries):
            raise postponed[0].outcome  # type: ignore[misc]
        gone = [entry for entry in rest if isinstance(entry.outcome, _GoneLimitError)]
        for group in (gone, postponed if len(postponed) > 1 else []):
            if group:
                waits = [getattr(entry.outcome, "retry_after_s", None) or 0 for entry in group]
                ids = [entry.external_id for entry in group]
                enqueue_chunks(self.importer, ids, len(ids), self.force, eta=max(waits))
                rest = [entry for entry in rest if entry not in group]
                for entry in group:
                    entry.outcome = "postponed"
        if rest:
            _logger.info(
                "%s: %s of %s records get jobs of their own; the first: %s",
                self.importer,
                len(rest),
                len(self.entries),
                rest[0].outcome,
            )
        by_wait: dict[Any, list[Any]] = {}
        for entry in rest:
            by_wait.setdefault(getattr(entry.outcome, "retry_after_s", None), []).append(entry.external_id)
            entry.outcome = "own job"
        for wait_s, ids in by_wait.items():
            enqueue_imports(self.importer, ids, self.force, eta=wait_s)


class _Marked(Exception):
    """An error with the way to handle its record."""

    @classmethod
    def of(cls, error: Exception) -> _Marked:
        marked = cls(str(error))
        marked.__cause__ = error
        marked.retry_after_s = getattr(error, "retry_after_s", None)  # type: ignore[attr-defined]
        return marked


class _OwnLockError(_Marked):
    """Another process imports this very record."""


class _GoneLimitError(_Marked):
    """More records are gone than are taken for deletions."""


def _outcome_name(outcome: Any) -> str:
    return "conflict" if outcome.startswith("conflict") else outcome
