#!/usr/bin/env python3
"""Compare a mapper with a function written by hand for the same mapping.

10 000 records through 25 fields: 12 direct, 7 with modifiers (two of them many2ones), 6 by methods, and two lists of
children with two lines each. Both find external ids in the same table in memory, so that what is measured is the
mapping and not the database. The mapper of OCA's ``connector``, which is installed from PyPI into a folder of its own,
does the same mapping in the same run.

Needs an importable Odoo (``PYTHONPATH``), and no database::

    python bench/mappings.py [--records 10000] [--rounds 9] [--no-peer] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import importlib.util
import pstats
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A sibling of this file may be called like a module of the standard library.
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]

import odoo.init
from odoo.fields import Command

import odoo.addons

if str(Path(__file__).parents[1]) not in odoo.addons.__path__:
    odoo.addons.__path__.append(str(Path(__file__).parents[1]))

from odoo.addons.connector_framework.mappings import (
    ImportMapper,
    changed_by,
    convert,
    default,
    external_to_m2o,
    mapping,
    none,
    only_create,
)
from odoo.addons.connector_framework.references import ConnectorUnit, Reference, WorkSession

IDS = {str(number): number + 1000 for number in range(500)}


# -- what stands for Odoo ----------------------------------------------------------------------------------------------


class Record:
    def __init__(self, id: int) -> None:
        self.id = id


RECORDS = {external_id: Record(id) for external_id, id in IDS.items()}


class Binder(ConnectorUnit):
    """Find ids in memory."""

    def to_internal(self, external_id: Any, unwrap: bool = False) -> Record | None:
        return RECORDS.get(str(external_id))

    def to_internal_many(self, external_ids: list[Any]) -> dict[Any, Record]:
        return {external_id: RECORDS[str(external_id)] for external_id in external_ids if str(external_id) in RECORDS}

    def unwrap(self, binding: Record) -> Record:
        return binding


class Field:
    def __init__(self, comodel_name: str) -> None:
        self.comodel_name = comodel_name


class Model:
    _is_connector_binding = True

    def __init__(self, name: str) -> None:
        self._name = name
        self._fields = {"website_id": Field("bench.website"), "group_id": Field("bench.group")}


class Env(dict):
    registry = types.SimpleNamespace(_init_modules=set())

    def __missing__(self, name: str) -> Model:
        return self.setdefault(name, Model(name))


class Backend:
    _name = "bench.backend"
    env = Env()

    def with_env(self, env: Env) -> Backend:
        return self


# -- the mapping, three times ------------------------------------------------------------------------------------------

reference = Reference("bench")


@reference
class PartnerMapper(ImportMapper):
    _apply_on = "bench.partner"

    direct = [
        ("customer_id", "external_id"),
        ("email", "email"),
        ("firstname", "firstname"),
        ("lastname", "lastname"),
        ("prefix", "title"),
        ("telephone", "phone"),
        ("created_in", "created_in"),
        ("dob", "birthday"),
        ("gender", "gender"),
        ("increment_id", "ref"),
        ("note", "comment"),
        ("confirmation", "confirmation"),
        (convert("taxvat", str), "vat"),
        (convert("credit", float), "credit_limit"),
        (none("rank"), "rank"),
        (default("lang", "en_US"), "lang"),
        (convert(none("visits"), int), "visits"),
        (external_to_m2o("website_id"), "website_id"),
        (external_to_m2o("group_id"), "group_id"),
    ]
    children = [
        ("addresses", "address_ids", "bench.address"),
        ("contacts", "contact_ids", "bench.address"),
    ]

    @mapping
    @changed_by("firstname", "lastname")
    def name(self, record):
        return {"name": f"{record['firstname']} {record['lastname']}"}

    @mapping
    def street(self, record):
        lines = record["street"].split("\n")
        return {"street": lines[0], "street2": lines[1] if len(lines) > 1 else False}

    @only_create
    @mapping
    def kind(self, record):
        return {"is_company": False}

    @mapping
    def active(self, record):
        return {"active": record["is_active"] == "1"}

    @mapping
    def kept(self, record):
        return {"newsletter": bool(record["subscribed"])}


@reference
class AddressMapper(ImportMapper):
    _apply_on = "bench.address"

    direct = [
        ("address_id", "external_id"),
        ("city", "city"),
        ("postcode", "zip"),
        (convert("fax", str), "fax"),
    ]

    @mapping
    def street(self, record):
        return {"street": record["street"]}


def by_hand(records: list[dict[str, Any]], binder: Binder) -> list[dict[str, Any]]:
    """Map as the classes above, as one would write it without a framework, and as robustly."""
    missing = object()
    same = (
        ("customer_id", "external_id"),
        ("email", "email"),
        ("firstname", "firstname"),
        ("lastname", "lastname"),
        ("prefix", "title"),
        ("telephone", "phone"),
        ("created_in", "created_in"),
        ("dob", "birthday"),
        ("gender", "gender"),
        ("increment_id", "ref"),
        ("note", "comment"),
        ("confirmation", "confirmation"),
    )
    same_address = (("address_id", "external_id"), ("city", "city"), ("postcode", "zip"))

    def address(record: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for key, target in same_address:
            if key in record:
                value = record[key]
                values[target] = False if value is None else value
        if "fax" in record:
            value = record["fax"]
            values["fax"] = False if value is None else str(value)
        values["street"] = record["street"]
        return values

    def link(external_id: Any) -> Any:
        if external_id is None:
            return False
        found = binder.to_internal(external_id)
        if not found:
            raise ValueError(external_id)
        return found.id

    result = []
    for record in records:
        values: dict[str, Any] = {}
        for key, target in same:
            if key in record:
                value = record[key]
                values[target] = False if value is None else value
        value = record.get("taxvat", missing)
        if value is not missing:
            values["vat"] = False if value is None else str(value)
        value = record.get("credit", missing)
        if value is not missing:
            values["credit_limit"] = False if value is None else float(value)
        if "rank" in record:
            values["rank"] = record["rank"] or False
        value = record.get("lang")
        values["lang"] = "en_US" if value is None else value
        value = record.get("visits", missing)
        if value is not missing:
            values["visits"] = int(value) if value else False
        if "website_id" in record:
            values["website_id"] = link(record["website_id"])
        if "group_id" in record:
            values["group_id"] = link(record["group_id"])
        values["name"] = f"{record['firstname']} {record['lastname']}"
        lines = record["street"].split("\n")
        values["street"] = lines[0]
        values["street2"] = lines[1] if len(lines) > 1 else False
        values["is_company"] = False
        values["active"] = record["is_active"] == "1"
        values["newsletter"] = bool(record["subscribed"])
        if "addresses" in record:
            values["address_ids"] = [Command.create(address(child)) for child in record["addresses"] or ()]
        if "contacts" in record:
            values["contact_ids"] = [Command.create(address(child)) for child in record["contacts"] or ()]
        result.append(values)
    return result


def make_records(count: int) -> list[dict[str, Any]]:
    def address(number: int) -> dict[str, Any]:
        return {
            "address_id": str(number),
            "city": "Lausanne",
            "postcode": 1000 + number % 900,
            "fax": None,
            "street": "Rue du Lac 1",
        }

    return [
        {
            "customer_id": str(number),
            "email": f"c{number}@example.com",
            "firstname": "Ada",
            "lastname": f"Lovelace {number}",
            "prefix": None,
            "telephone": "021 000 00 00",
            "created_in": "Default",
            "dob": None,
            "gender": 0,
            "increment_id": f"1{number:08}",
            "note": "",
            "confirmation": False,
            "taxvat": number + 1,
            "credit": "12.50",
            "rank": 0,
            "visits": "7",
            "website_id": str(number % 3),
            "group_id": str(number % 400),
            "street": "Rue du Lac 1\nBox 3",
            "is_active": "1",
            "subscribed": number % 2,
            "addresses": [address(2 * number), address(2 * number + 1)],
            "contacts": [address(2 * number), address(2 * number + 1)],
        }
        for number in range(count)
    ]


def without_falsy(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with False for all that is falsy, which the peer does not tell apart; children's too."""
    return {
        name: [without_falsy(child) for _, _, child in value] if isinstance(value, list) else value or False
        for name, value in values.items()
    }


def best(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the shortest processor time of each, in turns, so that a busy machine is busy for all of them."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _round in range(rounds):
        for name, function in functions.items():
            gc.collect()
            gc.disable()
            started = time.process_time()
            function()
            times[name].append(time.process_time() - started)
            gc.enable()
    return {name: min(taken) for name, taken in times.items()}


def load_peer() -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    peers = _module("_peers")
    return _module("_mappings_peer").load(peers.install(peers.CONNECTOR), RECORDS)


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-peer", action="store_true", help="leave OCA's connector out")
    parser.add_argument("--profile", action="store_true", help="show where the mapper spends its time")
    arguments = parser.parse_args()

    ConnectorUnit._kinds["binder"] = Binder
    Backend.reference = reference
    reference.register(Binder)
    work = WorkSession(Backend(), "bench.partner")
    mapper = work.unit(ImportMapper)
    binder = Binder(work)
    records = make_records(arguments.records)

    if mapper.map_many(records[:50], for_create=True) != by_hand(records[:50], binder):
        print("the mapper and the function do not give the same values", file=sys.stderr)
        return 1
    if arguments.profile:
        profile = cProfile.Profile()
        profile.runcall(mapper.map_many, records, for_create=True)
        pstats.Stats(profile).sort_stats("tottime").print_stats(18)
        return 0

    functions: dict[str, Callable[[], Any]] = {
        "by hand": lambda: by_hand(records, binder),
        "mapper": lambda: mapper.map_many(records, for_create=True),
        "one by one": lambda: [mapper.map_record(record).values(for_create=True) for record in records],
    }
    if not arguments.no_peer:
        peer = load_peer()
        given = [without_falsy(values) for values in peer(records[:50])]
        if given != [without_falsy(values) for values in by_hand(records[:50], binder)]:
            print("the peer does not give the same values", file=sys.stderr)
            return 1
        functions["peer"] = lambda: peer(records)
    times = best(functions, arguments.rounds)
    print(f"{arguments.records} records, best of {arguments.rounds} rounds")
    for name, seconds in times.items():
        print(f"{name:10} {seconds * 1e6 / arguments.records:7.2f} us a record  {seconds / times['by hand']:6.2f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
