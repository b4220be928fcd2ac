"""Mistakes that show only when something runs: the error names the class, what it did, and what it has to do."""

from __future__ import annotations

import copy
import gc
from unittest.mock import patch

from odoo.tests import tagged

from ..events import on_record_change
from ..exceptions import MappingError
from ..mappings import ImportMapper, mapping
from ..queue import job_options
from ..synchronizers import DelayedBatchImporter, Exporter, export_on_change
from .synchronizers_common import PartnerImportMapper, SynchronizerCase, WorldAdapter


@tagged("post_install", "-at_install", "transaction")
class TestAdapters(SynchronizerCase):
    """What an adapter returns."""

    def returning(self, method, answer):
        return self.enterContext(patch.object(WorldAdapter, method, lambda *args, **kwargs: answer))

    def test_search(self):
        """``search`` returns a page of ids and a cursor; two ids alone are not taken for that."""
        for answer, pattern in (
            (["1"], r"WorldAdapter.search\(\) returned \['1'\], not a pair: it has to return the ids of a page and"),
            (["1", "2"], "whose first part is no list of ids"),
            (None, "returned None, not a pair"),
            ({"1": {}}, "not a pair"),
            (("12", None), "whose first part is no list of ids"),
            (([{"id": 1}], None), "with {'id': 1}, which is no id"),
            (([None], None), "with None, which is no id"),
            (([{"id": 1, "name": "x" * 500}], None), r"\.\.\., with .{60}, which is no id"),
        ):
            with (
                self.subTest(answer=answer),
                patch.object(WorldAdapter, "search", lambda *args, a=answer: a),
                self.assertRaisesRegex(TypeError, pattern),
            ):
                self.partners.import_batch(self.backend)

    def test_search_of_another_shape(self):
        """Iterators, sets and lists of composite ids are pages as well."""
        for found in (iter(["1"]), {"1"}, {"1": {}}, [("1", "2")], [1]):
            with patch.object(WorldAdapter, "search", lambda *args, f=found: (f, None)):
                self.assertEqual(self.partners.import_batch(self.backend), "1 records")

    def test_read(self):
        """``read`` returns the record or raises."""
        self.returning("read", None)
        with self.assertRaisesRegex(TypeError, r"WorldAdapter.read\(\) returned None for '1': .*ExternalNotFoundError"):
            self.import_record("1")

    def test_create(self):
        """``create`` returns an id; a dict would be bound as a text."""
        for answer in (None, "", True, {"id": 5}):
            with (
                self.subTest(answer=answer),
                patch.object(WorldAdapter, "create", lambda *args, a=answer: a),
                self.assertRaisesRegex(ValueError, r"is no external id of test.partner: .* WorldAdapter.create\(\)"),
            ):
                self.bind(name="Ada").export_record()


class MistakenMapper(PartnerImportMapper):
    direct = [("mail", "emial"), ("lines", "color"), ("kind_of", "type")]

    @mapping
    def street(self, record):
        values = {}
        values["stret"] = record.get("street")
        return values if "street" in record else None


@tagged("post_install", "-at_install", "transaction")
class TestValues(SynchronizerCase):
    """Values that Odoo refuses are named with what in the mapper gives them."""

    def setUp(self):
        super().setUp()
        self.register(MistakenMapper)

    def refused(self, **record):
        self.world.put("test.partner", "1", name="Ada", **record)
        with self.assertRaises(MappingError) as caught:
            self.import_record("1")
        return caught.exception

    def test_field(self):
        """A field that is not there: with mapper, source, and the field that was meant."""
        error = self.refused(mail="a@b.c")
        self.assertRegex(str(error), r"Invalid field 'emial'.* Did you mean 'email'\? \(connector_framework: Mis")
        self.assertRegex(str(error), r"MistakenMapper.direct\) \(source 'mail'\)")
        self.assertEqual(error.source_keys, {"emial": "mail"})

    def test_key_of_a_method(self):
        """One that a method gives: with the method."""
        self.assertRegex(str(self.refused(street="x")), r"'stret'.* Did you mean .*'street'.* MistakenMapper.street\)")

    def test_value(self):
        """A value of a wrong type, or none of a selection, in an update too."""
        self.assertRegex(str(self.refused(lines=[1])), r"color: TypeError: .* MistakenMapper.direct\) \(source 'lines'")
        self.bind("1", name="Ada")
        self.assertRegex(str(self.refused(kind_of="x")), r"type: ValueError: Wrong value .*'x' .*\(source 'kind_of'")

    def test_other_errors(self):
        """An error that no value is to blame for is raised as it is."""
        self.world.put("test.partner", "1", name="Ada")
        with (
            patch.object(type(self.partners), "create", side_effect=ValueError("of its own")),
            self.assertRaisesRegex(ValueError, "^of its own$"),
        ):
            self.import_record("1")


@tagged("post_install", "-at_install", "transaction")
class TestUnits(SynchronizerCase):
    def test_class_as_replaced(self):
        """``@reference(Other)`` above a class, in place of ``replacing=``."""
        with self.assertRaisesRegex(TypeError, "WorldAdapter is made for a work session, .* write replacing="):
            WorldAdapter(ImportMapper)

    def test_replacing_by_name(self):
        """``replacing=`` takes the class itself."""
        with self.assertRaisesRegex(ValueError, "replacing= takes the class itself"):
            self.backend.reference.register(DelayedBatchImporter, replacing="BatchImporter")

    def test_when(self):
        """``when=`` of ``export_on_change`` returns bindings."""
        consumer = export_on_change("test.partner", when=lambda bindings: True)
        self.addCleanup(on_record_change.unsubscribe, consumer)
        with self.assertRaisesRegex(TypeError, "when= returned True; it has to return the bindings to export"):
            consumer(self.bind("1", name="Ada"), fields=["name"])

    def test_names_as_text(self):
        """One name of a field or a binding model may be a text."""
        consumer = export_on_change("res.partner", fields="name", binding_models="test.partner")
        self.addCleanup(on_record_change.unsubscribe, consumer)
        record = self.bind("1", name="Ada").odoo_id
        before = self.env["connector.job"].search_count([])
        consumer(record, fields=["name"])
        self.assertEqual(self.env["connector.job"].search_count([]) - before, 1)


@tagged("post_install", "-at_install", "transaction")
class TestJobs(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.register(Exporter)
        self.partner = self.env["res.partner"].create({"name": "Ada"})

    def test_refused_option_leaves_nothing_behind(self):
        """A refused option is one error: the proxy that was not made says nothing more."""
        unraisable = []
        with patch("sys.unraisablehook", unraisable.append):
            with self.assertRaisesRegex(TypeError, "priority takes int"):
                self.partner.as_job(priority="1").write({})
            gc.collect()
        self.assertFalse(unraisable)

    def test_copied_proxy(self):
        """A copy of a proxy does not read itself forever."""
        self.assertTrue(copy.copy(self.partner.as_job()).write({}))

    def test_map_of_a_method(self):
        """``map`` takes the name of a method."""
        with self.assertRaisesRegex(TypeError, r"map\(\) takes the name of a method, not <bound method"):
            self.partner.as_job().map(self.partner.write, [({},)])

    def test_key_that_does_not_take_the_call(self):
        """A function of an option is called as the method is; an error of its own is raised as it is."""
        with self.assertRaisesRegex(TypeError, "job option identity_key is a function that is called as the method is"):
            self.partner.as_job(identity_key=lambda records: "a").write({})
        with self.assertRaisesRegex(TypeError, "^unsupported operand"):
            self.partner.as_job(identity_key=lambda records, vals: 1 + "a").write({})

    def test_on_failure(self):
        """``on_failure`` of ``@job_options`` names a method of the model; else a warning says so."""
        method = job_options(on_failure="no_such")(lambda self: None)
        with (
            patch.object(type(self.partner), "probe", method, create=True),
            self.assertLogs("odoo.addons.connector_framework.queue.enqueue", "WARNING") as logged,
        ):
            self.assertEqual(self.partner.as_job().probe().state, "pending")
        self.assertRegex(logged.output[0], "@job_options of res.partner.probe names on_failure='no_such', which is no")
