"""The errors of a record's fields, collected while the mapping goes on."""

from __future__ import annotations

from typing import NoReturn

import psycopg2
from odoo.exceptions import UserError

from ..exceptions import ConnectorError, MappingError

__all__ = ["FieldErrors", "describe"]

# What says by its type what is to be done next, and what leaves the transaction broken, is nobody's field error.
_RAISED_AS_IT_IS = (ConnectorError, psycopg2.Error)


class FieldErrors(dict[str, str]):
    """Messages by target or method; the first exception is kept as their cause."""

    cause: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.source_keys: dict[str, str] = {}

    def add(self, name: str, exc: Exception, key: str | None = None) -> FieldErrors:
        """Add what went wrong with a target or a method, or raise it again where it is no field's error.

        :param key: the source key that was read
        """
        if isinstance(exc, MappingError):
            self.update((inner or name, message) for inner, message in _messages(exc).items())
            self.source_keys.update(exc.source_keys)
        elif isinstance(exc, _RAISED_AS_IT_IS):
            raise exc
        else:
            self[name] = describe(exc)
            if key:
                self.source_keys[name] = key
        self.cause = self.cause or exc
        return self

    def add_within(self, where: str, exc: Exception, key: str) -> FieldErrors:
        """Add what went wrong with a child, or with a record of many.

        :param where: ``line_ids[0]``, which ``line_ids[0].name`` is made of
        :param key: where it is in the source, ``lines[0]``
        """
        if not isinstance(exc, MappingError):
            return self.add(where, exc, key)
        for name, message in _messages(exc).items():
            full_name = f"{where}.{name}" if name else where
            inner = exc.source_keys.get(name)
            self[full_name] = message
            self.source_keys[full_name] = f"{key}.{inner}" if inner else key
        self.cause = self.cause or exc
        return self

    def throw(self) -> NoReturn:
        """Raise all of them as one.

        :raises MappingError: always
        """
        raise MappingError(self, source_keys=self.source_keys) from self.cause


def _messages(exc: MappingError) -> dict[str, str]:
    """Return the messages by name; one that names nothing is an error nevertheless."""
    return exc.field_errors or {"": describe(exc)}


def describe(exc: Exception) -> str:
    """Return the text of an exception, with its type where the text alone says nothing to a person."""
    return str(exc) if isinstance(exc, UserError | ConnectorError) else f"{type(exc).__name__}: {exc}"
