"""The token bucket and the circuit breaker of a backend."""

import multiprocessing
import threading
import time
from contextlib import closing, suppress
from itertools import pairwise
from typing import ClassVar

import odoo.sql_db
from odoo import api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import mute_logger

from ..adapters import CircuitOpenError, XmlRpcAdapter
from ..adapters.throttle import Throttle
from ..exceptions import AuthenticationError, ConfigurationError, NetworkError, PermanentError, RateLimitedError
from .adapters_common import AdapterCase, Settings, XmlRpc
from .misbehaving_server import answer, xmlrpc_fault, xmlrpc_result


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersBucket(AdapterCase):
    forgets_failures = False

    def test_empty(self):
        """An empty bucket raises at once, with the wait, without an attempt lost and without a call."""
        adapter = self.xmlrpc(calls_per_second=2)
        adapter._call("a")
        adapter._call("b")
        start = time.monotonic()
        error = self.assert_fails(RateLimitedError, adapter._call, "c")
        self.assertLess(time.monotonic() - start, 0.3)
        self.assertFalse(error.count_attempt)
        self.assertGreater(error.retry_after_s, 0)
        self.assertLessEqual(error.retry_after_s, 0.5)
        self.assertEqual(len(self.server.requests), 2)

    def test_refill(self):
        """Tokens come back with time, up to a second's worth."""
        adapter = self.xmlrpc(calls_per_second=2)
        adapter._call("a")
        self.env.cr.execute(
            "UPDATE connector_adapter_state SET tokens = 0, tokens_at = tokens_at - interval '1 hour'"
            " WHERE backend_id = %s",
            [self.backend.id],
        )
        adapter._call("b")
        adapter._call("c")
        self.assert_fails(RateLimitedError, adapter._call, "d")

    def test_line(self):
        """Those who wait get a time each, one after the other, so that they do not come back together."""
        throttle = Throttle(self.env.registry, "res.partner", self.backend.id)
        self.assertEqual(throttle.take(10, 1), 0)
        waits = [throttle.take(10, 1) for _caller in range(5)]
        for before, after in pairwise(waits):
            self.assertAlmostEqual(after - before, 0.1, delta=0.05)

    def test_line_is_bounded(self):
        """Nobody is told to wait longer than ten minutes, however long the line is."""
        throttle = Throttle(self.env.registry, "res.partner", self.backend.id)
        throttle.take(0.001, 1)
        for _caller in range(3):
            self.assertLessEqual(throttle.take(0.001, 1), 600)

    def test_burst(self):
        """An adapter whose jobs make more calls at a stretch has a bigger bucket."""

        class Bursting(XmlRpc):
            calls_burst = 5

        adapter = self.xmlrpc(Bursting, calls_per_second=1)
        for _call in range(5):
            adapter._call("a")
        self.assert_fails(RateLimitedError, adapter._call, "a")

    def test_no_limit(self):
        """Without a limit on the backend there is no bucket: no statement, no row."""
        self.xmlrpc()._call("a")
        self.assertFalse(self.state)

    def test_backends_apart(self):
        """Each backend has a bucket of its own."""
        throttle = Throttle(self.env.registry, "res.partner", self.backend.id)
        self.assertEqual(throttle.take(1, 1), 0)
        self.assertGreater(throttle.take(1, 1), 0)
        self.assertEqual(Throttle(self.env.registry, "res.partner", self.backend.id + 1).take(1, 1), 0)
        self.assertEqual(Throttle(self.env.registry, "res.users", self.backend.id).take(1, 1), 0)


class Guarded(XmlRpc):
    circuit_failures = 3


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersCircuit(AdapterCase):
    forgets_failures = False

    def setUp(self):
        super().setUp()
        self.adapter = self.xmlrpc(Guarded)
        # That it opened is a warning in the log.
        self.enterContext(mute_logger("odoo.addons.connector_framework.adapters.throttle"))

    def fail_times(self, times, status=503):
        for _time in range(times):
            self.server.will(answer(status))
            self.assert_fails(NetworkError, self.adapter._call, "work")

    def assert_open(self):
        """Return the exception of a call that is not sent."""
        sent = len(self.server.requests)
        error = self.assert_fails(CircuitOpenError, self.adapter._call, "work")
        self.assertEqual(len(self.server.requests), sent)
        return error

    def pass_time(self):
        self.env.cr.execute(
            "UPDATE connector_adapter_state SET probe_at = probe_at - interval '1 hour' WHERE backend_id = %s",
            [self.backend.id],
        )

    def test_opens(self):
        """After N network errors in a row nothing is sent; jobs are postponed and lose no attempt."""
        self.fail_times(2)
        self.assertFalse(self.state.opened_at)
        with self.assertLogs("odoo.addons.connector_framework.adapters.throttle", "WARNING"):
            self.fail_times(1)
        error = self.assert_open()
        self.assertFalse(error.count_attempt)
        self.assertTrue(25 < error.retry_after_s < 40, error.retry_after_s)
        self.assertIn("answered 503", str(error))

    def test_in_a_row(self):
        """An answer in between, be it a fault or an error of the call, begins the count anew."""
        for behaviour in (xmlrpc_result(1), xmlrpc_fault(1, "no"), answer(400)):
            self.fail_times(2)
            self.server.will(behaviour)
            with suppress(PermanentError):
                self.adapter._call("work")
            self.assertEqual(self.state.failures, 0)

    def test_fault_is_an_answer(self):
        """A fault that the connector turns into a network error does not count: the system is up."""

        class Expiring(Guarded):
            _fault_errors: ClassVar = {5: NetworkError}

        adapter = self.xmlrpc(Expiring)
        for _time in range(5):
            self.server.will(xmlrpc_fault(5, "session expired"))
            self.assert_fails(NetworkError, adapter._call, "work")
        self.assertFalse(self.state.failures)
        self.assertIs(adapter._call("work"), True)

    def test_closes_when_ping_answers(self):
        """When it is time for a try, one caller pings; the answer lets him and everybody pass."""
        self.fail_times(3)
        self.pass_time()
        self.assertIs(self.adapter._call("work"), True)
        self.assertIn(b"<methodName>ping</methodName>", self.server.requests[-2].body)
        self.assertIn(b"<methodName>work</methodName>", self.server.requests[-1].body)
        self.assertEqual((self.state.failures, self.state.opened_at, self.state.reason), (0, False, False))

    def test_stays_open_when_ping_fails(self):
        """A ping that fails keeps it open, twice as long each time, and the call is not sent."""
        self.fail_times(3)
        for wait_s in (60, 120, 240):
            self.pass_time()
            self.server.will(answer(503))
            sent = len(self.server.requests)
            self.assert_fails(CircuitOpenError, self.adapter._call, "work")
            self.assertEqual(len(self.server.requests), sent + 1)
            self.assertAlmostEqual((self.state.probe_at - self.state.opened_at).total_seconds(), wait_s, delta=1)
            self.assert_open()

    def test_one_probe(self):
        """Only one caller becomes the probe."""
        self.fail_times(3)
        self.pass_time()
        throttle = Throttle(self.env.registry, "res.partner", self.backend.id)
        probes = [throttle.circuit(30, None).is_probe for _caller in range(5)]
        self.assertEqual(probes, [True, False, False, False, False])

    def test_backend_changed(self):
        """Who corrects the backend does not have to wait for the next try."""
        self.fail_times(3)
        self.assert_open()
        self.env.cr.execute(
            "UPDATE connector_adapter_state SET opened_at = now() AT TIME ZONE 'utc' - interval '1 hour'"
        )
        self.assertIs(self.adapter._call("work"), True)

    def test_ping_passes(self):
        """A ping is always sent, whatever the circuit says, and closes it: the button on the backend does it."""
        self.fail_times(3)
        self.assert_open()
        self.adapter.ping()
        self.assertIs(self.adapter._call("work"), True)

    def test_ping_of_its_own(self):
        """It is the same whether a class defines ``_ping()``, ``ping()``, or extends one that does."""

        class Template(Settings, XmlRpcAdapter):
            circuit_failures = 3

            def _ping(self):
                return self._call("ping")

        class Extended(Guarded):
            def ping(self):
                return super().ping()

        for adapter_class in (Template, Guarded, Extended):
            with self.subTest(adapter_class=adapter_class.__name__):
                self.fail_times(3)
                self.assert_open()
                self.assertIs(self.xmlrpc(adapter_class).ping(), True)
                self.assertFalse(self.state.opened_at)
                self.assertFalse(self.adapter.connection.is_pinging)

    def test_no_ping(self):
        """Where the adapter has no ping the first call is the try."""

        class Mute(Guarded):
            def ping(self):
                raise NotImplementedError

        self.fail_times(3)
        self.pass_time()
        self.assertIs(self.xmlrpc(Mute)._call("work"), True)
        self.assertFalse(self.state.opened_at)

    def test_authentication(self):
        """Refused credentials open it at once: one clear error instead of one a job, and no account locked."""
        self.server.will(answer(401))
        self.assert_fails(AuthenticationError, self.adapter._call, "work")
        self.assertIn("answered 401", str(self.assert_open()))

    def test_switched_off(self):
        """With circuit_failures 0 there is none: no statement, no row."""
        self.patch(XmlRpc, "circuit_failures", 0)
        adapter = self.xmlrpc(XmlRpc)
        for _time in range(10):
            self.server.will(answer(503))
            self.assert_fails(NetworkError, adapter._call, "work")
        self.assertFalse(self.state)


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersNeutralized(AdapterCase):
    def test_neutralized(self):
        """A neutralised database sends nothing, not even a ping."""
        for value in ("true", "1", "True"):
            self.env["ir.config_parameter"].set_param("database.is_neutralized", value)
            for call in (self.xmlrpc().ping, self.rest().ping):
                with self.assertRaisesRegex(ConfigurationError, "neutralised"):
                    call()
        self.assertFalse(self.server.requests)
        self.assertFalse(self.server.connections)

    def test_not_neutralized(self):
        """A parameter that says no is a no."""
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "False")
        self.assertIs(self.xmlrpc().ping(), True)


BACKEND_ID = 2_000_000_000
_inherited = []


def _take_for(dbname, backend_id, rate, seconds, results):
    """Take tokens from a process of its own."""
    # The parent's connections: neither used nor closed, which would end them for the parent, too.
    _inherited.append(odoo.sql_db._Pool)
    odoo.sql_db._Pool = None
    registry = _PlainRegistry(dbname)
    throttle, taken, end = Throttle(registry, "connector.test", backend_id), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        if throttle.take(rate, rate) == 0:
            taken += 1
        else:
            time.sleep(0.005)
    results.put(taken)


class _PlainRegistry:
    """The one method of a registry that the throttle uses, on a connection of this process."""

    def __init__(self, dbname):
        self._dbname = dbname

    def cursor(self):
        return odoo.sql_db.db_connect(self._dbname).cursor()


@tagged("post_install", "-at_install", "concurrency")
class TestAdaptersThrottleConcurrency(BaseCase):
    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.addCleanup(self._clean)
        self._clean()

    def _clean(self):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM connector_adapter_state WHERE backend_id = %s", [BACKEND_ID])

    def test_rate_over_processes(self):
        """Four processes together make no more calls than the rate allows, and nearly as many."""
        rate, seconds = 50, 3
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        processes = [
            context.Process(target=_take_for, args=(get_db_name(), BACKEND_ID, rate, seconds, results))
            for _n in range(4)
        ]
        for process in processes:
            process.start()
        taken = sum(results.get(timeout=seconds + 20) for _process in processes)
        for process in processes:
            process.join(10)
        # A full bucket at the start, then the rate.
        self.assertLessEqual(taken, rate * (seconds + 1) * 1.05)
        self.assertGreaterEqual(taken, rate * seconds * 0.8)

    def test_one_probe_of_many(self):
        """Of many callers at the same instant one becomes the probe, and all failures are counted."""
        throttle = Throttle(self.registry, "connector.test", BACKEND_ID)
        barrier, circuits = threading.Barrier(8), []

        def fail():
            barrier.wait()
            throttle.failed("down", 8, 0.01)

        def look():
            barrier.wait()
            circuits.append(throttle.circuit(60, None))

        for target in (fail, look):
            threads = [threading.Thread(target=target) for _n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            time.sleep(0.05)
        self.assertEqual([circuit.failures for circuit in circuits], [8] * 8)
        self.assertEqual(sum(circuit.is_probe for circuit in circuits), 1)

    def test_outside_of_the_transaction(self):
        """A token that was taken stays taken when the job rolls back."""
        throttle = Throttle(self.registry, "connector.test", BACKEND_ID)
        with closing(self.registry.cursor()) as cr:
            api.Environment(cr, api.SUPERUSER_ID, {})["res.partner"].search([], limit=1)
            self.assertEqual(throttle.take(1, 1), 0)
            cr.rollback()
        self.assertGreater(throttle.take(1, 1), 0)
