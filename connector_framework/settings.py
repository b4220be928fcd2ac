"""The framework's sections of the Odoo configuration file: workers, monitoring, and the secrets of backends."""

from __future__ import annotations

import configparser
import functools
import logging
import math
import os
from collections.abc import Iterable
from dataclasses import Field, dataclass, fields, replace
from typing import Any

from odoo.tools import config

from .near import close_to, did_you_mean

_logger = logging.getLogger(__name__)

__all__ = [
    "SECRETS_SECTION",
    "SETTING_NAMES",
    "STORABLE",
    "Settings",
    "load_settings",
    "metrics_token",
    "misspelt_sections",
    "read_section",
    "unknown_settings",
    "usable_cores",
    "warn_of_unknown_settings",
    "with_stored",
]


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
    #: Names of those that the file or the command sets: a database does not change them.
    fixed: frozenset[str] = frozenset()


def usable_cores() -> int:
    """Return the number of processor cores that this process may use, 4 at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(4, cores or 1)


def read_section(section: str) -> dict[str, str]:
    """Return a section of the configuration file, empty if there is no such section or file.

    Odoo itself reads ``[options]`` alone.
    """
    return _sections().get(section, {})


def _sections() -> dict[str, dict[str, str]]:
    path = config["config"] or ""
    try:
        modified = os.stat(path).st_mtime_ns
    except OSError:
        return {}
    return _parse(path, modified)


@functools.lru_cache(maxsize=2)
def _parse(path: str, modified: int) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read([path], encoding="utf-8")
    return {section: dict(parser[section]) for section in parser.sections()}


def metrics_token() -> str:
    """Return the token that metrics and health are read with; empty: they are not to be read."""
    return read_section("connector_framework").get("metrics_token", "").strip()


def load_settings() -> Settings:
    """Return the settings of this process, as the configuration file has them.

    :raises ValueError: for a value that is no number or not above 0 (``processes``: below 0), naming the setting
    """
    section = read_section("connector_framework")
    values: dict[str, Any] = {}
    for field in _NUMBERS:
        text = section.get(field.name)
        if text is None:
            continue
        value = _number(field, text)
        if value is None:
            kind = "a number" if field.type == "float" else "a whole number"
            least = "0 or more" if field.name == "processes" else "above 0"
            raise ValueError(
                f"[connector_framework] {field.name} = {text!r} in {config['config']} is not {kind} {least}: correct it"
            )
        values[field.name] = value
    return Settings(**values, fixed=frozenset(values))


def unknown_settings() -> list[str]:
    """Return the keys of section ``[connector_framework]`` that are no setting."""
    return sorted(set(read_section("connector_framework")) - SETTING_NAMES)


def misspelt_sections() -> dict[str, str]:
    """Return the misspelt sections of the configuration file, and the framework's section that each resembles."""
    near = {name: close_to(name, SECTIONS) for name in _sections() if name not in SECTIONS}
    return {name: close for name, close in near.items() if close}


@functools.cache
def warn_of_unknown_settings() -> None:
    """Log a warning for each key that is no setting, and each misspelt section, once in a process: without effect."""
    for name, close in misspelt_sections().items():
        _logger.warning(
            "The section [%s] in %s is not one of the framework's and has no effect. Did you mean [%s]?",
            name,
            config["config"],
            close,
        )
    for name in unknown_settings():
        _logger.warning(
            "[connector_framework] %s in %s is no setting of the framework and has no effect. %s",
            name,
            config["config"],
            did_you_mean(name, SETTING_NAMES) or f"The settings are: {', '.join(sorted(SETTING_NAMES))}",
        )


def with_stored(settings: Settings, stored: Iterable[tuple[str, str]]) -> Settings:
    """Return settings with those that people have stored in a database, where neither file nor command has a value.

    :param stored: (name, value) each; what is no setting, or no number that is allowed, does not count
    """
    values: dict[str, Any] = {}
    for name, text in stored:
        field = next((one for one in _NUMBERS if one.name == name and name in STORABLE), None)
        value = None if field is None or name in settings.fixed else _number(field, text)
        if value is not None:
            values[name] = value
    return replace(settings, **values)


def _number(field: Field[Any], text: str) -> float | None:
    """Return the number in a text; None when it is none that the setting takes."""
    try:
        value = float(text) if field.type == "float" else int(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf or (value == 0 and field.name == "processes") else None


_NUMBERS = [field for field in fields(Settings) if field.name != "fixed"]
#: The sections of the configuration file that are read.
SECRETS_SECTION = "connector_framework.secrets"
SECTIONS = ("connector_framework", SECRETS_SECTION)
#: Settings that a database may have, too: parameter ``connector_framework.<name>``.
STORABLE = {"threads", "lease_s", "max_due_age_s"}
#: The names that section ``[connector_framework]`` may have.
SETTING_NAMES = {*(field.name for field in _NUMBERS), "metrics_token"}
