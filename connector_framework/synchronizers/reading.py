"""Reading records together, each with an outcome of its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2

from ..adapters import CircuitOpenError
from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ExternalNotFoundError,
    RateLimitedError,
    RetryableError,
)
from .keys import id_token

__all__ = ["NO_CALLS", "read_records"]

_logger = logging.getLogger(__name__)

#: Errors that all records would meet: no further call is made.
NO_CALLS = (RateLimitedError, CircuitOpenError)


def read_records(importer: Any, external_ids: Sequence[Any]) -> dict[str, Any]:
    """Read records as an importer does: in one call where it can, else one by one.

    :return: by token the record, or the exception that it could not be read for; what is gone is left out
    :raises RetryableError, AuthenticationError, ConfigurationError: when the one call for all fails so
    """
    if not external_ids:
        return {}
    records: Mapping[Any, Any] | None = None
    if not importer.reads_one_by_one():
        try:
            records = importer._read_many(external_ids)
        except (RetryableError, AuthenticationError, ConfigurationError, psycopg2.Error):
            raise
        except Exception as error:
            _logger.info("%s: %s records are read one by one: %s", importer, len(external_ids), error)
    if records is None:
        return _read_one_by_one(importer, external_ids)
    if not isinstance(records, Mapping):
        raise TypeError(
            f"{type(importer.adapter).__name__}.read_many() returned a {type(records).__name__}:"
            " it has to return a dict of records by id"
        )
    return {id_token(external_id): record for external_id, record in records.items()}


def _read_one_by_one(importer: Any, external_ids: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stopped: Exception | None = None
    for external_id in external_ids:
        token = id_token(external_id)
        if stopped:
            found[token] = stopped
            continue
        try:
            with importer._importing(external_id):
                found[token] = importer._read()
        except ExternalNotFoundError as error:
            _logger.debug("%s: %s", importer, error)
        except psycopg2.Error:
            raise
        except Exception as error:
            found[token] = error
            if isinstance(error, NO_CALLS):
                stopped = error
    return found
