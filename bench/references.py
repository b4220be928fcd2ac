#!/usr/bin/env python3
"""Measure how long a reference takes to find a class that was looked up before.

For 10, 100 and 1 000 references (a chain of ten, the others beside it) with as many classes, as an environment of a
database with 150 addons asks for it; next to it a lookup in a plain dict, and what the first lookup takes. The goal is
below 2 microseconds, whatever the numbers.

Needs an importable Odoo (``PYTHONPATH``), and no database::

    python bench/references.py [--sizes 10,100,1000] [--rounds 9]
"""

from __future__ import annotations

import argparse
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

# A sibling of this file may be called like a module of the standard library.
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]

import odoo.init

import odoo.addons

if str(Path(__file__).parents[1]) not in odoo.addons.__path__:
    odoo.addons.__path__.append(str(Path(__file__).parents[1]))

from odoo.addons.connector_framework.references import ConnectorUnit, Reference

GOAL_US = 2.0
CHAIN = 10
ADDONS = 150


class Mapper(ConnectorUnit):
    """The kind that is asked for."""


def build(references: int, classes: int) -> Reference:
    """Make references and classes, each for a model of its own, and return the end of the chain."""
    service = f"bench {references} {classes}"
    made: list[Reference] = []
    for number in range(references):
        parent = made[min(number, CHAIN) - 1] if number else None
        made.append(Reference(service, version=str(number) if number else None, parent=parent))
    for number in range(classes):
        values = {"_apply_on": f"bench.model.{number}", "__module__": f"odoo.addons.addon_{number % 5}.units"}
        made[number % min(references, CHAIN)].register(type(f"Mapper{number}", (Mapper,), values))
    return made[min(references, CHAIN) - 1]


def fastest_us(function: Callable[[], object], rounds: int, number: int = 100_000) -> float:
    """Return the microseconds of a call in the best round."""
    return min(timeit.repeat(function, number=number, repeat=rounds)) / number * 1e6


def first_us(reference: Reference, model_name: str, env: object, rounds: int) -> float:
    """Return the microseconds of a lookup that nothing is remembered of."""
    times = []
    for _round in range(rounds):
        cls = reference.register(type("Forgetful", (Mapper,), {"_apply_on": "nothing"}))
        reference.unregister(cls)
        started = time.perf_counter()
        reference.get_class(Mapper, model_name, env)
        times.append(time.perf_counter() - started)
    return min(times) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="10,100,1000")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    env = SimpleNamespace(registry=SimpleNamespace(_init_modules={f"addon_{number}" for number in range(ADDONS)}))

    key, known = "bench.model.0", {"bench.model.0": Mapper}
    plain = fastest_us(lambda: known[key], arguments.rounds)
    print(f"{'references':>10} {'classes':>8} {'lookup':>9} {'without env':>12} {'of a dict':>10} {'first':>9}")
    slowest = 0.0
    for references in sizes:
        for classes in sizes:
            reference = build(references, classes)
            first = first_us(reference, key, env, arguments.rounds)
            found = reference.get_class(Mapper, key, env)
            assert found.__name__ == "Mapper0", found
            lookup = fastest_us(lambda: reference.get_class(Mapper, key, env), arguments.rounds)  # noqa: B023
            without = fastest_us(lambda: reference.get_class(Mapper, key), arguments.rounds)  # noqa: B023
            slowest = max(slowest, lookup)
            print(f"{references:>10} {classes:>8}", end=" ")
            print(f"{lookup:>6.2f} us {without:>9.2f} us {lookup / plain:>9.1f}x {first:>6.0f} us")
    print(f"a dict: {plain:.2f} us; slowest lookup: {slowest:.2f} us; goal: below {GOAL_US} us")
    return 0 if slowest < GOAL_US else 1


if __name__ == "__main__":
    sys.exit(main())
