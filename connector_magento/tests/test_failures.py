from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import ExternalNotFoundError
from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestFailures(ShopCase):
    def job_of(self, model_name="magento.res.partner", external_id="1"):
        """Enqueue an import, run what is due, and return the job."""
        job = self.env[model_name].as_job().import_record(self.backend, external_id)
        drain_jobs(self)
        return job

    def test_wrong_key(self):
        """A wrong key fails the job and the check, and both say what to do."""
        self.backend.sudo().api_key = "wrong"
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("failed", "AuthenticationError"))
        self.assertIn("Correct the user and the key", job.user_message)
        self.assertNotIn("wrong", job.exc_info)
        self.backend.action_check_connection()
        self.assertEqual(self.backend.state, "error")
        self.assertIn("Access denied", self.backend.last_error)

    def test_no_key(self):
        """A backend without a key says so, before anything is sent."""
        self.backend.sudo().api_key = False
        self.backend.action_check_connection()
        self.assertIn("enter them on the backend", self.backend.last_error)

    def test_no_right(self):
        """What the API user may not do names the call."""
        self.backend.write({"api_user": self.shop.reader, "api_key": self.shop.reader_key})
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("failed", "ConfigurationError"))
        self.assertIn("customer.info: fault 2", job.exc_message)
        self.assertIn("The API role of reader has no right to customer.info.", job.user_message)
        self.assertIn("Roles, give it Customers;", job.user_message)

    def test_role_without_rights(self):
        """A user whose role has no rights logs in, and each call says which right it lacks."""
        self.backend.write({"api_user": "nobody", "api_key": "nobody-key-123456"})
        for model_name, external_id, right in (
            ("magento.product.product", "2", "Catalog > Product"),
            ("magento.sale.order", "100000001", "Sales > Order"),
            ("magento.product.category", "4", "Catalog > Category"),
        ):
            job = self.job_of(model_name, external_id)
            self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("failed", "ConfigurationError"))
            self.assertIn(f"give it {right};", job.user_message)
        self.backend.action_check_connection()
        self.assertEqual(self.backend.state, "error")
        self.assertIn("store.list: fault 2", self.backend.last_error)

    def test_failed_record_comes_later(self):
        """A record whose import failed for good while its stream moved on is imported by a later run."""
        for model_name, external_id, path in (
            ("magento.res.partner", "7", "customer.info"),
            ("magento.product.product", "2", "catalog_product.info"),
        ):
            with self.subTest(model_name):
                since = fields.Datetime.now() - timedelta(hours=1)
                self.env["connector.stream"].of(self.backend, model_name).advance({"since": since.isoformat()}, None)
                self.in_shop(path.replace("info", "update"), external_id, {"firstname": "New", "name": "New"})
                # As a chunk, and then alone.
                self.shop.fail_next(3, "fault", match=path, message="Broken attribute")
                self.env[model_name].import_batch(self.backend)
                drain_jobs(self)
                self.assertFalse(self.bound(model_name, external_id))
                failed = self.env["connector.job"].search([("state", "=", "failed")])
                self.assertEqual(failed.mapped("model_name"), [model_name])
                self.shop.clear_failures()
                self.env[model_name].import_batch(self.backend)
                drain_jobs(self)
                self.assertEqual(failed.state, "failed", "it is not tried again at once")
                self.env.cr.execute(
                    "UPDATE connector_job SET date_done = date_done - interval '2 hours' WHERE id = %s", [failed.id]
                )
                failed.invalidate_recordset()
                self.env[model_name].import_batch(self.backend)
                drain_jobs(self)
                self.assertEqual(failed.state, "done", failed.exc_info)
                self.assertTrue(self.bound(model_name, external_id))

    def test_server_down(self):
        """A shop that does not answer is tried again; the message names the address."""
        self.shop.stop()
        job = self.job_of()
        self.assertEqual((job.state, job.attempt), ("pending", 1))
        self.assertIn(self.shop.base_url, job.exc_message)
        self.assertIn("Check that the other system is up", job.user_message)

    def test_retried(self):
        """What goes wrong on the way is tried again, and the next attempt brings the record."""
        for kind in ("malformed", "html", "truncated", "empty", "http_503", "http_500_empty", "drop", "rate_limited"):
            with self.subTest(kind):
                self.shop.fail_next(1, kind, match="customer.info")
                external_id = str(10 + len(kind))
                job = self.job_of(external_id=external_id)
                self.assertEqual(job.state, "pending", job.exc_info)
                job.action_cancel()
                job.action_requeue()
                drain_jobs(self)
                self.assertEqual(job.state, "done", job.exc_info)
                self.assertEqual(self.env["magento.res.partner"].search_count([("external_id", "=", external_id)]), 1)

    def test_fault(self):
        """A fault fails the job at once; one of a busy database, or that says nothing, is tried again."""
        column = "SQLSTATE[42S22]: Column not found: 1054 Unknown column"
        self.shop.fail_next(1, "fault", match="customer.info", message=column)
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("failed", "PermanentError"))
        self.assertIn("fault 1: SQLSTATE[42S22]", job.exc_message)
        for message in ("Deadlock found when trying to get lock", "Internal Error. Please see log for details."):
            self.shop.fail_next(1, "fault", match="customer.info", message=message)
            job = self.job_of()
            self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("pending", "NetworkError"))

    def test_rest_goes_on(self):
        """A record that fails keeps no other one out."""
        self.shop.fail_next(1, "fault", match="customer.info", message="no such column")
        jobs = self.env["magento.res.partner"].as_job().map("import_record", [(self.backend, "1"), (self.backend, "2")])
        drain_jobs(self)
        self.assertEqual(sorted(jobs.mapped("state")), ["done", "failed"])

    def test_session(self):
        """A session that has expired is replaced once, in the middle of the work."""
        before = len(self.shop.requests)
        with self.backend.work_on("magento.res.partner") as work:
            customers = work.unit(Adapter)
            customers.read("1")
            self.shop.expire_sessions()
            self.assertEqual(customers.read("2")["customer"]["email"], "customer2@example.com")
        methods = [request.method for request in self.shop.requests[before:]]
        self.assertEqual(methods, ["multiCall", "multiCall", "login", "multiCall"])

    def test_many(self):
        """Many records are read in few requests; what a multiCall answers with a fault is typed as by itself."""
        with self.backend.work_on("magento.product.product") as work:
            products = work.unit(Adapter)
            before = len(self.shop.requests)
            rows = products.read_many([str(number) for number in range(1, 121)])
            found = {external_id: str(row["product_id"]) for external_id, row in rows.items()}
            self.assertEqual(found, {str(number): str(number) for number in range(1, 121)})
            self.assertEqual(len(self.shop.requests) - before, 3)
            self.assertEqual(list(products.read_many(["1", "9999"])), ["1"])
            with self.assertRaises(ExternalNotFoundError):
                products.read("9999")

    def test_gap_in_ids(self):
        """A gap that is wider than a window of the list does not end it."""
        for number in range(40, 280):
            self.shop.store.customers.pop(number)
        with self.backend.work_on("magento.res.partner") as work:
            customers, cursor, ids = work.unit(Adapter), None, []
            while cursor is not None or not ids:
                page, cursor = customers.search({}, cursor)
                ids += page
        self.assertEqual(ids, [str(number) for number in (*range(1, 40), *range(280, 301))])
