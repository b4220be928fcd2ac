from pathlib import Path

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.connector_framework.tests.common import trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestBackend(ShopCase):
    def test_metadata(self):
        """Websites, stores, views and groups are those of the shop; a second import leaves a person's names alone."""
        self.assertEqual(self.backend.website_ids.mapped("external_id"), ["1", "2"])
        self.assertEqual(set(self.backend.storeview_ids.mapped("code")), {"default", "fr", "b2b_en"})
        french = self.backend.storeview_ids.filtered(lambda view: view.code == "fr")
        self.assertEqual(french.website_id.external_id, "1")
        groups = self.env["magento.customer.group"].search([("backend_id", "=", self.backend.id)])
        self.assertIn("0", groups.mapped("external_id"))
        self.backend.website_ids[0].name = "Main"
        self.backend.action_import_metadata()
        self.assertEqual(self.backend.website_ids.mapped("name"), ["Main", "Website 2"])

    def test_address_of_the_api(self):
        """The shop's own address and that of its API are both taken."""
        self.backend.url = self.shop.base_url
        self.backend.action_check_connection()
        self.assertEqual(self.backend.state, "connected", self.backend.last_error)

    def test_message_of_a_button(self):
        """A button that cannot reach the shop says so in a dialog, with what to do."""
        self.shop.stop()
        with self.assertRaisesRegex(UserError, "Check that the other system is up"):
            self.backend.action_import_metadata()

    def test_rights(self):
        """A connector user sees the backend and not its key, and imports nothing."""
        user = new_test_user(self.env, "looker", groups="connector_framework.group_connector_user")
        backend = self.backend.with_user(user)
        self.assertEqual(backend.url, self.shop.url)
        with self.assertRaises(AccessError):
            backend.read(["api_key"])
        with trap_jobs(self.env) as trap:
            for button in ("action_import_all", "action_import_metadata", "action_import_orders"):
                with self.assertRaises(AccessError):
                    getattr(backend, button)()
        self.assertFalse(trap.jobs)

    def test_companies(self):
        """Nobody sees the bindings of another company's shop."""
        binding = self.import_one("magento.res.partner", "1")
        company = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(
            self.env,
            "other",
            groups="connector_framework.group_connector_user,base.group_partner_manager",
            company_id=company.id,
            company_ids=[(6, 0, company.ids)],
        )
        self.assertFalse(self.env["magento.res.partner"].with_user(user).search([("id", "=", binding.id)]))
        self.assertFalse(self.env["magento.backend"].with_user(user).search([("id", "=", self.backend.id)]))

    def test_manager_imports(self):
        """A connector manager with the rights on what is imported imports an order; taxes need no right more."""
        groups = (
            "connector_framework.group_connector_manager",
            "base.group_partner_manager",
            "product.group_product_manager",
            "sales_team.group_sale_manager",
        )
        user = new_test_user(self.env, "manager", groups=",".join(groups))
        number = self.orders_where(lambda order: order["order_currency_code"] == "EUR")[0]
        self.env["magento.sale.order"].with_user(user).import_record(self.backend.with_user(user), number)
        self.assertFalse(self.bound("magento.sale.order", number).total_difference)

    def test_scheduled(self):
        """What changed is imported from time to time, from the shops that are connected."""
        with trap_jobs(self.env) as trap:
            self.env["magento.backend"]._cron_import()
            self.env["magento.backend"]._cron_import_addresses()
        self.assertFalse(trap.jobs)
        self.backend.action_check_connection()
        with trap_jobs(self.env) as trap:
            for name in ("cron_import", "cron_import_addresses", "cron_find_deleted"):
                self.env.ref(f"connector_magento.{name}").ir_actions_server_id.run()
        self.assertEqual(
            {job.records._name for job in trap.enqueued("import_batch")},
            {
                "magento.product.category",
                "magento.res.partner",
                "magento.product.template",
                "magento.product.product",
                "magento.sale.order",
                "magento.address",
            },
        )
        self.assertEqual(
            [job.args[0] for job in trap.enqueued("_mark_gone")],
            ["magento.product.category", "magento.product.template", "magento.product.product"],
        )

    def test_portal(self):
        """A portal user sees nothing of the shop on his own contact."""
        user = new_test_user(self.env, "portal", groups="base.group_portal")
        self.assertFalse([name for name in user.partner_id.with_user(user).fields_get() if "magento" in name])

    def test_neutralize(self):
        """A neutralised copy has neither the address nor the key of a shop."""
        self.env.flush_all()
        script = Path(__file__).parents[1] / "data" / "neutralize.sql"
        self.env.cr.execute(script.read_text())
        self.env.invalidate_all()
        self.assertFalse(self.backend.sudo().api_key)
        self.assertEqual((self.backend.url, self.backend.state), ("https://neutralized.invalid", "draft"))
