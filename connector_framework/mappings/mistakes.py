"""Mistakes in a mapper that show only once the models are known."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..addon import addon_of, path_of
from ..mistake import Mistake
from ..near import close_to, did_you_mean
from ..syntax import calls, node_of, own_functions, returned, returns_nothing, texts_of
from .definition import Children, Direct, Entry, Method
from .export_mapper import ExportMapper
from .import_mapper import ImportMapper
from .mapper import Mapper
from .relation_mistakes import relation_mistakes

__all__ = ["followed", "forgotten_mappings", "mapper_mistakes"]


def mapper_mistakes(
    cls: type[Mapper], model_name: str, registry: Any, users: Iterable[type] = (), service: str | None = None
) -> Iterator[Mistake]:
    """Yield the mistakes in what a mapper declares for a model.

    A name that a method of the mapper or of ``users`` has as a text is none of Odoo's: ``finalize`` or an importer
    takes it, an exporter brings it.

    :param registry: the models by name
    :param users: classes that get the values, beside the mapper and the model
    :param service: of the backends that use the mapper
    """
    look = _Look(cls, model_name, registry, users)
    yield from look.repeated_targets()
    yield from look.methods_without_values()
    if issubclass(cls, ImportMapper):
        yield from look.targets()
    elif issubclass(cls, ExportMapper):
        yield from look.sources()
    yield from relation_mistakes(cls, model_name, registry, service)


class _Look:
    """A look at one mapper for one model."""

    def __init__(self, cls: type[Mapper], model_name: str, registry: Any, users: Iterable[type]) -> None:
        self.cls, self.model_name, self.registry = cls, model_name, registry
        self.definition = cls._definition
        self._users = users
        self._used: dict[str, set[str] | None] = {}

    def repeated_targets(self) -> Iterator[Mistake]:
        """A class that has a target twice: in ``direct`` the later one wins, in ``children`` one of the two is lost."""
        count = Counter((entry.owner, entry.target) for entry in self.definition.entries)
        for (owner, target), number in count.items():
            if number > 1 and addon_of(owner) != "connector_framework":
                yield Mistake(
                    f"{path_of(owner)} has the target {target!r} {number} times in direct and children: the later one "
                    "takes the place of the value before. Leave one, or write a mapping method",
                    is_certain=False,
                )

    def methods_without_values(self) -> Iterator[Mistake]:
        """A mapping method that works values out and does not return them."""
        for method in self.definition.methods:
            function = own_functions(method.owner).get(method.name)
            if function and returns_nothing(function):
                yield Mistake(
                    f"{path_of(method.owner)}.{method.name} returns nothing: a mapping method returns a dict by target",
                    is_certain=False,
                )

    # -- import: the targets -------------------------------------------------------------------------------------------

    def targets(self) -> Iterator[Mistake]:
        """Yield what is wrong with the targets of an import."""
        yield from self._target_models()
        for entry in self.definition.entries:
            what = "direct" if isinstance(entry, Direct) else "children"
            where = f"{path_of(entry.owner)}.{what}: the target {entry.target!r}"
            yield from self._target(entry.target, where, entry)
        for method in self.definition.methods:
            for key in self._returned_keys(method):
                name = _key(key)
                target = f"{method.target}.{name}" if method.target else name
                yield from self._target(target, f"{path_of(method.owner)}.{method.name}: the key {name!r}")

    def _target_models(self) -> Iterator[Mistake]:
        targets = self.cls.targets
        for part, name in targets.items() if isinstance(targets, Mapping) else ():
            close = close_to(name, self.registry) if name and name not in self.registry else None
            if close:
                yield Mistake(
                    f"{path_of(self.cls)}.targets: {part!r} is for the model {name!r}, which does not exist. "
                    f"Did you mean {close!r}?"
                )

    def _target(self, target: str, where: str, entry: Entry | None = None) -> Iterator[Mistake]:
        model_name, name = self.cls._target_place(target, self.model_name)
        if model_name is None or model_name not in self.registry:
            return
        field = self.registry[model_name]._fields.get(name)
        if field is None and self._is_unused(name, model_name):
            yield Mistake(f"{where} is no field of {model_name}. {_advice(self.registry, model_name, name)}")
        elif isinstance(entry, Children) and field is not None and self._is_unused(name, model_name):
            if field.type not in ("one2many", "many2many"):
                yield Mistake(f"{where} is a {field.type} of {model_name}, which takes no children")
            elif field.comodel_name != entry.model_name and entry.model_name in self.registry:
                yield Mistake(
                    f"{where} has records of {field.comodel_name}, and the children are for {entry.model_name}: "
                    "name a one2many to that model",
                    is_certain=False,
                )
        elif field is not None and _is_lost(field) and self._is_unused(name, model_name):
            yield Mistake(f"{where} is computed by Odoo: what is written to it is lost", is_certain=False)

    # -- export: the sources -------------------------------------------------------------------------------------------

    def sources(self) -> Iterator[Mistake]:
        """Yield the sources of an export that are no fields of the model."""
        if self.definition.sources or self.cls.map_record is not Mapper.map_record:
            return
        for entry in self.definition.entries:
            what = "direct" if isinstance(entry, Direct) else "children"
            yield from self._source(entry.key, f"{path_of(entry.owner)}.{what}: the source {entry.key!r}")
        for method in (*self.definition.methods, self.definition.finalize):
            for key in method.keys or ():
                yield from self._source(key, f"{path_of(method.owner)}.{method.name}: @changed_by({key!r})")

    def _source(self, key: str, where: str) -> Iterator[Mistake]:
        model_name, field = self.model_name, None
        for name in key.split("."):
            if field is not None:
                if not field.relational:
                    if field.type in ("char", "text", "html", "integer", "float", "monetary", "boolean", "selection"):
                        yield Mistake(f"{where} goes on behind {field.name!r}, a {field.type} of {model_name}")
                    return
                model_name = field.comodel_name
            if model_name not in self.registry:
                return
            field = self.registry[model_name]._fields.get(name)
            if field is None:
                if self._is_unused(key.partition(".")[0], self.model_name):
                    names = "is" if name == key else f"names {name!r},"
                    yield Mistake(
                        f"{where} {names} no field of {model_name}. {_advice(self.registry, model_name, name)}"
                    )
                return

    # -- what the code names -------------------------------------------------------------------------------------------

    def _returned_keys(self, method: Method) -> list[ast.Constant | ast.keyword]:
        """Return the keys of the dicts that a mapping method returns as they are written, by ``{}`` or ``dict()``."""
        function = own_functions(method.owner).get(method.name)
        node = function and node_of(function)
        keys: list[Any] = []
        for value in returned(node) if node else ():
            if isinstance(value, ast.Dict):
                keys += [key for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            elif value is not None and _is_call_of_dict(value):
                keys += [keyword for keyword in value.keywords if keyword.arg]  # type: ignore[attr-defined]
        return keys

    def _is_unused(self, name: str, model_name: str) -> bool:
        """Tell whether no method names a target or a source; where a source is missing, that is not known."""
        if model_name not in self._used:
            own = [one for one in self.registry[model_name].__mro__ if vars(one).get("_name") == model_name]
            classes = {*own, *(base for user in (self.cls, *self._users) for base in user.__mro__)}
            keys = {id(key) for method in self.definition.methods for key in self._returned_keys(method)}
            self._used[model_name] = _named_in(classes, keys)
        used = self._used[model_name]
        return used is not None and name not in used


def _named_in(classes: Iterable[type], without: set[int]) -> set[str] | None:
    """Return the texts in the methods of classes themselves, without those of the framework; None: not known."""
    found: set[str] = set()
    for owner in classes:
        if addon_of(owner) == "connector_framework":
            continue
        for function in own_functions(owner).values():
            named = texts_of(function, without)
            if named is None:
                return None
            found |= named
    return found


def followed(field: Any) -> Any:
    """Return the field that a related field leads to in the end, the field itself if it is not related."""
    while field.related and field.related_field is not None:
        field = field.related_field
    return field


def _is_lost(field: Any) -> bool:
    """Tell whether a field is computed each time, and nothing takes what is written to it."""
    field = followed(field)
    return field.name == "id" or (bool(field.compute) and not field.store and not field.inverse)


def _advice(registry: Any, model_name: str, name: str) -> str:
    model = registry[model_name]
    link = model._fields.get("odoo_id")
    record = registry.get(link.comodel_name) if link is not None and link.comodel_name else None
    if record is not None and name in record._fields and link.comodel_name not in model._inherits:
        return (
            f"{link.comodel_name} has it: give {model_name} "
            f'_inherits = {{"{link.comodel_name}": "odoo_id"}}, so that it has the fields of its record'
        )
    return did_you_mean(name, model._fields) or "Correct it, or add the field to the model"


def forgotten_mappings(cls: type[Mapper]) -> Iterator[str]:
    """Yield a sentence for each method that looks like a mapping method and has no caller.

    That is a public method ``name(self, record)`` that makes a dict, without a decorator, that overrides nothing, and
    that its module does not call.
    """
    decorated = {method.name for method in cls._definition.methods}
    for owner in cls.__mro__:
        if not issubclass(owner, Mapper) or addon_of(owner) == "connector_framework":
            continue
        for name, function in own_functions(owner).items():
            if name in decorated or name.startswith("_") or any(name in vars(base) for base in owner.__mro__[1:]):
                continue
            if _looks_like_mapping(function) and not calls(function, name):
                yield (
                    f"{path_of(owner)}.{name}(self, record) has no caller: put @mapping above it if it gives "
                    "values, or let its name begin with an underscore"
                )


def _looks_like_mapping(function: Any) -> bool:
    node = node_of(function)
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = node.args
    plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs)
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    return (
        plain
        and len(names) == 2
        and names[1] == "record"
        and any(isinstance(one, ast.Dict) or _is_call_of_dict(one) for one in ast.walk(node))
        and not any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node))
    )


def _key(node: ast.Constant | ast.keyword) -> str:
    return str(node.arg if isinstance(node, ast.keyword) else node.value)


def _is_call_of_dict(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict"
