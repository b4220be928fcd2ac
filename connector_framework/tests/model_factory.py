"""Concrete models for tests of abstract ones: registered with their tables for one test class, and gone after it.

::

    class TestSomething(TransactionCase):
        @classmethod
        def setUpClass(cls):
            super().setUpClass()
            add_models(cls, example_models)

:func:`example_models` are a backend and some bindings; a function of the same shape defines others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from odoo import SUPERUSER_ID, api, fields, models
from odoo.orm.model_classes import add_to_registry
from odoo.orm.models import MetaModel

from ..references import Reference

__all__ = ["add_models", "committed_models", "example", "example_1", "example_models"]

#: The references of ``test.backend``; version 2 has none of its own.
example = Reference("example")
example_1 = Reference("example", version="1", parent=example)

MODULE = "connector_framework"
Define = Callable[[], Sequence[type]]


def example_models() -> list[type]:
    """Define a backend, and bindings of several shapes.

    ``test.backend``: service ``example``, versions 1 and 2, a secret. ``test.partner``: a partner with an e-mail of its
    own and ``address_ids``. ``test.address``: a child of it. ``test.customer``: composite key, one binding a website.
    ``test.website``: a binding that stands for no record of Odoo. ``test.tag``: one binding a record, and a parent.
    """

    class Backend(models.Model):
        _name = "test.backend"
        _description = "Test Backend"
        _inherit = "connector.backend.mixin"
        _service = "example"
        _secret_fields = ("api_key",)

        version = fields.Selection([("1", "One"), ("2", "Two")])
        url = fields.Char()
        api_key = fields.Char()

    class Partner(models.Model):
        _name = "test.partner"
        _description = "Test Partner"
        _inherit = "connector.binding.mixin"
        _inherits = {"res.partner": "odoo_id"}

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade", index=True)
        odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
        email = fields.Char()
        address_ids = fields.One2many("test.address", "test_partner_id")

    class Address(models.Model):
        _name = "test.address"
        _description = "Test Address"
        _inherit = "connector.binding.mixin"
        _inherits = {"res.partner": "odoo_id"}

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade", index=True)
        odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
        test_partner_id = fields.Many2one("test.partner", ondelete="cascade", index=True)

    class Website(models.Model):
        _name = "test.website"
        _description = "Test Website"
        _inherit = "connector.binding.mixin"

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade", index=True)
        name = fields.Char()

    class Customer(models.Model):
        _name = "test.customer"
        _description = "Test Customer"
        _inherit = "connector.binding.mixin"
        _inherits = {"res.partner": "odoo_id"}
        _external_key = ("website_id", "external_id")

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade", index=True)
        odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)
        website_id = fields.Many2one("test.website", ondelete="restrict")
        email = fields.Char()

    class Tag(models.Model):
        _name = "test.tag"
        _description = "Test Tag"
        _inherit = "connector.binding.mixin"
        _inherits = {"res.partner.category": "odoo_id"}
        _one_per_record = True

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade", index=True)
        odoo_id = fields.Many2one("res.partner.category", required=True, ondelete="cascade", index=True)
        test_parent_id = fields.Many2one("test.tag", ondelete="set null")

    return [Backend, Website, Partner, Address, Customer, Tag]


def add_models(case, define: Define = example_models) -> None:
    """Add models to the registry, and their tables to the transaction, of a ``TransactionCase`` class.

    A definition may also extend a model that is there (``_inherit`` alone).

    :param case: the class, in its ``setUpClass``
    :param define: returns the definitions, in the order of their dependencies
    """
    names, extended = _register(case.registry, case.cr, define)
    case.addClassCleanup(_forget, case.registry, case.cr, names, extended)


@contextmanager
def committed_models(registry, define: Define = example_models) -> Iterator[None]:
    """Add models and their tables for real, for tests that commit; drop the tables, with all rows, at the end."""
    with registry.cursor() as cr:
        names, extended = _register(registry, cr, define)
        cr.commit()
    try:
        yield
    finally:
        with registry.cursor() as cr:
            for name in names:
                if registry[name]._auto:
                    cr.execute(f'DROP TABLE IF EXISTS "{registry[name]._table}" CASCADE')
            cr.execute(
                "DELETE FROM ir_model_data WHERE model = 'ir.model.constraint' AND res_id IN"
                " (SELECT c.id FROM ir_model_constraint c JOIN ir_model m ON m.id = c.model WHERE m.model = ANY(%s))",
                [names],
            )
            cr.execute("DELETE FROM ir_model WHERE model = ANY(%s)", [names])
            cr.commit()
            _forget(registry, cr, names, extended)


def _register(registry, cr, define: Define) -> tuple[list[str], dict[str, tuple]]:
    """Add models to a registry and create their tables.

    :return: the names of new models, and the base classes that those had which were extended
    """
    # An addon's classes are remembered for every registry that is built later in this process; these must not be.
    collected = MetaModel._module_to_models__[MODULE]
    length = len(collected)
    try:
        definitions = list(define())
    finally:
        del collected[length:]
    extended = {d._name: registry[d._name]._base_classes__ for d in definitions if d._name in registry}
    names = [d._name for d in definitions if d._name not in extended]
    try:
        for definition in definitions:
            add_to_registry(registry, definition)
        registry._setup_models__(cr, [])
        registry.init_models(cr, [*names, *extended], {})
        _grant(cr, names)
    except Exception:
        _forget(registry, cr, names, extended)
        raise
    return names, extended


def _grant(cr, names: list[str]) -> None:
    """Let connector users read the records of the models, and connector managers do all."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    user = env.ref("connector_framework.group_connector_user")
    manager = env.ref("connector_framework.group_connector_manager")
    env["ir.model.access"].create(
        [
            {
                "name": f"{name} {group.name}",
                "model_id": env["ir.model"]._get_id(name),
                "group_id": group.id,
                "perm_read": True,
                "perm_write": group == manager,
                "perm_create": group == manager,
                "perm_unlink": group == manager,
            }
            for name in names
            if not env[name]._abstract
            for group in (user, manager)
        ]
    )


def _forget(registry, cr, names: list[str], extended: dict[str, tuple]) -> None:
    for name in names:
        if name in registry:
            del registry[name]
        for model in registry.models.values():
            model._inherits_children.discard(name)
    for name, bases in extended.items():
        registry[name]._base_classes__ = bases
        registry[name]._setup_done__ = False
    # Fields of other models know those of the models that are gone, so all is set up anew.
    registry._setup_models__(cr)
