"""What goes wrong outside: tried again, postponed, or one clear error."""

from __future__ import annotations

from ....adapters import CircuitOpenError
from ....exceptions import AuthenticationError, ConfigurationError, NetworkError, RateLimitedError
from ..jobs import make_due
from ..wire import Failure
from .case import AcceptanceCase, needs


class FailureTests(AcceptanceCase):
    def refuse_credentials(self) -> None:
        """Have the peer refuse the credentials from now on; by default each call is answered 401."""
        self.wire.fail_always(Failure("unauthorized"))

    def accept_credentials(self) -> None:
        """Have the peer take the credentials again."""
        self.wire.fail_always(None)

    @needs("import")
    def test_unavailable(self):
        """503, then 200: done on the second attempt."""
        external_id = self.create_outside()
        self.wire.fail_next(Failure("unavailable"))
        job = self.import_job(external_id)
        self.assert_waits(job, NetworkError, attempt=1)
        self.assertTrue(job.user_message, "the job does not say what to do (user_message)")
        self.assertFalse(self.binding(external_id), "there is a binding")
        make_due(job)
        self.run_jobs()
        self.assert_done(job, attempt=2)
        self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    @needs("import")
    def test_broken_answers(self):
        """Whatever breaks on the way is tried again, and then done."""
        external_id = self.create_outside()
        for kind in ("server_error", "web_page", "empty", "truncated", "refused", "timeout"):
            with self.subTest(kind):
                self.wire.fail_next(Failure(kind))
                job = self.import_job(external_id, force=True)
                self.assert_waits(job, NetworkError, attempt=1)
                make_due(job)
                self.run_jobs()
                self.assert_done(job, attempt=2)
        self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    @needs("import")
    def test_rate_limited(self):
        """429 is waited for as long as Retry-After says, number or date, at no attempt's cost."""
        external_id = self.create_outside()
        for as_date in (False, True):
            with self.subTest(as_date=as_date):
                self.wire.fail_next(Failure("rate_limited", retry_after_s=300, as_date=as_date))
                job = self.import_job(external_id, force=True)
                self.assert_waits(job, RateLimitedError, attempt=0)
                self.env.cr.execute("SELECT extract(epoch FROM %s - (clock_timestamp() AT TIME ZONE 'utc'))", [job.eta])
                [wait_s] = self.env.cr.fetchone()
                self.assertTrue(200 <= wait_s <= 400, f"to be tried again in {wait_s} s, the peer said 300")
                sent = self.wire.sent()
                self.run_jobs()
                self.assertEqual(self.wire.sent(), sent, "it was tried again before its time")
                make_due(job)
                self.run_jobs()
                self.assert_done(job, attempt=1)

    @needs("import")
    def test_credentials_refused(self):
        """One clear error; then nothing is sent until somebody has mended it, and what waited is done."""
        external_id = self.create_outside()
        with self.adapter() as adapter:
            has_circuit = bool(adapter.circuit_failures)
        self.refuse_credentials()
        job = self.import_job(external_id)
        self.assert_job(job, "failed", error_type=AuthenticationError)
        self.assertIn("Correct the user and the key", job.user_message)
        if has_circuit:
            sent = self.wire.sent()
            later = self.import_job(external_id)
            self.assert_waits(later, CircuitOpenError, attempt=0)
            self.assertEqual(self.wire.sent(), sent, "the circuit is to be open: nothing is sent")
        if "connection" not in self.not_supported:
            self.backend.action_check_connection()
            self.assertEqual(self.backend.state, "error", "state of the backend")
            self.assertTrue(self.backend.last_error, "last_error of the backend is empty")
        self.accept_credentials()
        self.close_circuit()
        if has_circuit:
            make_due(later)
            self.run_jobs()
            self.assert_done(later, attempt=1)
        job.action_requeue()
        self.run_jobs()
        self.assert_done(job)
        self.assertEqual(len(self.binding(external_id)), 1, "number of bindings of the external id")

    def close_circuit(self) -> None:
        """Check the connection, which closes the circuit; that of a connector without ping closes by itself later."""
        if "connection" in self.not_supported:
            with self.adapter() as adapter:
                adapter._throttle().answered()
        else:
            self.backend.action_check_connection()
            self.assertEqual(self.backend.state, "connected", self.backend.last_error)

    @needs("import")
    def test_circuit_opens(self):
        """After some failures in a row nothing is sent, until the peer answers again."""
        external_id = self.create_outside()
        with self.adapter() as adapter:
            failures = adapter.circuit_failures
        if not failures:
            return  # switched off by the connector, a setting of its own
        self.wire.fail_always(Failure("refused"))
        for _failure in range(failures):
            job = self.model.as_job(max_attempts=1).import_record(self.backend, external_id)
            self.run_jobs()
            self.assert_job(job, "failed")
        sent = self.wire.sent()
        job = self.import_job(external_id)
        self.assert_waits(job, CircuitOpenError, attempt=0)
        self.assertEqual(self.wire.sent(), sent, "the circuit is to be open: nothing is sent")
        self.wire.fail_always(None)
        self.close_circuit()
        make_due(job)
        self.run_jobs()
        self.assert_done(job, attempt=1)

    def test_neutralised(self):
        """From a neutralised copy of the database nothing is sent, whichever way it is asked for."""
        backend = self.backend
        external_id = None if "import" in self.not_supported else self.create_outside()
        binding = None if "export" in self.not_supported else self.bound_outside()
        self.env["ir.config_parameter"].sudo().set_param("database.is_neutralized", "True")
        sent = self.wire.sent()
        if external_id is not None:
            with self.assertRaises(ConfigurationError):
                self.model.import_record(backend, external_id, force=True)
        if binding is not None:
            with self.quiet():
                self.change_inside(binding.with_env(self.env))
            with self.assertRaises(ConfigurationError):
                binding.export_record()
        if "connection" not in self.not_supported:
            backend.action_check_connection()
            self.assertEqual(backend.state, "error", "state of the backend")
        if "batch_import" not in self.not_supported:
            with self.assertRaises(ConfigurationError), self.adapter() as adapter:
                adapter.search()
        self.run_jobs()
        self.assertEqual(self.wire.sent(), sent, "calls that were sent: now, before")
