"""Mistakes in the classes of connectors that show once the models are known: looked for when a registry is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..adapters import Adapter
from ..addon import addon_of, path_of
from ..exceptions import SeveralUnitsError
from ..mappings import ImportMapper, Mapper
from ..mappings.mistakes import forgotten_mappings, unknown_targets
from ..near import did_you_mean
from ..references import ConnectorUnit, Reference, all_references
from ..references.resolution import Entry
from .batch import BatchImporter
from .exporter import Exporter
from .importer import Importer

__all__ = ["Mistake", "mistakes"]

#: The kinds that the framework itself resolves for a model; "mapper" stands for both directions.
_NOT_RESOLVED = {"mapper"}


class Mistake(NamedTuple):
    """What is wrong with a class, and what to do.

    :param is_certain: it fails as soon as it is used; else it may be meant
    """

    text: str
    is_certain: bool = True


def mistakes(env: Any) -> list[Mistake]:
    """Return the mistakes in the classes that exist in a database, each once.

    Classes of ``tests`` packages are left out: they are registered for models that only a test has.
    """
    found: dict[Mistake, None] = {}
    references = all_references()
    # A class that only some versions complete is no mistake of the reference that they fall back on.
    parents = {reference.parent for reference in references}
    for reference in references:
        entries = [one for one in reference.entries(env) if one.exists and not _is_test(one.cls)]
        for entry in entries:
            found.update(dict.fromkeys(_of_class(entry, entries, env)))
        if reference not in parents and entries:
            found.update(dict.fromkeys(_of_reference(reference, entries, env)))
    return list(found)


def _is_test(cls: type) -> bool:
    return "tests" in cls.__module__.split(".")


def _is_ours(cls: type, *methods: str) -> bool:
    """Tell whether a class leaves these methods as the framework has them."""
    return all(addon_of(getattr(cls, method)) == "connector_framework" for method in methods)


def _lacks(adapter: type, method: str) -> bool:
    return getattr(adapter, method, None) is getattr(Adapter, method)


def _of_class(entry: Entry, entries: list[Entry], env: Any) -> Iterator[Mistake]:
    cls, registry = entry.cls, env.registry
    for name in cls.applied_models():
        if name not in registry:
            advice = did_you_mean(name, registry) or "Correct it, or add the addon that has it to the dependencies"
            yield Mistake(f"{path_of(cls)} is for the model {name!r} (_apply_on), which there is not. {advice}")
        elif issubclass(cls, ImportMapper):
            users = [one.cls for one in entries if one.names(name)]
            yield from map(Mistake, unknown_targets(cls, name, registry, users))
    if issubclass(cls, Mapper):
        for text in forgotten_mappings(cls):
            yield Mistake(text, is_certain=False)


def _of_reference(reference: Reference, entries: list[Entry], env: Any) -> Iterator[Mistake]:
    children = {name for one in entries if issubclass(one.cls, Mapper) for name in one.cls.child_models()}
    for name in sorted({name for one in entries for name in one.cls.applied_models() if name in env.registry}):
        units: dict[str, Any] = {}
        for kind, base_class in ConnectorUnit._kinds.items():
            if kind in _NOT_RESOLVED:
                continue
            try:
                units[kind] = reference.find_class(base_class, name, env)
            except SeveralUnitsError as error:
                yield Mistake(str(error))
        if name not in children:
            yield from _of_adapter(reference, name, units, [one.cls for one in entries if one.names(name)])


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
