"""The decorators that make a method of a mapper a mapping method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar, overload

__all__ = ["Mark", "changed_by", "mapping", "mark_of", "only_create"]

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mark:
    """What the decorators said about a method."""

    is_mapping: bool = False
    only_create: bool = False
    changed_by: tuple[str, ...] | None = None
    source: str | None = None
    target: str | None = None


def mark_of(method: object) -> Mark | None:
    return getattr(method, "_connector_mark", None)


def _mark(method: Method, **said: Any) -> Method:
    method._connector_mark = replace(mark_of(method) or Mark(), **said)  # type: ignore[attr-defined]
    return method


@overload
def mapping(method: Method) -> Method: ...
@overload
def mapping(*, source: str | None = None, target: str | None = None) -> Callable[[Method], Method]: ...
def mapping(method=None, *, source=None, target=None):
    """Make ``method(self, record) -> dict`` a mapping method: what it returns goes into the values.

    It may return None, for nothing. ``record`` is the source, or the part of a merged source that ``source`` names.

    :param source: name of one of the mapper's ``sources``
    :param target: name of the one of the mapper's ``targets`` that the returned values belong to
    """
    if method is not None:
        return _mark(method, is_mapping=True)
    return lambda method: _mark(method, is_mapping=True, source=source, target=target)


def only_create(method: Method) -> Method:
    """Call the mapping method only for a record that is about to be created."""
    return _mark(method, only_create=True)


def changed_by(*names: str) -> Callable[[Method], Method]:
    """Say which source fields the mapping method reads: ``values(fields=...)`` calls it only for these.

    :raises ValueError: without a name
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("changed_by() needs the names of the source fields that the method reads")

    def decorate(method: Method) -> Method:
        before = mark_of(method)
        known = before.changed_by or () if before else ()
        return _mark(method, changed_by=tuple(dict.fromkeys((*known, *names))))

    return decorate
