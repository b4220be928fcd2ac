from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestOrderExport(ShopCase):
    """What is done to orders in the shop from here."""

    def setUp(self):
        super().setUp()
        self.number = self.orders_where(lambda order: order["state"] == "new")[0]
        self.row = self.shop.store.order_by_increment_id(self.number)
        self.order = self.import_one("magento.sale.order", self.number)
        drain_jobs(self)

    def send(self, comment, notify=False):
        wizard = self.env["magento.order.comment"].create(
            {"order_id": self.order.id, "comment": comment, "notify": notify}
        )
        wizard.action_send()
        drain_jobs(self)

    def calls(self, path):
        return [request.args for request in self.shop.requests if request.path == path]

    def test_comment(self):
        """A comment goes with the present status, and is then seen here."""
        self.row["status"] = "own_status"
        self.send("Ready on Monday", notify=True)
        self.assertEqual(self.calls("sales_order.addComment"), [[self.number, "own_status", "Ready on Monday", True]])
        self.assertEqual((self.row["status"], self.row["state"]), ("own_status", "new"))
        self.assertIn("Ready on Monday", self.order.magento_history)

    def test_comment_whose_answer_is_lost(self):
        """A comment that arrived and whose answer did not is not sent twice, whatever the shop makes of its letters."""
        self.shop.fail_next(1, "drop", match="sales_order.addComment", after_call=True)
        self.send("Done \N{PARTY POPPER}\N{PARTY POPPER}\r\nBye")
        job = self.env["connector.job"].search([("method_name", "=", "export_comment")])
        self.assertEqual(job.state, "pending", job.exc_info)
        job.action_cancel()
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual((job.state, job.result), ("done", "nothing to do"), job.exc_info)
        self.assertEqual(len(self.calls("sales_order.addComment")), 1)

    def test_hold_and_release(self):
        """An order is put on hold and released; asked for again there is nothing to do."""
        self.assertEqual(self.order.export_action("hold"), "done")
        self.assertEqual((self.row["state"], self.order.magento_state), ("holded", "holded"))
        self.assertEqual(self.order.export_action("hold"), "nothing to do")
        self.assertEqual(self.order.export_action("unhold"), "done")
        self.assertEqual(self.order.export_action("unhold"), "nothing to do")
        self.assertEqual((self.row["state"], self.order.magento_state), ("new", "new"))

    def test_cancel(self):
        """An order is canceled there, even on hold, and so cancelled here; asked for again there is nothing to do."""
        self.in_shop("sales_order.hold", self.number)
        self.order.action_cancel_in_magento()
        drain_jobs(self)
        self.assertEqual((self.row["state"], self.order.state), ("canceled", "cancel"))
        self.assertEqual(self.order.export_action("cancel"), "nothing to do")

    def test_not_allowed(self):
        """What the shop does not allow fails with what it says."""
        self.in_shop("sales_order_invoice.create", self.number, {})
        self.order.action_cancel_in_magento()
        drain_jobs(self)
        job = self.env["connector.job"].search([("method_name", "=", "export_action")])
        self.assertEqual(job.state, "failed")
        self.assertIn("sales_order.cancel: fault 103", job.exc_message)

    def test_cancelled_here(self):
        """An order that is cancelled here is canceled there if the backend says so; one from there is no news."""
        with trap_jobs(self.env) as trap:
            self.order.odoo_id._action_cancel()
        self.assertFalse(trap.jobs)
        self.order.odoo_id.action_draft()
        self.backend.export_cancel = True
        self.order.odoo_id._action_cancel()
        drain_jobs(self)
        self.assertEqual((self.row["state"], self.order.magento_state), ("canceled", "canceled"))

        other = self.orders_where(lambda order: order["state"] == "new")[0]
        order = self.import_one("magento.sale.order", other)
        drain_jobs(self)
        self.in_shop("sales_order.cancel", other)
        with trap_jobs(self.env) as trap:
            self.import_one("magento.sale.order", other)
        self.assertEqual(order.state, "cancel")
        self.assertFalse(trap.jobs)

    def test_import_again(self):
        """The button reads the order again, even if nothing seems to have changed."""
        self.order.magento_status = "wrong"
        self.order.action_import_again()
        drain_jobs(self)
        self.assertEqual(self.order.magento_status, "pending")

    def test_rights(self):
        """Only managers act on orders in the shop; who may change an order here may comment on it there."""
        looker = new_test_user(self.env, "looker", groups="connector_framework.group_connector_user")
        seller = new_test_user(
            self.env,
            "seller",
            groups="connector_framework.group_connector_user,sales_team.group_sale_salesman_all_leads",
        )
        order = self.order.with_user(seller)
        for button in ("action_hold", "action_unhold", "action_cancel_in_magento", "action_import_again"):
            with self.assertRaises(AccessError):
                getattr(order, button)()
        for user, may in ((looker, False), (seller, True)):
            wizard = self.env["magento.order.comment"].with_user(user)
            wizard = wizard.create({"order_id": self.order.id, "comment": "Hello"})
            if may:
                wizard.action_send()
            else:
                with self.assertRaises(AccessError):
                    wizard.action_send()
        drain_jobs(self)
        self.assertEqual(len(self.calls("sales_order.addComment")), 1)

    def test_forms(self):
        """Both the order's tab and the binding's form have the buttons; the comment's form is for this order."""
        for model in ("sale.order", "magento.sale.order"):
            arch = self.env[model].get_view(view_type="form")["arch"]
            for button in ("action_import_again", "action_comment"):
                self.assertIn(f'name="{button}"', arch, model)
        action = self.order.action_comment()
        with Form(self.env[action["res_model"]].with_context(**action["context"])) as form:
            form.comment = "Hello"
        self.assertEqual(form.record.order_id, self.order)
