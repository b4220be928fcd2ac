"""Walking the pages of a list that changes meanwhile, without losing a record and without an end that never comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import PermanentError
from .synchronizer import digest

__all__ = ["PageTrail", "search_page"]

#: Pages behind the present one that are read again when records moved.
KEPT_PAGES = 10


def search_page(adapter: Any, filters: Any, cursor: Any) -> tuple[list[Any], Any]:
    """Return the ids of a page and the cursor of the next one, as an adapter's ``search`` returns them.

    :raises TypeError: when it returns something else
    """
    page = adapter.search(filters, cursor)
    problem = ""
    if not isinstance(page, tuple | list) or len(page) != 2:
        problem = "not a pair"
    elif isinstance(page[0], str | bytes) or not isinstance(page[0], Iterable):
        problem = "whose first part is no list of ids"
    if not problem:
        ids = list(page[0])
        wrong = next((one for one in ids if one is None or isinstance(one, Mapping)), ids)
        if wrong is ids:
            return ids, page[1]
        problem = f"with {wrong!r:.60}, which is no id"
    shown = repr(page)
    shown = f"{shown[:100]}..." if len(shown) > 100 else shown
    raise TypeError(
        f"{type(adapter).__name__}.search() returned {shown}, {problem}: it has to return the ids of a page and the "
        "cursor of the next page, as in (ids, None) after the last one"
    )


class PageTrail:
    """The last pages of a run: their cursors and ids.

    With page numbers or offsets, a record that leaves a page moves the first record of the next page onto it: read page
    by page, that record is on none of them. So the page before is read again, and the one before that, until one is
    as it was. Cursors that are no numbers are taken for stable, see ``BatchImporter.stable_pages``.

    :param batch: the batch importer
    :param filters: of the run
    :param state: of the page before, :attr:`state`; None for the first page
    """

    def __init__(self, batch: Any, filters: Any, state: dict[str, Any] | None) -> None:
        self._batch = batch
        self._filters = filters
        state = state or {}
        self._pages: list[list[Any]] = state.get("pages", [])
        self._number: int = state.get("number", 0)
        self._mark: str | None = state.get("mark")

    @property
    def state(self) -> dict[str, Any]:
        """A JSON value from which the next page goes on."""
        return {"pages": self._pages, "number": self._number, "mark": self._mark}

    def moved_before(self, cursor: Any, ids: list[Any]) -> list[Any]:
        """Return the ids, beside those of the page, of earlier pages that are not as they were.

        :param cursor: of the page
        """
        if not self._pages or not self._may_move(cursor):
            return []
        moved: list[Any] = []
        for page in reversed(self._pages):
            found = list(dict.fromkeys(search_page(self._batch.adapter, self._filters, page[0])[0]))
            if digest(found) == page[1]:
                break
            page[1] = digest(found)
            moved += found
        return [external_id for external_id in dict.fromkeys(moved) if external_id not in set(ids)]

    def _may_move(self, cursor: Any) -> bool:
        stable = self._batch.stable_pages
        if stable is None:
            return isinstance(cursor, int | float) or (isinstance(cursor, str) and cursor.isdecimal())
        return not stable

    def following(self, cursor: Any, ids: list[Any], next_cursor: Any) -> Any:
        """Add a page, and return the cursor of the next one; None after the last.

        :raises PermanentError: when the pages would never end
        """
        if next_cursor is None or next_cursor is False or next_cursor == "":
            return None
        page = [cursor, digest(ids)]
        is_repeated = bool(ids) and bool(self._pages) and self._pages[-1][1] == page[1]
        key = digest([next_cursor])
        if next_cursor == cursor or is_repeated or key == self._mark:
            raise PermanentError(
                f"{type(self._batch.adapter).__name__}.search() goes in a circle: after the page {cursor!r} with"
                f" {len(ids)} ids comes {next_cursor!r}, which was there already. It has to return None after the last"
                " page."
            )
        # Brent's algorithm finds a circle of any length with one remembered cursor.
        self._number += 1
        if self._number & (self._number - 1) == 0:
            self._mark = key
        self._pages = [*self._pages, page][-KEPT_PAGES:]
        return next_cursor
