"""Customers with their addresses, imported by OCA's connector and queue_job: a job a record, as they are used."""

import requests
from odoo import api, fields, models

from odoo.addons.component.core import AbstractComponent, Component


class BenchBackend(models.Model):
    _name = "bench.backend"
    _description = "Benchmark"
    _inherit = "connector.backend"

    name = fields.Char(required=True)
    url = fields.Char(required=True)


class BenchPartner(models.Model):
    _name = "bench.partner"
    _description = "Benchmark Customer"
    _inherit = "external.binding"
    _inherits = {"res.partner": "odoo_id"}

    backend_id = fields.Many2one("bench.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    external_id = fields.Integer()
    address_ids = fields.One2many("bench.address", "customer_id")

    _external_unique = models.UniqueIndex("(backend_id, external_id)")

    @api.model
    def import_batch(self, backend, filters=None):
        with backend.work_on(self._name) as work:
            return work.component(usage="batch.importer").run(filters)

    @api.model
    def import_record(self, backend, external_id):
        with backend.work_on(self._name) as work:
            return work.component(usage="record.importer").run(external_id)


class BenchAddress(models.Model):
    _name = "bench.address"
    _description = "Benchmark Address"
    _inherit = "external.binding"
    _inherits = {"res.partner": "odoo_id"}

    backend_id = fields.Many2one("bench.backend", required=True, ondelete="cascade", index=True)
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
    external_id = fields.Integer()
    customer_id = fields.Many2one("bench.partner", required=True, ondelete="cascade", index=True)

    _external_unique = models.UniqueIndex("(backend_id, external_id)")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            customer = self.env["bench.partner"].browse(vals["customer_id"])
            vals.update(parent_id=customer.odoo_id.id, backend_id=customer.backend_id.id)
        return super().create(vals_list)


class BenchComponent(AbstractComponent):
    _name = "bench.base"
    _inherit = "base.connector"
    _collection = "bench.backend"


class CustomerAdapter(Component):
    _name = "bench.partner.adapter"
    _inherit = ["base.backend.adapter.crud", "bench.base"]
    _apply_on = "bench.partner"

    def _get(self, path, params=None):
        answer = requests.get(f"{self.backend_record.url}/{path}", params=params, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def search(self, filters=None):
        return self._get("customers", filters)

    def read(self, external_id):
        return self._get(f"customers/{external_id}")


class CustomerBinder(Component):
    _name = "bench.binder"
    _inherit = ["base.binder", "bench.base"]
    _apply_on = ["bench.partner", "bench.address"]


class CustomerMapper(Component):
    _name = "bench.partner.mapper"
    _inherit = ["base.import.mapper", "bench.base"]
    _apply_on = "bench.partner"

    direct = [("name", "name"), ("email", "email"), ("phone", "phone"), ("type", "type")]
    children = [("addresses", "address_ids", "bench.address")]


class AddressMapper(Component):
    _name = "bench.address.mapper"
    _inherit = ["base.import.mapper", "bench.base"]
    _apply_on = "bench.address"

    direct = [
        ("id", "external_id"),
        ("name", "name"),
        ("street", "street"),
        ("city", "city"),
        ("zip", "zip"),
        ("type", "type"),
    ]


class AddressMapChild(Component):
    _name = "bench.address.map.child"
    _inherit = ["base.map.child.import", "bench.base"]
    _apply_on = "bench.address"


class BatchImporter(Component):
    _name = "bench.batch.importer"
    _inherit = ["base.importer", "bench.base"]
    _apply_on = "bench.partner"
    _usage = "batch.importer"

    def run(self, filters=None):
        for external_id in self.backend_adapter.search(filters):
            self.model.with_delay().import_record(self.backend_record, external_id)


class RecordImporter(Component):
    _name = "bench.record.importer"
    _inherit = ["base.importer", "bench.base"]
    _apply_on = "bench.partner"
    _usage = "record.importer"

    def run(self, external_id):
        self.advisory_lock_or_retry(f"bench.partner,{self.backend_record.id},{external_id}")
        record = self.backend_adapter.read(external_id)
        binding = self.binder.to_internal(external_id)
        values = self.mapper.map_record(record).values(for_create=not binding)
        if binding:
            binding.with_context(connector_no_export=True).write(values)
        else:
            values.update(backend_id=self.backend_record.id)
            binding = self.model.with_context(connector_no_export=True).create(values)
        self.binder.bind(external_id, binding)
