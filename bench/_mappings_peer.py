"""The mapping of ``mappings.py`` for the mapper of OCA's ``connector`` 19.0, which is not part of this project.

Its components are built in a registry of their own, without a database, as its own tests do.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import odoo.addons


class _Field:
    def __init__(self, comodel_name: str | None = None) -> None:
        self.comodel_name = comodel_name
        self.relational = comodel_name is not None
        self.type = "many2one" if comodel_name else "char"


class _Fields(dict):
    def __missing__(self, name: str) -> _Field:
        return self.setdefault(name, _Field())


class _Model:
    def __init__(self, name: str) -> None:
        self._name = name
        self._fields = _Fields(website_id=_Field("bench.website"), group_id=_Field("bench.group"))


class _Env(dict):
    context: dict[str, Any] = {}

    def __missing__(self, name: str) -> _Model:
        return self.setdefault(name, _Model(name))


def load(folder: Path, records_by_id: dict[str, Any]) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """Return the function that maps records.

    :param folder: where ``pip install --no-deps --target`` put the four addons
    :param records_by_id: what external ids stand for
    """
    sys.path.append(str(folder))
    odoo.addons.__path__.append(str(folder / "odoo" / "addons"))
    from odoo.addons import component_event  # noqa: F401 - brings what connector inherits from
    from odoo.addons.component.core import Component, ComponentRegistry, WorkContext
    from odoo.addons.connector.components.mapper import (
        changed_by,
        convert,
        external_to_m2o,
        mapping,
        none,
        only_create,
    )

    class PartnerMapper(Component):
        _name = "bench.partner.mapper"
        _inherit = "base.import.mapper"
        _usage = "import.mapper"
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
            (convert("visits", int), "visits"),
            (external_to_m2o("website_id"), "website_id"),
            (external_to_m2o("group_id"), "group_id"),
        ]
        children = [
            ("addresses", "address_ids", "bench.address"),
            ("contacts", "contact_ids", "bench.address"),
        ]

        @mapping
        def lang(self, record):
            return {"lang": record.get("lang") or "en_US"}

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

    class AddressMapper(Component):
        _name = "bench.address.mapper"
        _inherit = "base.import.mapper"
        _usage = "import.mapper"
        _apply_on = "bench.address"

        direct = [("address_id", "external_id"), ("city", "city"), ("postcode", "zip"), (convert("fax", str), "fax")]

        @mapping
        def street(self, record):
            return {"street": record["street"]}

    class Binder(Component):
        _name = "bench.binder"
        _inherit = "base.binder"
        _usage = "binder"

        def to_internal(self, external_id, unwrap=False):
            # The id at once: `external_to_m2o` takes it from a recordset alone, and there is none here.
            return records_by_id[str(external_id)].id

    registry = ComponentRegistry()
    for module in ("component", "component_event", "connector"):
        registry.load_components(module)
    for cls in (PartnerMapper, AddressMapper, Binder):
        cls._build_component(registry)
    registry.ready = True
    backend = types.SimpleNamespace(_name="bench.backend", env=_Env(), id=1)
    work = WorkContext(model_name="bench.partner", collection=backend, components_registry=registry)
    unit = work.component(usage="import.mapper")
    return lambda records: [unit.map_record(record).values(for_create=True) for record in records]
