"""The lines that a binding has already, to be recognised among the children of its source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from odoo.fields import Command
from odoo.models import BaseModel

from .errors import FieldErrors
from .source import MISSING

if TYPE_CHECKING:
    from .record import MapRecord

__all__ = ["KnownLines"]

Key = tuple[str, ...]


class KnownLines:
    """The lines of a one2many, by external key; archived ones too.

    :param binding: the record (1) that has them
    :param name: the one2many
    :param model: the lines' model, which says what their key is
    """

    def __init__(self, binding: Any, name: str, model: Any) -> None:
        self.names: tuple[str, ...] = tuple(getattr(model, "_external_key", ("external_id",)))
        self._by_key: dict[Key, Any] = {}
        self._without_key: list[Any] = []
        self._replaces = False
        #: What each child turned out to be.
        self._taken: list[Any] = []
        self._seen: set[Key] = set()
        for line in binding.with_context(active_test=False)[name]:
            key = external_key(line, self.names)
            if key is None:
                self._without_key.append(line)
            else:
                self._by_key[key] = line

    def take(self, child: MapRecord) -> Any:
        """Return the line that a child is, None for a new one.

        :raises ValueError: when another child had the key already
        """
        line = self._find(child_key(child, self.names))
        self._taken.append(line)
        return line

    def _find(self, key: Key | None) -> Any:
        if key is None:
            self._replaces = True
            return None
        if key in self._seen:
            described = ", ".join(f"{name} {part!r}" for name, part in zip(self.names, key, strict=True))
            raise ValueError(f"the source has two children with {described}")
        self._seen.add(key)
        return self._by_key.pop(key, None)

    def commands(self, values: Iterable[dict[str, Any]]) -> list[Any]:
        """Return the commands that make the lines those of the source.

        :param values: of the children that were taken, in the same order
        """
        written = [
            Command.create(one) if line is None else Command.update(line.id, one)
            for line, one in zip(self._taken, values, strict=True)
        ]
        return written + [Command.delete(line.id) for line in self._gone()]

    def _gone(self) -> list[Any]:
        """Return the lines that no child was.

        A line without a key was never there, so it is not gone, unless children come without one: these cannot be
        recognised, and replace what has none.
        """
        return [*self._by_key.values(), *(self._without_key if self._replaces else ())]


def child_key(child: MapRecord, names: Key) -> Key | None:
    """Return the external key that a child maps to, None if that is not complete."""
    mapper = child.mapper
    entries = mapper._plan.key_entries(names)
    if entries is None:
        # A method or finalize() makes the key: only the whole mapping tells.
        options = mapper._run.options if mapper._run else {}
        key = external_key(child.values(**options), names)
        return key or external_key(child.values(for_create=True, **options), names)
    found: dict[str, Any] = {}
    for entry in entries:
        try:
            found[entry.target] = entry.value(mapper, child.source)
        except Exception as exc:
            # Unless it is to be raised as it is, the mapping of the child meets it again, beside the other errors.
            FieldErrors().add(entry.target, exc)
            return None
    return external_key(found, names)


def external_key(values: Any, names: Iterable[str]) -> Key | None:
    """Return the key that a record or a dict of values has, None if it is not complete.

    As text, since ids are text in Odoo and may be numbers elsewhere; a many2one by its id.
    """
    parts = []
    for name in names:
        part = values[name] if isinstance(values, BaseModel) else values.get(name)
        if isinstance(part, BaseModel):
            part = part.id
        if part is None or part is False or part is MISSING or part == "":
            return None
        parts.append(str(part))
    return tuple(parts)
