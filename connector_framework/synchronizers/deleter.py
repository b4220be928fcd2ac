"""Deleting one external record."""

from __future__ import annotations

from typing import Any

from ..exceptions import ExternalNotFoundError
from .keys import id_token
from .synchronizer import Synchronizer

__all__ = ["Deleter"]


class Deleter(Synchronizer):
    """Delete an external record, whose binding is usually gone already.

    Steps to override: ``_delete(external_id)``, ``_after_delete(external_id)``.
    """

    _usable_as_is = True

    def run(self, external_id: Any) -> str:
        """Delete an external record; one that does not exist any more is as good as deleted.

        :return: "deleted", or "was gone already"
        """
        self._lock(f"delete {id_token(external_id)}")
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
        """Take the last step, with the external record deleted."""
