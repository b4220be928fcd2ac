"""The troubles of a database: each thing that keeps jobs from being run in time, with its next step.

``/connector/health``, the dashboard and ``odoo connector doctor`` show them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..queue.sql import claim, metrics
from .backends import circuit_states, settings_of, stream_states

__all__ = ["Trouble", "troubles"]

#: Seconds that a due job waits in a full channel before that is a trouble.
FULL_S = 60.0
#: Seconds by which the clock of the other system may differ.
CLOCK_S = 120.0


class Trouble(NamedTuple):
    """A reason not to be well.

    :param code: for machines, e.g. "no_worker"; docs/monitoring.md lists them
    :param subject: the host, channel, stream or backend; empty: the database
    :param message: what is the matter, for a person
    :param step: what to do
    :param backend: that this is about; None: all
    :param target: (model, id) of the record to look at, or None
    """

    code: str
    subject: str
    message: str
    step: str
    backend: Any = None
    target: tuple[str, int] | None = None

    def as_json(self) -> dict[str, str]:
        """Return what the monitoring page and the terminal show."""
        return {"code": self.code, "subject": self.subject, "message": f"{self.message} {self.step}"}


def troubles(env: Any) -> list[Trouble]:
    """Return what is the matter with a database; empty: all is well.

    :param env: of the superuser, in the language of the texts
    """
    env.cr.execute(metrics.WITHOUT_JIT)
    neutralized = env["ir.config_parameter"].get_param("database.is_neutralized")
    if neutralized:
        return [
            Trouble(
                "neutralized",
                "",
                env._("This is a neutralised copy of a database: it runs no jobs and sends nothing."),
                env._("Nothing to do, if it is meant to be a copy."),
            )
        ]
    return [*_workers(env), *_channels(env), *_schedules(env), *_streams(env), *_backends(env)]


def _workers(env: Any) -> Iterator[Trouble]:
    workers = env.execute_query(metrics.live_workers(settings_of(env).lease_s))
    if not workers and env.execute_query(claim.unfinished())[0][0]:
        yield Trouble(
            "no_worker",
            "",
            env._("Jobs are due and no worker lives."),
            env._("Start Odoo's server or `odoo connector worker`; the server's log says why there is none."),
        )
    for host, pid, _threads, _running, missing in workers:
        if missing:
            yield Trouble(
                "incomplete_worker",
                f"{host}, process {pid}",
                env._("This worker runs no job, as its process lacks %(addons)s.", addons=missing),
                env._("Deploy the code to this host and restart the worker."),
            )
    if env.execute_query(claim.poll())[0][1]:
        yield Trouble(
            "changing_addons",
            "",
            env._("Addons wait to be installed, upgraded or removed: no job is started meanwhile."),
            env._("Finish or cancel that in Apps."),
        )


def _channels(env: Any) -> Iterator[Trouble]:
    limit = settings_of(env).max_due_age_s
    channels = {channel.name: channel for channel in env["connector.job.channel"].search([])}
    backends = _backends_of_channels(env)
    full = {
        f"{name}.": (name, running, capacity) for name, running, capacity in env.execute_query(metrics.full_channels())
    }
    for _id, name, paused, age in env.execute_query(metrics.due_jobs()):
        above = next((full[path] for path in full if f"{name}.".startswith(path)), None)
        about = {"backend": _backend_of(name, backends), "target": ("connector.job.channel", channels[name].id)}
        if paused:
            yield Trouble(
                "paused_channel",
                name,
                env._("Jobs are due in channel %s, which is paused.", name),
                env._("Resume it, or the one above it."),
                **about,
            )
        elif above and age > FULL_S:
            yield Trouble(
                "full_channel",
                name,
                env._(
                    "Jobs wait for %(seconds)s s in channel %(channel)s: %(running)s jobs run in %(full)s, which takes"
                    " %(capacity)s.",
                    seconds=round(age),
                    channel=name,
                    running=above[1],
                    full=above[0],
                    capacity=above[2],
                ),
                env._("Raise its capacity, or wait; see what runs so long."),
                **about,
            )
        elif age > limit:
            yield Trouble(
                "old_job",
                name,
                env._(
                    "The oldest due job of channel %(channel)s waits for %(seconds)s s, limit %(limit)s s.",
                    channel=name,
                    seconds=round(age),
                    limit=round(limit),
                ),
                env._("Look at its jobs; start more workers or threads if they are only many."),
                **about,
            )
    for name, count, parent_id in env.execute_query(metrics.waiting_for_failed()):
        yield Trouble(
            "failed_parent",
            name,
            env._("%(count)s jobs of channel %(channel)s wait for a job that has failed.", count=count, channel=name),
            env._("Requeue job %s or cancel it; its dependents follow.", parent_id),
            backend=_backend_of(name, backends),
            target=("connector.job", parent_id),
        )


def _backends_of_channels(env: Any) -> dict[str, Any]:
    """Return the active backends by the path of their channel, with a dot behind it."""
    return {
        f"{backend.channel_id.name}.": backend
        for backend in env["connector.backend.mixin"]._all_active()
        if backend.channel_id
    }


def _backend_of(channel: str, backends: dict[str, Any]) -> Any:
    return next((backends[path] for path in backends if f"{channel}.".startswith(path)), None)


def _schedules(env: Any) -> Iterator[Trouble]:
    own = env.ref("connector_framework.cron_run_pending", raise_if_not_found=False)
    if own and not own.active and not env.execute_query(metrics.live_workers(settings_of(env).lease_s)):
        yield Trouble(
            "cron_off",
            own.cron_name,
            env._("The scheduled action that runs jobs where no worker lives is off, and no worker lives."),
            env._("Activate it, or start a worker."),
            target=("ir.cron", own.id),
        )
    models = {backend._name for backend in env["connector.backend.mixin"]._all_active()}
    for cron in (
        env["ir.cron"]
        .with_context(active_test=False)
        .search([("active", "=", False), ("model_id.model", "in", sorted(models))])
    ):
        for backend in env[cron.model_id.model].search([]):
            if env["connector.stream"].search_count(
                [("backend_model", "=", backend._name), ("backend_id", "=", backend.id)]
            ):
                yield Trouble(
                    "cron_off",
                    cron.cron_name,
                    env._("The scheduled action “%s” is off.", cron.cron_name),
                    env._("Activate it, or import by hand."),
                    backend=backend,
                    target=("ir.cron", cron.id),
                )


def _streams(env: Any) -> Iterator[Trouble]:
    for stream in stream_states(env):
        if 0 < stream.max_age_s < stream.lag_s:
            yield Trouble(
                "late_stream",
                f"{stream.backend.display_name}: {stream.name}",
                env._(
                    "The import of %(stream)s is %(lag)s min behind, promised are %(promise)s.",
                    stream=stream.name,
                    lag=stream.lag_s // 60,
                    promise=stream.max_age_s // 60,
                ),
                env._("Import now; look at its scheduled action and at the failed jobs of the backend."),
                backend=stream.backend,
            )


def _backends(env: Any) -> Iterator[Trouble]:
    failing = set()
    for circuit in circuit_states(env):
        backend = circuit.backend
        about = {"backend": backend, "target": (backend._name, backend.id)}
        if circuit.is_open and circuit.is_refused:
            failing.add(backend)
            yield Trouble(
                "wrong_key",
                backend.display_name,
                env._("%s refuses the credentials: nothing is sent.", backend.display_name),
                env._("Correct the user and the key on the backend and check the connection."),
                **about,
            )
        elif circuit.is_open:
            failing.add(backend)
            yield Trouble(
                "open_circuit",
                backend.display_name,
                env._(
                    "%(backend)s does not answer for %(minutes)s min: nothing is sent until it does.",
                    backend=backend.display_name,
                    minutes=round(circuit.open_for_s / 60),
                ),
                env._(
                    "Check that it is up and that its address is right; the jobs go on by themselves when it answers."
                ),
                **about,
            )
        if abs(circuit.clock_skew_s) > CLOCK_S:
            yield Trouble(
                "wrong_clock",
                backend.display_name,
                env._(
                    "The clock of %(backend)s differs from ours by %(seconds)s s: changes may be missed.",
                    backend=backend.display_name,
                    seconds=round(circuit.clock_skew_s),
                ),
                env._("Set the clock of that server, and of this one, by NTP."),
                **about,
            )
    for backend in env["connector.backend.mixin"]._all_active():
        if backend.state == "error" and backend not in failing:
            yield Trouble(
                "failed_check",
                backend.display_name,
                env._("The last check of the connection failed."),
                env._("Check the connection again; the backend shows the error."),
                backend=backend,
                target=(backend._name, backend.id),
            )
