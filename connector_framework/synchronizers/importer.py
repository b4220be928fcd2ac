"""Importing records."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ..adapters import Adapter
from ..exceptions import DependencyMissingError, ExternalNotFoundError, PermanentError, SkipError
from ..mappings import to_utc
from .agreement import Agreement, check_policy
from .import_chunk import ChunkImport
from .keys import as_text, id_token, import_lock
from .outcomes import Outcomes
from .refused import refused_values
from .synchronizer import Synchronizer, digest

__all__ = ["GONE", "QUIET", "Importer"]

_logger = logging.getLogger(__name__)

#: The result for a record that does not exist any more in the external system.
GONE = "no longer exists"
#: The context of quiet writing: no creation note, no tracking message, no subscription.
QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True}


class Importer(Synchronizer):
    """Import records: create or update their bindings together with the records of Odoo.

    :meth:`run` imports one record, :meth:`run_many` a chunk; both call the same steps. From ``_create`` on all is
    written with this backend as its origin, so that it is not exported back. Steps to override, in their order:

    ===================================  =============================================================================
    ``_read()``                          return the external record; default: ``adapter.read(self.external_id)``
    ``_read_many(ids)``                  return ``{id: record}`` for a chunk; default: ``adapter.read_many(ids)``, or
                                         ``_read()`` for each id where that is overridden
    ``_external_gone(binding)``          the record is gone: mark its binding (0..1); ``_read`` raised
                                         ``ExternalNotFoundError``, or ``_read_many`` left the id out
    ``_check_importable(record)``        raise ``SkipError`` (never) or ``RetryableError`` (not yet)
    ``_find_binding(record)``            return the binding (0..1) of the record
    ``_is_unchanged(record, binding)``   tell whether the binding has this content; not asked with ``force``
    ``_updated_at(record)``              return when the record changed, naive UTC, or None
    ``_hash(record)``                    return the hash of the content
    ``_import_dependencies(record)``     call :meth:`import_dependency` or :meth:`import_dependencies`. In a chunk it is
                                         called again after the missing ones were imported together
    ``_map(record, binding)``            return the values to write
    ``_validate(values)``                raise ``MappingError``
    ``_bookkeeping(record)``             return the values by which the next import knows what this one has seen
    ``_create_many(values_list)``        create bindings and return them in order; in a chunk once for all new ones
    ``_create(values)``                  create one binding; where it is overridden, a chunk calls it for each record
    ``_update(binding, values)``         write the values on a binding (1)
    ``_writing_context()``               return the context of creating and updating; default: quiet, see ``_quiet``
    ``_bind(binding)``                   bind the external id
    ``_translations(record)``            return values by language, see ``mapper.translations()``
    ``_finish(binding)``                 all that follows the writing: bind, translate, agree, ``_after_import``
    ``_after_import(binding)``           the last step, with the binding (1) written
    ===================================  =============================================================================

    Inside a step, ``self.external_id`` and ``self.external_record`` are those of the record that is imported;
    ``_read_many`` and ``_create_many`` have several. Helpers to call: ``_known_binding(external_id)``,
    ``_key_values(values)``, ``values_of(external_id, record, binding)``.
    """

    _kind: ClassVar[str | None] = "importer"
    _usable_as_is = True
    _mapper_kind = "import_mapper"

    #: Key of the external record with the time of its last change, in UTC. Records that are older than the binding's
    #: ``sync_date``, by :attr:`clock_tolerance_s` at least, are skipped. None: the content alone tells.
    updated_at: ClassVar[str | None] = None
    #: Seconds by which the clocks of the two systems may differ.
    clock_tolerance_s: ClassVar[float] = 300.0
    #: Keys of the external record that do not count as a change.
    volatile_keys: ClassVar[tuple[str, ...]] = ()

    #: For a record that both sides changed since they agreed. None: the last writer wins, nothing is compared.
    #: "external": it is imported, and an export of it becomes an import. "odoo": it is not imported. "ask": the binding
    #: is left for a person to decide, with the differences. All but None need an export mapper.
    conflict_policy: ClassVar[str | None] = None
    #: Create and update without creation note, tracking messages and subscription of the job's user.
    _quiet: ClassVar[bool] = True
    #: Bindings of a model and backend that may be marked as gone within an hour before a person is asked: this share of
    #: all, and at least ``gone_least``. An outage must not look like a deletion.
    gone_limit: ClassVar[float] = 0.05
    gone_least: ClassVar[int] = 20

    #: The record that is being imported.
    external_id: Any = None
    external_record: Any = None
    #: The binding (0..1) of the last import.
    binding: Any = None
    _settled: str | None = None

    @classmethod
    def check_definition(cls) -> None:
        super().check_definition()
        if not isinstance(cls.conflict_policy, property):
            check_policy(cls, cls.conflict_policy)

    def __init__(self, work: Any) -> None:
        super().__init__(work)
        #: Tokens of the ids that are being imported, by this session.
        self._running: set[str] = set()
        #: The chunk that is being imported; it imports the dependencies of its records together.
        self._chunk: ChunkImport | None = None
        self._circle = ""

    def run(self, external_id: Any, force: bool = False) -> str:
        """Import a record.

        :param force: even if it has not changed since the last import
        :return: "created", "updated", "unchanged", "no longer exists", or how a conflict ended
        :raises ConcurrentUpdateError: when another process imports it at the same time
        """
        token = id_token(external_id)
        if token in self._running:
            # A circle of dependencies: the record that needs this one may do without; else its mapper raises.
            self.binding = self._known_binding(external_id)
            return "being imported"
        self._running.add(token)
        chunk, self._chunk = self._chunk, None
        circle, self._circle = self._circle, ""
        try:
            with self._importing(external_id):
                self._lock(import_lock(external_id))
                try:
                    record = self.external_record = self._read()
                except ExternalNotFoundError as error:
                    _logger.debug("%s: %s", self, error)
                    self.mark_gone([external_id])
                    return GONE
                return self._import(record, force)
        except DependencyMissingError as error:
            if self._circle:
                raise DependencyMissingError(f"{error} (circle of dependencies: {self._circle})") from error
            raise
        finally:
            self._circle = circle
            self._chunk = chunk
            self._running.discard(token)

    def run_many(self, external_ids: Iterable[Any], force: bool = False) -> Outcomes:
        """Import records together, each with an outcome of its own.

        One ``read_many``, one lookup of bindings, dependencies and many2ones, one ``create``. A record that cannot be
        imported now gets an ``import_record`` job and keeps no other one out.

        :return: counts by outcome; as text the result of the job
        :raises RetryableError: when none of the records could be imported now, e.g. in an outage
        """
        return ChunkImport(self, external_ids, force).run()

    def values_of(self, external_id: Any, record: Any, binding: Any) -> dict[str, Any]:
        """Return what an import would write: the mapped values of a record, for a binding (0..1)."""
        with self._importing(external_id, record):
            return self._map(record, binding)

    @contextmanager
    def _importing(self, external_id: Any, record: Any = None) -> Iterator[None]:
        """Make a record the one that the steps import, and show the calls inside on its timeline."""
        before = self.external_id, self.external_record
        self.external_id, self.external_record = external_id, record
        try:
            with self._concerning(external_id=external_id):
                yield
        finally:
            self.external_id, self.external_record = before

    def _import(self, record: Any, force: bool) -> str:
        """Import a record that was read."""
        binding, values = self._prepare(record, force)
        if values is None:
            self.binding = binding
            return self._settled or "unchanged"
        outcome = "updated" if binding else "created"
        with self.work.origin():
            try:
                if binding:
                    binding = binding.with_env(self.env)
                    self._update(binding, values)
                else:
                    binding = self._create(values)
            except (ValueError, TypeError, KeyError) as error:
                refused = refused_values(self, record, binding, values, error)
                if refused is None:
                    raise
                raise refused from error
            self._finish(binding)
        self.binding = binding.with_env(self.env)
        return outcome

    def _prepare(self, record: Any, force: bool) -> tuple[Any, dict[str, Any] | None]:
        """Take all steps before the writing.

        :return: the binding (0..1) and the values to write on it or to create it with; None: nothing to write
        """
        self._settled = None
        self._check_importable(record)
        needs_record = self._key_needs_record()
        if needs_record:
            # The rest of the key may be records that it depends on.
            self._import_dependencies(record)
        binding = self._find_binding(record)
        if binding and binding.sync_state == "gone":
            with self.work.origin():
                binding.with_env(self.env).sync_state = "synced"
        if binding and not force and self._is_unchanged(record, binding):
            return binding, None
        if not needs_record:
            self._import_dependencies(record)
        values = self._map(record, binding)
        self._validate(values)
        if binding and not force:
            self._settled = self.unit(Agreement).settle_import(record, binding, values)
            if self._settled:
                return binding, None
        values = {**values, **self._bookkeeping(record)}
        if not binding:
            values.update(self._key_values(values), backend_id=self.backend.id)
        return binding, values

    def _finish(self, binding: Any) -> None:
        """Take all steps after the writing."""
        self._bind(binding)
        for lang, values in self._translations(self.external_record).items():
            if values:
                binding.with_context(lang=lang, **self._writing_context()).write(values)
        self.unit(Agreement).imported(binding)
        self._after_import(binding)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _read(self) -> Any:
        """Return the external record.

        :raises TypeError: when the adapter returns None
        """
        record = self.adapter.read(self.external_id)
        if record is None:
            raise TypeError(
                f"{type(self.adapter).__name__}.read() returned None for {self.external_id!r}: it has to return the "
                "record, or to raise ExternalNotFoundError"
            )
        return record

    def _read_many(self, external_ids: Sequence[Any]) -> Mapping[Any, Any]:
        """Return external records by id; what is gone is left out."""
        return self.adapter.read_many(external_ids)

    def reads_one_by_one(self) -> bool:
        """Tell whether a chunk is read record by record: ``_read``, or the adapter's ``read``, is overridden and its
        counterpart for many is not, or is the framework's own loop."""
        if "_read" in vars(self) or _is_closer(type(self), "_read", "_read_many"):
            return True
        if type(self)._read_many is not Importer._read_many:
            return False
        cls = type(self.adapter)
        return cls.read_many is Adapter.read_many or _is_closer(cls, "read", "read_many")

    def creates_one_by_one(self) -> bool:
        """Tell whether a chunk is created record by record: ``_create`` is overridden, ``_create_many`` is not."""
        return _is_closer(type(self), "_create", "_create_many")

    def _external_gone(self, binding: Any) -> None:
        """Mark the binding (0..1) of a record that is gone."""
        if binding and binding.sync_state != "gone":
            with self.work.origin():
                binding.with_env(self.env).sync_state = "gone"

    def _check_importable(self, record: Any) -> None:
        """Raise what keeps the record from being imported: ``SkipError`` for never, ``RetryableError`` for not yet."""

    def _is_unchanged(self, record: Any, binding: Any) -> bool:
        """Tell whether the binding has the content of the record."""
        updated_at, tolerance = self._updated_at(record), timedelta(seconds=self.clock_tolerance_s)
        if updated_at and binding.sync_date and updated_at < binding.sync_date - tolerance:
            return True
        return bool(binding.import_hash) and binding.import_hash == self._hash(record)

    def _updated_at(self, record: Any) -> datetime | None:
        """Return when the record changed, naive UTC; None if that is not known."""
        value = record.get(self.updated_at) if self.updated_at else None
        return to_utc(value) if value else None

    def _hash(self, record: Any) -> str:
        """Return the hash of the content of a record."""
        if self.volatile_keys and isinstance(record, Mapping):
            record = {key: value for key, value in record.items() if key not in self.volatile_keys}
        return digest(record)

    def _import_dependencies(self, record: Any) -> None:
        """Import what the record refers to, by :meth:`import_dependency`."""

    def import_dependencies(self, wanted: Iterable[tuple[Any, str]]) -> None:
        """Import other records that this one needs, unless they are bound; in a chunk all of them together.

        :param wanted: (external id, binding model); None and "" are no references
        """
        wanted = [(external_id, model_name) for external_id, model_name in wanted if not _is_nothing(external_id)]
        if self._chunk:
            self._chunk.require(wanted)
        for external_id, model_name in wanted:
            self.import_dependency(external_id, model_name)

    def import_dependency(self, external_id: Any, model_name: str, force: bool = False) -> Any:
        """Import another record that this one needs, unless it is bound; return its binding (0..1).

        :param external_id: None or "" for a reference to nothing
        :param force: import it even if it is bound and unchanged
        """
        importer = self.unit(Importer, model_name)
        if _is_nothing(external_id):
            return importer.model
        if self._chunk:
            return self._chunk.dependency(external_id, model_name, force)
        binding = importer._known_binding(external_id)
        if binding and not force:
            return binding
        try:
            with self.env.cr.savepoint():
                importer.run(external_id, force=force)
        except SkipError as error:
            # The mapper of this record says whether it can do without the skipped one.
            _logger.info("%s %s is skipped: %s", model_name, as_text(external_id), error)
            return binding
        if not importer.binding and importer.is_importing(external_id):
            self.note_circle(external_id, model_name)
        return importer.binding

    def is_importing(self, external_id: Any) -> bool:
        """Tell whether this session is importing a record."""
        return id_token(external_id) in self._running

    def note_circle(self, external_id: Any, model_name: str) -> None:
        """Keep for the error message that the record needs one which is being imported and needs it."""
        this = f"{self.model._name} {as_text(self.external_id)}"
        self._circle = f"{this} needs {model_name} {as_text(external_id)}, whose import needs {this}"

    def _map(self, record: Any, binding: Any) -> dict[str, Any]:
        """Return the values to create or to update the binding (0..1) with."""
        return self.mapper.map_record(record).values(for_create=not binding, binding=binding)

    def _validate(self, values: dict[str, Any]) -> None:
        """Raise ``MappingError`` for values that must not be written."""

    def _bookkeeping(self, record: Any) -> dict[str, Any]:
        """Return the values by which the next import knows what this one has seen."""
        return {
            "import_hash": self._hash(record),
            # The start of this transaction, before the record was read: later external changes are newer.
            "sync_date": self.env.cr.now().replace(microsecond=0),
            "sync_state": "synced",
        }

    def _create(self, values: dict[str, Any]) -> Any:
        """Create a binding, and with it the record of Odoo, and return it."""
        return self._create_many([values])

    def _create_many(self, values_list: list[dict[str, Any]]) -> Any:
        """Create bindings, and with them the records of Odoo, and return them in the order of the values."""
        return self.model.with_context(**self._writing_context()).create(values_list).with_env(self.env)

    def _update(self, binding: Any, values: dict[str, Any]) -> None:
        """Write the values on the binding (1)."""
        binding.with_context(**self._writing_context()).write(values)

    def _writing_context(self) -> dict[str, Any]:
        """Return the context in which records are created and updated."""
        return QUIET if self._quiet else {}

    def _bind(self, binding: Any) -> None:
        """Bind the external id to the binding (1)."""
        self.binder.bind(self.binder.to_external(binding) if self._is_part_of_key() else self.external_id, binding)

    def _translations(self, record: Any) -> dict[str, dict[str, Any]]:
        """Return the values of translated fields by language code, e.g. by ``self.mapper.translations(...)``."""
        return {}

    def _after_import(self, binding: Any) -> None:
        """Take the last step, with the binding (1) written."""

    # -- gone ----------------------------------------------------------------------------------------------------------

    def mark_gone(self, external_ids: Sequence[Any]) -> None:
        """Mark the bindings of records that the external system does not have any more.

        :raises PermanentError: when that would be more than :attr:`gone_limit`; none is marked then
        """
        bound = self._bound(external_ids)
        new = [binding for binding in bound.values() if binding.sync_state != "gone"]
        if new:
            self._check_gone_limit(len(new))
        for external_id in external_ids:
            with self._importing(external_id):
                self.binding = bound.get(id_token(external_id), self.model)
                self._external_gone(self.binding)

    def _check_gone_limit(self, count: int) -> None:
        backend, now = self.backend.sudo(), self.env.cr.now()
        if backend.accept_gone_until and backend.accept_gone_until > now:
            return
        bindings = self.model.sudo().with_context(active_test=False)
        domain = [("backend_id", "=", backend.id)]
        recent = bindings.search_count(
            [*domain, ("sync_state", "=", "gone"), ("write_date", ">", now - timedelta(hours=1))]
        )
        if recent + count <= self.gone_least or recent + count <= self.gone_limit * bindings.search_count(domain):
            return
        raise PermanentError(
            f"{recent + count} records of {self.model._name} are reported as gone by {backend.display_name} within an"
            f" hour: {self.gone_least} or {self.gone_limit:.0%} of all are taken for deletions. None of the last"
            f" {count} was marked.",
            user_message=self.env._(
                "Check that the other system is complete and answers for its records. If they were really deleted, set"
                " “Accept Deletions Until” on the backend and requeue the job."
            ),
        )

    # -- the key -------------------------------------------------------------------------------------------------------

    def _is_part_of_key(self) -> bool:
        """Tell whether the external id is only a part of the binding's key, and the rest comes with the record."""
        return self.binder.is_composite and not isinstance(self.external_id, list | tuple)

    def _key_needs_record(self) -> bool:
        """Tell whether the binding can be found only with the mapped record."""
        return self._is_part_of_key() and not self.binder.sufficient_column

    def _is_lookup_key(self, external_id: Any) -> bool:
        """Tell whether an external id alone finds its binding."""
        binder = self.binder
        return not binder.is_composite or isinstance(external_id, list | tuple) or bool(binder.sufficient_column)

    def _known_binding(self, external_id: Any) -> Any:
        """Return the binding (0..1) of an external id as far as that alone finds it."""
        if not self._is_lookup_key(external_id):
            return self.model
        if self._chunk:
            found = self._chunk.looked_up(external_id)
            if found is not None:
                return found
        return self.binder.to_internal(external_id)

    def _bound(self, external_ids: Iterable[Any]) -> dict[str, Any]:
        """Return the bindings (1) of those external ids that alone find one, by token."""
        keys = [external_id for external_id in external_ids if self._is_lookup_key(external_id)]
        return {id_token(key): binding for key, binding in self.binder.to_internal_many(keys).items()}

    def _find_binding(self, record: Any) -> Any:
        """Return the binding (0..1) of the record that was read."""
        binding = self._known_binding(self.external_id)
        if binding or not self._key_needs_record():
            return binding
        return self.binder.to_internal(self._mapped_key(self.mapper.map_record(record).values()))

    def _mapped_key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the composite key: ``external_id`` is that of the import, unless the mapper gives it as the rest."""
        names = self.model._external_key
        return tuple(values.get(name, self.external_id if name == "external_id" else None) for name in names)

    def _key_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the key's columns for a new binding."""
        return self.binder.key_values(self._mapped_key(values) if self._is_part_of_key() else self.external_id)


def _is_closer(cls: type, name: str, other: str) -> bool:
    """Tell whether a class has its ``name`` from a class that is more derived than the one it has ``other`` from."""
    mro = cls.__mro__
    return next(i for i, base in enumerate(mro) if name in vars(base)) < next(
        i for i, base in enumerate(mro) if other in vars(base)
    )


def _is_nothing(external_id: Any) -> bool:
    return external_id is None or external_id is False or external_id == ""
