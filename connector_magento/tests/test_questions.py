"""The questions of an administrator, each answered in at most two clicks from the dashboard or the record."""

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.connector_framework.tests.common import BrowserCase, drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "browser")
class TestQuestions(ShopCase, BrowserCase):
    def setUp(self):
        super().setUp()
        self.backend.action_check_connection()
        number = self.orders_where(lambda order: order["customer_id"])[0]
        self.env["magento.sale.order"].as_job().import_record(self.backend, number)
        drain_jobs(self)
        self.binding = self.bound("magento.sale.order", number)
        self.env["connector.stream"].of(self.backend, "magento.sale.order").advance({"since": "2026-01-01 00:00:00"})
        # A customer that is out of step, and a job that fails.
        customer = self.env["magento.res.partner"].search([("backend_id", "=", self.backend.id)], limit=1)
        customer.email = "changed@here.example"
        self.env["connector.comparison"].compare(self.backend, "magento.res.partner", sample=5)
        customer.as_job(max_attempts=1, description="A failing job").write({"no_such_field": 1})
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        self.env.invalidate_all()
        for role in ("user", "manager"):
            new_test_user(self.env, f"asking_{role}", f"connector_framework.group_connector_{role}")

    def ask(self, role, path, code):
        self.run_js(path, code, f"asking_{role}")

    def test_running_and_behind(self):
        """Is it running, how far behind is it: the first screen, without a click."""
        for role in ("user", "manager"):
            with self.subTest(role):
                self.ask(
                    role,
                    "/odoo/connectors",
                    """
                    await waitText(".o_connector_card", "Test shop");
                    await waitText(".o_connector_card dd", "s behind, limit 60 min");
                    await waitText(".o_connector_card", "Connected");
                    """,
                )

    def test_failed(self):
        """What failed and what do I do: the incident of the card, one click; a manager requeues all there."""
        for role in ("user", "manager"):
            with self.subTest(role):
                self.ask(
                    role,
                    "/odoo/connectors",
                    f"""
                    await click(".o_connector_card button", "1 open incidents");
                    await click(".o_data_row td, .o_kanban_record", "no_such_field");
                    await waitText(".o_form_view .alert", "requeue");
                    {
                        'await wait("button[name=action_requeue]");'
                        if role == "manager"
                        else 'if (one("button[name=action_requeue]")) { throw new Error("he may requeue"); }'
                    }
                    """,
                )

    def test_record(self):
        """What happened to this record: the timeline, two clicks on its form."""
        for role in ("user", "manager"):
            with self.subTest(role):
                self.ask(
                    role,
                    f"/odoo/magento-orders/{self.binding.id}",
                    """
                    await click(".o_notebook .nav-link", "Exchanges");
                    await click(".o_notebook button", "Timeline");
                    await waitText(".o_data_row", "Import Magento Order");
                    """,
                )

    def test_what_will_it_do(self):
        """What will happen if I press the button: a dry run, for those who may press it."""
        self.ask(
            "manager",
            f"/odoo/magento-orders/{self.binding.id}",
            """
            await click("button", "What Will");
            await waitText(".modal .o_connector_preview", "What is written");
            """,
        )
        self.ask(
            "user",
            f"/odoo/magento-orders/{self.binding.id}",
            """
            await wait(".o_form_view");
            if (one("[name=action_preview_import]")) { throw new Error("he may ask"); }
            """,
        )

    def test_same(self):
        """Are both sides the same: the card's last comparison, one click; its differences, the second."""
        for role in ("user", "manager"):
            with self.subTest(role):
                self.ask(
                    role,
                    "/odoo/connectors",
                    """
                    await click(".o_connector_card button", "out of step");
                    await click("button[name=action_open_lines]", "Open");
                    await waitText(".o_list_view .o_group_name, .o_list_view", "Different");
                    """,
                )
