"""What ``/connector/health`` reports: each thing that keeps jobs from being run in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..queue.sql import claim, metrics
from ..settings import load_settings
from .backends import circuit_states, stream_states

__all__ = ["Trouble", "troubles"]


class Trouble(NamedTuple):
    """A reason not to be well.

    :param code: no_worker, incomplete_worker, paused_channel, old_job, late_stream or open_circuit
    :param subject: the host, channel, stream or backend; empty: the database
    :param message: what is the matter and what to do, in English
    """

    code: str
    subject: str
    message: str


def troubles(env: Any) -> list[Trouble]:
    """Return what is the matter with a database; empty: all is well.

    :param env: of the superuser
    """
    env.cr.execute(metrics.WITHOUT_JIT)
    return [*_workers(env), *_channels(env), *_backends(env)]


def _workers(env: Any) -> Iterator[Trouble]:
    workers = env.execute_query(metrics.live_workers(load_settings().lease_s))
    if not workers and env.execute_query(claim.unfinished())[0][0]:
        yield Trouble(
            "no_worker", "", "Jobs are due and no worker lives: start Odoo's server or `odoo connector worker`."
        )
    for host, pid, _threads, _running, missing in workers:
        if missing:
            yield Trouble(
                "incomplete_worker",
                f"{host}, process {pid}",
                f"This worker runs no job, as its process lacks {missing}: deploy the code and restart it.",
            )


def _channels(env: Any) -> Iterator[Trouble]:
    limit = load_settings().max_due_age_s
    for _id, channel, paused, age in env.execute_query(metrics.due_jobs()):
        if paused:
            yield Trouble("paused_channel", channel, "Jobs are due in this paused channel: resume it, or one above it.")
        elif age > limit:
            yield Trouble(
                "old_job", channel, f"The oldest due job waits for {age:.0f} s, limit {limit:.0f} s: see its channel."
            )


def _backends(env: Any) -> Iterator[Trouble]:
    for stream in stream_states(env):
        if 0 < stream.max_age_s < stream.lag_s:
            yield Trouble(
                "late_stream",
                f"{stream.backend.display_name}: {stream.name}",
                f"The import is {stream.lag_s} s behind, promised are {stream.max_age_s} s: see whether its scheduled"
                " action is active, and its jobs.",
            )
    for circuit in circuit_states(env):
        if circuit.is_open:
            yield Trouble(
                "open_circuit",
                circuit.backend.display_name,
                f"Nothing is sent for {circuit.open_for_s:.0f} s, as it does not answer or refuses the credentials:"
                " check the connection on the backend.",
            )
