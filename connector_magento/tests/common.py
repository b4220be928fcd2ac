"""A shop for the tests: the repository's sandbox, in this process."""

import sys
import unittest
from pathlib import Path

from odoo.tests import TransactionCase

from odoo.addons.connector_framework.adapters import Adapter, Connection

ROOT = Path(__file__).parents[2]

if (ROOT / "sandbox").is_dir():
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    from sandbox import Sandbox, server
else:
    Sandbox = server = None


def skip_without_sandbox():
    """Skip the tests of a class where there is no shop to test against."""
    if Sandbox is None:
        raise unittest.SkipTest("there is no folder sandbox beside the addon: run the tests in a checkout")


class ShopCase(TransactionCase):
    """Each test has a shop with the sandbox's data and a backend that has its metadata."""

    #: How the shop writes its numbers, "strings" or "native".
    scalar_types = "strings"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        skip_without_sandbox()

    def setUp(self):
        super().setUp()
        # Odoo's suites keep each test to the end of the run, and the shop of each is some megabytes.
        self.addCleanup(setattr, self, "shop", None)
        self.addCleanup(Connection.close_idle)
        self.shop = self.enterContext(Sandbox(scalar_types=self.scalar_types, hold_s=1))
        self.backend = self.env["magento.backend"].create(
            {"name": "Test shop", "url": self.shop.url, "api_user": self.shop.user, "api_key": self.shop.key}
        )
        self.backend.action_import_metadata()

    def import_one(self, model_name, external_id, force=False):
        """Import a record and return its binding."""
        self.outcome = self.env[model_name].import_record(self.backend, external_id, force=force)
        return self.bound(model_name, external_id)

    def bound(self, model_name, external_id):
        return self.env[model_name].search([("backend_id", "=", self.backend.id), ("external_id", "=", external_id)])

    def in_shop(self, path, *args):
        """Call the shop's API as anybody else would."""
        with self.backend.work_on("magento.backend") as work:
            return work.unit(Adapter).call(path, *args)

    def import_order_of_account(self):
        """Import an order with its customer, addresses and the configurable product."""
        [number, *_others] = self.orders_where(
            lambda order: order["customer_id"] and any(i["product_type"] == "configurable" for i in order["items"])
        )
        return self.import_one("magento.sale.order", number)

    def orders_where(self, condition):
        """Return the increment ids of the shop's orders that meet a condition."""
        return [order["increment_id"] for order in self.shop.store.orders.values() if condition(order)]
