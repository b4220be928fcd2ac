"""Only complete workers claim: those whose code has every addon that is installed in the database."""

from __future__ import annotations

import logging
import time
from typing import Any

from odoo.modules.module import Manifest
from odoo.modules.registry import Registry

from .worker import Worker

__all__ = ["Completeness"]

_logger = logging.getLogger(__name__)

#: Seconds between two checks of a worker that is not complete.
CHECK_S = 60.0


class Completeness:
    """Finds out which installed addons this process lacks, and tells the worker: ``worker.missing_addons``."""

    def __init__(self, worker: Worker, dbname: str) -> None:
        self._worker = worker
        self._dbname = dbname
        self._checked: tuple[Any, int] | None = None
        self._next_check = 0.0
        self._without_code: list[str] = []
        self._logged: list[str] = []

    def check(self, registry: Any, installed: int) -> bool:
        """Tell whether the worker may claim; cheap while nothing has changed.

        :param installed: how many addons are installed: the registry is told of a new one a moment later
        """
        worker, now = self._worker, time.monotonic()
        if self._checked == (registry, installed) and (not worker.missing_addons or now < self._next_check):
            return not worker.missing_addons
        if self._without_code and not _without_code(self._without_code):
            _logger.info("database %s: the code of %s has come", self._dbname, ", ".join(self._without_code))
            registry = Registry.new(self._dbname)
        missing = sorted(worker.installed_addons() - registry._init_modules)
        self._checked, self._next_check = (registry, installed), now + CHECK_S
        self._without_code = _without_code(missing)
        # One with code is being loaded, unless it is still missing at the next check.
        lacking = missing if missing == worker.missing_addons else self._without_code
        if lacking and lacking != self._logged:
            _logger.error(
                "database %s has addons that this process lacks: %s; worker %s claims no job until it has them",
                self._dbname,
                ", ".join(lacking),
                worker.id,
            )
        self._logged, worker.missing_addons = lacking, missing
        return not missing


def _without_code(addons: list[str]) -> list[str]:
    """Return those addons that are not in the addons path, without the cache of earlier lookups."""
    if addons:
        Manifest._get_manifest_from_addons.cache_clear()
    return [name for name in addons if Manifest.for_addon(name, display_warning=False) is None]
