"""The steps of a mapping, as a mapper class declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odoo.models import BaseModel

from .modifiers import Function, Modifier
from .source import MISSING, Reader

if TYPE_CHECKING:
    from .mapper import Mapper

__all__ = ["Children", "Direct", "Method", "Step", "refuse_records"]


@dataclass(frozen=True, eq=False)
class Direct:
    """One entry of ``direct``."""

    target: str
    key: str
    #: In the order in which they work.
    modifiers: tuple[Modifier, ...]
    owner: type
    read: Reader
    #: Those of the modifiers.
    functions: tuple[Function, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def value(self, mapper: Mapper, source: Any) -> Any:
        """Return the value for one source, ``MISSING`` where there is none; to map many, there is :mod:`.unrolled`."""
        value = self.modified(mapper, self.read(source), len(self.modifiers))
        if mapper._checks_records:
            refuse_records(value)
        return value

    def modified(self, mapper: Mapper, value: Any, count: int) -> Any:
        """Return what the first ``count`` modifiers make of a value."""
        for modifier, function in zip(self.modifiers[:count], self.functions, strict=False):
            if value is not MISSING or modifier.fills_missing:
                value = function(mapper, value)
        return value


@dataclass(frozen=True, eq=False)
class Method:
    """A mapping method."""

    name: str
    #: Source keys of ``@changed_by``; None: any change.
    keys: tuple[str, ...] | None
    only_create: bool
    #: The part of a merged source that it gets, the part of a split target that it fills.
    source: str | None
    target: str | None
    owner: type


@dataclass(frozen=True, eq=False)
class Children:
    """One entry of ``children``."""

    target: str
    key: str
    model_name: str
    owner: type
    read: Reader

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)


Step = Children | Direct | Method


def refuse_records(value: Any) -> None:
    """Refuse a recordset as a value, which no other system can read.

    :raises TypeError: when it is one
    """
    if isinstance(value, BaseModel):
        raise TypeError(f"{value} is a record: export a field of it by a dotted key, or use m2o_to_external")
