"""The framework's sections of the Odoo configuration file: workers, monitoring, and the secrets of backends."""

from __future__ import annotations

import configparser
import functools
import math
import os
from dataclasses import dataclass, fields
from typing import Any

from odoo.tools import config

__all__ = ["SETTING_NAMES", "Settings", "load_settings", "metrics_token", "read_section", "usable_cores"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the workers of this process behave, and what is too late: section ``[connector_framework]``."""

    #: Jobs of one database that run at the same time in one process.
    threads: int = 4
    #: Processes that run jobs. None: :func:`usable_cores` in the prefork server and the command, else 0. 0 means in the
    #: threaded server its own threads, in the prefork server that jobs are run elsewhere.
    processes: int | None = None
    #: Seconds between two polls of the queue when nothing wakes the worker.
    poll_interval_s: float = 1.0
    #: Seconds that running jobs have to finish when the server stops.
    stop_timeout_s: float = 30.0
    #: Seconds without a heartbeat after which a worker counts as dead, where its lost connection does not tell earlier.
    lease_s: float = 30.0
    #: Seconds between two searches for new databases.
    discover_interval_s: float = 60.0
    #: Age in seconds of the oldest due job of a channel above which ``/connector/health`` reports it.
    max_due_age_s: float = 900.0


#: The names that section ``[connector_framework]`` may have.
SETTING_NAMES = {*(field.name for field in fields(Settings)), "metrics_token"}


def usable_cores() -> int:
    """Return the number of processor cores that this process may use, 4 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(4, cores or 1)


def read_section(section: str) -> dict[str, str]:
    """Return a section of the configuration file, empty if there is no such section or file.

    Odoo itself reads ``[options]`` alone.
    """
    path = config["config"] or ""
    try:
        modified = os.stat(path).st_mtime_ns
    except OSError:
        return {}
    return _parse(path, modified).get(section, {})


@functools.lru_cache(maxsize=2)
def _parse(path: str, modified: int) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read([path], encoding="utf-8")
    return {section: dict(parser[section]) for section in parser.sections()}


def metrics_token() -> str:
    """Return the token that metrics and health are read with; empty: they are not to be read."""
    return read_section("connector_framework").get("metrics_token", "").strip()


def load_settings() -> Settings:
    """Return the settings of this process.

    :raises ValueError: for a value that is no number or not above 0 (``processes``: below 0), naming the setting
    """
    section = read_section("connector_framework")
    values: dict[str, Any] = {}
    for field in fields(Settings):
        text = section.get(field.name)
        if text is None:
            continue
        kind = float if field.type == "float" else int
        least = "0 or more" if field.name == "processes" else "above 0"
        try:
            values[field.name] = value = kind(text)
            if not 0 <= value < math.inf or (value == 0 and least == "above 0"):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"[connector_framework] {field.name} = {text!r} in {config['config']} is not"
                f" {'a whole number' if kind is int else 'a number'} {least}: correct it"
            ) from None
    return Settings(**values)
