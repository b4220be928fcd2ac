from odoo.tests import new_test_user, tagged

from odoo.addons.connector_framework.tests.common import ScreensCase, drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "browser")
class TestScreens(ShopCase, ScreensCase):
    """Each menu of the shop, with records, opens for the roles that it is for."""

    def setUp(self):
        super().setUp()
        self.import_order_of_account()
        drain_jobs(self)

    def test_user(self):
        new_test_user(self.env, "looker", "connector_framework.group_connector_user")
        self.check_screens("looker", "connector_magento.menu_magento")

    def test_manager(self):
        new_test_user(self.env, "mender", "connector_framework.group_connector_manager")
        self.check_screens("mender", "connector_magento.menu_magento")
