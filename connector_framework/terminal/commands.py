"""The commands: each returns what it found or did."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..monitoring import troubles
from ..monitoring.backends import settings_of, stream_states
from ..monitoring.doctor import findings
from ..queue.sql import metrics

__all__ = ["COMMANDS", "Command", "Result"]

#: Jobs and incidents that are shown without ``--limit``.
SHOWN = 20


class Result(NamedTuple):
    """What a command found or did.

    :param data: JSON values: a dict, or a list of dicts with the same keys
    :param code: the exit code
    """

    data: Any
    code: int = 0


class Command(NamedTuple):
    """A command of the terminal.

    :param run: takes the environment and the options
    :param help: one line
    :param arguments: adds the command's own arguments to its parser
    """

    run: Callable[[Any, argparse.Namespace], Result]
    help: str
    arguments: Callable[[argparse.ArgumentParser], Any] = lambda parser: None


# -- reading -----------------------------------------------------------------------------------------------------------


def _status(env: Any, options: argparse.Namespace) -> Result:
    found = troubles(env)
    workers = env.execute_query(metrics.live_workers(settings_of(env).lease_s))
    jobs: dict[str, int] = {}
    for state, _channel, count in env.execute_query(metrics.live_jobs()):
        jobs[state] = jobs.get(state, 0) + count
    due = env.execute_query(metrics.due_jobs())
    incidents = sum(row[3] for row in env.execute_query(metrics.incidents()) if row[2] == "open")
    streams = [
        {
            "backend": stream.backend.display_name,
            "stream": stream.name,
            "behind_s": stream.lag_s,
            "promise_s": stream.max_age_s or None,
        }
        for stream in stream_states(env)
    ]
    data = {
        "database": env.cr.dbname,
        "status": "trouble" if found else "ok",
        "workers": len(workers),
        "threads": sum(row[2] for row in workers if row[4] is None),
        "jobs": jobs,
        "oldest_due_s": round(max((row[3] for row in due), default=0)),
        "open_incidents": incidents,
        "streams": streams,
        "troubles": [trouble.as_json() for trouble in found],
    }
    return Result(data, 1 if found else 0)


def _doctor(env: Any, options: argparse.Namespace) -> Result:
    found = findings(env)
    return Result([trouble.as_json() for trouble in found], 1 if found else 0)


def _workers(env: Any, options: argparse.Namespace) -> Result:
    rows = env.execute_query(metrics.live_workers(settings_of(env).lease_s))
    names = ("host", "process", "threads", "running", "missing_addons")
    return Result([dict(zip(names, row, strict=True)) for row in rows])


def _channels(env: Any, options: argparse.Namespace) -> Result:
    channels = env["connector.job.channel"].search([])
    for name, paused in ((options.pause, True), (options.resume, False)):
        if name:
            channel = channels.filtered(lambda one, name=name: one.name == name)
            if not channel:
                raise UserError(env._("There is no channel %s.", name))
            channel.paused = paused
    counts: dict[str, dict[str, int]] = {}
    env.flush_all()
    for state, name, count in env.execute_query(metrics.live_jobs()):
        counts.setdefault(name, {})[state] = count
    return Result(
        [
            {
                "channel": channel.name,
                "paused": channel.paused,
                "capacity": channel.capacity or None,
                **{state: counts.get(channel.name, {}).get(state, 0) for state in ("pending", "running", "failed")},
            }
            for channel in channels
        ]
    )


def _incidents(env: Any, options: argparse.Namespace) -> Result:
    domain = [] if options.all else [("state", "!=", "resolved")]
    return Result(
        [
            {
                "id": incident.id,
                "state": incident.state,
                "backend": incident.backend_name or None,
                "what": incident.name,
                "what_to_do": incident.user_message or None,
                "failures": incident.count,
                "failed_jobs": incident.failed_count,
                "first": fields.Datetime.to_string(incident.date_first),
                "last": fields.Datetime.to_string(incident.date_last),
            }
            for incident in env["connector.incident"].search(domain, limit=options.limit)
        ]
    )


def _jobs(env: Any, options: argparse.Namespace) -> Result:
    jobs = env["connector.job"].search(_wanted(env, options), limit=options.limit)
    return Result(
        [
            {
                "id": job.id,
                "state": job.state,
                "channel": job.channel,
                "what": job.name,
                "attempt": job.attempt,
                "enqueued": fields.Datetime.to_string(job.date_enqueued),
                "result": job.result or job.exc_message or None,
            }
            for job in jobs
        ]
    )


# -- acting ------------------------------------------------------------------------------------------------------------


def _acting(action: str) -> Callable[[Any, argparse.Namespace], Result]:
    def run(env: Any, options: argparse.Namespace) -> Result:
        domain = _wanted(env, options)
        if not (options.ids or options.incident or options.state or options.channel or options.model or options.error):
            raise UserError(env._("Say which jobs: by their numbers, or by an option such as --incident or --channel."))
        reason = getattr(options, "reason", None)
        count = env["connector.job"]._act_by_slices(action, domain, reason)
        return Result({"action": action, "jobs": count})

    return run


def _wanted(env: Any, options: argparse.Namespace) -> Domain:
    """Return the domain of the jobs that the options name."""
    domain = Domain.TRUE
    if options.ids:
        domain &= Domain("id", "in", options.ids)
    if options.state:
        domain &= Domain("state", "=", options.state)
    if options.channel:
        domain &= Domain("channel", "=", options.channel) | Domain("channel", "=like", f"{options.channel}.%")
    if options.model:
        domain &= Domain("model_name", "=", options.model)
    if options.incident:
        domain &= Domain("incident_id", "=", options.incident)
    if options.external_id:
        domain &= Domain("external_id", "=", options.external_id)
    if options.error:
        domain &= Domain("exc_message", "ilike", options.error)
    return domain


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", type=int, help="numbers of jobs")
    parser.add_argument("--state", help="waiting, pending, running, done, failed or cancelled")
    parser.add_argument("--channel", help="this channel and those below")
    parser.add_argument("--model", help="technical name of the model")
    parser.add_argument("--incident", type=int, help="number of an incident")
    parser.add_argument("--external-id", help="id of a record in the other system")
    parser.add_argument("--error", help="a part of the error")


def _limited(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=SHOWN, help=f"how many are shown (default: {SHOWN})")


def _job_arguments(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    _limited(parser)


def _incident_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="resolved ones, too")
    _limited(parser)


def _cancel_arguments(parser: argparse.ArgumentParser) -> None:
    _filters(parser)
    parser.add_argument("--reason", help="is shown as the result of the jobs")


def _channel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pause", metavar="CHANNEL", help="start no job of this channel")
    parser.add_argument("--resume", metavar="CHANNEL", help="start its jobs again")


COMMANDS = {
    "status": Command(_status, "is it running, how far is it behind, what is the matter"),
    "jobs": Command(_jobs, "the newest jobs of a filter", _job_arguments),
    "incidents": Command(_incidents, "what failed, how often, and what to do", _incident_arguments),
    "requeue": Command(_acting("requeue"), "run failed and cancelled jobs of a filter again", _filters),
    "cancel": Command(_acting("cancel"), "cancel waiting, pending and failed jobs of a filter", _cancel_arguments),
    "channels": Command(_channels, "the channels, to pause and to resume", _channel_arguments),
    "workers": Command(_workers, "the live workers"),
    "doctor": Command(_doctor, "name what keeps jobs from being run, and what to do"),
}
