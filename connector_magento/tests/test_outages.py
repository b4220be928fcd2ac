"""A shop whose database is busy or away, and whose PHP fails."""

from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter, Connection
from odoo.addons.connector_framework.exceptions import AuthenticationError, NetworkError, PermanentError
from odoo.addons.connector_framework.tests.common import drain_jobs, make_due
from odoo.addons.connector_framework.tests.kit.throttle import throttle_apart

from .common import ShopCase

REFUSED = {"kind": "fault", "match": "login", "code": 2, "message": "Access denied."}


@tagged("post_install", "-at_install", "transaction")
class TestOutages(ShopCase):
    def setUp(self):
        super().setUp()
        # The next call logs in, as after an hour.
        self.shop.expire_sessions()
        Connection.close_idle()

    def job_of(self, external_id="1"):
        job = self.env["magento.res.partner"].as_job().import_record(self.backend, external_id)
        drain_jobs(self)
        return job

    def run_again(self, job):
        make_due(job)
        drain_jobs(self)
        return job

    def logins(self):
        return sum(request.method == "login" for request in self.shop.requests)

    def test_database_away(self):
        """What came while the shop's database was away is imported when it is there again."""
        self.shop.fail_next(2, "database_away")
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("pending", "NetworkError"), job.exc_info)
        self.assertIn("login: fault 2", job.exc_message)
        self.assertEqual(self.run_again(job).state, "done", job.exc_info)

    def test_database_away_in_a_session(self):
        """So it is for a session that had begun: its multiCall is an unknown error."""
        self.in_shop("store.list")
        self.shop.fail_next(1, "database_away", match="multiCall")
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("pending", "NetworkError"), job.exc_info)
        self.assertIn("multiCall: fault 404", job.exc_message)
        self.assertEqual(self.run_again(job).state, "done")

    def test_away_in_all_ways(self):
        """Whatever it answers in place of a session that it looks up, one refused login is no wrong key."""
        for number, kind in enumerate(("html", "http_503", "http_500_empty", "database_away", "fault", "php_error"), 2):
            with self.subTest(kind):
                Connection.close_idle()
                self.shop.fail_next(1, **REFUSED)
                self.shop.fail_next(1, kind, match="store.list")
                job = self.job_of(str(number))
                self.assertEqual(job.state, "pending", job.exc_info)
                self.assertEqual(self.run_again(job).state, "done", job.exc_info)

    def test_refused_once(self):
        """A login that is refused once is made again."""
        self.shop.fail_next(1, **REFUSED)
        self.assertEqual(self.job_of().state, "done")

    def test_wrong_key(self):
        """A key that is refused twice, by a shop that is there, is wrong: nothing is sent any more."""
        self.enterContext(throttle_apart(self.env.cr.dbname))
        self.shop.fail_next(9, **REFUSED)
        before = self.logins()
        job = self.job_of()
        self.assertEqual((job.state, job.exc_type.rpartition(".")[2]), ("failed", "AuthenticationError"))
        self.assertEqual(self.logins() - before, 2)
        self.assertEqual((self.job_of("2").state, self.logins() - before), ("pending", 2))

    def test_ping(self):
        """The check of the connection tells the two from each other."""
        with self.backend.work_on("magento.backend") as work:
            self.shop.fail_next(2, "database_away")
            with self.assertRaises(NetworkError):
                work.unit(Adapter).ping()
            work.unit(Adapter).ping()
        self.backend.sudo().api_key = "wrong"
        with self.backend.work_on("magento.backend") as work, self.assertRaises(AuthenticationError):
            work.unit(Adapter).ping()

    def test_deadlock_in_multi_call(self):
        """A call that had no text in a multiCall is made alone; the others are not made again."""
        before = len(self.shop.requests)
        self.shop.fail_next(1, "deadlock", match="customer.info")
        self.assertEqual(self.job_of().state, "done")
        calls = [request.path for request in self.shop.requests[before:] if request.method == "call"]
        self.assertEqual(calls, ["customer.info"])

    def test_deadlock_twice(self):
        """One that meets a deadlock again is left to the next attempt; any other text is an error."""
        with self.backend.work_on("magento.res.partner") as work:
            customers = work.unit(Adapter)
            self.shop.fail_next(2, "deadlock", match="customer.info")
            with self.assertRaisesRegex(NetworkError, "1213 Deadlock found"):
                customers.read("1")
            self.shop.fail_next(1, "deadlock", match="customer.info")
            self.shop.fail_next(1, "fault", match="customer.info", message="Broken attribute")
            with self.assertRaisesRegex(PermanentError, "Broken attribute"):
                customers.read("1")

    def test_bad_record_in_multi_call(self):
        """A record that always fails without a text keeps no other one out."""
        self.shop.fail_next(1, "deadlock", match="customer.info")
        self.shop.fail_next(3, "fault", match="customer.info", message="Broken attribute")
        self.env["magento.res.partner"].as_job().import_records(self.backend, ["1"])
        self.env["magento.res.partner"].as_job().import_records(self.backend, ["2", "3"])
        drain_jobs(self)
        self.assertTrue(self.bound("magento.res.partner", "2"))
        self.assertTrue(self.bound("magento.res.partner", "3"))

    def test_lost_changes(self):
        """A change of a product that met a deadlock arrives, in the same attempt."""
        product = self.import_one("magento.product.product", "2")
        drain_jobs(self)
        self.shop.fail_next(1, "deadlock", match="catalog_product.update")
        product.name = "Renamed"
        drain_jobs(self)
        self.assertEqual(self.shop.store.products[2].values.get("name"), "Renamed")
        self.assertFalse(self.env["connector.job"].search([("state", "!=", "done")]))

    def test_one_writer(self):
        """All jobs that write products of a shop exclude each other; those of another shop do not."""
        products = self.import_one("magento.product.product", "2") | self.import_one("magento.product.product", "3")
        products |= self.import_one("magento.product.product", "6")
        template = self.import_one("magento.product.template", "188")
        drain_jobs(self)
        products[0].name = "A"
        products[1].as_job().export_record()
        products[2].as_job().export_stock()
        template.name = "B"
        self.env.cr.flush()
        jobs = self.env["connector.job"].search(
            [("state", "=", "pending"), ("method_name", "in", ["export_record", "export_stock"])]
        )
        self.assertGreaterEqual(len(jobs), 4)
        self.assertEqual(set(jobs.mapped("exclusive_key")), {f"magento.product_writes:[{self.backend.id}]"})
        other = self.backend.copy({"url": "https://other.example.com"})
        self.assertNotEqual(
            self.env["magento.product.product"]
            .create({"backend_id": other.id, "odoo_id": products[0].odoo_id.id, "external_id": "2"})
            .as_job()
            .export_record()
            .exclusive_key,
            jobs[0].exclusive_key,
        )

    def test_php_error(self):
        """An error of PHP before the answer is tried again; the message shows what PHP said."""
        self.shop.fail_next(1, "php_error", match="customer.info")
        job = self.job_of()
        self.assertEqual(job.state, "pending")
        self.assertIn("Allowed memory size of 268435456 bytes exhausted", job.exc_message)
        self.assertEqual(self.run_again(job).state, "done")
