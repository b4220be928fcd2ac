"""What the tests of adapters share: two adapters, and a work session on a server that misbehaves."""

from __future__ import annotations

from odoo.tests import TransactionCase

from ..adapters import Connection, RestAdapter, XmlRpcAdapter
from ..adapters.throttle import Throttle
from ..references import Reference, WorkSession
from .misbehaving_server import MisbehavingServer

SECRET = "s3cr3t/k&y"

reference = Reference("adapters test")


class Settings:
    """The backend of these tests is a partner, which has none of a backend's fields: the work's options stand in."""

    # Smaller amounts, so that the tests are quick; nothing that is on by default is off.
    connect_timeout_s = 0.4
    read_timeout_s = 0.4
    max_response_bytes = 1024 * 1024

    def _url(self):
        return self.work.options["url"]

    def _secrets(self):
        yield SECRET
        yield from super()._secrets()

    def _backend_value(self, name):
        return self.work.options.get(name, super()._backend_value(name))


@reference
class XmlRpc(Settings, XmlRpcAdapter):
    _apply_on = "res.partner"
    _path = "/api/xmlrpc/"

    def ping(self):
        return self._call("ping")


class Rest(Settings, RestAdapter):
    def ping(self):
        return self._request("GET", "ping")


class AdapterCase(TransactionCase):
    tls = False
    #: Whether a failure is forgotten by the circuit breaker, which would refuse the calls after it.
    forgets_failures = True

    def setUp(self):
        super().setUp()
        # The short transactions of the limits and of the exchanges share the test's own, and end with it.
        self.registry_enter_test_mode()
        self.addCleanup(Connection.close_idle)
        self.server = self.enterContext(MisbehavingServer(tls=self.tls))
        self.backend = self.env["res.partner"].create({"name": "Shop"})
        self.work = self.open_work()

    def open_work(self, **options):
        work = WorkSession(self.backend, "res.partner", reference, **{"url": self.server.url, **options})
        self.addCleanup(work.close)
        return work

    def xmlrpc(self, adapter_class=XmlRpc, **options):
        return adapter_class(self.open_work(**options) if options else self.work)

    def rest(self, adapter_class=Rest, **options):
        return adapter_class(self.open_work(**options) if options else self.work)

    def assert_fails(self, error_type, call, *args, **kwargs):
        """Return the exception, which has to be of exactly that type.

        Unlike Odoo's ``assertRaises`` it rolls nothing back: what a failure leaves in the tables is what is tested.
        """
        try:
            call(*args, **kwargs)
        except Exception as error:
            if type(error) is not error_type:
                raise
            if self.forgets_failures:
                Throttle(self.env.registry, self.backend._name, self.backend.id).answered()
            return error
        self.fail(f"{error_type.__name__} not raised")

    @property
    def state(self):
        """The row of the throttle for the backend, empty when there is none."""
        self.env.invalidate_all()
        return self.env["connector.adapter.state"].search(
            [("backend_model", "=", self.backend._name), ("backend_id", "=", self.backend.id)]
        )
