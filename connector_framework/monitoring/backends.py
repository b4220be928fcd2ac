"""The backends that monitoring reports on, and their streams and circuits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..queue.sql import metrics, workers
from ..settings import Settings, load_settings, with_stored

__all__ = ["CircuitState", "StreamState", "circuit_states", "settings_of", "stream_states"]


def settings_of(env: Any) -> Settings:
    """Return the settings that hold for the workers of a database, as far as this process knows."""
    return with_stored(load_settings(), env.execute_query(workers.stored_settings()))


class StreamState(NamedTuple):
    backend: Any
    name: str
    lag_s: int
    #: 0: no promise.
    max_age_s: int


class CircuitState(NamedTuple):
    backend: Any
    is_open: bool
    open_for_s: float
    is_refused: bool
    #: Seconds that the other system's clock is ahead, where that was noted.
    clock_skew_s: float


def _active(env: Any, keys: list[tuple[str, int]]) -> dict[tuple[str, int], Any]:
    """Return the backends that are there and not archived, by model and id."""
    found = env["connector.backend.mixin"]._existing(keys)
    return {key: backend for key, backend in found.items() if backend.active}


def stream_states(env: Any) -> Iterator[StreamState]:
    """Give the streams of all active backends.

    :param env: of the superuser
    """
    streams = env["connector.stream"].search([])
    backends = _active(env, [(stream.backend_model, stream.backend_id) for stream in streams])
    for stream in streams:
        backend = backends.get((stream.backend_model, stream.backend_id))
        if backend is not None:
            yield StreamState(backend, stream.name, stream.lag_s, stream.max_age_min * 60)


def circuit_states(env: Any) -> Iterator[CircuitState]:
    """Give the circuits of all active backends that were called.

    :param env: of the superuser
    """
    rows = env.execute_query(metrics.circuits())
    backends = _active(env, [(row[0], row[1]) for row in rows])
    for model, backend_id, *state in rows:
        backend = backends.get((model, backend_id))
        if backend is not None:
            yield CircuitState(backend, *state)
