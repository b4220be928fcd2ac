"""The errors of a record's fields, collected while the mapping goes on."""

from __future__ import annotations

from typing import NoReturn

import psycopg2
from odoo.exceptions import ConcurrencyError, UserError

from ..exceptions import ConnectorError, MappingError

__all__ = ["FieldErrors", "describe"]

# Typed errors say what to do next, and after an error of the database the transaction is broken: both are re-raised,
# not collected.
_RERAISED = (ConnectorError, psycopg2.Error, ConcurrencyError)


class FieldErrors(dict[str, str]):
    """Messages by target or method.

    :param collects_all: collect typed errors as well, to explain them
    """

    #: The first exception, for the traceback.
    cause: Exception | None = None

    def __init__(self, collects_all: bool = False) -> None:
        super().__init__()
        self.source_keys: dict[str, str] = {}
        self._collects_all = collects_all

    def add(self, name: str, exc: Exception, key: str | None = None) -> None:
        """Add the error of a target or a method, or raise it again if it is typed.

        :param key: the source key that was read
        """
        if isinstance(exc, MappingError):
            self.update((inner or name, message) for inner, message in _messages(exc).items())
            self.source_keys.update(exc.source_keys)
        elif isinstance(exc, _RERAISED) and not self._collects_all:
            raise exc
        else:
            self[name] = describe(exc)
            if key:
                self.source_keys[name] = key
        self.cause = self.cause or exc

    def add_within(self, where: str, exc: Exception, key: str) -> None:
        """Add the errors of a child, or of one of many records.

        :param where: ``line_ids[0]``, which makes ``line_ids[0].name``
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

    def throw(self) -> NoReturn:
        """Raise all of them as one.

        :raises MappingError: always
        """
        raise MappingError(self, source_keys=self.source_keys) from self.cause


def _messages(exc: MappingError) -> dict[str, str]:
    """Return the messages by name; an error that names no field has the name ""."""
    return exc.field_errors or {"": describe(exc)}


def describe(exc: Exception) -> str:
    """Return the text of an exception; with its type, unless the text is made for people."""
    return str(exc) if isinstance(exc, UserError | ConnectorError) else f"{type(exc).__name__}: {exc}"
