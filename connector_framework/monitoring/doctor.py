"""``odoo connector doctor``: the troubles of a database, and what in its set-up will make some."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from odoo.tools import config

from ..queue.options import method_options
from ..queue.sql import diagnosis, metrics
from ..settings import SETTING_NAMES, load_settings, misspelt_sections, unknown_settings, usable_cores
from ..synchronizers.mistakes import mistakes
from .backends import settings_of
from .health import Trouble, troubles

__all__ = ["findings"]

#: Seconds by which the clocks of this server and of PostgreSQL may differ.
CLOCK_S = 30.0
#: Connections that are left to people's requests and to other programs.
SPARE_CONNECTIONS = 10
#: Minutes that a scheduled action may be late.
LATE_MIN = 10


def findings(env: Any) -> list[Trouble]:
    """Return the troubles and what is wrong in the set-up.

    :param env: of the superuser, in the language of the texts
    """
    configured = list(_configuration(env))
    if any(trouble.code == "bad_setting" for trouble in configured):
        return configured  # the others read the settings
    return [
        *configured,
        *troubles(env),
        *_server(env),
        *_sections(env),
        *_classes(env),
        *_scheduler(env),
        *_jobs(env),
        *_backends(env),
        *_incidents(env),
    ]


def _configuration(env: Any) -> Iterator[Trouble]:
    file = config["config"] or ""
    try:
        load_settings()
    except ValueError as error:
        yield Trouble("bad_setting", file, str(error), env._("Correct it and restart the server."))
    for name in unknown_settings():
        yield Trouble(
            "unknown_setting",
            name,
            env._("[connector_framework] %(name)s in %(file)s is no setting of the framework.", name=name, file=file),
            env._("Correct its name, or remove it. The settings are: %s.", ", ".join(sorted(SETTING_NAMES))),
        )


def _sections(env: Any) -> Iterator[Trouble]:
    for name, close in misspelt_sections().items():
        yield Trouble(
            "unknown_setting",
            name,
            env._("[%(name)s] in %(file)s is no section of the framework.", name=name, file=config["config"]),
            env._("Write [%s].", close),
        )


def _classes(env: Any) -> Iterator[Trouble]:
    for mistake in mistakes(env):
        if mistake.is_certain:
            yield Trouble("class_mistake", "", mistake.text, env._("Correct the connector, and restart the server."))


def _server(env: Any) -> Iterator[Trouble]:
    state = diagnosis.Server(*env.execute_query(diagnosis.server())[0])
    if state.is_standby:
        yield Trouble(
            "standby",
            "",
            env._("The database is a standby of another server: nothing can be written, so no job runs."),
            env._("Connect to the primary server."),
        )
    if abs(state.skew_s) > CLOCK_S:
        yield Trouble(
            "server_clock",
            "",
            env._("The clocks of this server and of PostgreSQL differ by %s s.", round(state.skew_s)),
            env._("Set both by NTP."),
        )
    settings = settings_of(env)
    processes = settings.processes or usable_cores()
    needed = processes * (settings.threads + 1)
    if config["db_maxconn"] and settings.threads + 1 > config["db_maxconn"]:
        yield Trouble(
            "few_connections",
            "db_maxconn",
            env._(
                "A process with %(threads)s threads needs %(needed)s connections, db_maxconn allows %(allowed)s.",
                threads=settings.threads,
                needed=settings.threads + 1,
                allowed=config["db_maxconn"],
            ),
            env._("Raise db_maxconn, or lower `threads`."),
        )
    if needed + SPARE_CONNECTIONS > state.max_connections:
        yield Trouble(
            "few_connections",
            "max_connections",
            env._(
                "%(processes)s processes with %(threads)s threads need %(needed)s connections, PostgreSQL allows"
                " %(allowed)s in all.",
                processes=processes,
                threads=settings.threads,
                needed=needed,
                allowed=state.max_connections,
            ),
            env._("Raise max_connections of PostgreSQL, or lower `threads` or `processes`."),
        )
    if not state.is_vacuumed:
        yield Trouble(
            "no_vacuum",
            "",
            env._("Autovacuum is off: the table of jobs grows and becomes slow."),
            env._("Set autovacuum = on in postgresql.conf, and reset it on table connector_job."),
        )
    for seconds, what in env.execute_query(diagnosis.long_transactions()):
        yield Trouble(
            "long_transaction",
            what or "",
            env._("A transaction is open for %s min: what is deleted meanwhile is not freed.", round(seconds / 60)),
            env._("Find the program in pg_stat_activity and end it."),
        )


def _scheduler(env: Any) -> Iterator[Trouble]:
    late = env["ir.cron"].search(
        [("nextcall", "<", env.cr.now().replace(microsecond=0) - timedelta(minutes=LATE_MIN))],
        order="nextcall",
        limit=1,
    )
    if late:
        yield Trouble(
            "no_scheduler",
            late.cron_name,
            env._("The scheduler stands still: “%s” is late.", late.cron_name),
            env._("Start a server with `max_cron_threads` above 0; its log says why an action does not run."),
            target=("ir.cron", late.id),
        )


def _jobs(env: Any) -> Iterator[Trouble]:
    for login, count in env.execute_query(diagnosis.jobs_of_archived_users()):
        yield Trouble(
            "archived_user",
            login,
            env._(
                "%(count)s jobs are to run as user %(login)s, who is archived: they will fail.",
                count=count,
                login=login,
            ),
            env._("Unarchive the user, or cancel the jobs."),
        )
    for model_name, method_name, count in env.execute_query(diagnosis.kinds_of_unfinished()):
        model = env.registry.get(model_name)
        if model is None or not hasattr(model, method_name):
            yield Trouble(
                "missing_code",
                f"{model_name}.{method_name}",
                env._(
                    "%(count)s jobs call %(method)s, which is not there: they will fail.",
                    count=count,
                    method=f"{model_name}.{method_name}",
                ),
                env._("Install the addon that has it, or cancel the jobs."),
            )
    for job_id, seconds, model_name, method_name in env.execute_query(diagnosis.long_jobs()):
        model = env.registry.get(model_name)
        timeout_s = model is not None and hasattr(model, method_name) and method_options(model, method_name).timeout_s
        if not timeout_s:
            yield Trouble(
                "long_job",
                f"job {job_id}",
                env._(
                    "Job %(job)s (%(method)s) runs for %(minutes)s min without a time limit.",
                    job=job_id,
                    method=f"{model_name}.{method_name}",
                    minutes=round(seconds / 60),
                ),
                env._("Look at its progress; cancel it if it hangs, and give its channel a timeout."),
                target=("connector.job", job_id),
            )


def _backends(env: Any) -> Iterator[Trouble]:
    backends = env["connector.backend.mixin"]._all_active()
    if not backends:
        yield Trouble(
            "no_backend",
            "",
            env._("No backend is configured."),
            env._("Create one in Connectors, if a connector is installed."),
        )
    for backend in backends:
        about = {"backend": backend, "target": (backend._name, backend.id)}
        if not all(backend[name] for name in backend._url_fields if name in backend._fields):
            yield Trouble(
                "no_address",
                backend.display_name,
                env._("%s has no address.", backend.display_name),
                env._("Fill it in on the backend and check the connection."),
                **about,
            )
        if backend._secret_fields and not any(backend.get_secret(name) for name in backend._secret_fields):
            yield Trouble(
                "no_credentials",
                backend.display_name,
                env._("%s has no credentials.", backend.display_name),
                env._("Fill them in on the backend, or give them by the environment or the configuration file."),
                **about,
            )
        if not backend.lang_id.active:
            yield Trouble(
                "inactive_language",
                backend.display_name,
                env._(
                    "The language of %(backend)s, %(lang)s, is not active.",
                    backend=backend.display_name,
                    lang=backend.lang_id.name,
                ),
                env._("Activate it in Settings > Languages, or choose another one on the backend."),
                **about,
            )


def _incidents(env: Any) -> Iterator[Trouble]:
    rows = [row for row in env.execute_query(metrics.incidents()) if row[2] == "open"]
    known = env["connector.backend.mixin"]._existing([(row[0], row[1]) for row in rows])
    for model, backend_id, _state, count in rows:
        backend = known.get((model, backend_id))
        yield Trouble(
            "open_incident",
            backend.display_name if backend else "",
            env._("%s incidents are open.", count),
            env._("Look at Connectors > Incidents, or `odoo connector incidents`: each says what to do."),
            backend=backend,
        )
