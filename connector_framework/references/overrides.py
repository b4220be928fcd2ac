"""Mistakes in what the class of a connector overrides, found by comparing it with the framework's class."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Collection, Iterator, Mapping
from numbers import Number
from types import UnionType
from typing import Any, ClassVar

from ..addon import addon_of, is_of_tests, path_of
from ..mistake import Mistake
from ..near import close_to
from ..signatures import refusal
from ..syntax import names_in, returns_nothing

__all__ = ["override_mistakes"]

#: What connectors call themselves: an override may take what it likes.
_HELPERS = {"_request", "_fetch", "_call", "unit", "enqueue", "import_dependency", "export_dependency"}
#: What the framework calls without the optional arguments.
_WITHOUT_OPTIONS = {"read", "read_many", "search_read", "count"}
#: Their result is unused, or shown only.
_UNUSED_RESULTS = {"write", "delete", "run", "run_page", "ping", "_ping"}
#: What the framework always calls with the same arguments, beside what begins with an underscore.
_PUBLIC_HOOKS = {"finalize", "finalize_child", "skip_item"}
#: Methods that call the others: where they are overridden, the others may be, too.
_ENTRIES = ("run", "run_many", "run_page")
_NEEDED_RESULTS = ("dict", "tuple", "list", "Mapping", "datetime")


def override_mistakes(cls: type, known: set[tuple[type, str]]) -> Iterator[Mistake]:
    """Yield what a class overrides in a way that cannot work, and what it seems to mean to override.

    :param known: class and name of what was looked at before, with another subclass; it is added to
    """
    ours = [base for base in cls.__mro__ if _is_ours(base)]
    seen: set[str] = set()
    for owner in cls.__mro__:
        if _is_ours(owner) or owner is object:
            continue
        for name, value in vars(owner).items():
            if name.startswith("__") or name in seen or name == "_apply_on":
                continue
            seen.add(name)
            if (owner, name) in known:
                continue
            known.add((owner, name))
            base = next((base for base in ours if name in vars(base)), None)
            if base is None:
                yield from _misspelt(owner, name, value, ours, cls)
            elif inspect.isfunction(vars(base)[name]):
                yield from _method(owner, name, value, base, cls)
            elif inspect.isfunction(value):
                kind = type(vars(base)[name]).__name__ if hasattr(vars(base)[name], "__get__") else ""
                takes = f"a {kind}: put @{kind} above it, or rename it" if kind else "a value"
                yield Mistake(f"{path_of(owner)}.{name} is a method, and takes the place of {takes}")
            elif not hasattr(value, "__get__"):
                yield from _value(owner, name, value, base)


def _is_ours(cls: type) -> bool:
    return addon_of(cls) == "connector_framework" and not is_of_tests(cls)


def _method(owner: type, name: str, value: Any, base: type, cls: type) -> Iterator[Mistake]:
    where = f"{path_of(owner)}.{name}"
    original = vars(base)[name]
    if not inspect.isfunction(value):
        if value is not None and not callable(value) and not hasattr(value, "__get__"):
            yield Mistake(f"{where} is {value!r}, and takes the place of a method")
        return
    if getattr(getattr(value, "_connector_mark", None), "is_mapping", False) and name != "finalize":
        yield Mistake(f"{where} is a mapping method with the name of a method of {base.__name__}: rename it")
        return
    if name in _HELPERS:
        return
    problem = _refusal(name, value, original)
    if problem:
        shown = inspect.signature(original).replace(return_annotation=inspect.Signature.empty)
        takes = ", ".join(list(shown.parameters)[1:])
        is_hook = name.startswith("_") or name in _PUBLIC_HOOKS
        is_free = hasattr(base, "ping") or any(not _is_ours_of(cls, entry) for entry in _ENTRIES)
        yield Mistake(f"{where} is called as {name}({takes}): {problem}", is_certain=is_hook and not is_free)
    annotation = str(original.__annotations__.get("return", "None"))
    # Nothing is as good as False.
    if annotation not in ("None", "bool") and name not in _UNUSED_RESULTS and returns_nothing(value):
        yield Mistake(
            f"{where} returns nothing: it has to return what {path_of(base)}.{name} does",
            is_certain=annotation.startswith(_NEEDED_RESULTS),
        )


def _is_ours_of(cls: type, name: str) -> bool:
    return not hasattr(cls, name) or _is_ours(next(base for base in cls.__mro__ if name in vars(base)))


def _refusal(name: str, value: Any, original: Any) -> str:
    """Return why an override does not take the framework's calls, "" when it does."""
    parameters = inspect.signature(original).parameters.values()
    if any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in parameters):
        return ""
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    required = [None for one in positional if one.default is one.empty]
    problem = refusal(value, *required)
    optional = [one.name for one in positional if one.default is not one.empty]
    if problem or not optional or name in _WITHOUT_OPTIONS:
        return problem
    if name in _ENTRIES and not refusal(value, *required, **dict.fromkeys(optional)):
        return ""
    return refusal(value, *required, *optional)


def _value(owner: type, name: str, value: Any, base: type) -> Iterator[Mistake]:
    try:
        hint = typing.get_type_hints(base).get(name, Any)
    except Exception:  # A name that is imported for type checkers alone.
        return
    if not _fits(value, hint):
        shown = str(
            next(one.__annotations__[name] for one in base.__mro__ if name in vars(one).get("__annotations__", ()))
        )
        yield Mistake(
            f"{path_of(owner)}.{name} is {value!r}; it takes {shown.removeprefix('ClassVar[').removesuffix(']')}"
        )


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value is of a type, as far as that matters: any collection will do for a list."""
    origin = typing.get_origin(hint) or hint
    if origin is ClassVar:
        return not typing.get_args(hint) or _fits(value, typing.get_args(hint)[0])
    if origin in (typing.Union, UnionType):
        return any(_fits(value, one) for one in typing.get_args(hint))
    if origin is type(None):
        return value is None
    if not isinstance(origin, type):
        return True
    if origin in (int, float):
        return isinstance(value, Number)
    if issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if issubclass(origin, Collection) and not issubclass(origin, str | bytes):
        return isinstance(value, Collection) and not isinstance(value, str | bytes)
    return isinstance(value, origin)


def _misspelt(owner: type, name: str, value: Any, ours: list[type], cls: type) -> Iterator[Mistake]:
    """Yield the name of the framework's that a name which is used nowhere seems to be meant for."""
    if hasattr(value, "_connector_mark") or isinstance(value, type):
        return
    known = {one: base for base in reversed(ours) for one in vars(base) if not one.startswith("__")}
    close = close_to(name, known)
    if close is None or any(close in vars(one) for one in cls.__mro__ if not _is_ours(one)):
        return
    if not _is_named(owner, name):
        yield Mistake(
            f"{path_of(owner)}.{name} is used nowhere. Did you mean {close!r} of {known[close].__name__}?",
            is_certain=False,
        )


def _is_named(owner: type, name: str) -> bool:
    """Tell whether the code of the addon of a class names an attribute; where the source is missing, it may."""
    package = ".".join(owner.__module__.split(".")[:3])
    modules = [module for key, module in [*sys.modules.items()] if key == package or key.startswith(f"{package}.")]
    files = {file for module in modules if (file := getattr(module, "__file__", None))}
    own = getattr(sys.modules.get(owner.__module__), "__file__", None)
    return own is None or not names_in(own) or any(name in names_in(file) for file in files)
