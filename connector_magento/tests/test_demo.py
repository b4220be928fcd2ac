from odoo.tests import TransactionCase, tagged
from odoo.tools import convert_file


@tagged("post_install", "-at_install", "transaction")
class TestDemo(TransactionCase):
    def test_demo_data(self):
        """The demo data is a shop that is paused, with a job in each state that stays, and an incident."""
        for file in self.env["ir.module.module"].get_module_info("connector_magento")["demo"]:
            convert_file(self.env, "connector_magento", file, {}, "init", True)
        self.env.invalidate_all()
        shop = self.env.ref("connector_magento.demo_shop")
        self.assertTrue(shop.channel_id.paused)
        jobs = self.env["connector.job"].search([("backend_model", "=", shop._name), ("backend_id", "=", shop.id)])
        self.assertEqual(sorted(jobs.mapped("state")), ["cancelled", "done", "failed", "pending"])
        incident = self.env["connector.incident"].search([("backend_id", "=", shop.id)])
        self.assertEqual(incident.job_ids.mapped("state"), ["failed"])
        incident.action_requeue()
        self.assertEqual(jobs.filtered(lambda job: job.incident_id).state, "pending")
