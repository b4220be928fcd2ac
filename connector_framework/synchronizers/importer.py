"""Importing one record."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ..exceptions import ExternalNotFoundError, NoUnitError, SkipError
from ..mappings import ExportMapper, to_utc
from . import conflict
from .exporter import Exporter
from .synchronizer import Synchronizer, as_text, digest

__all__ = ["GONE", "Importer"]

_logger = logging.getLogger(__name__)

#: The result for a record that the other system does not have any more.
GONE = "no longer exists"


class Importer(Synchronizer):
    """Imports one record: reads it, and creates or updates its binding together with the record of Odoo.

    The steps, each a method to override: read, skip what has not changed, import what it depends on, map, validate,
    create or update, bind, after import. What is written has this backend as its origin, so that it is not exported
    back to it.
    """

    _usable_as_is = True
    _mapper_kind = "import_mapper"

    #: Key of the external record with the time of its last change, in UTC. Records that are older than the binding's
    #: ``sync_date``, by :attr:`clock_tolerance_s` at least, are skipped. None: the content alone tells.
    updated_at: ClassVar[str | None] = None
    #: Seconds by which the clocks of the two systems may differ.
    clock_tolerance_s: ClassVar[float] = 300.0
    #: Keys of the external record that do not count as a change.
    volatile_keys: ClassVar[tuple[str, ...]] = ()

    #: What happens to a record that both sides have changed since the last time. None: whoever comes last wins, nobody
    #: looks. "external": it is imported, and an export of it becomes an import. "odoo": it is not imported. "ask": the
    #: binding is left for a person to decide, with the difference. All but None need an export mapper.
    conflict_policy: ClassVar[str | None] = None

    #: What is being imported, and what was read of it.
    external_id: Any = None
    external_record: Any = None
    #: The binding (0..1) of the last import.
    binding: Any = None
    _settled: str | None = None

    def run(self, external_id: Any, force: bool = False) -> str:
        """Import a record.

        :param force: even if nothing has changed there since the last time
        :return: "created", "updated", "unchanged", "no longer exists", or how a conflict ended
        :raises ConcurrentUpdateError: when another process imports it at the same time
        """
        running = self.work.shared.setdefault("synchronizers.importing", set())
        token = (self.work.model_name, as_text(external_id))
        if token in running:
            # It depends on itself, over others. Who needs it finds no binding, and says so.
            self.binding = self._known_binding(external_id)
            return "being imported"
        running.add(token)
        try:
            with self._about(external_id), self._concerning(external_id=external_id):
                self._lock(f"import {as_text(external_id)}")
                try:
                    record = self.external_record = self._read()
                except ExternalNotFoundError as error:
                    _logger.debug("%s: %s", self, error)
                    self.binding = self._known_binding(external_id)
                    self._external_gone(self.binding)
                    return GONE
                return self._import(record, force)
        finally:
            running.discard(token)

    @contextmanager
    def _about(self, external_id: Any, record: Any = None) -> Iterator[None]:
        """Be at the import of a record; that of another may go on inside."""
        before = self.external_id, self.external_record
        self.external_id, self.external_record = external_id, record
        try:
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
            if binding:
                binding = binding.with_env(self.env)
                self._update(binding, values)
            else:
                binding = self._create(values)
            self._finish(binding)
        self.binding = binding.with_env(self.env)
        return outcome

    def _prepare(self, record: Any, force: bool, binding: Any = None) -> tuple[Any, dict[str, Any] | None]:
        """Do all that comes before the writing.

        :param binding: of the record, where that is known already
        :return: the binding (0..1) and the values to write on it or to create it with; None for nothing to do
        """
        self._settled = None
        self._check_importable(record)
        needs_record = self._key_needs_record()
        if needs_record:
            # The rest of the key may be records that it depends on.
            self._import_dependencies(record)
        binding = binding or self._find_binding(record)
        if binding and not force and self._is_unchanged(record, binding):
            return binding, None
        if not needs_record:
            self._import_dependencies(record)
        values = self._map(record, binding)
        self._validate(values)
        if binding and not force and self._has_local_changes(binding):
            self._settled = self._settle(record, binding, values)
            if self._settled:
                return binding, None
        values = {**values, **self._bookkeeping(record)}
        if not binding:
            values.update(self._key_values(values), backend_id=self.backend.id)
        return binding, values

    def _finish(self, binding: Any) -> None:
        """Do all that comes after the writing."""
        self._bind(binding)
        for lang, values in self._translations(self.external_record).items():
            if values:
                binding.with_context(lang=lang).write(values)
        if self.conflict_policy:
            self._remember(binding)
        elif self.work.reference.find_class(ExportMapper, self.work.model_name, self.env) and binding.export_hash:
            # What was sent is not what is there any more: to go back to it is a change.
            self.unit(Exporter)._forget(binding)
        self._after_import(binding)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _read(self) -> Any:
        """Return the external record."""
        return self.adapter.read(self.external_id)

    def _external_gone(self, binding: Any) -> None:
        """Do what is to be done for a record that no longer exists there: say so on its binding, if there is one."""
        if binding and binding.sync_state != "gone":
            with self.work.origin():
                binding.with_env(self.env).sync_state = "gone"

    def _check_importable(self, record: Any) -> None:
        """Raise what keeps the record from being imported: ``SkipError`` for never, ``RetryableError`` for not yet."""

    def _is_unchanged(self, record: Any, binding: Any) -> bool:
        """Tell whether the record is what the binding has seen already."""
        updated_at, tolerance = self._updated_at(record), timedelta(seconds=self.clock_tolerance_s)
        if updated_at and binding.sync_date and updated_at < binding.sync_date - tolerance:
            return True
        return bool(binding.import_hash) and binding.import_hash == self._hash(record)

    def _updated_at(self, record: Any) -> datetime | None:
        """Return when the record changed there, naive UTC; None if that is not known."""
        value = record.get(self.updated_at) if self.updated_at else None
        return to_utc(value) if value else None

    def _hash(self, record: Any) -> str:
        """Return what tells one content of a record from another."""
        if self.volatile_keys and isinstance(record, Mapping):
            record = {key: value for key, value in record.items() if key not in self.volatile_keys}
        return digest(record)

    def _import_dependencies(self, record: Any) -> None:
        """Import what the record refers to, by :meth:`import_dependency`."""

    def import_dependency(self, external_id: Any, model_name: str, force: bool = False) -> Any:
        """Import another record that this one needs, unless it is bound already; return its binding (0..1).

        :param external_id: None or "" for a reference that is not there
        :param force: import it even if it is bound and unchanged
        """
        importer = self.unit(Importer, model_name)
        if external_id is None or external_id is False or external_id == "":
            return importer.model
        binding = importer._known_binding(external_id)
        if binding and not force:
            return binding
        try:
            with self.env.cr.savepoint():
                importer.run(external_id, force=force)
        except SkipError as error:
            # It is that one which is skipped, not what needs it: the mapper says whether it can do without.
            _logger.info("%s %s is skipped: %s", model_name, external_id, error)
            return binding
        return importer.binding

    def _map(self, record: Any, binding: Any) -> dict[str, Any]:
        """Return the values to create or to update the binding with."""
        return self.mapper.map_record(record).values(for_create=not binding, binding=binding)

    def _validate(self, values: dict[str, Any]) -> None:
        """Raise ``MappingError`` for values that must not be written."""

    def _bookkeeping(self, record: Any) -> dict[str, Any]:
        """Return the values by which the next import knows what this one has seen."""
        return {
            "import_hash": self._hash(record),
            # Of before the record was read: what changes there from then on is newer.
            "sync_date": self.env.cr.now().replace(microsecond=0),
            "sync_state": "synced",
        }

    def _create(self, values: dict[str, Any]) -> Any:
        """Create the binding, and with it the record of Odoo, and return it."""
        return self.model.create(values)

    def _update(self, binding: Any, values: dict[str, Any]) -> None:
        """Write the values on the binding (1)."""
        binding.write(values)

    def _bind(self, binding: Any) -> None:
        """Bind the external id to the binding (1)."""
        self.binder.bind(self.binder.to_external(binding) if self._is_part_of_key() else self.external_id, binding)

    def _translations(self, record: Any) -> dict[str, dict[str, Any]]:
        """Return the values of translated fields by language code, e.g. by ``self.mapper.translations(...)``."""
        return {}

    def _after_import(self, binding: Any) -> None:
        """Do what is left to do when the binding (1) is written."""

    # -- conflicts -----------------------------------------------------------------------------------------------------

    def _has_local_changes(self, binding: Any) -> bool:
        """Tell whether the binding has changed in Odoo since the two sides agreed, in what would be exported."""
        if not self.conflict_policy or not binding.export_hash:
            return False
        exporter = self.unit(Exporter)
        return bool(exporter._changed(exporter._values_of(binding), binding))

    def _settle(self, record: Any, binding: Any, values: dict[str, Any]) -> str | None:
        """Decide a conflict by the policy; return how it ended, None to go on with the import."""
        found = conflict.difference(binding, values)
        if self.conflict_policy == "external" or not found:
            return None
        with self.work.origin():
            binding = binding.with_env(self.env)
            if self.conflict_policy == "ask":
                conflict.mark(binding, found)
                return "conflict: a person has to decide"
            # This content of the other side is dealt with: the export of the change here goes over it.
            binding.write(self._bookkeeping(record))
        return "conflict: Odoo's changes were kept"

    def _remember(self, binding: Any) -> None:
        """Keep what would be exported of the binding now, when the two sides agree."""
        try:
            exporter = self.unit(Exporter)
            exporter._remember(exporter._values_of(binding), binding)
        except NoUnitError as error:
            raise NoUnitError(
                f"{type(self).__name__} has a conflict_policy, which needs an export mapper: {error}"
            ) from error
        if binding.conflict:
            binding.conflict = False

    # -- the key -------------------------------------------------------------------------------------------------------

    def _is_part_of_key(self) -> bool:
        """Tell whether the external id is only a part of the binding's key, and the rest comes with the record."""
        return self.binder.is_composite and not isinstance(self.external_id, list | tuple)

    def _key_needs_record(self) -> bool:
        """Tell whether only the record, mapped, tells which binding is its own."""
        return self._is_part_of_key() and not self.binder.sufficient_column

    def _known_binding(self, external_id: Any) -> Any:
        """Return the binding (0..1) of an external id as far as that alone tells it."""
        binder = self.binder
        if binder.is_composite and not isinstance(external_id, list | tuple) and not binder.sufficient_column:
            return self.model
        return binder.to_internal(external_id)

    def _find_binding(self, record: Any) -> Any:
        """Return the binding (0..1) of the record that was read."""
        binding = self._known_binding(self.external_id)
        if binding or not self._key_needs_record():
            return binding
        return self.binder.to_internal(self._mapped_key(self.mapper.map_record(record).values()))

    def _mapped_key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the composite key: ``external_id`` is what is imported, unless the mapper gives it as the rest."""
        names = self.model._external_key
        return tuple(values.get(name, self.external_id if name == "external_id" else None) for name in names)

    def _key_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the key's columns for a new binding."""
        return self.binder.key_values(self._mapped_key(values) if self._is_part_of_key() else self.external_id)
