"""Exporting one binding."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import ConnectorError
from . import conflict
from .synchronizer import Synchronizer, digest

__all__ = ["Exporter"]

_logger = logging.getLogger(__name__)

#: Characters of the hash of one target; a collision costs one update that is not sent, in 2^48.
_HASH_LENGTH = 12


class Exporter(Synchronizer):
    """Exports one binding: creates the record in the other system, or sends what has changed.

    The steps, each a method to override: lock, export what it depends on, map, skip what was sent already, create or
    update there, bind, after export. In a job, the new external id is committed as soon as it is bound.
    """

    _usable_as_is = True
    _mapper_kind = "export_mapper"

    #: The binding (1) that is being exported.
    binding: Any = None

    def run(self, binding: Any, fields: Iterable[str] | None = None) -> str:
        """Export a binding.

        :param fields: names of the fields that changed, only what these feed is sent; None: all. A record that is not
            there yet is created whole
        :return: "created", "updated", "unchanged" or "no longer exists"
        :raises ConcurrentUpdateError: when another process exports it, or changes it, at the same time
        """
        binding = binding.with_env(self.env)
        if not binding.exists():
            return "no longer exists"
        before, self.binding = self.binding, binding
        try:
            with self._concerning(binding, self.binder.to_external(binding)):
                return self._run(None if fields is None else list(fields))
        finally:
            self.binding = before

    def _run(self, fields: list[str] | None) -> str:
        self._lock_binding()
        if self.binding.sync_state == "conflict":
            return "waits for a person to decide a conflict"
        external_id = self.binder.to_external(self.binding)
        for_create = external_id is None
        self._export_dependencies()
        values = self._map(for_create, None if for_create else fields)
        if not for_create:
            values = self._changed(values, self.binding)
            if not values:
                return "unchanged"
            settled = self._settle(external_id)
            if settled:
                return settled
        self._validate(values)
        if for_create:
            external_id = self._create(values)
            self._remember(values, self.binding)
            self._bind(external_id)
            # From here on a failure must not lose the id: the next attempt would create the record again.
            if self._checkpoint():
                self._lock_binding()
        else:
            self._update(external_id, values)
            self._remember(values, self.binding)
            self._bind(external_id)
        with self.work.origin():
            self._after_export(self.binding.with_env(self.env))
        return "created" if for_create else "updated"

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _lock_binding(self) -> None:
        """Lock the binding until the end of the transaction, so that no other process exports it."""
        if not self.binding.try_lock_for_update(allow_referencing=True):
            raise self._concurrent(f"another process is changing {self.binding}")

    def _export_dependencies(self) -> None:
        """Export what the record refers to, by :meth:`export_dependency`."""

    def export_dependency(self, record: Any, model_name: str, values: Mapping[str, Any] | None = None) -> Any:
        """Export another record that this one refers to, unless it is there already; return its binding (0..1).

        :param record: a record of Odoo (0..1), or its binding
        :param model_name: the binding model
        :param values: for the binding, if it has to be created
        """
        exporter = self.unit(Exporter, model_name)
        if record._name == model_name:
            binding = record.with_env(self.env)
        else:
            binding = exporter.binder.wrap(record)
            if record and not binding:
                with self.work.origin():
                    binding = exporter._create_binding(record.with_env(self.env), values or {}).with_env(self.env)
                binding = binding.with_env(self.env)
                # The binding stays, so that after a crash its record is looked for there before it is created again.
                if self._checkpoint():
                    self._lock_binding()
        if binding and exporter.binder.to_external(binding) is None:
            exporter.run(binding)
        return binding

    def _create_binding(self, record: Any, values: Mapping[str, Any]) -> Any:
        """Create the binding of a record of Odoo (1)."""
        return self.model.create({"backend_id": self.backend.id, "odoo_id": record.id, **values})

    def _map(self, for_create: bool, fields: list[str] | None) -> dict[str, Any]:
        """Return the values to send."""
        return self.mapper.map_record(self.binding).values(for_create=for_create, fields=fields)

    def _values_of(self, binding: Any) -> dict[str, Any]:
        """Return what would be sent of a binding (1), all of it."""
        before, self.binding = self.binding, binding
        try:
            return self._map(False, None)
        finally:
            self.binding = before

    def _changed(self, values: dict[str, Any], binding: Any) -> dict[str, Any]:
        """Return what is to be sent of the values: all of them, or nothing if they are what was sent the last time."""
        return values if self._differing(values, binding) else {}

    def _differing(self, values: dict[str, Any], binding: Any) -> dict[str, Any]:
        """Return the values that are not what was sent the last time."""
        sent = self._sent(binding)
        return {target: value for target, value in values.items() if sent.get(target) != _hash(value)}

    def _validate(self, values: dict[str, Any]) -> None:
        """Raise ``MappingError`` for values that must not be sent."""

    def _create(self, values: dict[str, Any]) -> Any:
        """Create the record there, unless it is there already, and return its external id."""
        external_id = self._find_external(values)
        if external_id is not None:
            self._update(external_id, values)
            return external_id
        return self.adapter.create(values)

    def _find_external(self, values: dict[str, Any]) -> Any:
        """Return the external id of a record there that is this one, by a natural key such as a sku; None for none.

        For APIs that take no idempotency key: a crash between the creation there and the commit here leaves a record
        there that nobody knows of.
        """
        return None

    def _idempotency_key(self) -> str:
        """Return a text that is the same for each attempt to create this binding's record, and for no other.

        For APIs that take one: an override of :meth:`_create` sends it along.
        """
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return digest([database, self.binding._name, self.binding.id])

    def _update(self, external_id: Any, values: dict[str, Any]) -> None:
        """Change the record there."""
        self.adapter.write(external_id, values)

    def _remember(self, values: dict[str, Any], binding: Any) -> None:
        """Keep what was sent, by target, for the next export to compare with."""
        self._keep_sent({**self._sent(binding), **{target: _hash(value) for target, value in values.items()}}, binding)

    def _forget(self, binding: Any) -> None:
        """Forget what was sent the last time as far as the binding has something else now."""
        sent = self._sent(binding)
        try:
            now = self._values_of(binding)
        except ConnectorError as error:  # what cannot be exported now is no reason to import nothing
            _logger.debug("%s cannot be exported: %s", binding, error)
            kept = {}
        else:
            kept = {name: value for name, value in sent.items() if name not in now or _hash(now[name]) == value}
        if kept != sent:
            self._keep_sent(kept, binding)

    def _keep_sent(self, sent: dict[str, str], binding: Any) -> None:
        with self.work.origin():
            binding = binding.with_env(self.env)
            binding.export_hash = json.dumps(sent, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def _sent(binding: Any) -> dict[str, str]:
        """Return the hash of what was sent the last time, by target."""
        try:
            sent = json.loads(binding.export_hash or "{}")
        except ValueError:
            return {}
        return sent if isinstance(sent, dict) else {}

    def _bind(self, external_id: Any) -> None:
        """Bind the external id."""
        with self.work.origin():
            self.binder.bind(external_id, self.binding.with_env(self.env))

    def _after_export(self, binding: Any) -> None:
        """Do what is left to do when the record is there and bound."""

    def _settle(self, external_id: Any) -> str | None:
        """Decide by the importer's policy what happens when the record has changed there as well; None to go on."""
        from .importer import Importer  # which imports this module

        importer = self.unit(Importer)
        if importer.conflict_policy not in ("external", "ask"):
            return None
        binding = self.binding
        if binding.import_hash:
            record = self.adapter.read(external_id)
            if importer._hash(record) != binding.import_hash:
                if importer.conflict_policy == "external":
                    importer.run(external_id, force=True)
                    return "conflict: the other side's changes were kept"
                with importer._about(external_id, record), self.work.origin():
                    binding = binding.with_env(self.env)
                    found = conflict.difference(binding, importer._map(record, binding))
                    if found:
                        conflict.mark(binding, found)
                        return "conflict: a person has to decide"
        # Our own change is one there: what is read next is not what was imported last.
        with self.work.origin():
            self.binding.with_env(self.env).import_hash = False
        return None


def _hash(value: Any) -> str:
    return digest(value)[:_HASH_LENGTH]
