"""Every screen of the framework, as each of the roles that it is for."""

from __future__ import annotations

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import ScreensCase, drain_jobs
from .comparison_common import ComparisonCase


@tagged("post_install", "-at_install", "browser")
class TestScreens(ComparisonCase, ScreensCase):
    def setUp(self):
        super().setUp()
        self.outside(3)["email"] = "changed@there"
        self.compare()
        self.env["connector.stream"].create(
            {"name": "customers", "backend_model": self.backend._name, "backend_id": self.backend.id}
        )
        self.env["connector.exchange"].create({"method": "GET", "path": "/customers", "error": "404 Not Found"})
        partner = self.binding(1).odoo_id
        partner.as_job(description="A failed one", max_attempts=1).write({"no_such_field": 1})
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        partner.as_job(description="One that waits").write({"ref": "x"})

    def test_user(self):
        """A Connector User opens all that he sees, without an error and a barrier."""
        new_test_user(self.env, "looker", "connector_framework.group_connector_user")
        self.check_screens("looker", "connector_framework.menu_connector_root")

    def test_manager(self):
        """So does a Connector Manager."""
        new_test_user(self.env, "mender", "connector_framework.group_connector_manager")
        self.check_screens("mender", "connector_framework.menu_connector_root")
