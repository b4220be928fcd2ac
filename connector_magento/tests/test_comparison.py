from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestComparison(ShopCase):
    def compare(self):
        """Compare the whole shop; return what is open, by model."""
        action = self.backend.action_compare()
        comparisons = self.env["connector.comparison"].search(action["domain"])
        drain_jobs(self)
        self.env.invalidate_all()
        for comparison in comparisons:
            self.assertEqual(comparison.state, "done", (comparison.model_name, comparison.error))
        self.comparisons = {comparison.model_name: comparison for comparison in comparisons}
        lines = comparisons.line_ids.filtered(lambda line: line.state == "open")
        return [
            (line.binding_model, line.kind, line.external_id, line.differences, line.reason)
            for line in lines.sorted(lambda line: (line.binding_model, line.external_id))
        ]

    def test_whole_shop(self):
        """After an import of all, both sides are the same; what is put out of step is found, repaired, and gone."""
        self.backend.action_import_all()
        drain_jobs(self)
        self.assertEqual(self.compare(), [])
        for model_name in ("magento.res.partner", "magento.product.product", "magento.sale.order"):
            self.assertGreater(self.comparisons[model_name].count_in_step, 50, model_name)

        with_no_events = {"connector_no_events": True}
        self.in_shop("customer.update", "7", {"lastname": "Changed there"})
        self.in_shop("customer.delete", "8")
        self.bound("magento.res.partner", "9").odoo_id.with_context(**with_no_events).name = "Changed here"
        self.bound("magento.res.partner", "10").with_context(**with_no_events).unlink()
        self.in_shop("catalog_product.update", "2", {"name": "Changed there"})
        self.bound("magento.product.product", "3").with_context(**with_no_events).list_price = 1234.5
        self.env.flush_all()
        found = [(model, kind, external_id) for model, kind, external_id, *_rest in self.compare()]
        self.assertEqual(
            found,
            [
                ("magento.product.product", "different", "2"),
                ("magento.product.product", "different", "3"),
                ("magento.res.partner", "missing_here", "10"),
                ("magento.res.partner", "different", "7"),
                ("magento.res.partner", "missing_there", "8"),
                ("magento.res.partner", "different", "9"),
            ],
        )
        for comparison in self.comparisons.values():
            comparison.action_repair_all("import", "missing_here")
            comparison.action_repair_all("import", "different")
            comparison.action_ignore_all("missing_there")
        drain_jobs(self)
        self.env.invalidate_all()
        self.assertEqual(self.compare(), [])
        self.assertEqual(sum(one.count_missing_there for one in self.comparisons.values()), 0)
