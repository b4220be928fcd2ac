"""Exporting one binding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from ..adapters import Adapter
from ..exceptions import ConcurrentUpdateError
from .agreement import Agreement
from .export_chunk import ChunkExport, LocksLostError
from .outcomes import Outcomes
from .synchronizer import Synchronizer, digest

__all__ = ["Exporter"]

#: Key in ``work.shared`` of the locks of the exports that are under way.
_LOCKS = "connector.export_locks"


class Exporter(Synchronizer):
    """Export bindings: create their external records, or send what changed.

    In a job, the new external id is committed as soon as it is bound. Steps to override, in their order:

    ===================================  =============================================================================
    ``_lock_binding()``                  lock the binding until the end of the transaction
    ``_export_dependencies()``           call :meth:`export_dependency`
    ``_map(for_create, fields)``         return the values to send
    ``_changed(values, binding)``        return what is to be sent of them
    ``_validate(values)``                raise ``MappingError``
    ``_create(values)``                  create the external record and return its id
    ``_find_external(values)``           return the id of a record that is there already, by a natural key
    ``_update(external_id, values)``     change the external record
    ``_bind(external_id)``               bind the external id
    ``_create_binding(record, values)``  create the binding of a record of Odoo, for a dependency
    ``_after_export(binding)``           the last step, with the binding (1) bound
    ===================================  =============================================================================

    Inside a step, ``self.binding`` is the binding that is exported. Helpers to call: ``_commit()``,
    ``_idempotency_key()``, ``values_of(binding)``.
    """

    _kind: ClassVar[str | None] = "exporter"
    _usable_as_is = True
    _mapper_kind = "export_mapper"

    #: Bindings that one job exports, where the adapter has ``write_many`` or ``create_many``.
    chunk_size: ClassVar[int] = 50

    #: The binding (1) that is being exported.
    binding: Any = None

    def run(self, binding: Any, fields: Iterable[str] | None = None) -> str:
        """Export a binding.

        :param fields: names of the fields that changed, only what these feed is sent; None: all. A new record is
            created whole
        :return: "created", "updated", "unchanged" or "no longer exists"
        :raises ConcurrentUpdateError: when another process exports it, or changes it, at the same time
        """
        binding = binding.with_env(self.env)
        if not binding.exists():
            return "no longer exists"
        external_id = self.binder.to_external(binding)
        with self._exporting(binding, external_id), self._holding(lambda: self._lock_again(binding)):
            return self._run(external_id, None if fields is None else list(fields))

    def run_many(self, bindings: Any, fields: Iterable[str] | None = None) -> Outcomes:
        """Export bindings (n) of this backend together, each with an outcome of its own.

        What changed goes out in one ``adapter.write_many``, what is new in one ``create_many``, as far as the adapter
        has them. A binding that cannot be exported now gets an ``export_record`` job of its own.

        :return: counts by outcome; as text the result of the job
        :raises RetryableError: when none of the bindings could be exported now
        """
        return ChunkExport(self, bindings, fields).run()

    def sends_together(self, method: str) -> bool:
        """Tell whether several bindings can be sent in one call.

        :param method: ``write_many`` or ``create_many``
        """
        step = {"write_many": "_update", "create_many": "_create"}[method]
        is_plain = getattr(type(self), step) is getattr(Exporter, step)
        return is_plain and getattr(type(self.adapter), method) is not getattr(Adapter, method)

    @contextmanager
    def _exporting(self, binding: Any, external_id: Any) -> Iterator[None]:
        """Make a binding (1) the one that the steps export, and show the calls inside on its timeline."""
        with self._about(binding), self._concerning(binding, external_id):
            yield

    @contextmanager
    def _about(self, binding: Any) -> Iterator[None]:
        """Make a binding (1) the one that the steps are about."""
        before, self.binding = self.binding, binding
        try:
            yield
        finally:
            self.binding = before

    @contextmanager
    def _holding(self, lock: Callable[[], None]) -> Iterator[None]:
        """Call ``lock`` again after each commit inside, those of nested exports too: a commit ends all locks."""
        locks = self.work.shared.setdefault(_LOCKS, [])
        locks.append(lock)
        try:
            yield
        finally:
            locks.remove(lock)

    def _lock_again(self, binding: Any) -> None:
        with self._about(binding):
            self._lock_binding()

    def _prepare(self, external_id: Any, fields: list[str] | None) -> dict[str, Any] | str:
        """Take all steps before the sending.

        :param external_id: None for a new record
        :return: the values to send; a text, the outcome, when there is nothing to send
        """
        if self.binding.sync_state == "conflict":
            return "waits for a person to decide a conflict"
        is_new = external_id is None
        self._export_dependencies()
        values = self._map(is_new, None if is_new else fields)
        if not is_new:
            values = self._changed(values, self.binding)
            if not values:
                return "unchanged"
            settled = self.unit(Agreement).settle_export(external_id, self.binding)
            if settled:
                return settled
        self._validate(values)
        return values

    def _sent(self, external_id: Any, values: dict[str, Any]) -> None:
        """Record the values that were sent on the binding.

        :raises ValueError: when the record was created without an external id
        """
        if external_id is None or isinstance(external_id, bool | Mapping) or external_id == "":
            raise ValueError(
                f"{external_id!r} is no external id of {self.model._name}: {type(self).__name__}._create() and"
                f" {type(self.adapter).__name__}.create() have to return the id of the record that they created there"
            )
        self.unit(Agreement).remember(values, self.binding)
        self._bind(external_id)

    def _run(self, external_id: Any, fields: list[str] | None) -> str:
        self._lock_binding()
        for_create = external_id is None
        values = self._prepare(external_id, fields)
        if isinstance(values, str):
            return values
        if for_create:
            self._sent(self._create(values), values)
            # From here on a failure must not lose the id: the next attempt would create the record again.
            self._commit()
        else:
            self._update(external_id, values)
            self._sent(external_id, values)
        with self.work.origin():
            self._after_export(self.binding.with_env(self.env))
        return "created" if for_create else "updated"

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _lock_binding(self) -> None:
        """Lock the binding until the end of the transaction, so that no other process exports it."""
        self._lock_bindings(self.binding)

    def _export_dependencies(self) -> None:
        """Export what the record refers to, by :meth:`export_dependency`."""

    def export_dependency(self, record: Any, model_name: str, values: Mapping[str, Any] | None = None) -> Any:
        """Export another record that this one refers to, unless it is bound; return its binding (0..1).

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
                # The binding stays, so that after a crash its external record is found before it is created again.
                self._commit()
        if binding and exporter.binder.to_external(binding) is None:
            exporter.run(binding)
        return binding

    def _create_binding(self, record: Any, values: Mapping[str, Any]) -> Any:
        """Create the binding of a record of Odoo (1)."""
        return self.model.create({"backend_id": self.backend.id, "odoo_id": record.id, **values})

    def _map(self, for_create: bool, fields: list[str] | None) -> dict[str, Any]:
        """Return the values to send."""
        return self.mapper.map_record(self.binding).values(for_create=for_create, fields=fields)

    def values_of(self, binding: Any) -> dict[str, Any]:
        """Return what an export of a binding (1) would send: all its mapped values."""
        with self._about(binding):
            return self._map(False, None)

    def _changed(self, values: dict[str, Any], binding: Any) -> dict[str, Any]:
        """Return the values to send: all, or none if the last export sent the same."""
        return values if self.unit(Agreement).unsent(values, binding) else {}

    def _validate(self, values: dict[str, Any]) -> None:
        """Raise ``MappingError`` for values that must not be sent."""

    def _create(self, values: dict[str, Any]) -> Any:
        """Create the external record, unless :meth:`_find_external` finds it, and return its id."""
        external_id = self._find_external(values)
        if external_id is not None:
            self._update(external_id, values)
            return external_id
        return self.adapter.create(values)

    def _find_external(self, values: dict[str, Any]) -> Any:
        """Return the id of the external record of this binding, by a natural key such as a sku; None for none.

        For APIs that take no idempotency key: a crash between the creation and the commit leaves an external record
        without a binding. Compare what is found: an API may ignore an unknown filter and return any record.
        """
        return None

    def _idempotency_key(self) -> str:
        """Return a text that is the same for each attempt to create this binding's record, and for no other.

        For APIs that take one: an override of :meth:`_create` sends it along.
        """
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return digest([database, self.binding._name, self.binding.id])

    def _update(self, external_id: Any, values: dict[str, Any]) -> None:
        """Change the external record."""
        self.adapter.write(external_id, values)

    def _bind(self, external_id: Any) -> None:
        """Bind the external id."""
        with self.work.origin():
            self.binder.bind(external_id, self.binding.with_env(self.env))

    def _after_export(self, binding: Any) -> None:
        """Take the last step, with the binding (1) bound."""

    def _commit(self) -> bool:
        """In a job, commit and lock the bindings under export again; tell whether it did.

        Outside a job nothing is committed. The state of the job's last checkpoint is kept.

        :raises LocksLostError: when another process was quicker to lock; the job is run again
        """
        job = self.env["connector.job"]
        if not job.current():
            return False
        job.checkpoint(job.checkpoint_state())
        try:
            for lock in self.work.shared.get(_LOCKS, ()):
                lock()
        except ConcurrentUpdateError as error:
            raise LocksLostError(str(error), retry_after_s=error.retry_after_s) from error
        return True
