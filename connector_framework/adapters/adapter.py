"""The interface that every adapter has, whatever the other system speaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from odoo.tools import str2bool

from ..exceptions import ConfigurationError
from ..references import ConnectorUnit
from .masking import Masker

__all__ = ["Adapter"]


class Adapter(ConnectorUnit):
    """Reads and writes the records of one kind in the other system.

    A connector implements what its API can do; the rest raises ``NotImplementedError``. Each method talks to the other
    system at once and raises the exceptions of :mod:`connector_framework.exceptions`, typed by what to do about them.
    """

    _kind = "adapter"

    def search(self, filters: Any = None, cursor: Any = None) -> tuple[list, Any]:
        """Return one page of external ids, and the cursor of the next page or None after the last.

        :param filters: what the API filters by; None for all
        :param cursor: as returned with the page before; None for the first
        """
        raise self._not_implemented("search")

    def read(self, external_id: Any, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return a record.

        :param fields: the fields wanted, None for all; an adapter may return more
        :raises ExternalNotFoundError: when it does not exist there
        """
        raise self._not_implemented("read")

    def read_many(self, ids: Sequence[Any], fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return records in the order of ``ids``; one call each unless the adapter knows better.

        :raises ExternalNotFoundError: when one of them does not exist there
        """
        return [self.read(external_id, fields) for external_id in ids]

    def search_read(self, filters: Any = None, cursor: Any = None) -> tuple[list[dict[str, Any]], Any]:
        """Return one page of records, and the cursor of the next page or None after the last."""
        ids, next_cursor = self.search(filters, cursor)
        return self.read_many(ids), next_cursor

    def create(self, data: Mapping[str, Any]) -> Any:
        """Create a record and return its external id."""
        raise self._not_implemented("create")

    def write(self, external_id: Any, data: Mapping[str, Any]) -> Any:
        """Change the given fields of a record."""
        raise self._not_implemented("write")

    def delete(self, external_id: Any) -> Any:
        """Delete a record."""
        raise self._not_implemented("delete")

    def ping(self) -> Any:
        """Make the cheapest call that proves that the system answers and takes the credentials."""
        raise self._not_implemented("ping")

    def close(self) -> None:
        """Give back what the adapter holds; the work session calls it at its end."""

    def _not_implemented(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__module__}.{type(self).__qualname__} does not implement {method}()")

    def _backend_value(self, name: str) -> Any:
        """Return a field of the backend, None when its model does not have that field."""
        return self.backend[name] if name in self.backend._fields else None

    # Secrets

    def _secrets(self) -> Iterator[str]:
        """Yield the values that nobody may see in a log, an exception or an exchange.

        By default the secret fields of the backend and what :meth:`_keep_secret` was told.
        """
        for name in getattr(self.backend, "_secret_fields", ()):
            value = self.backend.get_secret(name)
            if value:
                yield str(value)
        yield from self.work.shared.get("adapter.secrets", ())

    def _keep_secret(self, value: str) -> str:
        """Hide a value from now on, e.g. a session id that the other system gave, and return it."""
        self.work.shared.setdefault("adapter.secrets", set()).add(value)
        return value

    def _masker(self) -> Masker:
        return Masker(self._secrets())

    # Calls

    @contextmanager
    def _outside_call(self, method: str, path: str = "", request: Any = None) -> Iterator[None]:
        """Wrap one call to the other system; an adapter over another protocol uses it as the HTTP adapters do.

        :param method: what is called: a verb, the name of a remote procedure
        :param path: where, without secrets
        :param request: the payload that is sent
        :raises ConfigurationError: when the database is neutralised
        """
        self._refuse_if_neutralized()
        yield

    def _refuse_if_neutralized(self) -> None:
        neutralized = self.env["ir.config_parameter"].sudo().get_param("database.is_neutralized")
        if neutralized and str2bool(neutralized, default=True):
            raise ConfigurationError(
                f"{self.env.cr.dbname} is a neutralised copy of a database: {self!r} sends nothing from it"
            )
