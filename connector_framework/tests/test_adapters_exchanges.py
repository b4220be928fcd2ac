"""What is kept of each call, and what must not be."""

import json
import logging
import time
import traceback
from contextlib import closing
from datetime import timedelta

from odoo import api, fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, new_test_user, tagged
from odoo.tests.common import get_db_name

from ..adapters import MASK, Masker, exchanges
from ..exceptions import ConfigurationError, ConnectorError, NetworkError, PermanentError
from ..models import exchange as exchange_model
from ..references import WorkSession
from .adapters_common import SECRET, AdapterCase, Rest, XmlRpc, reference
from .misbehaving_server import MisbehavingServer, answer, refused_port, truncated, xmlrpc_fault, xmlrpc_result


class ExchangeCase(AdapterCase):
    def exchanges(self, **values):
        """Return what the transaction's end writes of the calls so far, the oldest first."""
        self.env.cr.postcommit.run()
        self.env.invalidate_all()
        kept = self.env["connector.exchange"].search([("backend_id", "=", self.backend.id)], order="id")
        for name, value in values.items():
            self.assertEqual(kept.mapped(name), value)
        return kept


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersExchanges(ExchangeCase):
    def test_kept(self):
        """A call is kept with what was sent, what came back, how long it took, and for whom."""
        self.server.will(xmlrpc_result({"name": "Ada"}))
        self.xmlrpc()._call("customer.info", 12)
        exchange = self.exchanges()
        self.assertEqual(len(exchange), 1)
        self.assertEqual(
            (exchange.direction, exchange.method, exchange.path, exchange.status, exchange.error),
            ("out", "customer.info", "/api/xmlrpc/", "200", ""),
        )
        self.assertEqual(json.loads(exchange.request), [12])
        self.assertEqual(json.loads(exchange.response), {"name": "Ada"})
        self.assertEqual((exchange.backend_model, exchange.backend_name), ("res.partner", "Shop"))
        self.assertEqual(exchange.model_name, "res.partner")
        self.assertLess(abs(fields.Datetime.now() - exchange.date), timedelta(seconds=10))
        self.assertFalse(exchange.job_id)

    def test_text_that_cannot_be_stored(self):
        """NUL and half an emoji in what is sent, answered or said of an error lose no exchange."""
        for text in ("a\0b", "a\ud83d", "a\udcffb"):
            self.server.will(answer(400, body=json.dumps({"message": text})))
            self.assert_fails(PermanentError, self.rest()._request, "POST", "/things", json={"name": text})
        self.server.will(answer(body='{"id": 3}'))
        self.rest()._request("GET", "/things")
        self.assertEqual(len(self.exchanges()), 4)

    def test_text_of_the_circuit(self):
        """Such a text opens the circuit as any other does."""
        adapter = self.rest()
        breaker = adapter._circuit_breaker()
        breaker.record(NetworkError("a\0b \ud83d"), False)
        self.assertEqual(self.state.failures, 1)

    def test_rest(self):
        """Of a REST call query and body are kept, the query not in the path."""
        self.server.will(answer(body='{"id": 3}'))
        self.rest()._request("POST", "/things", params={"page": 2}, json={"a": 1})
        exchange = self.exchanges(path=["/things"], method=["POST"])
        self.assertEqual(json.loads(exchange.request), {"params": {"page": 2}, "json": {"a": 1}})

    def test_failures(self):
        """A failure is kept with what is known of it: the status, the fault, the kind of error."""
        self.server.will(answer(503, "busy"), xmlrpc_fault(102, "gone"), truncated(b"<a>", 100))
        for error_type in (NetworkError, PermanentError, NetworkError):
            self.assert_fails(error_type, self.xmlrpc()._call, "x")
        adapter = self.xmlrpc(url=f"http://127.0.0.1:{refused_port()}")
        self.assert_fails(NetworkError, adapter._call, "x")
        kept = self.exchanges(status=["503", "fault 102", "200", ""])
        self.assertEqual(kept[0].response, "busy")
        self.assertIn("PermanentError: x: fault 102: gone", kept[1].error)
        self.assertIn("Connection refused", kept[3].error)

    def test_job(self):
        """A call of a job carries the job's id, and the job can be opened as long as it is there."""
        job = self.backend.as_job().read()
        self.patch(exchange_model, "current_job", lambda cr: job if cr is self.env.cr else None)
        self.xmlrpc()._call("x")
        exchange = self.exchanges(job_id=[job.id])
        self.assertEqual(exchange.action_open_job()["res_id"], job.id)
        job.unlink()
        with self.assertRaises(UserError):
            exchange.action_open_job()

    def test_duration(self):
        """The duration is that of the call, in milliseconds."""

        def slow(handler):
            time.sleep(0.2)
            xmlrpc_result(1)(handler)

        self.server.will(slow)
        self.xmlrpc()._call("x")
        self.assertTrue(200 <= self.exchanges().duration_ms < 2000)

    def test_about(self):
        """What a call is about is what the innermost about() says, and nothing outside of one."""
        adapter, other = self.xmlrpc(), self.env["res.partner"].create({"name": "Other"})
        adapter._call("a")
        with adapter.about(external_id=12):
            adapter._call("b")
            with adapter.about(other):
                adapter._call("c")
            adapter._call("d")
        adapter._call("e")
        self.exchanges(external_id=[False, "12", False, "12", False], record_id=[0, 0, other.id, 0, 0])

    def test_bounded(self):
        """Payloads are cut to what a person reads, big answers as well as big questions."""
        self.server.will(xmlrpc_result(["x" * 50] * 5000))
        self.xmlrpc()._call("list", ["y" * 50] * 5000)
        exchange = self.exchanges()
        for payload in (exchange.request, exchange.response):
            self.assertTrue(1000 < len(payload) <= XmlRpc.exchange_length)

    def test_switched_off(self):
        """Switched off on the backend nothing is collected: no masking, no rendering, no callback."""
        self.patch(Masker, "payload", lambda *args: self.fail("a payload was rendered"))
        before = len(self.env.cr.postcommit)
        self.xmlrpc(log_exchanges=False)._call("x")
        self.assertEqual(len(self.env.cr.postcommit), before)
        self.assertFalse(self.exchanges())

    def test_one_statement(self):
        """All exchanges of a transaction are written by one INSERT."""
        for _call in range(5):
            self.xmlrpc()._call("x")
        with self.assertQueryCount(1):
            self.env.cr.postcommit.run()
        self.assertEqual(len(self.exchanges()), 5)

    def test_memory_is_bounded(self):
        """A transaction with very many calls writes them before its end."""
        self.patch(exchanges, "MAX_PENDING", 3)
        for _call in range(4):
            self.xmlrpc()._call("x")
        self.assertEqual(self.env["connector.exchange"].search_count([("backend_id", "=", self.backend.id)]), 3)
        self.assertEqual(len(self.exchanges()), 4)

    def test_refused_before_sending(self):
        """What was never sent is no exchange."""
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "1")
        self.assert_fails(ConfigurationError, self.xmlrpc()._call, "x")
        self.assertFalse(self.exchanges())

    def test_vacuum(self):
        """Exchanges are deleted after the days that the parameter says, 7 by default."""
        model = self.env["connector.exchange"]
        old, older, new = model.create(
            [{"method": "x", "date": fields.Datetime.now() - timedelta(days=days)} for days in (8, 20, 6)]
        )
        self.env["ir.config_parameter"].set_param("connector_framework.exchange_keep_days", "15")
        model._gc_exchanges()
        self.assertEqual((old | older | new).exists(), old | new)
        self.env["ir.config_parameter"].set_param("connector_framework.exchange_keep_days", False)
        model._gc_exchanges()
        self.assertEqual((old | new).exists(), new)

    def test_access(self):
        """Connector users see exchanges but not their payloads, managers both, others nothing; nobody changes them."""
        self.xmlrpc()._call("x")
        exchange = self.exchanges()
        user = new_test_user(self.env, "exchange_user", "connector_framework.group_connector_user")
        manager = new_test_user(self.env, "exchange_manager", "connector_framework.group_connector_manager")
        other = new_test_user(self.env, "exchange_other", "base.group_user")
        self.assertEqual(exchange.with_user(user).read(["method"])[0]["method"], "x")
        with self.assertRaises(AccessError):
            exchange.with_user(user).read(["request"])
        self.assertEqual(exchange.with_user(manager).read(["request"])[0]["request"], "[]")
        with self.assertRaises(AccessError):
            exchange.with_user(other).read(["method"])
        for person in (user, manager):
            with self.assertRaises(AccessError):
                exchange.with_user(person).write({"method": "y"})
            with self.assertRaises(AccessError):
                exchange.with_user(person).create({"method": "y"})

    def test_company(self):
        """Exchanges of another company's backend are not shown."""
        company = self.env["res.company"].create({"name": "Another"})
        self.backend.company_id = company
        self.xmlrpc()._call("x")
        exchange = self.exchanges()
        self.assertEqual(exchange.company_id, company)
        manager = new_test_user(self.env, "exchange_manager", "connector_framework.group_connector_manager")
        self.assertFalse(self.env["connector.exchange"].with_user(manager).search([("id", "=", exchange.id)]))

    def test_open_record(self):
        """The record that a call was about can be opened as long as it is there."""
        with self.xmlrpc().about(self.backend):
            self.xmlrpc()._call("x")
        exchange = self.exchanges()
        action = exchange.action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.backend.id))
        for values in ({"record_id": 2_000_000_000}, {"model_name": "not.a.model"}, {"record_id": False}):
            exchange.write(values)
            with self.assertRaises(UserError):
                exchange.action_open_record()


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersSecrets(ExchangeCase):
    """No secret is seen anywhere, wherever it was sent and whatever came of it."""

    def setUp(self):
        super().setUp()
        self.seen = []
        handler = logging.Handler()
        handler.emit = lambda record: self.seen.append(handler.format(record))
        for name in ("urllib3", "odoo.addons.connector_framework", "requests"):
            logger = logging.getLogger(name)
            self.patch(logger, "level", logging.DEBUG)
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
            logger._cache.clear()
            self.addCleanup(logger._cache.clear)
        for name in ("urllib3.connectionpool", "urllib3.util.retry"):
            logging.getLogger(name)._cache.clear()

    def see(self, call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except ConnectorError as error:
            self.seen += [str(error), repr(error), "".join(traceback.format_exception(error))]
            self.assertIsNone(error.__context__)

    def assert_unseen(self, *secrets):
        kept = self.exchanges()
        self.assertTrue(kept)
        everything = "\n".join([*self.seen, json.dumps(kept.read(load=None), default=str)])
        for secret in (*secrets, SECRET, "s3cr3t%2Fk", "s3cr3t/k", "s3cr3t"):
            self.assertNotIn(secret, everything)
        self.assertIn(MASK, everything)

    def test_query(self):
        """A secret in the query is not seen in the libraries' logs, in errors and tracebacks."""
        for behaviour in (answer(body="{}"), answer(500, "no"), truncated(b"{", 9)):
            self.server.will(behaviour)
            self.see(self.rest()._request, "GET", "/a", params={"key": SECRET})
        self.see(
            self.rest(connect_retries=1, url=f"http://127.0.0.1:{refused_port()}")._request, "GET", "/", {"k": SECRET}
        )
        self.assertIn("GET /a?key=***", "\n".join(self.seen))
        self.assert_unseen()

    def test_retry_log(self):
        """The log line of a repeated connection does not show it either."""

        class Repeating(Rest):
            connect_retries = 1

        adapter = self.rest(Repeating, url=f"http://127.0.0.1:{refused_port()}")
        with self.assertLogs("urllib3.connectionpool", "WARNING") as logs:
            self.see(adapter._request, "GET", "/", {"k": SECRET})
        self.seen += logs.output
        self.assertIn("Retrying", logs.output[0])
        self.assert_unseen()

    def test_url(self):
        """A password in the URL is not seen, be the host there or not."""
        for port in (self.server.port, refused_port()):
            adapter = self.rest(url=f"http://me:{SECRET.replace('/', '%2F')}@127.0.0.1:{port}")
            self.see(adapter._request, "GET", "/a")
        self.assert_unseen()

    def test_echo(self):
        """A server that repeats the secret in its answer does not make it seen."""
        self.server.will(answer(400, json.dumps({"password": "other-one", "message": f"bad key {SECRET}"})))
        self.see(self.rest()._request, "POST", "/a", json={"api_key": "yet-another", "nested": [{"rp_token": "third"}]})
        self.server.will(xmlrpc_fault(2, f"bad key {SECRET}"))
        self.see(self.xmlrpc()._call, "call", SECRET)
        self.assert_unseen("yet-another", "third")

    def test_named_in_payload(self):
        """What a name gives away is masked in payloads though nobody declared it."""
        self.server.will(xmlrpc_result([{"email": "a@b.c", "password_hash": "abcdef12", "rp_token": "fedcba21"}]))
        self.see(self.xmlrpc()._call, "customer.list", {"password": "trustno1"})
        self.assertIn("a@b.c", self.exchanges().response)
        self.assert_unseen("abcdef12", "fedcba21", "trustno1")

    def test_result_that_is_a_secret(self):
        """A session id is masked in the answer that brings it and wherever it is sent afterwards."""
        self.server.will(xmlrpc_result("5e55i0n1d"), answer(500, "bad session 5e55i0n1d"))
        adapter = self.xmlrpc()
        session = adapter._call("login", "me", SECRET)
        self.assertEqual(session, "5e55i0n1d")
        self.see(adapter._call, "call", session, "customer.info")
        self.assert_unseen("5e55i0n1d")

    def test_basic_auth(self):
        """Credentials in a header are not seen when the server sends the header back."""

        class Basic(Rest):
            def _auth(self):
                return ("me", SECRET)

        def echo(handler):
            answer(500, str(handler.headers))(handler)

        self.server.will(echo)
        self.see(self.rest(Basic)._request, "GET", "/a")
        header = self.server.requests[-1].headers["Authorization"]
        self.assertTrue(header.startswith("Basic "))
        self.assert_unseen(header.split()[1])

    def test_header_error(self):
        """An error about a header does not show its value."""
        self.patch(Rest, "_headers", lambda adapter: {"X-Key": SECRET + "\n"})
        self.see(self.rest()._request, "GET", "/a")
        self.assertIn("a header cannot be sent", "\n".join(self.seen))
        self.assert_unseen()

    def test_repr(self):
        """An adapter, its session and its masker say nothing when they are printed."""
        adapter = self.rest()
        text = f"{adapter!r} {adapter.session!r} {adapter.work!r} {adapter._masker()!r}"
        self.assertNotIn("s3cr3t", text)


@tagged("post_install", "-at_install", "concurrency")
class TestAdaptersExchangesConcurrency(BaseCase):
    """With real commits and rollbacks."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.server = self.enterContext(MisbehavingServer())
        self.addCleanup(self._rows, "DELETE FROM connector_exchange WHERE method LIKE 'real.%%' RETURNING id")

    def _rows(self, query):
        with self.registry.cursor() as cr:
            cr.execute(query)
            return cr.fetchall()

    def _call_in(self, cr, method):
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        work = WorkSession(env.ref("base.main_partner"), "res.partner", reference, url=self.server.url)
        self.addCleanup(work.close)
        XmlRpc(work)._call(method)

    def _methods(self):
        return [
            row[0]
            for row in self._rows("SELECT method FROM connector_exchange WHERE method LIKE 'real.%%' ORDER BY id")
        ]

    def test_commit(self):
        """Exchanges are there after the commit, and not before."""
        with closing(self.registry.cursor()) as cr:
            self._call_in(cr, "real.commit")
            self.assertEqual(self._methods(), [])
            cr.commit()
            self.assertEqual(self._methods(), ["real.commit"])
            self._call_in(cr, "real.second")
            cr.commit()
        self.assertEqual(self._methods(), ["real.commit", "real.second"])

    def test_rollback(self):
        """Exchanges are there after a rollback: what failed is what one wants to see."""
        with closing(self.registry.cursor()) as cr:
            self._call_in(cr, "real.rollback")
            cr.rollback()
            self.assertEqual(self._methods(), ["real.rollback"])

    def test_close(self):
        """A cursor closed without either keeps them as well."""
        with closing(self.registry.cursor()) as cr:
            self._call_in(cr, "real.close")
        self.assertEqual(self._methods(), ["real.close"])

    def test_savepoint(self):
        """A call inside a savepoint that was rolled back was made nevertheless."""
        with closing(self.registry.cursor()) as cr:
            try:
                with cr.savepoint():
                    self._call_in(cr, "real.savepoint")
                    raise ValueError
            except ValueError:
                pass
            cr.commit()
        self.assertEqual(self._methods(), ["real.savepoint"])

    def test_log_that_fails(self):
        """Exchanges that cannot be written are a warning, and do not change how the transaction ended."""
        self.patch(exchanges, "_insert", lambda rows: 1 / 0)
        with closing(self.registry.cursor()) as cr, self.assertLogs(exchanges._logger, "WARNING"):
            self._call_in(cr, "real.failing")
            cr.commit()
