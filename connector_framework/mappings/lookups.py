"""Looking up in bulk what sources refer to: external ids on import, records on export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from odoo.models import BaseModel

from .plan import Selection
from .steps import Children, Direct

if TYPE_CHECKING:
    from .mapper import Mapper

__all__ = ["looked_up"]


@contextmanager
def looked_up(mapper: Mapper, selection: Selection, sources: list[Any]) -> Iterator[None]:
    """Look up what the last modifiers of ``direct`` would look up one by one, for children too; known inside."""
    involved: list[Mapper] = []
    try:
        _look_up(mapper, selection, sources, involved)
        yield
    finally:
        for each in involved:
            each._is_looked_up = False
            for link in each._links.values():
                link.forget()
            for export_link in each._export_links.values():
                export_link.forget()


def _look_up(mapper: Mapper, selection: Selection, sources: list[Any], involved: list[Mapper]) -> None:
    involved.append(mapper)
    mapper._is_looked_up = True
    for entry in selection.lookups:
        entry.modifiers[-1].prefetch(mapper, entry.target, _values(mapper, entry, sources))
    for step in selection.children:
        children = _children(step, sources)
        first = next(children, None)
        if first is None:
            continue
        child_mapper = mapper._child_mapper(step)
        of_children = child_mapper._complete[True]
        if of_children.may_look_up:
            _look_up(child_mapper, of_children, [first, *children], involved)


def _values(mapper: Mapper, entry: Direct, sources: list[Any]) -> list[Any]:
    """Return what the last modifier will get for the sources; what fails is reported when it is mapped."""
    before_last = len(entry.modifiers) - 1
    values = []
    for source in sources:
        try:
            value = entry.read(source)
            values.append(entry.modified(mapper, value, before_last) if before_last else value)
        except Exception:
            continue
    return values


def _children(step: Children, sources: list[Any]) -> Iterator[Any]:
    """Yield the children of all sources."""
    for source in sources:
        try:
            items = step.read(source)
        except Exception:
            continue
        if isinstance(items, list | BaseModel):
            yield from items
