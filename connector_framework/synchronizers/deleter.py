"""Deleting one record in the other system."""

from __future__ import annotations

from typing import Any

from ..exceptions import ExternalNotFoundError
from .synchronizer import Synchronizer, as_text

__all__ = ["Deleter"]


class Deleter(Synchronizer):
    """Deletes a record in the other system, whose binding is usually gone already."""

    _usable_as_is = True

    def run(self, external_id: Any) -> str:
        """Delete a record there; one that is not there any more is as good as deleted.

        :return: "deleted", or "was gone already"
        """
        self._lock(f"delete {as_text(external_id)}")
        try:
            with self._concerning(external_id=external_id):
                self._delete(external_id)
        except ExternalNotFoundError:
            return "was gone already"
        self._after_delete(external_id)
        return "deleted"

    def _delete(self, external_id: Any) -> None:
        self.adapter.delete(external_id)

    def _after_delete(self, external_id: Any) -> None:
        """Do what is left to do when the record is deleted."""
