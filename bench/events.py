#!/usr/bin/env python3
"""Measure what the events cost: create, write and unlink of 1 000 partners, flushed, and one call of each by itself.

In turn, in transactions that are rolled back: without the hook, with it and no consumer, with one consumer of each of
create, write and unlink, and with one of ``on_record_change`` (its delivery included). What is timed is the CPU time of
this process: PostgreSQL's part is the same, and would hide what is looked for. ``script/bench`` has the same steps run
with one listener of OCA's ``component_event``, in a process and a database of its own.

Needs an importable Odoo (``PYTHONPATH``) and a database with the addon; takes Odoo's options::

    python bench/events.py -d DB --addons-path=... [--records=1000] [--rounds=7]

Run by ``script/bench events`` it takes a copy of the database that this names.
"""

from __future__ import annotations

import os
import sys

# A benchmark beside this one may bear the name of a module of the standard library.
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))

import argparse
import gc
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import odoo.init  # noqa: F401
from odoo import api
from odoo.modules.registry import Registry
from odoo.service.db import exp_drop, exp_duplicate_database
from odoo.tools import config

CALLS = 500
HOOKS = ("create", "write", "unlink", "_write_multi", "_compute_field_value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options, rest = parser.parse_known_args()
    config.parse_config([*rest, "--log-level=warn"], setup_logging=True)
    peer = load_peer().measure(options.records, options.rounds) if "CONNECTOR_TEMPLATE" in os.environ else {}
    with database() as name, Registry(name).cursor() as cr:
        env = api.Environment(cr, api.SUPERUSER_ID, {"tracking_disable": True})
        unsubscribe_all(env)
        partners(env, options.records, options.rounds, peer)
        calls(env, options.rounds)


def load_peer() -> Any:
    """Return the module beside this one that measures the peer."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_events_peer.py")
    spec = importlib.util.spec_from_file_location("_events_peer", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(path))  # which that file takes off again
    spec.loader.exec_module(module)
    return module


@contextmanager
def database() -> Iterator[str]:
    """Yield the database that ``-d`` names, or a copy of CONNECTOR_TEMPLATE."""
    if config["db_name"]:
        yield config["db_name"][0]
        return
    template = os.environ.get("CONNECTOR_TEMPLATE") or sys.exit("Which database? Say -d NAME.")
    name = f"bench_events_{os.getpid()}"
    exp_duplicate_database(template, name)
    try:
        yield name
    finally:
        exp_drop(name)


def unsubscribe_all(env: Any) -> None:
    """Unsubscribe the consumers of the connectors in the database."""
    from odoo.addons.connector_framework import events

    for name in ("on_record_create", "on_record_write", "on_record_unlink", "on_record_change"):
        event = getattr(events, name)
        for consumer in {consumer for model_name in env for consumer in event.consumers(env, model_name)}:
            event.unsubscribe(consumer)


@contextmanager
def without_hook() -> Iterator[None]:
    """Take the hook's methods off the class: calls go where they went before the addon was installed."""
    from odoo.addons.connector_framework.models.base_events import Base

    methods = {name: vars(Base)[name] for name in HOOKS}
    for hook in methods:
        delattr(Base, hook)
    try:
        yield
    finally:
        for hook, method in methods.items():
            setattr(Base, hook, method)


@contextmanager
def with_hook() -> Iterator[None]:
    yield


@contextmanager
def with_consumers(*names: str) -> Iterator[None]:
    from odoo.addons.connector_framework import events

    def consumer(records: Any, **payload: Any) -> None:
        """Do nothing."""

    subscribed = [getattr(events, name) for name in names]
    for event in subscribed:
        event.subscribe(consumer, "res.partner")
    try:
        yield
    finally:
        for event in subscribed:
            event.unsubscribe(consumer)


VARIANTS: dict[str, Callable[[], Any]] = {
    "without": without_hook,
    "hook": with_hook,
    "one consumer": lambda: with_consumers("on_record_create", "on_record_write", "on_record_unlink"),
    "change": lambda: with_consumers("on_record_change"),
}


def partners(env: Any, count: int, rounds: int, peer: dict[str, float]) -> None:
    """Print the ratios for a thousand partners."""
    times: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds + 1):
        names = list(VARIANTS)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with VARIANTS[name]():
                for step, seconds in one_round(env, count):
                    if number:  # the first round warms up
                        times.setdefault(step, {}).setdefault(name, []).append(seconds)
    print(f"{count} partners, Odoo's own CPU time, best of {rounds} rounds; ratio to without")
    for step, seconds in peer.items():
        times[step]["component_event"] = [seconds]
    report(times, [*VARIANTS, *(["component_event"] if peer else [])])


def one_round(env: Any, count: int) -> Iterator[tuple[str, float]]:
    values = [{"name": f"Partner {number}", "email": f"{number}@example.com"} for number in range(count)]
    steps: dict[str, Callable[[], Any]] = {
        "create": lambda: env["res.partner"].create(values),
        "write": lambda: found[0].write({"name": "Renamed", "phone": "1"}),
        "write each": lambda: [record.write({"ref": str(record.id)}) for record in found[0]],
        "unlink": lambda: found.pop().unlink(),
    }
    found: list[Any] = []
    for step, work in steps.items():
        gc.collect()
        gc.disable()
        start = time.process_time()
        result = work()
        env.cr.flush()
        yield step, time.process_time() - start
        gc.enable()
        if step == "create":
            found.append(result)
    env.cr.rollback()


def calls(env: Any, rounds: int) -> None:
    """Print what the hook adds to one call, with what it calls replaced by methods that do nothing."""
    from odoo.addons.connector_framework.models.base_events import Base

    record = env["res.partner.industry"].search([], limit=1)
    arguments = {"create": ([{}],), "write": ({},), "unlink": ()}
    best: dict[tuple[str, str], float] = {}
    with ExitStack() as stack:
        ancestors = type(record).__mro__[type(record).__mro__.index(Base) + 1 :]
        for cls, name in [(cls, name) for cls in ancestors for name in arguments if name in vars(cls)]:
            stack.enter_context(patch.object(cls, name, nothing))
        # The deletion of bindings is no event: it stands in the same unlink().
        stack.enter_context(patch.object(type(record), "_connector_unlink_bindings", nothing))
        for _ in range(rounds * 20):  # many short turns: the best is one that the machine's other work left alone
            for variant in ("without", "hook", "change"):
                with VARIANTS[variant]():
                    for name, args in arguments.items():
                        method = vars(Base).get(name, nothing)
                        method(record, *args)
                        start = time.perf_counter()
                        for _ in range(CALLS):
                            method(record, *args)
                        seconds = (time.perf_counter() - start) / CALLS
                        best[name, variant] = min(best.get((name, variant), 1.0), seconds)
    print("one call, what the hook adds (microseconds): without a consumer; with a change consumer of another model")
    for name in arguments:
        added = [(best[name, variant] - best[name, "without"]) * 1e6 for variant in ("hook", "change")]
        print(f"  {name:<12}" + "".join(f"{microseconds:>22.2f}" for microseconds in added))


def nothing(record: Any, *args: Any) -> Any:
    return record


def report(times: dict[str, dict[str, list[float]]], variants: list[str]) -> None:
    print("  " + " " * 12 + "".join(f"{name:>22}" for name in variants))
    for step, by_variant in times.items():
        best = {name: min(seconds) for name, seconds in by_variant.items()}
        print(
            f"  {step:<12}"
            + "".join(
                f"{seconds / best['without']:>12.3f} ({seconds:.3f} s)" for seconds in (best[name] for name in variants)
            )
        )


if __name__ == "__main__":
    main()
