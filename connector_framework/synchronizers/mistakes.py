"""Mistakes in the classes of connectors that show once the models are known: looked for when a registry is loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ..adapters import Adapter
from ..addon import addon_of, is_of_tests, path_of
from ..binders.models import binding_classes
from ..exceptions import SeveralUnitsError
from ..mappings import ExportMapper, ImportMapper, Mapper
from ..mappings.definition import Children
from ..mappings.mistakes import forgotten_mappings, mapper_mistakes
from ..mistake import Mistake
from ..near import did_you_mean
from ..references import ConnectorUnit, Reference, all_references
from ..references.overrides import override_mistakes
from ..references.resolution import Entry
from ..syntax import forget
from .addon_mistakes import addon_mistakes
from .batch import BatchImporter
from .deleter import Deleter
from .event_mistakes import event_mistakes
from .exporter import Exporter
from .importer import Importer

__all__ = ["Mistake", "mistakes"]

_logger = logging.getLogger(__name__)

#: The kinds that the framework itself resolves for a model; "mapper" stands for both directions.
_NOT_RESOLVED = {"mapper"}


def mistakes(env: Any) -> list[Mistake]:
    """Return the mistakes in the classes that exist in a database, each once.

    Classes of ``tests`` packages are left out: they are registered for models that only a test has.
    """
    found: dict[Mistake, None] = {}
    try:
        for one in _all(env):
            found[one] = None
    except Exception:  # A database must load, whatever its connectors look like.
        _logger.exception("The classes of connectors were looked at for mistakes in part only")
    finally:
        forget()
    return list(found)


def _all(env: Any) -> Iterator[Mistake]:
    references = all_references()
    # A class that only some versions complete is no mistake of the reference that they fall back on.
    parents = {reference.parent for reference in references}
    entries = {
        reference: [one for one in reference.entries(env) if one.exists and not is_of_tests(one.cls)]
        for reference in references
    }
    seen: set[tuple[type, str]] = set()
    for reference in references:
        of_service = [e for other in references if other.service == reference.service for e in entries[other]]
        for entry in entries[reference]:
            if entry.level is reference:
                yield from _of_class(entry, of_service, env)
                yield from override_mistakes(entry.cls, seen)
        if reference not in parents and entries[reference]:
            yield from _of_reference(reference, entries[reference], env)
    yield from event_mistakes(env)
    yield from addon_mistakes(env)


def _is_ours(cls: type, *methods: str) -> bool:
    """Tell whether a class leaves these methods as the framework has them."""
    return all(addon_of(getattr(cls, method)) == "connector_framework" for method in methods)


def _lacks(adapter: type, method: str) -> bool:
    return getattr(adapter, method, None) is getattr(Adapter, method)


def _of_class(entry: Entry, entries: list[Entry], env: Any) -> Iterator[Mistake]:
    cls, registry = entry.cls, env.registry
    children = _children(entries)
    if cls._apply_on is not None and not cls.applied_models():
        yield Mistake(f"{path_of(cls)} is for no model: its _apply_on is {cls._apply_on!r}", is_certain=False)
    for name in cls.applied_models():
        if name not in registry:
            advice = did_you_mean(name, registry) or "Correct it, or add the addon that has it to the dependencies"
            yield Mistake(f"{path_of(cls)} is for the model {name!r} (_apply_on), which does not exist. {advice}")
            continue
        if name not in children and issubclass(cls, Mapper | Importer | BatchImporter | Exporter | Deleter):
            yield from _of_model(cls, name, registry)
        if issubclass(cls, Mapper) and (issubclass(cls, ImportMapper) or _maps_records(cls, name, entries, env)):
            users = [one.cls for one in entries if one.names(name) or one.is_for_any_model or name in _children([one])]
            yield from mapper_mistakes(cls, name, registry, users, entry.level.service)  # type: ignore[attr-defined]
    if issubclass(cls, Mapper):
        for child in cls.child_models():
            if child not in registry:
                advice = did_you_mean(child, registry) or "Correct it"
                yield Mistake(f"{path_of(cls)}.children names the model {child!r}, which does not exist. {advice}")
        for text in forgotten_mappings(cls):
            yield Mistake(text, is_certain=False)


def _children(entries: list[Entry]) -> set[str]:
    """Return the models that come with the record of another one."""
    return {name for one in entries if issubclass(one.cls, Mapper) for name in one.cls.child_models()}


def _maps_records(cls: type, name: str, entries: list[Entry], env: Any) -> bool:
    """Tell whether an export mapper gets the bindings of a model, and nothing that a connector makes of them."""
    exporters = [
        one.cls for one in entries if issubclass(one.cls, Exporter) and (one.names(name) or one.is_for_any_model)
    ]
    return (
        issubclass(cls, ExportMapper)
        and name not in _children([one for one in entries if one.cls is not cls])
        and getattr(env.registry[name], "_is_connector_binding", False)
        and all(_is_ours(one, "_map", "run") for one in exporters)
    )


def _of_model(cls: type, name: str, registry: Any) -> Iterator[Mistake]:
    """Yield that a class is for a model that it does not get: Odoo's, in place of the bindings of it."""
    model = registry[name]
    if getattr(model, "_is_connector_binding", False) or hasattr(model, "_secret_fields"):
        return
    own = [one for one, other in binding_classes(registry) if name in other._inherits and not other._abstract]
    if own:
        yield Mistake(
            f"{path_of(cls)} is for the model {name!r} (_apply_on), which is no binding model. "
            f"Did you mean {' or '.join(map(repr, sorted(own)))}?",
            is_certain=False,
        )


def _of_reference(reference: Reference, entries: list[Entry], env: Any) -> Iterator[Mistake]:
    children = _children(entries)
    services = [one for one in all_references() if one.service == reference.service and not one.version]
    if reference.version and not reference.parent and any(one.classes() for one in services):
        yield Mistake(
            f"the reference {reference} has no parent, so it sees none of the classes of {reference.service}: "
            f"give it parent=, the Reference of {reference.service}",
            is_certain=False,
        )
    for name in sorted({name for one in entries for name in one.cls.applied_models() if name in env.registry}):
        units: dict[str, Any] = {}
        for kind, base_class in [*ConnectorUnit._kinds.items(), ("batch_importer", BatchImporter)]:
            if kind in _NOT_RESOLVED:
                continue
            try:
                units[kind] = reference.find_class(base_class, name, env)
            except SeveralUnitsError as error:
                yield Mistake(str(error))
        if name not in children:
            yield from _of_adapter(reference, name, units, [one.cls for one in entries if one.names(name)])
        yield from _of_units(reference, name, units, env)


def _of_units(reference: Reference, name: str, units: dict[str, Any], env: Any) -> Iterator[Mistake]:
    """Yield what the classes of a model need of each other and of themselves."""
    for kind in ("import_mapper", "export_mapper"):
        mapper = units.get(kind)
        base_class = ConnectorUnit._kinds[kind]
        if mapper is None:
            continue
        for child in sorted(_children_with_place(mapper, name, env)):
            if child in env.registry and _finds_none(reference, base_class, child, env):
                yield Mistake(
                    f"{path_of(mapper)}.children: there is no {base_class.__name__} for {child} on {reference}. Add one"
                )
    importer, batch = units.get("importer"), units.get("batch_importer")
    policy = getattr(importer, "conflict_policy", None)
    if importer and isinstance(policy, str) and "export_mapper" in units and units["export_mapper"] is None:
        yield Mistake(
            f"{path_of(importer)} has the conflict_policy {policy!r}, which compares with what an export would send: "
            f"add an ExportMapper for {name} on {reference}"
        )
    if batch is None or is_of_tests(batch):
        return
    if _is_ours(batch, "run", "run_page", "_import_page") and batch._import_page is BatchImporter._import_page:
        yield Mistake(f"{path_of(batch)} does not say how to import a page: derive it from DelayedBatchImporter")
    streams = isinstance(batch.stream, str | bool) and batch.stream
    if streams and _is_ours(batch, "run", "_stream_filters", "_since_filters"):
        yield Mistake(
            f"{path_of(batch)} has a stream and no _since_filters(self, since): the second import fails. Return "
            "from it the filters of your API for what changed since then"
        )


def _children_with_place(mapper: Any, name: str, env: Any) -> set[str]:
    """Return the models of the children of a mapper whose target is there: one mistake is told at a time."""
    fields, definition = env.registry[name]._fields, mapper._definition
    is_known = issubclass(mapper, ExportMapper) or definition.targets
    return {
        one.model_name for one in definition.entries if isinstance(one, Children) and (is_known or one.target in fields)
    }


def _finds_none(reference: Reference, base_class: Any, name: str, env: Any) -> bool:
    try:
        return reference.find_class(base_class, name, env) is None
    except SeveralUnitsError:  # It is told of for its own model.
        return False


def _of_adapter(reference: Reference, name: str, units: dict[str, Any], classes: list[type]) -> Iterator[Mistake]:
    """Yield the methods that the adapter of a model lacks, and who calls them."""
    adapter = units.get("adapter")
    if adapter is None:
        return
    importer = units.get("importer") or Importer
    needed: dict[str, str] = {}
    if any(issubclass(cls, ImportMapper | Importer) for cls in classes) and _is_ours(importer, "run", "_read"):
        needed["read"] = f"{importer.__name__}._read"
    for cls in classes:
        if issubclass(cls, BatchImporter) and _is_ours(cls, "run", "run_page"):
            needed["search"] = cls.__name__
        # One that only creates, or only updates, is right with one of them.
        if issubclass(cls, Exporter) and _is_ours(cls, "run", "_create", "_update") and _lacks(adapter, "create"):
            needed["write"] = f"{cls.__name__}._update"
    for method, user in needed.items():
        if _lacks(adapter, method):
            close = did_you_mean(method, [one for one in dir(adapter) if one not in dir(Adapter)])
            yield Mistake(
                f"{path_of(adapter)} has no method {method}(), which {user} calls for {name} on {reference}. "
                f"{close or 'Add it'}"
            )
