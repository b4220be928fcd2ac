"""The binder of a binding model."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar

from odoo import fields
from odoo.models import BaseModel

from ..exceptions import ConfigurationError, ExternalConflictError
from ..references import ConnectorUnit

__all__ = ["Binder", "Key"]

#: An external id, or a tuple of its parts in the order of the model's ``_external_key``.
Key = Any


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
        found = self.to_internal_many([external_id])
        binding = next(iter(found.values()), self.model)
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
        values = self.key_values(external_id)
        key = tuple(values.values())
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
        given = {_hashable(external_id): self._parts(external_id, alone=True) for external_id in external_ids}
        given = {external_id: parts for external_id, parts in given.items() if None not in parts}
        if not given:
            return {}
        bindings = self._search(self._all(), list(given.values())).with_env(self.env)
        by_parts: dict[tuple, Any] = {}
        for binding in bindings:
            by_parts[self._stored_parts(binding)] = binding
            if self.sufficient_column:
                by_parts[(self._stored_part(binding, self.sufficient_column),)] = binding
        return {external_id: by_parts[parts] for external_id, parts in given.items() if parts in by_parts}

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
        if None in parts:
            raise ValueError(
                f"{external_id!r} is no external id of {self.model._name}: it is empty, or a part of it is"
            )
        return dict(zip(self._columns, parts, strict=True))

    @property
    def is_composite(self) -> bool:
        """Whether external ids are tuples."""
        return len(self._columns) > 1

    @property
    def _columns(self) -> tuple[str, ...]:
        return tuple(self.model._external_key)

    def _parts(self, external_id: Key, alone: bool = False) -> tuple[Any, ...]:
        """Return the parts of an external id as they are stored, None for a part that is missing.

        :param alone: the sufficient column's value may stand for all
        """
        columns = self._columns
        if isinstance(external_id, list | tuple):
            parts = tuple(external_id)
        else:
            parts = (external_id,)
            if alone and len(columns) > 1 and self.sufficient_column:
                columns = (self.sufficient_column,)
        if len(parts) != len(columns):
            raise ValueError(
                f"{external_id!r} is no external id of {self.model._name}: that is a tuple of {', '.join(columns)}"
            )
        return tuple(self._as_stored(name, part) for name, part in zip(columns, parts, strict=True))

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

    def _stored_part(self, binding: Any, name: str) -> Any:
        return self._as_stored(name, binding[name])

    def _stored_parts(self, binding: Any) -> tuple[Any, ...]:
        return tuple(self._stored_part(binding, name) for name in self._columns)

    def _key_of(self, binding: Any) -> Key | None:
        """Return the external id of a binding (1), None if it is not complete."""
        parts = self._stored_parts(binding)
        if None in parts:
            return None
        return parts if len(parts) > 1 else parts[0]

    # -- queries -------------------------------------------------------------------------------------------------------

    def _all(self) -> Any:
        return self.model.with_context(active_test=False)

    def _search(self, model: Any, keys: Sequence[tuple[Any, ...]]) -> Any:
        """Return the bindings with these keys, each as :meth:`_parts` returns it."""
        columns = self._columns
        alone = [key[0] for key in keys if len(key) < len(columns)]
        whole = [key for key in keys if len(key) == len(columns)]
        # A filter for each column lets the index do most of the work; pairs that nobody asked for are dropped after.
        domain: list[Any] = [("backend_id", "=", self.backend.id)]
        if alone:
            domain.append(
                (self.sufficient_column, "in", alone + [k[columns.index(self.sufficient_column)] for k in whole])
            )
        else:
            domain += [(name, "in", list({key[i] for key in whole})) for i, name in enumerate(columns)]
        found = model.with_context(active_test=False).search_fetch(domain, ["backend_id", *columns], order="id")
        if len(columns) == 1 or alone:
            return found
        wanted = set(whole)
        return found.filtered(lambda binding: self._stored_parts(binding) in wanted)

    def _check_has_record(self) -> None:
        if "odoo_id" not in self.model._fields:
            raise ConfigurationError(f"{self.model._name} has no odoo_id: its bindings stand for no record of Odoo")

    def _ambiguous(self, record: Any, bindings: Any) -> ConfigurationError:
        return ConfigurationError(
            f"{record} has several bindings on {self.backend.display_name}, {bindings}: pass the one that you mean"
        )


def _hashable(external_id: Key) -> Hashable:
    return tuple(external_id) if isinstance(external_id, list) else external_id
