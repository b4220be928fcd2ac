"""Mistakes in a mapper that show only once the models are known."""

from __future__ import annotations

import ast
import dis
import inspect
import linecache
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from ..addon import addon_of, path_of
from ..near import did_you_mean
from .definition import Definition
from .mapper import Mapper

__all__ = ["forgotten_mappings", "unknown_targets"]

#: What makes a dict, by its instruction.
_MAKES_DICT = {"BUILD_MAP", "BUILD_CONST_KEY_MAP"}


def unknown_targets(cls: type[Mapper], model_name: str, registry: Any, users: Iterable[type] = ()) -> Iterator[str]:
    """Yield a sentence for each target of ``direct`` and ``children`` that is no field of the model.

    A target that a method of the mapper or of ``users`` names is none of Odoo's: ``finalize`` or an importer takes it.

    :param registry: the models by name
    :param users: classes that get the values, beside the mapper and the model
    """
    used: set[str] | None = None
    for entry in cls._definition.entries:
        target_model, name = _place(cls._definition, cls.targets, entry.target, model_name)
        if target_model is None or target_model not in registry or name in registry[target_model]._fields:
            continue
        if used is None:
            own = [one for one in registry[target_model].__mro__ if vars(one).get("_name") == target_model]
            used = _named_in({*own, *(base for user in (cls, *users) for base in user.__mro__)})
        if name not in used:
            what = "direct" if entry.name in cls._definition.direct else "children"
            yield (
                f"{path_of(entry.owner)}.{what}: the target {entry.target!r} is no field of {target_model}. "
                f"{_advice(registry, target_model, name)}"
            )


def _place(definition: Definition, targets: Any, target: str, model_name: str) -> tuple[str | None, str]:
    """Return the model and the field that a target names; the model is None for a part without one."""
    if not definition.targets:
        return model_name, target
    part, _, name = target.partition(".")
    return (targets.get(part) if isinstance(targets, dict) else None), name


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
        for name, function in vars(owner).items():
            if name in decorated or name.startswith("_") or not inspect.isfunction(function):
                continue
            if any(name in vars(base) for base in owner.__mro__[1:]):
                continue
            if _looks_like_mapping(function) and not _is_used(name, function):
                yield (
                    f"{path_of(owner)}.{name}(self, record) has no caller: put @mapping above it if it gives "
                    "values, or let its name begin with an underscore"
                )


def _looks_like_mapping(function: Any) -> bool:
    code = function.__code__
    plain = code.co_argcount == 2 and not code.co_kwonlyargcount and not code.co_flags & (0x04 | 0x08 | 0x20)
    return (
        plain
        and code.co_varnames[1] == "record"
        and ("dict" in code.co_names or any(one.opname in _MAKES_DICT for one in dis.get_instructions(code)))
    )


def _is_used(name: str, function: Any) -> bool:
    """Tell whether the function's module calls the method, or hands it on; texts of the same name are fields."""
    try:
        tree = ast.parse("".join(linecache.getlines(function.__code__.co_filename)))
    except SyntaxError:
        return True  # Nothing is known: it may be.
    return any(_calls(node, name) or _hands_on(node, name) for node in ast.walk(tree))


def _calls(node: ast.AST, name: str) -> bool:
    """``anything.name()``, or ``self.name``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == name
    return isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node.value) == "self"


def _hands_on(node: ast.AST, name: str) -> bool:
    """The name in the body of a class, as in ``direct = [(convert("a", name), "b")]``."""
    return isinstance(node, ast.ClassDef) and any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
        for statement in node.body
        if not isinstance(statement, ast.FunctionDef)
        for one in ast.walk(statement)
    )


def _named_in(classes: Iterable[type]) -> set[str]:
    """Return the texts in the code of the methods of classes themselves, without those of the framework."""
    return {
        text
        for owner in classes
        if addon_of(owner) != "connector_framework"
        for function in vars(owner).values()
        if inspect.isfunction(function)
        for code in _codes(function.__code__)
        for text in _texts(code)
    }


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _texts(code: CodeType) -> set[str]:
    found: set[str] = set()
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.add(constant)
        elif isinstance(constant, tuple | frozenset):
            found.update(one for one in constant if isinstance(one, str))
    return found
