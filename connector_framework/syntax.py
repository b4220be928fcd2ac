"""The source of functions as syntax trees, to look for mistakes in. Where there is no source, nothing is known."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
from collections.abc import Collection, Iterator
from typing import Any

__all__ = [
    "Function",
    "calls",
    "forget",
    "names_in",
    "node_of",
    "own_functions",
    "returned",
    "returns_nothing",
    "texts_of",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@functools.cache
def _tree(filename: str) -> ast.Module:
    try:
        return ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


@functools.cache
def _functions(filename: str) -> dict[tuple[str, int], Function]:
    """Return the functions of a file by name and first line, that of a decorator included."""
    found: dict[tuple[str, int], Function] = {}
    for node in ast.walk(_tree(filename)):
        if isinstance(node, ast.Lambda):
            found["<lambda>", node.lineno] = node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name, min([node.lineno, *(one.lineno for one in node.decorator_list)])] = node
    return found


def forget() -> None:
    """Drop the trees: they are big, and looked at once."""
    _tree.cache_clear()
    _functions.cache_clear()
    names_in.cache_clear()


def node_of(function: Any) -> Function | None:
    """Return the tree of a function; None when its source is not there, or has changed."""
    code = function.__code__
    return _functions(code.co_filename).get((code.co_name, code.co_firstlineno))


def texts_of(function: Any, without: Collection[int]) -> set[str] | None:
    """Return the texts in the code of a function, without its decorators; None when its source is not there.

    :param without: ``id`` of nodes to leave out
    """
    node = node_of(function)
    if node is None:
        return None
    code: list[ast.AST] = [node.args, *(node.body if isinstance(node.body, list) else [node.body])]
    return {text for one in code for text in texts(one, without)}


def texts(node: ast.AST, without: Collection[int] = ()) -> set[str]:
    """Return the texts in a tree.

    :param without: ``id`` of nodes to leave out
    """
    return {
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in without
    }


def returned(node: Function) -> Iterator[ast.expr | None]:
    """Yield what a function returns: the expressions, None for a bare ``return``; not those of functions inside."""
    todo: list[ast.AST] = list(node.body) if not isinstance(node, ast.Lambda) else [ast.Return(node.body)]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.Return):
            yield one.value
        elif not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(one)


def calls(function: Any, name: str) -> bool:
    """Tell whether the module of a function may call a method of that name, or hand it on.

    ``anything.name()``, ``self.name``, or the name in the body of a class, as in ``[(convert("a", name), "b")]``; a
    text of the same name is a field.
    """
    tree = _tree(function.__code__.co_filename)
    return not tree.body or any(_calls(node, name) or _hands_on(node, name) for node in ast.walk(tree))


def _calls(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr == name
    return isinstance(node, ast.Attribute) and node.attr == name and ast.unparse(node.value) == "self"


def _hands_on(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
        for statement in node.body
        if not isinstance(statement, ast.FunctionDef)
        for one in ast.walk(statement)
    )


@functools.cache
def names_in(filename: str) -> set[str]:
    """Return the attributes and the texts in a file, which may name what a class defines."""
    tree = _tree(filename)
    attributes = {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
    return attributes | texts(tree)


def returns_nothing(function: Any) -> bool:
    """Tell whether a function does something and never returns a value, nor raises; False where that is not known."""
    node = node_of(function)
    if not isinstance(node, ast.FunctionDef) or any(value is not None for value in returned(node)):
        return False
    body = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    does_something = any(not isinstance(one, ast.Pass) for one in body)
    return does_something and not any(isinstance(one, ast.Raise | ast.Yield | ast.YieldFrom) for one in ast.walk(node))


def own_functions(cls: type) -> dict[str, Any]:
    """Return the functions that a class itself defines, by name."""
    return {name: value for name, value in vars(cls).items() if inspect.isfunction(value)}
