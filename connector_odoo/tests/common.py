"""Another Odoo for the tests: as much of it as the connector uses, in memory, over real HTTP."""

from __future__ import annotations

import json
from collections import defaultdict

from odoo.tests import TransactionCase

from odoo.addons.connector_framework.adapters import Connection
from odoo.addons.connector_framework.tests.common import ConnectorAcceptanceCase
from odoo.addons.connector_framework.tests.misbehaving_server import MisbehavingServer, answer

KEY = "a-key-for-the-tests"
PARTNER = {
    **dict.fromkeys("type function ref email phone website vat street street2 zip city".split(), False),
    "type": "contact",
    "is_company": False,
    "active": True,
    "parent_id": False,
    "country_id/code": "",
    "state_id/code": "",
}
PRODUCT = {
    **dict.fromkeys("default_code barcode description_sale".split(), False),
    "list_price": 0.0,
    "weight": 0.0,
    "active": True,
    "type": "consu",
    "categ_id/complete_name": "",
    "uom_id/name": "Units",
}


class FakeOdoo(MisbehavingServer):
    """Serves JSON-2 from ``tables``: by model and id, a dict with the keys that the connector reads."""

    def __enter__(self):
        super().__enter__()
        self.tables = defaultdict(dict)
        self.tables["res.country"] = {1: {"code": "BE"}, 2: {"code": "US"}}
        self.tables["res.country.state"] = {3: {"code": "CA", "country_id.code": "US"}}
        self.tables["uom.uom"] = {4: {"name": "Units"}}
        self.tables["product.category"] = {5: {"complete_name": "Goods"}}
        self.always(self._serve)
        return self

    def add(self, model, **values):
        """Add a record and return its id."""
        table = self.tables[model]
        number = 100 + len(table)
        # It has always changed just now.
        known = {**(PARTNER if model == "res.partner" else PRODUCT), "write_date": "2999-12-31 00:00:00"}
        table[number] = {**known, **values}
        return number

    def made(self, *methods):
        """Return the calls that were made of some methods: (model, method, arguments)."""
        calls = [(*request.path.split("/")[-2:], json.loads(request.body)) for request in self.requests]
        return [call for call in calls if call[1] in methods]

    def _serve(self, handler):
        request = self.requests[-1]
        if request.headers.get("Authorization") != f"bearer {KEY}":
            error = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}
            return answer(401, json.dumps(error))(handler)
        model, method = request.path.split("/")[-2:]
        arguments = json.loads(request.body)
        arguments.pop("context")
        result = getattr(self, f"_do_{method}")(model, **arguments)
        return answer(200, json.dumps(result))(handler)

    def _do_context_get(self, model):
        return {"lang": "en_US"}

    def _search(self, model, domain, limit):
        meets = {
            "=": lambda value, other: value == other,
            "in": lambda value, other: value in other,
            ">": lambda value, other: value > other,
            ">=": lambda value, other: value >= other,
        }
        found = [
            number
            for number in sorted(self.tables[model])
            if all(
                meets[operator]({**self.tables[model][number], "id": number}.get(path), value)
                for path, operator, value in domain
            )
        ]
        return found[:limit]

    def _do_search_read(self, model, domain, fields, load="_classic_read", order="id", limit=None):
        plain = [name for name in fields if name != "id"]
        return [
            {"id": number, **{name: self.tables[model][number][name] for name in plain}}
            for number in self._search(model, domain, limit)
        ]

    def _do_export_data(self, model, ids, fields_to_export):
        rows = [self.tables[model][number] for number in ids]
        for number, row in zip(ids, rows, strict=True):
            row.setdefault("xid", f"__export__.{model.replace('.', '_')}_{number}_0123abcd")
        special = [{".id": number, "id": row["xid"]} for number, row in zip(ids, rows, strict=True)]
        return {
            "datas": [
                [own[name] if name in own else row[name] for name in fields_to_export]
                for own, row in zip(special, rows, strict=True)
            ]
        }

    def _do_load(self, model, fields, data):
        values = dict(zip(["xid", *fields[1:]], data[0], strict=True))
        for number, row in self.tables[model].items():
            if row.get("xid") == values["xid"]:
                row.update(values)
                return {"ids": [number], "messages": []}
        return {"ids": [self.add(model, **values)], "messages": []}

    def _do_write(self, model, ids, vals):
        for number in ids:
            self.tables[model][number].update(vals)
        return True

    def _do_unlink(self, model, ids):
        for number in ids:
            del self.tables[model][number]
        return True


class PeerCase(TransactionCase):
    """Each test has another Odoo, which is empty, and a backend for it."""

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.addCleanup(Connection.close_idle)
        self.peer = self.enterContext(FakeOdoo())
        self.backend = self.env["odoo.backend"].create(
            {"name": "Peer", "url": self.peer.url, "database": "peer", "api_key": KEY, "state": "connected"}
        )

    def import_partner(self, number, **options):
        """Import a contact and return its binding; ``outcome`` is how it went."""
        self.outcome = self.env["odoo.res.partner"].import_record(self.backend, str(number), **options)
        return self.bound("odoo.res.partner", number)

    def import_product(self, number, **options):
        self.outcome = self.env["odoo.product.product"].import_record(self.backend, str(number), **options)
        return self.bound("odoo.product.product", number)

    def bound(self, model_name, number):
        bindings = self.env[model_name].with_context(active_test=False)
        return bindings.search([("backend_id", "=", self.backend.id), ("external_id", "=", str(number))])

    def bind(self, record):
        """Make the binding of a record that is not there yet; its export is not enqueued."""
        bindings = self.env[f"odoo.{record._name}"].with_context(connector_no_events=True)
        return bindings.create({"backend_id": self.backend.id, "odoo_id": record.id}).with_context(
            connector_no_events=False
        )


class PeerAcceptanceCase(ConnectorAcceptanceCase):
    """The acceptance suite, with a peer in memory."""

    #: Odoo makes it up by chance when a record is exported first.
    preview_differs = ("xid",)

    def make_backend(self):
        self.peer = self.enterContext(FakeOdoo())
        return self.env["odoo.backend"].create(
            {"name": "Peer", "url": self.peer.url, "database": "peer", "api_key": KEY, "state": "connected"}
        )

    def table(self):
        return self.peer.tables[self.model_name.removeprefix("odoo.")]

    def create_outside(self):
        return str(self.peer.add(self.model_name.removeprefix("odoo."), name="Made there"))

    def change_outside(self, external_id):
        self.table()[int(external_id)]["name"] = "Renamed there"

    def delete_outside(self, external_id):
        del self.table()[int(external_id)]
