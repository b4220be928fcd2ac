"""Customers with their addresses, and small tags, imported and exported by the Connector Framework."""

import os

from odoo import api, fields, models

from odoo.addons.connector_framework.adapters import RestAdapter
from odoo.addons.connector_framework.mappings import ExportMapper, ImportMapper
from odoo.addons.connector_framework.references import Reference
from odoo.addons.connector_framework.synchronizers import DelayedBatchImporter, export_on_change

peer = Reference("bench")


class BenchBackend(models.Model):
    _name = "bench.backend"
    _description = "Benchmark"
    _inherit = "connector.backend.mixin"
    _service = "bench"

    url = fields.Char(required=True)


class BenchPartner(models.Model):
    _name = "bench.partner"
    _description = "Benchmark Customer"
    _inherit = "connector.binding.mixin"
    _inherits = {"res.partner": "odoo_id"}

    backend_id = fields.Many2one("bench.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    address_ids = fields.One2many("bench.address", "customer_id")


class BenchAddress(models.Model):
    _name = "bench.address"
    _description = "Benchmark Address"
    _inherit = "connector.binding.mixin"
    _inherits = {"res.partner": "odoo_id"}

    backend_id = fields.Many2one("bench.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    customer_id = fields.Many2one("bench.partner", required=True, ondelete="cascade", index=True)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["parent_id"] = self.env["bench.partner"].browse(vals["customer_id"]).odoo_id.id
        return super().create(vals_list)


class BenchTag(models.Model):
    _name = "bench.tag"
    _description = "Benchmark Tag"
    _inherit = "connector.binding.mixin"
    _inherits = {"res.partner.category": "odoo_id"}

    backend_id = fields.Many2one("bench.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner.category", required=True, ondelete="cascade", index=True)
    price = fields.Float()


@peer
class TagAdapter(RestAdapter):
    _apply_on = "bench.tag"

    def search(self, filters=None, cursor=None):
        page = self._request("GET", "tags", {"after": cursor or 0})
        return page, page[-1] if page else None

    def read(self, external_id, fields=None):
        return self._request("GET", f"tags/{external_id}")

    def read_many(self, ids, fields=None):
        return {row["id"]: row for row in self._request("GET", "tags/" + ",".join(map(str, ids)))}

    def write(self, external_id, data):
        self._request("POST", "tags", json=[{"id": external_id, **data}])

    if not os.environ.get("BENCH_ONE_BY_ONE"):

        def write_many(self, changes):
            self._request("POST", "tags", json=[{"id": external_id, **data} for external_id, data in changes])
            return [None] * len(changes)


@peer
class TagBatchImporter(DelayedBatchImporter):
    _apply_on = "bench.tag"
    stream = True
    stable_pages = True

    def _since_filters(self, since):
        return {}


@peer
class TagImportMapper(ImportMapper):
    _apply_on = "bench.tag"
    direct = [("name", "name")]


@peer
class TagExportMapper(ExportMapper):
    _apply_on = "bench.tag"
    direct = [("price", "price")]


export_on_change("bench.tag")


@peer
class CustomerAdapter(RestAdapter):
    _apply_on = "bench.partner"

    def search(self, filters=None, cursor=None):
        return self._request("GET", "customers", filters), None

    def read(self, external_id, fields=None):
        return self._request("GET", f"customers/{external_id}")

    def read_many(self, ids, fields=None):
        rows = self._request("GET", "customers/" + ",".join(map(str, ids)))
        return {row["id"]: row for row in rows}


@peer
class CustomerMapper(ImportMapper):
    _apply_on = "bench.partner"
    direct = [("name", "name"), ("email", "email"), ("phone", "phone"), ("type", "type")]
    children = [("addresses", "address_ids", "bench.address")]


@peer
class AddressMapper(ImportMapper):
    _apply_on = "bench.address"
    direct = [
        ("id", "external_id"),
        ("name", "name"),
        ("street", "street"),
        ("city", "city"),
        ("zip", "zip"),
        ("type", "type"),
    ]
