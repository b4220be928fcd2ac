"""Real workers that write products of a shop whose index tables stand one writer at a time."""

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import wait_until

from .common import Sandbox
from .test_process_import import ImportCase

PRODUCTS = [str(number) for number in range(2, 26)]


@tagged("post_install", "-at_install", "process")
class TestProcessWriters(ImportCase):
    def test_one_at_a_time(self):
        """However many workers there are, no two write at the same time: nothing meets, all arrives, none is logged."""
        shop = self.enterContext(Sandbox(write_s=0.05))
        with self.environment() as env:
            backend = env["magento.backend"].create(
                {"name": "Shop", "url": shop.url, "api_user": shop.user, "api_key": shop.key, "images_imported": False}
            )
            backend.action_import_metadata()
            env["magento.product.product"].import_records(backend, PRODUCTS)
        with self.environment() as env:
            domain = [("backend_id", "=", backend.id), ("external_id", "in", PRODUCTS)]
            products = env["magento.product.product"].search(domain)
            for product in products:
                product.name = f"Renamed {product.external_id}"
            products[:5].stock_exported = True
        self.start_server()
        wait_until(
            lambda: set(self.states()) <= {"done"} and self.states(), 120, lambda: f"{self.states()}; {self.logs()}"
        )
        names = [shop.store.products[int(number)].values.get("name") for number in PRODUCTS]
        self.assertEqual(names, [f"Renamed {number}" for number in PRODUCTS])
        self.assertEqual(shop.writers.met, 0)
        self.assertEqual(self.errors(), [])

    def test_import(self):
        """Many workers that import one shop meet in many records: that is handled, and no error is logged."""
        shop = self.enterContext(Sandbox())
        with self.environment() as env:
            backend = env["magento.backend"].create(
                {"name": "Shop", "url": shop.url, "api_user": shop.user, "api_key": shop.key, "images_imported": False}
            )
            backend.action_import_all()
        self.start_server()
        self.start_server()
        wait_until(
            lambda: set(self.states()) <= {"done"} and self.states(), 300, lambda: f"{self.states()}; {self.logs()}"
        )
        self.assertEqual(self.errors(), [])

    def errors(self):
        """Return the ERROR lines of all logs."""
        lines = [line for process in self._processes for line in process.log.read_text(errors="replace").splitlines()]
        return [line for line in lines if " ERROR " in line]
