"""Mistakes in what the addon of a connector declares beside its units: backend and binding models, consumers, files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..addon import addon_of, is_of_tests, path_of
from ..binders.models import binding_classes
from ..events import on_record_change, on_record_unlink
from ..masking import is_secret_name
from ..mistake import Mistake
from ..near import close_to, did_you_mean
from ..references import all_references

__all__ = ["addon_mistakes"]

#: What a binding model and a backend model may set.
BINDING_ATTRIBUTES = ("_external_key", "_one_per_record")
BACKEND_ATTRIBUTES = ("_service", "_secret_fields", "_url_fields")
#: A class that a reference registers, a model of a connector, or a consumer.
_DECLARES = re.compile(
    r'^@[\w.]+(\(.*\))?\nclass \w+\(|^    _inherit = "connector\.'
    r"|^(export_on_change|delete_on_unlink|@on_record_\w+)\(",
    re.MULTILINE,
)
#: Folders of an addon that its package does not import.
_NOT_IMPORTED = {"tests", "migrations", "static", "data", "scripts"}


def addon_mistakes(env: Any) -> Iterator[Mistake]:
    """Yield the mistakes in models, consumers and files of the connectors that are installed in a database."""
    registry = env.registry
    addons: set[str] = set()
    services: set[str] = set()
    for name, model in registry.items():
        is_binding = getattr(model, "_is_connector_binding", False)
        if model._abstract or not (is_binding or hasattr(model, "_secret_fields")):
            continue
        owners = [one for one in model.__mro__ if getattr(one, "_name", "") == name and addon_of(one)]
        owners = [one for one in owners if addon_of(one) != "connector_framework"]
        services |= {model._service} if not is_binding else set()
        if owners and not any(map(is_of_tests, owners)):
            addons.add(model._original_module)
            yield from _of_attributes(owners, BINDING_ATTRIBUTES if is_binding else BACKEND_ATTRIBUTES)
            yield from _of_binding(name, registry) if is_binding else _of_backend(name, registry)
    for reference in all_references():
        entries = [one for one in reference.entries(env) if one.exists and not is_of_tests(one.cls)]
        addons.update(one.addon for one in entries if one.addon)
        close = close_to(reference.service, services) if reference.service not in services else None
        if entries and close:
            yield Mistake(
                f"{path_of(entries[0].cls)} is registered on the reference {reference}, which no backend model uses. "
                f"Did you mean {close!r}?",
                is_certain=False,
            )
    yield from _of_consumers(env)
    for addon in sorted(addons - {"connector_framework"}):
        yield from _of_files(addon)


def _of_attributes(owners: Iterable[type], known: Iterable[str]) -> Iterator[Mistake]:
    for owner in owners:
        for name in vars(owner):
            close = close_to(name, known) if name.startswith("_") and name not in known else None
            if close:
                yield Mistake(
                    f"{path_of(owner)}.{name} is no attribute of the framework. Did you mean {close!r}?",
                    is_certain=False,
                )


def _of_binding(name: str, registry: Any) -> Iterator[Mistake]:
    model = registry[name]
    where = f"the binding model {name} (addon {model._original_module})"
    field = model._fields.get("backend_id")
    if field is None:
        return
    backends = [one for one, other in registry.items() if hasattr(other, "_secret_fields") and not other._abstract]
    if field.type != "many2one" or field.comodel_name not in backends:
        what = f"leads to {field.comodel_name}, which is" if field.type == "many2one" else f"is a {field.type},"
        yield Mistake(
            f"{where}: backend_id {what} no backend model. Let it lead to {' or '.join(sorted(backends)) or 'one'}"
        )
    elif not field.required and not field.related and not field.compute:
        yield Mistake(
            f"{where}: backend_id is not required, and a binding belongs to a backend. Add required=True and "
            'ondelete="cascade"',
            is_certain=False,
        )


def _of_backend(name: str, registry: Any) -> Iterator[Mistake]:
    model = registry[name]
    where = f"the backend model {name} (addon {model._original_module})"
    known = {reference.service for reference in all_references()}
    if model._service not in known:
        yield Mistake(
            f"{where}: there is no reference for its _service {model._service!r}. "
            f"{did_you_mean(model._service, known) or 'Make one: Reference(' + repr(model._service) + ')'}"
        )
    for unknown in sorted({*model._url_fields} - {*model._fields, "url"}):
        yield Mistake(
            f"{where}: there is no field {unknown!r}, which its _url_fields name, so the address is not guarded. "
            f"{did_you_mean(unknown, model._fields) or 'Correct it'}"
        )
    for field in model._fields.values():
        if (
            field.type in ("char", "text")
            and field.store
            and not field.groups
            and field.name not in (*model._secret_fields, *model._url_fields)
            and is_secret_name(field.name)
        ):
            yield Mistake(
                f"{where}: the field {field.name!r} seems to be a secret that every user of the backend can read. "
                "Add it to _secret_fields",
                is_certain=False,
            )


def _of_consumers(env: Any) -> Iterator[Mistake]:
    registry = env.registry
    for event in (on_record_change, on_record_unlink):
        for subscription in event.active_subscriptions(env):
            consumer = subscription.consumer
            if is_of_tests(consumer):
                continue
            for name in getattr(consumer, "binding_models", ()):
                if not getattr(registry.get(name), "_is_connector_binding", False):
                    known = [one for one, _cls in binding_classes(registry)]
                    yield Mistake(
                        f"{addon_of(consumer)}: {consumer.__name__} takes {name!r} for a binding model, which it is "
                        f"not. {did_you_mean(name, known) or 'Name a binding model'}"
                    )


def _of_files(addon: str) -> Iterator[Mistake]:
    """Yield the files with classes of a connector that no other one imports."""
    package = f"odoo.addons.{addon}"
    for folder in map(Path, getattr(sys.modules.get(package), "__path__", ())):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            names = [".".join((package, *parts[:depth])) for depth in range(1, len(parts) + 1)]
            missing = next((one for one in names if one not in sys.modules), None)
            if missing is None or parts[-1].startswith("__") or _NOT_IMPORTED.intersection(parts):
                continue
            text = path.read_text(errors="replace")
            if "connector_framework" in text and _DECLARES.search(text):
                parent, _, name = missing.removeprefix("odoo.addons.").replace(".", "/").rpartition("/")
                yield Mistake(
                    f"{addon}/{'/'.join(parts)}.py is imported nowhere, so what it defines does not exist. "
                    f"Import {name} in {parent}/__init__.py",
                    is_certain=False,
                )
