"""The interface that every adapter has, whatever the other system speaks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import ExternalNotFoundError
from .calls import CallingUnit

__all__ = ["Adapter"]

_logger = logging.getLogger(__name__)


class Adapter(CallingUnit):
    """Reads and writes the records of one kind in the other system.

    A connector implements what its API can do; the rest raises ``NotImplementedError``. Each method talks to the other
    system at once and raises the exceptions of :mod:`connector_framework.exceptions`, typed by what to do about them.

    =======================================  ===========================================================================
    ``search(filters, cursor)``              returns one page of ids, and the next cursor or None
    ``read(external_id, fields)``            returns a dict; raises ``ExternalNotFoundError``
    ``read_many(ids, fields)``               returns ``{id: record}`` without what does not exist; default: ``read`` for
                                             each
    ``search_read(filters, cursor)``         returns ``{id: record}`` of one page, and the next cursor or None; default:
                                             ``search``, then ``read_many``
    ``create(data)``                         returns the new id
    ``write(external_id, data)``             returns nothing that is used
    ``delete(external_id)``                  returns nothing that is used
    ``create_many``, ``write_many``,         where the API can
    ``count``
    ``_ping()``                              see :class:`CallingUnit`, with the hooks around each call
    =======================================  ===========================================================================
    """

    _kind = "adapter"

    def search(self, filters: Any = None, cursor: Any = None) -> tuple[list[Any], Any]:
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

    def read_many(self, ids: Sequence[Any], fields: Sequence[str] | None = None) -> dict[Any, dict[str, Any]]:
        """Return records by the ids that were asked for; one call each unless the adapter knows better.

        What does not exist is left out. An answer is matched by the ids that it holds, never by its order.
        """
        records = {}
        for external_id in ids:
            try:
                records[external_id] = self.read(external_id, fields)
            except ExternalNotFoundError as error:
                _logger.debug("%r: %s", self, error)
        return records

    def search_read(self, filters: Any = None, cursor: Any = None) -> tuple[dict[Any, dict[str, Any]], Any]:
        """Return one page of records by id, and the cursor of the next page or None after the last."""
        ids, next_cursor = self.search(filters, cursor)
        return self.read_many(ids), next_cursor

    def create(self, data: Mapping[str, Any]) -> Any:
        """Create a record and return its external id."""
        raise self._not_implemented("create")

    def write(self, external_id: Any, data: Mapping[str, Any]) -> Any:
        """Change the given fields of a record."""
        raise self._not_implemented("write")

    def write_many(self, changes: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[Exception | None]:
        """Change several records in one call: (id, data) each; return None or what it was refused with, in order."""
        raise self._not_implemented("write_many")

    def create_many(self, records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Create several records in one call; return the id of each, or the exception it was refused with, in order."""
        raise self._not_implemented("create_many")

    def count(self, filters: Any = None) -> int:
        """Return how many records match."""
        raise self._not_implemented("count")

    def delete(self, external_id: Any) -> Any:
        """Delete a record."""
        raise self._not_implemented("delete")
