"""The place of a failure: the innermost function of a connector, or of the framework."""

from __future__ import annotations

from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..queue import causes
from ..queue.causes import place

FRAMEWORK = "odoo.addons.connector_framework"
#: Addon -> what it depends on.
ADDONS = {
    "base": [],
    "sale": ["base"],
    "connector_shop": ["sale", "connector_framework"],
    "connector_shop_more": ["connector_shop"],
}


@tagged("post_install", "-at_install", "plain")
class TestPlace(BaseCase):
    def setUp(self):
        super().setUp()
        manifest = self.startPatcher(patch.object(causes, "Manifest"))
        manifest.for_addon.side_effect = lambda name, **how: {"depends": ADDONS[name]} if name in ADDONS else None
        causes._is_connector.cache_clear()
        self.addCleanup(causes._is_connector.cache_clear)

    def place(self, *modules):
        """Return the place of an error that a function ``fN`` of the last module raises, called by the one before."""
        names = {}
        for number, module in reversed(list(enumerate(modules))):
            body = "inner()" if number + 1 < len(modules) else "raise ValueError"
            scope = {"__name__": module, "inner": names.get(number + 1)}
            exec(f"def f{number}(): {body}", scope)  # the functions of modules that do not exist
            names[number] = scope[f"f{number}"]
        try:
            names[0]()
        except ValueError as error:
            return place(error.with_traceback(error.__traceback__.tb_next))  # without this function

    def test_connector(self):
        """A function of the framework counts, and of an addon that depends on it, through others too."""
        for module in (
            f"{FRAMEWORK}.adapters.http",
            "odoo.addons.connector_shop.models.order",
            "odoo.addons.connector_shop_more.models.order",
        ):
            self.assertEqual(self.place("odoo.api", module), f"{module}:f1")

    def test_innermost(self):
        """The innermost one counts, whatever it has called of others: Odoo, its addons, libraries."""
        shop = "odoo.addons.connector_shop.models.order"
        self.assertEqual(
            self.place(f"{FRAMEWORK}.synchronizers.importer", shop, "odoo.addons.sale.models.sale_order", "requests"),
            f"{shop}:f1",
        )

    def test_queue(self):
        """The queue runs each job, and says nothing about the cause."""
        shop = "odoo.addons.connector_shop.models.order"
        self.assertEqual(self.place(f"{FRAMEWORK}.queue.runner", shop, f"{FRAMEWORK}.queue.enqueue"), f"{shop}:f1")
        self.assertIsNone(self.place(f"{FRAMEWORK}.queue.runner"))

    def test_others(self):
        """Where neither has a part in it there is no place; nor is an addon one whose code is gone."""
        self.assertIsNone(self.place("requests", "odoo.addons.sale.models", "odoo.addons.gone", "a.b.connector_shop"))
