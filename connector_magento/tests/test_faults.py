"""Imports and exports with a shop whose calls fail in all ways, some after they were done."""

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from ..units.adapter import MagentoAdapter
from .common import Sandbox
from .test_documents import DocumentCase

if Sandbox:
    from sandbox.failures import KINDS, Failure
else:
    KINDS = ()

#: Seconds that the connector waits for an answer, and that the shop holds one that is late, or too late.
PATIENCE_S, SLOW_S, TOO_SLOW_S = 0.5, 0.05, 0.8
#: Bytes of an answer that the connector takes, and of one that is too big.
MAX_BYTES, HUGE_BYTES = 4_000_000, 4_100_000
#: Rounds after which all has to be there; each runs what waits or failed once more.
MAX_ROUNDS = 12


@tagged("post_install", "-at_install", "transaction")
class TestFaults(DocumentCase):
    def setUp(self):
        super().setUp()
        self.patch(MagentoAdapter, "read_timeout_s", PATIENCE_S)
        self.patch(MagentoAdapter, "max_response_bytes", MAX_BYTES)

    def failures(self, after_call=False, **options):
        """Return a failure of each kind, and an answer that is slow and comes in time.

        :param after_call: the shop does what it was asked for; but not if it says that it does not know the session
        """
        seconds = {"timeout": TOO_SLOW_S, "rate_limited": 1}
        options.update(after_call=after_call, size=HUGE_BYTES)
        kinds = [
            Failure(kind=kind, seconds=seconds.get(kind, 0), **options)
            for kind in KINDS
            if not (after_call and kind == "session_expired")
        ]
        return [*kinds, Failure(kind="timeout", seconds=SLOW_S)]

    def run_all(self):
        """Run all jobs until they are done: those that wait at once, those that failed as if a person requeued them."""
        jobs = self.env["connector.job"]
        for _round in range(MAX_ROUNDS):
            drain_jobs(self)
            waiting = jobs.search([("state", "=", "pending")])
            failed = jobs.search([("state", "=", "failed")])
            if not waiting and not failed:
                return
            waiting.action_cancel()
            (waiting | failed).action_requeue()
        left = jobs.search([("state", "!=", "done")])
        self.fail(left.mapped(lambda job: (job.name, job.state, job.exc_message)))

    def test_whole_import(self):
        """With one call in ten failing, in all ways, all of the shop is here in the end, once, and to the cent."""
        self.backend.payment_method_ids.confirm = False
        before = len(self.shop.requests)
        self.shop.failures.set_rate(0.1, 2026, self.failures())
        self.backend.action_import_categories()
        self.backend.action_import_customers()
        self.backend.action_import_products()
        self.backend.action_import_orders()
        self.run_all()
        self.shop.clear_failures()
        attempts = self.env["connector.job"].search([("method_name", "=", "import_record")])
        self.assertGreater(len(self.shop.requests) - before, len(attempts) * 1.05)

        there = self.shop.summary()
        for model_names, kind in (
            (["magento.res.partner"], "customers"),
            (["magento.address"], "addresses"),
            (["magento.product.category"], "categories"),
            (["magento.product.template", "magento.product.product"], "products"),
            (["magento.sale.order"], "orders"),
        ):
            self.assertEqual(sum(self.env[name].search_count([]) for name in model_names), there[kind], kind)
        orders = self.env["magento.sale.order"].search([])
        self.assertFalse(orders.filtered("total_difference"))
        self.assertEqual(f"{sum(orders.mapped('amount_total')):.2f}", f"{float(there['grand_total']):.2f}")
        self.assertNoneTwice("sale_order", "name")
        self.assertNoneTwice("product_product", "default_code")
        self.assertNoneTwice("sale_order_line", "order_id, sequence, name, product_id, price_unit, product_uom_qty")
        self.assertNoneTwice("res_partner", "parent_id, name, email, street, city, type")

    def assertNoneTwice(self, table, columns):
        self.env.flush_all()
        keys = ", ".join(f"coalesce({column}::text, '')" for column in columns.split(", "))
        self.env.cr.execute(f"SELECT {keys} FROM {table} GROUP BY {keys} HAVING count(*) > 1")
        self.assertEqual(self.env.cr.fetchall(), [], table)

    def test_shipments(self):
        """However the answer to a shipment that was made fails, there is one shipment with its number."""
        numbers = iter(self.orders_where(lambda order: order["state"] == "new" and not order["is_virtual"])[1:])
        failures = self.failures(match="sales_order_shipment.create", after_call=True)
        for failure in failures:
            with self.subTest(failure.kind):
                number = next(numbers)
                self.take(lambda order, number=number: order["increment_id"] == number)
                self.shop.failures.fail_next(1, failure)
                self.deliver(tracking=f"T-{number}")
                self.run_all()
                self.assertEqual(self.there(), [self.ordered()])
                self.assertTrue(self.order.magento_shipment_ids.external_id)
        tracks = [track["track_number"] for one in self.shop.store.shipments.values() for track in one["tracks"]]
        self.assertEqual(len(set(tracks)), len(failures))
        self.assertEqual(len(tracks), len(failures))

    def test_comments(self):
        """However the answer to a comment fails, it is in the shop once."""
        failures = self.failures(match="sales_order.addComment", after_call=True)
        for number, failure in enumerate(failures):
            with self.subTest(failure.kind):
                self.shop.failures.fail_next(1, failure)
                self.order.as_job().export_comment(f"Comment {number}")
                self.run_all()
        texts = [row["comment"] for row in self.row["status_history"] if row["comment"]]
        self.assertEqual(texts[::-1], [f"Comment {number}" for number in range(len(failures))])
