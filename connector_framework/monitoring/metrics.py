"""The page of ``/connector/metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..queue.sql import metrics
from .backends import circuit_states, settings_of, stream_states
from .exposition import Family, render

__all__ = ["metrics_text"]


def metrics_text(env: Any) -> str:
    """Return the metrics of a database; ``docs/monitoring.md`` lists them.

    :param env: of the superuser
    """
    env.cr.execute(metrics.WITHOUT_JIT)
    return render([*_jobs(env), *_totals(env), *_workers(env), *_channels(env), *_backends(env)])


def _jobs(env: Any) -> Iterator[Family]:
    jobs = Family(
        "connector_jobs",
        f"Jobs by channel and state, counted up to {metrics.COUNTED}: a higher number is not told from more.",
    )
    for state, channel, count in env.execute_query(metrics.live_jobs()):
        jobs.add(count, channel=channel, state=state)
    yield jobs
    estimated = Family(
        "connector_jobs_estimated", "Jobs by state, as PostgreSQL estimated at its last VACUUM; ended: done, cancelled."
    )
    for state, count in env.execute_query(metrics.estimated_jobs()):
        estimated.add(count, state=state)
    yield estimated
    due = Family(
        "connector_oldest_due_job_age_seconds", "Age of the oldest due job of a channel; none: nothing is due."
    )
    for _id, channel, _paused, age in env.execute_query(metrics.due_jobs()):
        due.add(age, channel=channel)
    yield due
    of = f"the last {metrics.TIMED} done jobs of a channel in {metrics.TIMED_FOR_S // 60} minutes."
    median = Family("connector_job_duration_median_seconds", f"Median of the durations of {of}")
    high = Family("connector_job_duration_p95_seconds", f"95th percentile of the durations of {of}")
    for channel, _count, values in env.execute_query(metrics.durations()):
        median.add(values[0], channel=channel)
        high.add(values[1], channel=channel)
    yield from (median, high)


def _totals(env: Any) -> Iterator[Family]:
    jobs, attempts = env.execute_query(metrics.numbers_given())[0]
    stored = Family(
        "connector_jobs_enqueued_total",
        "Numbers given to jobs; those of transactions rolled back count, too.",
        "counter",
    )
    stored.add(jobs)
    failed = Family("connector_attempts_failed_total", "Attempts of jobs that failed.", "counter")
    failed.add(attempts)
    yield from (stored, failed)


def _workers(env: Any) -> Iterator[Family]:
    workers = Family("connector_workers", "Live workers; an incomplete one lacks addons and runs no job.")
    threads = Family("connector_worker_threads", "Jobs that the live, complete workers can run at a time.")
    running = Family("connector_worker_running_jobs", "Jobs that the live workers run now.")
    alive = env.execute_query(metrics.live_workers(settings_of(env).lease_s))
    complete = [row for row in alive if row[4] is None]
    workers.add(len(complete), complete="true")
    workers.add(len(alive) - len(complete), complete="false")
    threads.add(sum(row[2] for row in complete))
    running.add(sum(row[3] for row in alive))
    yield from (workers, threads, running)


def _channels(env: Any) -> Iterator[Family]:
    paused = Family("connector_channel_paused", "1: no job is started, as the channel or one above it is paused.")
    capacity = Family("connector_channel_capacity", "Jobs that may run at a time in a channel that has a limit.")
    channels = env["connector.job.channel"].search_fetch([], ["name", "paused", "capacity"])
    stopped = tuple(f"{channel.name}." for channel in channels if channel.paused)
    for channel in channels:
        paused.add(f"{channel.name}.".startswith(stopped), channel=channel.name)
        if channel.capacity:
            capacity.add(channel.capacity, channel=channel.name)
    yield from (paused, capacity)


def _backends(env: Any) -> Iterator[Family]:
    lag = Family("connector_stream_lag_seconds", "How far an import stream is behind.")
    promise = Family("connector_stream_max_age_seconds", "How far it may be behind; none: it promises nothing.")
    for stream in stream_states(env):
        labels = {**_labels(stream.backend), "stream": stream.name}
        lag.add(stream.lag_s, **labels)
        if stream.max_age_s:
            promise.add(stream.max_age_s, **labels)
    circuit = Family("connector_circuit_open", "1: the backend does not answer, so nothing is sent to it.")
    for state in circuit_states(env):
        circuit.add(state.is_open, **_labels(state.backend))
    incidents = Family("connector_incidents", "Incidents that are not resolved.")
    rows = env.execute_query(metrics.incidents())
    backends = env["connector.backend.mixin"]._existing([(row[0], row[1]) for row in rows])
    for model, backend_id, state, count in rows:
        backend = backends.get((model, backend_id))
        labels = _labels(backend) if backend is not None else {"service": "", "backend": ""}
        incidents.add(count, **labels, state=state)
    yield from (lag, promise, circuit, incidents)


def _labels(backend: Any) -> dict[str, str]:
    return {"service": backend._service, "backend": backend.code}
