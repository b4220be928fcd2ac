"""Dry runs: what they contain, what they tell, and who may make them."""

from __future__ import annotations

import io
import json
from unittest.mock import patch

from lxml import etree, html
from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from ..adapters import Adapter, RestAdapter
from ..events import on_record_change
from ..exceptions import MappingError, NetworkError, SkipError
from ..mappings import ExportMapper, ImportMapper, mapping
from ..models.preview import SHOWN_RECORDS
from ..preview import Containment, is_contained
from ..queue import current_job
from ..queue.current import standing_in
from ..synchronizers import Exporter, Importer
from .common import trap_jobs
from .model_factory import example
from .synchronizers_common import SynchronizerCase, WorldAdapter

SECRET = "s3cr3t-k3y"


class PreviewCase(SynchronizerCase):
    importer = None

    def setUp(self):
        super().setUp()
        self.world.put("test.partner", 1, name="Ann", email="ann@example.com")
        self.backend.sudo().write({"api_key": SECRET, "url": "http://127.0.0.1:9"})

    def preview(self, external_id="1", model="test.partner", **options):
        """Return a dry run of an import, which has left nothing."""
        self.env.cr.flush()
        before = self.counts()
        told = self.env[model].preview_import(self.backend, external_id, **options)
        self.assertEqual(self.counts(), before)
        self.assertEqual(json.loads(json.dumps(told)), told)
        self.assertFalse(self.world.made("create", "write", "delete"))
        return told

    def counts(self):
        models = ("test.partner", "res.partner", "test.address", "connector.job", "mail.mail", "mail.message")
        return [self.env[name].with_context(active_test=False).search_count([]) for name in models]

    def after_import(self, do):
        """Have the importer call ``do(importer, binding)`` as its last step, and nothing else any more."""

        class PartnerImporter(Importer):
            _apply_on = "test.partner"

            def _after_import(self, binding):
                do(self, binding)

        if self.importer:
            example.unregister(self.importer)
        else:
            self.addCleanup(lambda: example.unregister(self.importer))
        self.importer = example.register(PartnerImporter) or PartnerImporter

    def record(self, told, model, new=True):
        return next(one for one in told["records"] if one["model"] == model and (one["id"] is None) == new)


@tagged("post_install", "-at_install", "transaction")
class TestTold(PreviewCase):
    def test_new(self):
        """What is created is told for the binding and for its record, with the mapping of each value."""
        told = self.preview()
        self.assertEqual((told["outcome"], told["errors"]), ("created", {}))
        mapper = {"class": "PartnerImportMapper", "addon": "connector_framework"}
        for model in ("test.partner", "res.partner"):
            self.assertEqual(
                self.record(told, model)["values"]["name"],
                {"old": None, "new": "Ann", "source": "name", "method": None, **mapper},
            )
        comment = self.record(told, "res.partner")["values"]["comment"]
        self.assertEqual(
            comment, {"old": None, "new": "<span>imported</span>", "source": None, "method": "kind", **mapper}
        )
        external_id = self.record(told, "test.partner")["values"]["external_id"]
        self.assertEqual((external_id["new"], external_id["class"]), ("1", None))

    def test_changed(self):
        """Of what exists only what changes is told, with the old value."""
        self.import_record("1")
        self.world.put("test.partner", 1, name="Anna", email="ann@example.com")
        told = self.preview()
        binding = self.binding(1)
        self.assertEqual(told["outcome"], "updated")
        self.assertEqual([one["model"] for one in told["records"]], ["test.partner", "res.partner"])
        for one, record in zip(told["records"], (binding, binding.odoo_id), strict=True):
            self.assertEqual((one["id"], list(one["values"])), (record.id, ["name"]))
            self.assertEqual((one["values"]["name"]["old"], one["values"]["name"]["new"]), ("Ann", "Anna"))

    def test_lines(self):
        """Lines are told as records of their own: new, changed, and deleted ones."""

        class AddressMapper(ImportMapper):
            _apply_on = "test.address"
            direct = [("id", "external_id"), ("city", "city")]

            @mapping
            def label(self, record):
                return {"name": record["city"]}

        class OrderMapper(ImportMapper):
            _apply_on = "test.partner"
            direct = [("name", "name")]
            children = [("addresses", "address_ids", "test.address")]

        self.register(AddressMapper)
        example.unregister(mapper := next(c for c in example.classes(ImportMapper) if c._apply_on == "test.partner"))
        self.addCleanup(example.register, mapper)
        self.register(OrderMapper)
        self.world.put(
            "test.partner", 1, name="Ann", addresses=[{"id": "a", "city": "Bern"}, {"id": "b", "city": "Ulm"}]
        )
        told = self.preview()
        cities = [one["values"]["city"] for one in told["records"] if one["model"] == "test.address"]
        self.assertEqual((cities[0]["new"], cities[0]["source"]), ("Bern", "city"))
        self.assertIn("AddressMapper", cities[0]["class"])
        self.import_record("1")
        addresses = [{"id": "b", "city": "Graz"}, {"id": "c", "city": "Wien"}]
        self.world.put("test.partner", 1, name="Ann", addresses=addresses)
        told = self.preview()
        lines = {one["id"]: one["values"] for one in told["records"] if one["model"] == "test.address"}
        by_city = {line.city: line.id for line in self.binding(1).address_ids}
        self.assertEqual((lines[by_city["Ulm"]]["city"]["old"], lines[by_city["Ulm"]]["city"]["new"]), ("Ulm", "Graz"))
        gone = lines[by_city["Bern"]]["id"]
        self.assertEqual((gone["old"], gone["new"]), (by_city["Bern"], None))
        self.assertEqual(lines[None]["city"]["new"], "Wien")

    def test_dependency(self):
        """What is imported as a dependency is told as well; a link to it has a name and no id."""

        @self.register
        class TagImporter(Importer):
            _apply_on = "test.tag"

            def _import_dependencies(self, record):
                self.import_dependency(record.get("parent"), "test.tag")

        self.world.put("test.tag", 1, name="All", parent=None)
        self.world.put("test.tag", 2, name="Part", parent="1")
        told = self.preview("2", "test.tag")
        tags = [one for one in told["records"] if one["model"] == "test.tag"]
        self.assertEqual([one["values"]["name"]["new"] for one in tags], ["All", "Part"])
        self.assertEqual(tags[1]["values"]["test_parent_id"]["new"], [None, "All"])

    def test_translation(self):
        """A translation is told under the name of the field and the language."""
        self.env["res.lang"]._activate_lang("fr_FR")

        @self.register
        class TagImporter(Importer):
            _apply_on = "test.tag"

            def _translations(self, record):
                return {"fr_FR": {"name": "Tout"}}

        self.world.put("test.tag", 1, name="All", parent=None)
        values = self.record(self.preview("1", "test.tag"), "res.partner.category")["values"]
        self.assertEqual((values["name"]["new"], values["name@fr_FR"]["new"]), ("All", "Tout"))

    def test_errors(self):
        """The errors of a mapping are told by target, others without one, a skip and a gone record as outcomes."""

        @self.register
        class PartnerImporter(Importer):
            _apply_on = "test.partner"
            error = None

            def _validate(self, values):
                raise self.error

        for error, outcome, errors in (
            (MappingError({"email": "no e-mail"}), "failed: ", {"email": "no e-mail"}),
            (NetworkError("down"), "failed: down", {"": "down"}),
            (ValueError("bad"), "failed: ValueError: bad", {"": "ValueError: bad"}),
            (SkipError("not this one"), "skipped: not this one", {}),
        ):
            PartnerImporter.error = error
            told = self.preview()
            self.assertTrue(told["outcome"].startswith(outcome), told["outcome"])
            self.assertEqual((told["errors"], told["records"]), (errors, []))
        self.assertEqual(self.preview("404")["outcome"], "no longer exists")

    def test_a_typed_error_is_not_collected(self):
        """The tracing of a mapping does not change what it raises: a missing dependency is one."""
        self.world.put("test.tag", 2, name="Part", parent="1")
        told = self.preview("2", "test.tag")
        self.assertEqual(list(told["errors"]), [""])
        self.assertIn("1", told["outcome"])

    def test_jobs(self):
        """Jobs that would be enqueued are told, those of consumers of changes too; none is left, nobody is woken."""

        def consumer(records, fields):
            records.as_job().write({"ref": "seen"})

        on_record_change.subscribe(consumer, models="res.partner")
        self.addCleanup(on_record_change.unsubscribe, consumer)
        self.after_import(lambda importer, binding: binding.as_job().export_record())
        self.env.cr.flush()
        self.env.cr.postcommit.clear()
        told = self.preview()
        self.assertEqual(
            told["jobs"],
            [
                {"model": "test.partner", "method": "export_record", "records": [None]},
                {"model": "res.partner", "method": "write", "records": [None]},
            ],
        )
        self.assertFalse(len(self.env.cr.postcommit))
        self.assertFalse(self.env.cr.postcommit.data)

    def test_jobs_in_a_trap(self):
        """A trap of the test kit keeps nothing of a dry run, which tells the jobs as ever."""
        self.after_import(lambda importer, binding: binding.as_job().export_record())
        with trap_jobs(self.env) as trap:
            told = self.preview()
        self.assertEqual([job["method"] for job in told["jobs"]], ["export_record"])
        self.assertFalse(trap.jobs)

    def test_export(self):
        """An export tells what is sent, and what becomes of the binding."""
        binding = self.bind(name="Bob", email="bob@example.com")
        told = binding.preview_export()
        self.assertEqual(told["outcome"], "created")
        data = {"name": "Bob", "email": "bob@example.com"}
        self.assertEqual(told["calls"], [{"operation": "create", "external_id": None, "data": data}])
        values = told["records"][0]["values"]
        self.assertEqual((values["external_id"]["old"], values["external_id"]["new"]), (False, "new-1"))
        self.assertFalse(binding.external_id)
        self.assertFalse(self.world.made("create"))
        self.assertEqual(binding.export_record(), "created")
        self.assertEqual(binding.preview_export()["outcome"], "unchanged")
        binding.name = "Bobby"
        told = binding.preview_export(fields=["name"])
        change = {"operation": "write", "external_id": binding.external_id, "data": {"name": "Bobby"}}
        self.assertEqual((told["outcome"], told["calls"]), ("updated", [change]))

    def test_export_of_many(self):
        """What goes out in one call is told record by record; each new one has a placeholder of its own."""

        @self.register
        class TogetherAdapter(WorldAdapter):
            _apply_on = "test.partner"

            def write_many(self, changes):
                raise AssertionError("sent")

            def create_many(self, records):
                raise AssertionError("sent")

        new = self.bind(name="Bob") + self.bind(name="Eve")
        old = self.bind("1", name="Ann") + self.bind("2", name="Max")
        told = (new + old).preview_export()
        self.assertEqual(set(told["outcome"].split(", ")), {"2 updated", "2 created"})
        self.assertEqual(
            [(call["operation"], call["external_id"], call["data"]["name"]) for call in told["calls"]],
            [
                ("write_many", "1", "Ann"),
                ("write_many", "2", "Max"),
                ("create_many", None, "Bob"),
                ("create_many", None, "Eve"),
            ],
        )
        ids = {one["id"]: one["values"]["external_id"]["new"] for one in told["records"] if one["id"] in new.ids}
        self.assertEqual(ids, dict(zip(new.ids, ("new-1", "new-2"), strict=True)))

    def test_what_was_sent_can_be_read(self):
        """A record that was to be created reads as it was sent, for code that reads its answer."""

        @self.register
        class ReadingExporter(Exporter):
            _apply_on = "test.partner"

            def _after_export(self, binding):
                binding.ref = self.adapter.read(binding.external_id)["name"]

        told = self.bind(name="Bob").preview_export()
        self.assertEqual(self.record(told, "res.partner", new=False)["values"]["ref"]["new"], "Bob")

    def test_secrets(self):
        """Secrets are masked: by their value, by their name, and in fields that the reader may not read."""

        @self.register
        class PartnerExporter(Exporter):
            _apply_on = "test.partner"

            def _map(self, for_create, fields):
                return {**super()._map(for_create, fields), "password": "hunter22", "note": f"with {SECRET} in it"}

            def _after_export(self, binding):
                binding.odoo_id.comment = f"sent by {SECRET}"
                binding.backend_id.sudo().api_key = "an0ther-k3y"

        told = self.bind(name="Bob").preview_export()
        text = json.dumps(told)
        self.assertEqual(told["outcome"], "created")
        for secret in (SECRET, "hunter22", "an0ther-k3y"):
            self.assertNotIn(secret, text)
        self.assertEqual(told["calls"][0]["data"]["note"], "with *** in it")
        self.assertEqual(self.record(told, "test.backend", new=False)["values"]["api_key"]["new"], "***")
        with patch.object(WorldAdapter, "read", side_effect=NetworkError(f"refused {SECRET}")):
            self.assertEqual(self.preview()["outcome"], "failed: refused ***")


@tagged("post_install", "-at_install", "transaction")
class TestContained(PreviewCase):
    def test_caches(self):
        """After a dry run, caches of records and of the registry hold what is in the database."""
        self.import_record("1")
        partner = self.binding(1).odoo_id
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("test.preview", "before")
        self.world.put("test.partner", 1, name="Anna", email="ann@example.com")
        seen = []

        def do(importer, binding):
            parameters.set_param("test.preview", "inside")
            partner.category_id = [Command.create({"name": "Inside"})]
            seen.append((parameters.get_param("test.preview"), partner.name, partner.category_id.mapped("name")))

        self.after_import(do)
        self.assertEqual((parameters.get_param("test.preview"), partner.name), ("before", "Ann"))
        invalidated = set(self.registry.cache_invalidated)
        self.preview()
        self.assertEqual(seen, [("inside", "Anna", ["Inside"])])
        self.assertEqual((parameters.get_param("test.preview"), partner.name), ("before", "Ann"))
        self.assertFalse(partner.category_id)
        self.assertEqual(self.registry.cache_invalidated, invalidated)

    def test_what_was_pending_before(self):
        """What the caller changed before is kept, and so are the hooks that he has added."""
        called = []
        self.env.cr.postcommit.add(lambda: called.append("before"))
        partner = self.env["res.partner"].create({"name": "Pending"})
        partner.name = "Changed"
        self.preview()
        self.assertEqual(partner.name, "Changed")
        self.env.cr.postcommit.run()
        self.assertEqual(called, ["before"])

    def test_hooks(self):
        """Hooks for the end of the transaction that are added inside are not called, at none of its ends."""

        def do(importer, binding):
            for hooks in (importer.env.cr.postcommit, importer.env.cr.prerollback, importer.env.cr.postrollback):
                hooks.add(lambda: self.fail("called"))
                hooks.data["test"] = True
            importer.env.cr.commit()
            importer.env.cr.postcommit.add(lambda: self.fail("called"))

        self.after_import(do)
        before = [len(hooks) for hooks in (self.env.cr.postcommit, self.env.cr.prerollback, self.env.cr.postrollback)]
        self.assertEqual(self.preview()["outcome"], "created")
        hooks = (self.env.cr.postcommit, self.env.cr.prerollback, self.env.cr.postrollback)
        self.assertEqual([len(one) for one in hooks], before)
        self.assertFalse([one.data for one in hooks if "test" in one.data])

    def test_commit(self):
        """A commit inside commits nothing; what came before it is kept from the failure after it, as it would be."""

        def do(importer, binding):
            binding.odoo_id.ref = "first"
            importer.env.cr.commit()
            binding.odoo_id.ref = "second"
            raise ValueError("after the commit")

        self.after_import(do)
        told = self.preview()
        self.assertEqual(told["outcome"], "failed: ValueError: after the commit")
        self.assertEqual(self.record(told, "res.partner")["values"]["ref"]["new"], "first")
        with self.assertRaises(AssertionError):  # That of the test's own cursor is in its place again.
            self.env.cr.commit()

    def test_rollback(self):
        """A rollback inside takes back what it would, and no more."""

        def do(importer, binding):
            importer.env.cr.commit()
            binding.odoo_id.ref = "lost"
            importer.env.cr.rollback()

        self.after_import(do)
        values = self.record(self.preview(), "res.partner")["values"]
        self.assertEqual(values["name"]["new"], "Ann")
        self.assertNotIn("ref", values)

    def test_checkpoint(self):
        """A checkpoint is kept for the dry run alone; the job that makes the dry run learns nothing of it."""

        class OuterJob:
            id, reruns_left = None, 0

            def checkpoint(self, state):
                raise AssertionError("committed")

        states = []

        def do(importer, binding):
            job = importer.env["connector.job"]
            job.report_progress(1, 2)
            states.append(job.checkpoint_state())
            job.checkpoint({"at": 1})
            states.append(job.checkpoint_state())

        self.after_import(do)
        outer = OuterJob()
        with standing_in(self.env.cr, outer):
            self.assertEqual(self.preview()["outcome"], "created")
            self.assertIs(current_job(self.env.cr), outer)
        self.assertIsNone(current_job(self.env.cr))
        self.assertEqual(states, [None, {"at": 1}])

    def test_database_error(self):
        """An error of the database is told, and the transaction can be used after it."""
        self.after_import(lambda importer, binding: importer.env.cr.execute("SELECT 1/0", log_exceptions=False))
        told = self.preview()
        self.assertIn("division by zero", told["errors"][""])
        self.env.cr.execute("SELECT 'ok'")
        self.assertEqual(self.env.cr.fetchone(), ("ok",))

    def test_mail(self):
        """Mail is not sent, not even what is sent at once."""

        def do(importer, binding):
            mail = importer.env["mail.mail"].create({"subject": "Hello", "email_to": "a@example.com", "body_html": "x"})
            mail.send(auto_commit=True, raise_exception=True)
            binding.odoo_id.message_post(body="Hello", partner_ids=binding.odoo_id.ids)

        self.after_import(do)
        never = AssertionError("a dry run has connected to a mail server")
        with (
            patch.object(IrMail_Server, "_disable_send", return_value=False),
            patch.object(IrMail_Server, "_connect__", side_effect=never),
            patch.object(IrMail_Server, "send_email", side_effect=never),
        ):
            self.assertEqual(self.preview()["outcome"], "created")

    def test_one_at_a_time(self):
        """A dry run inside another one is refused; nothing is left of the outer one."""
        self.after_import(lambda importer, binding: importer.model.preview_import(importer.backend, "1"))
        self.assertIn("a dry run is going on", self.preview()["outcome"])
        self.assertFalse(is_contained(self.env.cr))

    def test_an_interrupt_leaves_nothing(self):
        """What ends the process, or the job, rolls back as well."""
        with self.assertRaises(KeyboardInterrupt), Containment(self.env):
            self.env["res.partner"].create({"name": "Inside"})
            raise KeyboardInterrupt
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Inside")]))
        self.assertFalse(is_contained(self.env.cr))


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


@tagged("post_install", "-at_install", "transaction")
class TestButtons(PreviewCase):
    def setUp(self):
        super().setUp()
        self.user = new_test_user(self.env, "sees", "base.group_user,connector_framework.group_connector_user")
        groups = "base.group_user,base.group_partner_manager,connector_framework.group_connector_manager"
        self.manager = new_test_user(self.env, "repairs", groups)
        self.import_record("1")
        self.world.put("test.partner", 1, name="Anna & <Co>", email="ann@example.com")

    def text(self, action):
        """Return the text of the dialog that an action opens."""
        wizard = self.env[action["res_model"]].with_user(self.manager).browse(action["res_id"])
        [values] = wizard.read(["name", "note", "body"])
        return " ".join(html.fromstring(values["body"]).text_content().split()), values

    def test_import(self):
        """The button shows what changes, escaped, with its source."""
        action = self.binding(1).with_user(self.manager).action_preview_import()
        text, values = self.text(action)
        self.assertIn("Outcome: updated", text)
        self.assertIn("Name Ann → Anna & <Co> from name (PartnerImportMapper, connector_framework)", text)
        self.assertIn("Nothing.", text)
        self.assertNotIn("<Co>", values["body"])
        self.assertEqual(self.binding(1).name, "Ann")

    def test_export(self):
        """The button shows what is sent, one value a line."""
        text, _values = self.text(self.binding(1).with_user(self.manager).action_preview_export())
        self.assertIn("write 1", text)
        self.assertIn("name Ann", text)
        self.assertFalse(self.world.made("write"))

    def test_job(self):
        """The button of a job shows what its call does, as the user of the job."""
        job = self.partners.as_job().import_record(self.backend, "1", force=True)
        text, values = self.text(job.with_user(self.manager).action_preview())
        self.assertIn("Outcome: updated", text)
        self.assertFalse(values["note"])
        self.assertEqual((job.state, self.binding(1).name), ("pending", "Ann"))

    def test_job_of_a_chunk(self):
        """Of a chunk the first records are shown, and it is said how many."""
        ids = [str(number) for number in range(20, 20 + SHOWN_RECORDS + 3)]
        for external_id in ids:
            self.world.put("test.partner", external_id, name=f"No. {external_id}")
        job = self.partners.as_job().import_records(self.backend, ids)
        text, values = self.text(job.with_user(self.manager).action_preview())
        self.assertIn(f"{SHOWN_RECORDS} created", text)
        self.assertEqual(values["note"], f"This shows the first {SHOWN_RECORDS} of the {len(ids)} records of the job.")
        bindings = self.bind(name="A") + self.bind(name="B")
        for _number in range(SHOWN_RECORDS):
            bindings += self.bind(name="C")
        text, values = self.text(bindings.as_job().export_record().with_user(self.manager).action_preview())
        self.assertIn(f"{SHOWN_RECORDS} created", text)
        self.assertIn(f"first {SHOWN_RECORDS} of the {len(bindings)}", values["note"])

    def test_jobs_that_cannot(self):
        """A job of another model, and one whose records are gone, say why there is no dry run."""
        partner = self.env["res.partner"].create({"name": "Plain"})
        with self.assertRaisesRegex(UserError, "Only a job of a connector"):
            partner.as_job().write({"name": "x"}).with_user(self.manager).action_preview()
        binding = self.bind("77")
        job = binding.as_job().export_record()
        binding.unlink()
        with self.assertRaisesRegex(UserError, "do not exist any more"):
            job.with_user(self.manager).action_preview()

    def test_access(self):
        """Only a manager may, and only for what he may see: backends and jobs of his companies."""
        binding = self.binding(1)
        job = self.partners.as_job().import_record(self.backend, "1")
        for records, method in (
            (binding, "action_preview_import"),
            (binding, "action_preview_export"),
            (job, "action_preview"),
        ):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(records.with_user(self.user), method)()
        company = self.env["res.company"].create({"name": "Other"})
        self.env["ir.rule"].create(
            {
                "name": "companies",
                "model_id": self.env["ir.model"]._get("test.backend").id,
                "domain_force": "[('company_id', 'in', [False] + company_ids)]",
            }
        )
        self.backend.company_id = company
        with self.assertRaises(AccessError):
            binding.with_user(self.manager).action_preview_import()
        job = self.partners.with_company(company).as_job().import_record(self.backend, "1", force=True)
        with self.assertRaises(AccessError):
            job.with_user(self.manager).action_preview()
        self.assertFalse(self.world.made("create", "write"))
        with self.assertRaises(AccessError):
            self.env["connector.preview"].with_user(self.manager).create({"name": "x", "body": "<script/>"})

    def test_own(self):
        """Nobody sees what another one has tried out."""
        action = self.binding(1).with_user(self.manager).action_preview_import()
        groups = "base.group_user,connector_framework.group_connector_manager"
        other = new_test_user(self.env, "other_manager", groups)
        with self.assertRaises(AccessError):
            self.env["connector.preview"].with_user(other).browse(action["res_id"]).read(["body"])

    def test_forms(self):
        """The forms of bindings have the buttons for managers alone, as far as there is a mapper."""
        for user, expected in ((self.user, []), (self.manager, ["action_preview_import", "action_preview_export"])):
            for model, names in (("test.partner", expected), ("test.website", expected[:1])):
                arch = etree.fromstring(self.env[model].with_user(user).get_view(None, "form")["arch"])
                found = [node.get("name") for node in arch.xpath("/form/header/button")]
                self.assertEqual([name for name in found if "preview" in name], names)

    def test_export_mapper_alone(self):
        """A model that is only exported has the button of the export alone."""

        @self.register
        class AddressExportMapper(ExportMapper):
            _apply_on = "test.address"

        arch = etree.fromstring(self.env["test.address"].with_user(self.manager).get_view(None, "form")["arch"])
        names = [node.get("name") for node in arch.xpath("/form/header/button")]
        self.assertEqual(names, ["action_preview_export"])

    def test_not_there_yet(self):
        """A record that the other system does not have yet cannot be imported, and it is said."""
        with self.assertRaisesRegex(UserError, "not in the other system yet"):
            self.bind(name="New").with_user(self.manager).action_preview_import()


@tagged("post_install", "-at_install", "browser")
class TestDialog(HttpCase, PreviewCase):
    browser_size = "400x800"
    touch_enabled = True

    def test_dialog(self):
        """On a phone the button of a job opens a dialog that shows all of it, no wider than the screen."""
        groups = "base.group_user,base.group_partner_manager,connector_framework.group_connector_manager"
        new_test_user(self.env, "repairs", groups, password="repairs_repairs")
        self.import_record("1")
        email = "a.very.long.address.that.goes.on.and.on.and.on.and.on.and.on@example.com"
        self.world.put("test.partner", 1, name="Anna", email=email)
        job = self.partners.as_job().import_record(self.backend, "1", force=True)
        self.browser_js(
            f"/odoo/connector-jobs/{job.id}",
            """(async () => {
                const wait = async (find) => {
                    for (let i = 0; i < 200; i++) {
                        const found = find();
                        if (found) { return found; }
                        await new Promise((resolve) => setTimeout(resolve, 50));
                    }
                    throw new Error(`not there: ${find}`);
                };
                const button = () => document.querySelector("button[name=action_preview]");
                const toggle = () => document.querySelector(".o_statusbar_buttons .dropdown-toggle");
                const menu = await wait(() => button() || toggle());
                if (!button()) { menu.click(); }
                (await wait(button)).click();
                const shown = await wait(() => document.querySelector(".modal .o_connector_preview"));
                for (const text of ["updated", "Ann → Anna", "What is sent", "Nothing."]) {
                    if (!shown.innerText.includes(text)) { throw new Error(`no ${text} in ${shown.innerText}`); }
                }
                const body = document.querySelector(".modal .modal-body");
                if (body.scrollWidth > body.clientWidth) { throw new Error(`too wide: ${body.scrollWidth}`); }
                console.log("test successful");
            })()""",
            login="repairs",
        )
        self.assertEqual(self.binding(1).name, "Ann")
