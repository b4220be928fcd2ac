"""The binder of a binding model."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from odoo import fields
from odoo.models import BaseModel

from ..exceptions import ConfigurationError, ExternalConflictError
from ..references import ConnectorUnit

__all__ = ["Binder", "Key", "lookups_kept"]

#: An external id, or a tuple of its parts in the order of the model's ``_external_key``.
Key = Any


#: Key in ``work.shared`` of the bindings that were found, while they are kept.
_KNOWN = "connector.known_bindings"


@contextmanager
def lookups_kept(work: Any) -> Iterator[None]:
    """Look up each external id once inside: for steps that read, of many records that refer to the same ones.

    An id that is not bound is looked up again each time.
    """
    before = work.shared.get(_KNOWN)
    work.shared[_KNOWN] = {}
    try:
        yield
    finally:
        work.shared.pop(_KNOWN)
        if before is not None:
            work.shared[_KNOWN] = before


class Binder(ConnectorUnit):
    """Finds and writes bindings by external id.

    An external id is whatever the other system calls a record, 0 included; it is compared as it is stored, so that 42
    and "42" are the same. Where the model's ``_external_key`` has several columns, an external id is a tuple of them in
    that order; many2ones by their id. Archived bindings and records count.
    """

    _kind = "binder"
    _usable_as_is = True

    #: A column of a composite key that alone tells a record of this backend: :meth:`to_internal` takes its value in
    #: place of the whole tuple. None: only the whole key tells.
    sufficient_column: ClassVar[str | None] = None

    # -- one -----------------------------------------------------------------------------------------------------------

    def to_internal(self, external_id: Key, unwrap: bool = False) -> Any:
        """Return the binding (0..1) with an external id, none for none; with ``unwrap`` the record of Odoo (0..1).

        :raises ValueError: when a composite key is not a tuple of as many parts
        """
        known: dict[Any, Any] | None = self.work.shared.get(_KNOWN)
        key = (self.model._name, _hashable(external_id))
        if known is not None and key in known:
            binding = known[key].with_env(self.env)
        else:
            binding = next(iter(self.to_internal_many([external_id]).values()), self.model)
            if binding and known is not None:
                known[key] = binding
        return self.unwrap(binding) if unwrap else binding

    def to_external(self, record: Any, wrap: bool = False) -> Key | None:
        """Return the external id of a binding (0..1); None when it has none yet.

        :param wrap: the record is Odoo's, not its binding
        :raises ConfigurationError: when a record of Odoo has several bindings on this backend
        """
        binding = self.wrap(record) if wrap else record
        if len(binding) > 1:
            raise self._ambiguous(record, binding)
        return self._key_of(binding) if binding else None

    def bind(self, external_id: Key, binding: Any) -> None:
        """Write an external id and ``sync_date`` on a binding (1); the same again changes nothing else.

        Another external id takes the place of the one that the binding had.

        :raises ValueError: when the external id is none, or a part of it is missing, or ``binding`` is not one of
            this model and backend
        :raises ExternalConflictError: when another binding of the backend has the external id
        """
        if binding._name != self.model._name:
            raise ValueError(f"{binding} is no binding: {external_id!r} can be bound to a {self.model._name}")
        binding.ensure_one()
        if binding.backend_id != self.backend:
            raise ValueError(f"{binding} is a binding of another backend than {self.backend.display_name}")
        values = key = self.key_values(external_id)
        if self._stored_parts(binding) == key:
            values = {}
        else:
            # The rights of the user play no part: what the index would refuse is a conflict.
            other = self._search(self.model.sudo(), [key]) - binding.sudo()
            if other:
                raise ExternalConflictError(
                    f"{self.model._name}: {external_id!r} of {self.backend.display_name} is bound to"
                    f" {other} already, so {binding} cannot have it"
                )
        # A date of this transaction stays: it may be that of a moment before the external record was read.
        if not binding.sync_date or binding.sync_date < self.env.cr.now().replace(microsecond=0):
            values["sync_date"] = fields.Datetime.now()
        if binding.sync_state != "synced":
            values["sync_state"] = "synced"
        if values:
            binding.write(values)
        self.work.shared.get(_KNOWN, {}).clear()

    def unwrap(self, binding: Any) -> Any:
        """Return the records of Odoo of bindings.

        :raises ConfigurationError: when the model has no ``odoo_id``
        """
        self._check_has_record()
        return binding.odoo_id

    def wrap(self, record: Any) -> Any:
        """Return the bindings (0..n) of a record of Odoo on this backend.

        :raises ConfigurationError: when the model has no ``odoo_id``
        """
        self._check_has_record()
        return (
            self._all()
            .search_fetch(
                [("backend_id", "=", self.backend.id), ("odoo_id", "in", record.ids)], self._columns, order="id"
            )
            .with_env(self.env)
        )

    # -- many, in one query --------------------------------------------------------------------------------------------

    def to_internal_many(self, external_ids: Iterable[Key]) -> dict[Key, Any]:
        """Return the bindings by external id, as these were given; unknown ones are left out. One query."""
        wanted = {_hashable(external_id): self._criteria(external_id) for external_id in external_ids}
        wanted = {external_id: criteria for external_id, criteria in wanted.items() if None not in criteria.values()}
        if not wanted:
            return {}
        found = {}
        shapes = {tuple(criteria) for criteria in wanted.values()}
        for binding in self._search(self._all(), wanted.values()).with_env(self.env):
            parts = self._stored_parts(binding)
            for columns in shapes:
                found[tuple((name, parts[name]) for name in columns)] = binding
        keys = {external_id: tuple(criteria.items()) for external_id, criteria in wanted.items()}
        return {external_id: found[key] for external_id, key in keys.items() if key in found}

    def to_external_many(self, records: Any) -> dict[Any, Key]:
        """Return the external ids by record, of bindings or of records of Odoo; unknown ones are left out. One query.

        :raises ConfigurationError: when a record of Odoo has several bindings on this backend
        """
        if records._name == self.model._name:
            records.fetch(self._columns)
            keys = {record: self._key_of(record) for record in records}
            return {record: key for record, key in keys.items() if key is not None}
        self._check_has_record()
        bindings = self._all().search_fetch(
            [("backend_id", "=", self.backend.id), ("odoo_id", "in", records.ids)],
            ["odoo_id", *self._columns],
            order="id",
        )
        found: dict[Any, Key] = {}
        for binding in bindings:
            key = self._key_of(binding)
            if key is None:
                continue
            record = records.browse(binding.odoo_id.id)
            if record in found:
                raise self._ambiguous(record, bindings.filtered(lambda b, id_=record.id: b.odoo_id.id == id_))
            found[record] = key
        return found

    # -- keys ----------------------------------------------------------------------------------------------------------

    def key_values(self, external_id: Key) -> dict[str, Any]:
        """Return the values of the columns of the external key, to create or to write a binding with.

        :raises ValueError: when the external id is none, or a part of it is missing
        """
        parts = self._parts(external_id)
        if None in parts.values():
            raise ValueError(
                f"{external_id!r} is no external id of {self.model._name}: it is empty, or a part of it is"
            )
        return parts

    @property
    def is_composite(self) -> bool:
        """Whether external ids are tuples."""
        return len(self._columns) > 1

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(self.model._external_key)

    def _parts(self, external_id: Key) -> dict[str, Any]:
        """Return the parts of an external id by column, as they are stored; None for a part that is missing."""
        columns = self._columns
        parts = tuple(external_id) if isinstance(external_id, list | tuple) else (external_id,)
        if len(parts) != len(columns):
            raise ValueError(
                f"{external_id!r} is no external id of {self.model._name}: that is a tuple of {', '.join(columns)}"
            )
        return {name: self._as_stored(name, part) for name, part in zip(columns, parts, strict=True)}

    def _criteria(self, external_id: Key) -> dict[str, Any]:
        """Return the parts to look an external id up by: all of them, or the value of the sufficient column."""
        column = self.sufficient_column
        if column is None or isinstance(external_id, list | tuple):
            return self._parts(external_id)
        return {column: self._as_stored(column, external_id)}

    def _as_stored(self, name: str, part: Any) -> Any:
        """Return a part of a key as the database holds it; None for nothing, which 0 is not."""
        field = self.model._fields[name]
        if isinstance(part, BaseModel):
            part = part.id
        if part is None or part == "" or (part is False and field.type != "boolean"):
            return None
        if field.type in ("many2one", "integer"):
            return int(part)
        if field.type in ("char", "text", "selection"):
            return str(part)
        return field.convert_to_cache(part, self.model)

    def _stored_parts(self, binding: Any) -> dict[str, Any]:
        return {name: self._as_stored(name, binding[name]) for name in self._columns}

    def _key_of(self, binding: Any) -> Key | None:
        """Return the external id of a binding (1), None if it is not complete."""
        parts = tuple(self._stored_parts(binding).values())
        if None in parts:
            return None
        return parts if self.is_composite else parts[0]

    # -- queries -------------------------------------------------------------------------------------------------------

    def _all(self) -> Any:
        return self.model.with_context(active_test=False)

    def _search(self, model: Any, criteria: Collection[dict[str, Any]]) -> Any:
        """Return the bindings that match one of the criteria, and of many perhaps some more, in one query."""
        # One IN filter a column uses the index; it also matches combinations that are not wanted, which the caller
        # drops.
        columns = [name for name in self._columns if all(name in parts for parts in criteria)]
        domain: list[Any] = [("backend_id", "=", self.backend.id)]
        domain += [(name, "in", list({parts[name] for parts in criteria})) for name in columns]
        found = model.with_context(active_test=False)
        return found.search_fetch(domain, ["backend_id", *self._columns], order="id")

    def _check_has_record(self) -> None:
        if "odoo_id" not in self.model._fields:
            raise ConfigurationError(f"{self.model._name} has no odoo_id: its bindings stand for no record of Odoo")

    def _ambiguous(self, record: Any, bindings: Any) -> ConfigurationError:
        return ConfigurationError(
            f"{record} has several bindings on {self.backend.display_name}, {bindings}: pass the one that you mean"
        )


def _hashable(external_id: Key) -> Hashable:
    return tuple(external_id) if isinstance(external_id, list) else external_id
