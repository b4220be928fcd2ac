"""What dry runs send: nothing that may change something."""

from __future__ import annotations

import io
from unittest.mock import patch

from odoo.tests import tagged
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from ..adapters import Adapter, RestAdapter
from .model_factory import example
from .preview_common import PreviewCase
from .synchronizers_common import WorldAdapter


class ShopAdapter(RestAdapter):
    """An adapter with methods of its own, each of which sends in another way."""

    _apply_on = "test.partner"

    def read(self, external_id, fields=None):
        return self._request("POST", "query", json={"id": external_id})

    def stock_of(self, external_id):
        return self._request("GET", f"stock/{external_id}")

    def set_stock(self, external_id, quantity, notify=False):
        for path in ("stock", "stock/again"):
            try:
                self._request("POST", path, json={"quantity": quantity})
            except Exception as error:
                raise AssertionError("its code must not take it for an error") from error

    def page_through(self):
        yield self._request("GET", "page")
        yield self._request("PUT", "page", json={"seen": True})

    def past_the_hooks(self, external_id):
        self.session.post(self._endpoint("direct"), json={"id": external_id})

    def _private(self):
        return self._request("POST", "private", json={"a": 1})

    def _unsent_answer(self, method, *args):
        return method == "set_stock"


@tagged("post_install", "-at_install", "transaction")
class TestCalls(PreviewCase):
    """Whatever may change something in the other system is not sent."""

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.register(ShopAdapter)
        self.sent = []

        def send(transport, request, *args, **kwargs):
            self.sent.append((request.method, request.url.rpartition("/")[2]))
            response = HTTPAdapter().build_response(request, _raw(b'{"name": "Ann", "email": "a@b.c"}'))
            return response

        self.startPatcher(patch.object(HTTPAdapter, "send", send))

    def told(self, do):
        """Return the dry run of an import whose last step is ``do(adapter)``."""
        answers = []
        self.after_import(lambda importer, binding: answers.append(do(importer.adapter)))
        self.env.cr.flush()
        told = self.partners.preview_import(self.backend, "1")
        return told, answers

    def test_a_post_of_read_is_made(self):
        """What ``read`` sends is sent: many APIs are asked by POST."""
        told, _answers = self.told(lambda adapter: None)
        self.assertEqual((told["outcome"], told["calls"]), ("created", []))
        self.assertEqual(self.sent, [("POST", "query")])

    def test_a_read_of_its_own(self):
        """A method that sends only GET is called."""
        told, answers = self.told(lambda adapter: adapter.stock_of("1")["name"])
        self.assertEqual((told["calls"], answers), ([], ["Ann"]))
        self.assertIn(("GET", "1"), self.sent)

    def test_a_write_of_its_own(self):
        """A method that is about to send something else is told in place of it, and answers as the adapter says."""
        told, answers = self.told(lambda adapter: adapter.set_stock("1", quantity=5))
        self.assertEqual(
            told["calls"], [{"operation": "set_stock", "external_id": "1", "data": {"quantity": 5}}], told["outcome"]
        )
        self.assertEqual((told["outcome"], answers), ("created", [True]))
        self.assertEqual(self.sent, [("POST", "query")])

    def test_a_generator(self):
        """A method that yields is followed to its end."""
        told, _answers = self.told(lambda adapter: list(adapter.page_through() or ()))
        self.assertEqual([call["operation"] for call in told["calls"]], ["page_through"])
        self.assertNotIn("PUT", [method for method, _path in self.sent])

    def test_past_the_hooks(self):
        """What is sent past ``_outside_call``, or by a private method, is refused and told."""
        for do in (lambda adapter: adapter.past_the_hooks("1"), lambda adapter: adapter._private()):
            told, _answers = self.told(do)
            self.assertTrue(told["outcome"].startswith("failed: "), told["outcome"])
            self.assertIn("a dry run does not send it", told["outcome"])
            self.assertEqual([call["operation"] for call in told["calls"]], ["POST"])
        self.assertEqual({path for _method, path in self.sent}, {"query"})

    def test_a_read_that_writes(self):
        """A verb that reads sends nothing that surely changes something."""
        with patch.object(ShopAdapter, "read", lambda adapter, i, fields=None: adapter._request("DELETE", "all")):
            told, _answers = self.told(lambda adapter: None)
        self.assertTrue(told["outcome"].startswith("failed: "), told["outcome"])
        self.assertFalse(self.sent)

    def test_without_http(self):
        """A method of an adapter over another protocol is not begun, unless it is known to read."""
        example.unregister(ShopAdapter)
        self.addCleanup(example.register, ShopAdapter)
        begun = []

        @self.register
        class FileAdapter(WorldAdapter):
            _apply_on = "test.partner"

            def put(self, data):
                begun.append("put")

            def look(self):
                begun.append("look")

            def _only_reads(self, method, path, request):
                return method == "look"

        told, _answers = self.told(lambda adapter: (adapter.look(), adapter.put({"a": 1})))
        self.assertEqual(begun, ["look"])
        self.assertEqual(told["calls"], [{"operation": "put", "external_id": None, "data": {"a": 1}}])

    def test_a_unit_that_is_made_by_hand(self):
        """An adapter that no reference has resolved is watched as well."""
        told, _answers = self.told(lambda adapter: ShopAdapter(adapter.work).set_stock("1", 2))
        self.assertEqual([call["operation"] for call in told["calls"]], ["set_stock"])

    def test_books(self):
        """Neither exchanges nor the circuit breaker learn of a dry run's calls, not even of those that fail."""
        with patch.object(HTTPAdapter, "send", side_effect=ConnectionResetError("reset")):
            for _time in range(ShopAdapter.circuit_failures + 1):
                told, _answers = self.told(lambda adapter: None)
                self.assertTrue(told["outcome"].startswith("failed: "), told["outcome"])
        states = self.env["connector.adapter.state"].sudo().search([])
        self.assertFalse(states.filtered(lambda state: state.backend_model == "test.backend"))
        self.assertNotIn("connector_framework.exchanges", self.env.cr.postcommit.data)
        told, _answers = self.told(lambda adapter: None)
        self.assertEqual(told["outcome"], "created")

    def test_an_open_circuit(self):
        """While the circuit is open a dry run says so, as the real thing would, and does not probe."""
        with self.backend.work_on("test.partner") as work:
            work.unit(Adapter)._throttle().failed("down", 1, 3600)
        self.env.cr.execute("UPDATE connector_adapter_state SET opened_at = opened_at + interval '1 hour'")
        told, _answers = self.told(lambda adapter: None)
        self.assertIn("nothing is sent", told["outcome"])
        self.assertFalse(self.sent)


def _raw(body):
    headers = {"Content-Type": "application/json"}
    return HTTPResponse(body=io.BytesIO(body), status=200, headers=headers, preload_content=False)
