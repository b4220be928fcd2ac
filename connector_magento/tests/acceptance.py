"""The acceptance suite against the sandbox."""

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.mappings import ImportMapper
from odoo.addons.connector_framework.tests.common import ConnectorAcceptanceCase

from .common import Sandbox, skip_without_sandbox


class ShopAcceptanceCase(ConnectorAcceptanceCase):
    #: These come with what they belong to, or are only sent.
    without_units = {
        "magento.payment.method": (ImportMapper,),
        "magento.shipping.method": (ImportMapper,),
        "magento.tax": (ImportMapper,),
        "magento.account.move": (ImportMapper,),
        "magento.stock.picking": (ImportMapper,),
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        skip_without_sandbox()

    def make_backend(self):
        self.addCleanup(setattr, self, "shop", None)
        self.shop = self.enterContext(Sandbox(hold_s=1))
        backend = self.env["magento.backend"].create(
            {"name": "Test shop", "url": self.shop.url, "api_user": self.shop.user, "api_key": self.shop.key}
        )
        backend.action_import_metadata()
        return backend

    def in_shop(self, path, *args):
        """Call the shop's API as anybody else would."""
        with self.backend.work_on("magento.backend") as work:
            return work.unit(Adapter).call(path, *args)
