"""Links between records: from an external id to a many2one's value, and back."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

from .. import binders  # noqa: F401 - makes the kind known that binder_for() resolves
from ..exceptions import ConfigurationError, DependencyMissingError

if TYPE_CHECKING:
    from .mapper import Mapper

__all__ = ["ExportLink", "Link", "binding_models", "link_from", "link_to"]


class Link:
    """The way from an external id to the id that a field takes, in one work session.

    :param binder: the binder of the binding model
    :param unwrap: the field points to Odoo's record, not to its binding
    """

    def __init__(self, binder: Any, unwrap: bool, model_name: str) -> None:
        self.binder = binder
        self.unwrap = unwrap
        self.model_name = model_name
        #: Ids found in bulk, to be looked at first; kept while many sources are mapped.
        self.found: dict[Hashable, int] = {}

    def to_id(self, external_id: Any) -> int:
        """Return the id for an external id.

        :raises DependencyMissingError: when it is not bound
        """
        record = self.binder.to_internal(external_id, unwrap=self.unwrap)
        if not record:
            raise DependencyMissingError(
                f"{self.model_name} has no binding with the external id {external_id!r}: import it first"
            )
        return record.id

    def to_ids(self, external_ids: Iterable[Hashable]) -> list[int]:
        """Return the ids for external ids, in their order and each once: two of them may share a record.

        :raises DependencyMissingError: when one is not bound
        """
        external_ids = list(external_ids)
        found = {**self.found, **self._find([one for one in external_ids if one not in self.found])}
        return list(dict.fromkeys(found.get(one) or self.to_id(one) for one in external_ids))

    def prefetch(self, external_ids: Iterable[Hashable]) -> None:
        """Look up many external ids in one query; what is not bound is left to :meth:`to_id`."""
        self.found.update(self._find(external_ids))

    def forget(self) -> None:
        self.found = {}

    def _find(self, external_ids: Iterable[Hashable]) -> dict[Hashable, int]:
        wanted = list(dict.fromkeys(external_ids))
        if len(wanted) < 2:
            return {}
        try:
            bindings = self.binder.to_internal_many(wanted)
        except ValueError:  # Which of them is no external id turns out one by one.
            return {}
        return {
            external_id: (self.binder.unwrap(binding) if self.unwrap else binding).id
            for external_id, binding in bindings.items()
        }


class ExportLink:
    """The way from a record to its external id, in one work session.

    :param binder: the binder of the binding model
    :param wrap: the records are Odoo's, not their bindings
    """

    def __init__(self, binder: Any, wrap: bool) -> None:
        self.binder = binder
        self.wrap = wrap
        #: External ids found in bulk, by id of the record; kept while many sources are mapped.
        self.found: dict[int, Any] = {}

    def to_external(self, record: Any) -> Any:
        """Return the external id of a record (1).

        :raises DependencyMissingError: when it has none
        """
        record.ensure_one()
        external_id = self.found.get(record.id)
        if external_id is None:
            external_id = self.binder.to_external(record, wrap=self.wrap)
        if external_id is None:
            raise DependencyMissingError(f"{record} has no external id for {self.binder.backend}: export it first")
        return external_id

    def prefetch(self, records: Any) -> None:
        """Look up the external ids of many records in one query; those that have none are left out."""
        try:
            found = self.binder.to_external_many(records)
        except ConfigurationError:  # Which of them has several bindings turns out one by one.
            return
        self.found.update((record.id, external_id) for record, external_id in found.items())

    def forget(self) -> None:
        self.found = {}


def binding_models(env: Any, backend: Any, model_name: str) -> list[str]:
    """Return the names of the binding models on a model for backends of this kind."""
    return [
        name
        for name, cls in env.registry.items()
        if getattr(cls, "_is_connector_binding", False)
        and not cls._abstract
        and model_name in cls._inherits
        and "backend_id" in cls._fields
        and cls._fields["backend_id"].comodel_name == backend._name
    ]


def _is_binding(env: Any, model_name: str | None) -> bool:
    return bool(model_name) and getattr(env[model_name], "_is_connector_binding", False)


def _only_binding(mapper: Mapper, model_name: str, what: str) -> str:
    found = binding_models(mapper.env, mapper.backend, model_name)
    if len(found) == 1:
        return found[0]
    seen = (
        f"several binding models on {model_name} ({', '.join(sorted(found))})"
        if found
        else (f"no binding model on {model_name}")
    )
    raise ConfigurationError(f"{what}: {mapper.backend._name} has {seen}; name the one to use with binding=")


def link_to(mapper: Mapper, target: str, binding: str | None) -> Link:
    """Return the link that fills the field ``target``.

    The binding model is the field's comodel if that is one, else ``binding``, else the only one that this kind of
    backend has on the comodel.

    :raises ConfigurationError: when there is none, or when there are several
    """
    field = mapper.target_field(target)
    comodel = field.comodel_name if field is not None else None
    if _is_binding(mapper.env, comodel):
        return Link(mapper.binder_for(comodel), False, comodel)  # type: ignore[arg-type]
    if binding is None:
        what = f"{type(mapper).__name__}, external_to_m2o for {target!r}"
        if comodel is None:
            raise ConfigurationError(f"{what}: that is no relation of a known model; name the model with binding=")
        binding = _only_binding(mapper, comodel, what)
    return Link(mapper.binder_for(binding), True, binding)


def link_from(mapper: Mapper, model_name: str, binding: str | None) -> ExportLink:
    """Return the link for records of a model.

    :raises ConfigurationError: when no binding model is known for them, or several are
    """
    if _is_binding(mapper.env, model_name):
        return ExportLink(mapper.binder_for(model_name), False)
    if binding is None:
        binding = _only_binding(mapper, model_name, f"{type(mapper).__name__}, m2o_to_external")
    return ExportLink(mapper.binder_for(binding), True)
