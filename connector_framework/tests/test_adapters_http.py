"""What the adapters over HTTP offer beside the calls."""

from datetime import datetime, timedelta, timezone

from odoo.tests import tagged

from .adapters_common import AdapterCase, XmlRpc


@tagged("post_install", "-at_install", "transaction")
class TestAdaptersHttp(AdapterCase):
    def test_server_time(self):
        """The time of the other system is that of its last answer, whichever adapter of the session got it."""
        adapter = self.xmlrpc()
        self.assertIsNone(adapter.server_time())
        adapter._call("ping")
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        self.assertLess(abs(self.rest().server_time() - now), timedelta(seconds=60))
        self.assertEqual(adapter.server_time().microsecond, 0)

    def test_server_time_unknown(self):
        """A date that cannot be read is none."""
        adapter = self.rest()
        adapter.connection.server_date = "yesterday"
        self.assertIsNone(adapter.server_time())

    def test_several_endpoints(self):
        """An XML-RPC API may have several endpoints below one path."""
        self.xmlrpc()._call("ping", path="common")
        self.xmlrpc()._call("ping")
        self.assertEqual([request.path for request in self.server.requests], ["/api/xmlrpc/common", "/api/xmlrpc/"])

    def test_endpoint_of_the_exchange(self):
        """The exchange shows which endpoint was called."""

        class Shown(XmlRpc):
            def _collect(self, call, method, path, *args):
                shown.append((method, path))

        shown = []
        self.xmlrpc(Shown)._call("ping", path="common")
        self.assertEqual(shown, [("ping", "/api/xmlrpc/common")])
