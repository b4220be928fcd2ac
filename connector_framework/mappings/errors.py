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

    def add(self, name: str, exc: Exception, key: str | None = None) -> FieldErrors:
        """Add what went wrong with a target or a method, or raise it again where it is no field's error.

        :param key: the source key that was read
        """
        if isinstance(exc, MappingError):
            self.update((inner or name, message) for inner, message in exc.field_errors.items())
        elif isinstance(exc, _RAISED_AS_IT_IS):
            raise exc
        else:
            message = describe(exc)
            self[name] = f"{message} (source {key!r})" if key else message
        self.cause = self.cause or exc
        return self

    def add_within(self, where: str, exc: Exception) -> FieldErrors:
        """Add what went wrong with a child, or with a record of many: ``lines[0].name``."""
        if isinstance(exc, MappingError):
            self.update((f"{where}.{name}" if name else where, text) for name, text in exc.field_errors.items())
            self.cause = self.cause or exc
            return self
        return self.add(where, exc)

    def throw(self) -> NoReturn:
        """Raise all of them as one.

        :raises MappingError: always
        """
        raise MappingError(self) from self.cause


def describe(exc: Exception) -> str:
    """Return the text of an exception, with its type where the text alone says nothing to a person."""
    return str(exc) if isinstance(exc, UserError | ConnectorError) else f"{type(exc).__name__}: {exc}"
