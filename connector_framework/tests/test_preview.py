"""What dry runs tell."""

from __future__ import annotations

import json
from unittest.mock import patch

from odoo.tests import tagged

from ..events import on_record_change
from ..exceptions import MappingError, NetworkError, SkipError
from ..mappings import ImportMapper, mapping
from ..synchronizers import Exporter, Importer
from .common import trap_jobs
from .model_factory import example
from .preview_common import SECRET, PreviewCase
from .synchronizers_common import WorldAdapter


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
