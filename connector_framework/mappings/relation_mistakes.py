"""Mistakes with the modifiers that lead to other records, which show only once the models are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..addon import addon_of, path_of
from ..binders.models import binding_classes
from ..mistake import Mistake
from ..near import did_you_mean
from .definition import Direct
from .export_mapper import ExportMapper
from .mapper import Mapper
from .modifiers import Modifier
from .resolvers import binding_models_on

__all__ = ["relation_mistakes"]

#: The modifiers of one direction, and what takes the place of each in the other.
IMPORTING = {"external_to_m2o": "m2o_to_external", "external_to_m2m": "m2m_to_external", "code_to_m2o": "follow_m2o"}
EXPORTING = {"m2o_to_external": "external_to_m2o", "m2m_to_external": "external_to_m2m"}


def relation_mistakes(cls: type[Mapper], model_name: str, registry: Any, service: str | None) -> Iterator[Mistake]:
    """Yield the relations of ``direct`` that cannot be resolved.

    :param registry: the models by name
    :param service: of the backends that use the mapper
    """
    is_export = issubclass(cls, ExportMapper)
    for entry in cls._definition.direct.values():
        for one in entry.modifiers:
            if addon_of(one.function) != "connector_framework":
                continue
            where = f"{path_of(entry.owner)}.direct, {one!r} for {entry.target!r}"
            other = (IMPORTING if is_export else EXPORTING).get(one.name)
            if other:
                kind = "an import" if is_export else "an export"
                yield Mistake(f"{where}: {one.name}() is for {kind}; use {other}()", is_certain=False)
            elif one.name in (EXPORTING if is_export else IMPORTING):
                field_of = _exported if is_export else _imported
                problem = _problem(one, field_of(cls, entry, registry, model_name), registry, service)
                if problem:
                    yield Mistake(f"{where}: {problem}")


def _imported(cls: type[Mapper], entry: Direct, registry: Any, model_name: str) -> Any:
    """Return the field that a target names; None: not known."""
    target_model, name = cls._target_place(entry.target, model_name)
    return registry[target_model]._fields.get(name) if target_model in registry else None


def _exported(cls: type[Mapper], entry: Direct, registry: Any, model_name: str) -> Any:
    """Return the field that a source key leads to; None: not known."""
    if cls._definition.sources or len(entry.modifiers) > 1 or cls.map_record is not Mapper.map_record:
        return None
    field = None
    for name in entry.key.split("."):
        if field is not None:
            model_name = field.comodel_name
        field = registry[model_name]._fields.get(name) if model_name in registry else None
        if field is None:
            return None
    return field


def _problem(one: Modifier, field: Any, registry: Any, service: str | None) -> str:
    """Return why a modifier cannot resolve a field, "" when it can or that is not known."""
    argument = one.arguments[0] if one.arguments else None
    comodel = field.comodel_name if field is not None else None
    if one.name == "code_to_m2o":
        if field is not None and not comodel:
            return f"the target is a {field.type}, no relation"
        if comodel in registry and argument not in registry[comodel]._fields:
            return f"{comodel} has no field {argument!r}. {did_you_mean(argument, registry[comodel]._fields)}".rstrip()
        return ""
    if field is not None and comodel and (one.name.count("m2m") > 0) != (field.type in ("many2many", "one2many")):
        other = one.name.replace("m2m", "m2o") if "m2m" in one.name else one.name.replace("m2o", "m2m")
        return f"{field.name!r} is a {field.type}: use {other}()"
    if argument is not None:
        known = [name for name, _cls in binding_classes(registry)]
        what = "is no binding model" if argument in registry else "which does not exist"
        return "" if argument in known else f"binding={argument!r}, {what}. {did_you_mean(argument, known)}".rstrip()
    if field is None:
        return ""
    if not comodel:
        return f"{field.name!r} is a {field.type}, no relation; name the binding model with binding="
    if comodel not in registry or getattr(registry[comodel], "_is_connector_binding", False):
        return ""
    for backend in [name for name, model in registry.items() if _is_backend_of(model, service)]:
        found = binding_models_on(registry, comodel, backend)
        if len(found) != 1:
            seen = (
                f"has several binding models on {comodel} ({', '.join(found)})"
                if found
                else f"has no binding model on {comodel}"
            )
            return f"{backend} {seen}; name the one to use with binding="
    return ""


def _is_backend_of(model: Any, service: str | None) -> bool:
    return bool(service) and getattr(model, "_service", None) == service and not model._abstract
