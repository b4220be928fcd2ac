"""Resolvers: from an external id to the id that a relation takes, and from a record to its external id."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from ..binders.models import binding_models  # the package registers the kind that binder_for() resolves
from ..exceptions import ConfigurationError, DependencyMissingError

__all__ = ["ExportResolver", "ImportResolver", "Resolver", "Resolvers", "binding_models_on"]


class Resolver:
    """Resolves one relation in one work session, by the binder of its binding model.

    The binding model is the relation's model if it is one, else ``binding``, else the only one that this kind of
    backend has on the model.

    :param mapper: whose relation it is
    :param model_name: the relation's model, None if it is not known
    :param what: the modifier and its target, for messages
    :raises ConfigurationError: when there is no binding model, or there are several
    """

    def __init__(self, mapper: Any, model_name: str | None, binding: str | None, what: str) -> None:
        self.is_binding = bool(model_name) and getattr(mapper.env[model_name], "_is_connector_binding", False)
        if not self.is_binding:
            model_name = binding or _only_binding_model(mapper, model_name, f"{type(mapper).__name__}, {what}")
        self.model_name = model_name
        self.binder = mapper.binder_for(model_name)
        #: Prefetched ids by key; consulted before the binder.
        self.prefetched: dict[Hashable, Any] = {}

    def prefetch(self, keys: Any) -> None:
        """Look up many in one query; what is not bound is left to the single look-ups, which say so."""
        self.prefetched.update(self.find(keys))

    def forget(self) -> None:
        """Drop the prefetched ids."""
        self.prefetched = {}

    def find(self, keys: Any) -> dict[Hashable, Any]:
        """Return what is bound of many, in one query."""
        raise NotImplementedError


class ImportResolver(Resolver):
    """Resolves external ids to the ids of bindings, or of their records of Odoo, for a target of the mapper."""

    def __init__(self, mapper: Any, target: str, binding: str | None) -> None:
        field = mapper.target_field(target)
        comodel = field.comodel_name if field is not None else None
        super().__init__(mapper, comodel, binding, f"external_to_m2o for {target!r}")

    def to_id(self, external_id: Any) -> int:
        """Return the id for an external id; a composite one may be a list.

        :raises DependencyMissingError: when it is not bound
        """
        if type(external_id) is list:
            external_id = tuple(external_id)
        return self.prefetched.get(external_id) or self.find_one(external_id)

    def to_ids(self, external_ids: Iterable[Any]) -> list[int]:
        """Return the ids for external ids, in their order and each once: two of them may share a record.

        :raises DependencyMissingError: when one is not bound
        """
        keys = [tuple(one) if type(one) is list else one for one in external_ids]
        found = {**self.prefetched, **self.find([key for key in keys if key not in self.prefetched])}
        return list(dict.fromkeys(found.get(key) or self.find_one(key) for key in keys))

    def find_one(self, external_id: Hashable) -> int:
        record = self.binder.to_internal(external_id, unwrap=not self.is_binding)
        if not record:
            raise DependencyMissingError(
                f"{self.model_name} has no binding with the external id {external_id!r}: import it first"
            )
        return record.id

    def find(self, keys: Iterable[Hashable]) -> dict[Hashable, int]:
        wanted = list(dict.fromkeys(keys))
        try:
            bindings = self.binder.to_internal_many(wanted) if len(wanted) > 1 else {}
        except ValueError:  # One of them is no external id: the single look-up reports which.
            return {}
        unwrap = self.binder.unwrap
        return {key: (found if self.is_binding else unwrap(found)).id for key, found in bindings.items()}


class ExportResolver(Resolver):
    """Resolves records of a model, bindings or not, to their external ids."""

    def __init__(self, mapper: Any, model_name: str, binding: str | None) -> None:
        super().__init__(mapper, model_name, binding, "m2o_to_external")

    def to_external(self, record: Any) -> Any:
        """Return the external id of a record (1).

        :raises DependencyMissingError: when it has none
        """
        record.ensure_one()
        external_id = self.prefetched.get(record.id)
        if external_id is None:
            external_id = self.binder.to_external(record, wrap=not self.is_binding)
        if external_id is None:
            raise DependencyMissingError(f"{record} has no external id for {self.binder.backend}: export it first")
        return external_id

    def find(self, keys: Any) -> dict[Hashable, Any]:
        try:
            return {record.id: key for record, key in self.binder.to_external_many(keys).items()}
        except ConfigurationError:  # One of them has several bindings: the single look-up reports which.
            return {}


class Resolvers(dict[tuple[type[Resolver], str, str | None], Any]):
    """The resolvers of a mapper by kind, target or model, and ``binding``; made when first asked for."""

    def __init__(self, mapper: Any) -> None:
        super().__init__()
        self._mapper = mapper

    def __missing__(self, key: tuple[Any, str, str | None]) -> Any:
        kind, name, binding = key
        self[key] = kind(self._mapper, name, binding)
        return self[key]


def _only_binding_model(mapper: Any, model_name: str | None, what: str) -> str:
    """Return the name of the only binding model on a model for backends of this kind."""
    if not model_name:
        raise ConfigurationError(f"{what}: that is no relation of a known model; name the model with binding=")
    found = binding_models_on(mapper.env.registry, model_name, mapper.backend._name)
    if len(found) == 1:
        return found[0]
    names = ", ".join(found)
    seen = f"several binding models on {model_name} ({names})" if found else f"no binding model on {model_name}"
    raise ConfigurationError(f"{what}: {mapper.backend._name} has {seen}; name the one to use with binding=")


def binding_models_on(registry: Any, model_name: str, backend_model: str) -> list[str]:
    """Return the names of the binding models on a model for a kind of backend."""
    return sorted(name for name in binding_models(registry, backend_model) if model_name in registry[name]._inherits)
