"""Models of a test's own: in the registry and the database while a test class runs, and gone after it."""

from __future__ import annotations

from odoo import fields, models
from odoo.orm.model_classes import add_to_registry
from odoo.tests import TransactionCase

from ..mappings import ExportMapper, ImportMapper
from ..references import Reference
from ..references.reference import _references


class Backend(models.Model):
    _module = None
    _name = "mapping.test.backend"
    _inherit = ["connector.backend.mixin"]
    _description = "Mapping Test Backend"
    _service = "mapping_records"


class Partner(models.Model):
    _module = None
    _name = "mapping.test.partner"
    _inherit = ["connector.binding.mixin"]
    _inherits = {"res.partner": "odoo_id"}
    _description = "Mapping Test Partner"

    backend_id = fields.Many2one("mapping.test.backend", required=True, ondelete="cascade")
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade")
    address_ids = fields.One2many("mapping.test.address", "owner_id")
    group_id = fields.Many2one("mapping.test.category")
    rank = fields.Integer()


class Address(models.Model):
    _module = None
    _name = "mapping.test.address"
    _inherit = ["connector.binding.mixin"]
    _inherits = {"res.partner": "odoo_id"}
    _description = "Mapping Test Address"

    backend_id = fields.Many2one(related="owner_id.backend_id", store=True)
    odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade")
    owner_id = fields.Many2one("mapping.test.partner", required=True, ondelete="cascade")


class Category(models.Model):
    _module = None
    _name = "mapping.test.category"
    _inherit = ["connector.binding.mixin"]
    _inherits = {"res.partner.category": "odoo_id"}
    _description = "Mapping Test Category"

    backend_id = fields.Many2one("mapping.test.backend", required=True, ondelete="cascade")
    odoo_id = fields.Many2one("res.partner.category", required=True, ondelete="cascade")


DEFINITIONS = (Backend, Partner, Address, Category)


class RecordCase(TransactionCase):
    """Mappers on real records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = [definition._name for definition in DEFINITIONS]
        cls.addClassCleanup(cls._remove_models, names)
        for definition in DEFINITIONS:
            # Set only now: a definition that has it from the start would be part of every database.
            definition._module = "connector_framework"
            add_to_registry(cls.registry, definition)
        cls.registry._setup_models__(cls.cr, names)
        cls.registry.init_models(cls.cr, names, {})
        _references.pop(("mapping_records", None), None)
        cls.reference = Reference("mapping_records")
        cls.addClassCleanup(_references.pop, ("mapping_records", None))
        cls.backend = cls.env["mapping.test.backend"].create({"name": "Test"})

    @classmethod
    def _remove_models(cls, names):
        for name in names:
            cls.registry.models.pop(name, None)
        for model in cls.registry.models.values():
            model._inherit_children -= set(names)
            model._inherits_children -= set(names)
        cls.registry._setup_models__(cls.cr)

    def mapper(self, cls, *others):
        for one in (cls, *others):
            if one not in self.reference.classes():
                self.reference.register(one)
                self.addCleanup(self.reference.unregister, one)
        with self.backend.work_on(cls._apply_on) as work:
            return work.unit(ImportMapper if issubclass(cls, ImportMapper) else ExportMapper)
