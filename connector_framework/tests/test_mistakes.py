"""Mistakes of connector developers: each is told early, with class, addon, attribute, what is wrong, and what to do."""

from __future__ import annotations

import inspect
from unittest.mock import patch

from odoo import fields, models
from odoo.tests import BaseCase, TransactionCase, tagged

from .. import settings
from ..adapters import Adapter
from ..exceptions import MappingError
from ..mappings import ImportMapper, mapping
from ..monitoring.doctor import findings
from ..near import did_you_mean
from ..references import Reference
from ..references.reference import _references
from ..synchronizers import DelayedBatchImporter, Exporter, Importer
from ..synchronizers.mistakes import mistakes
from .common import drain_jobs
from .mappings_common import MappingCase
from .model_factory import add_models, example_models

#: Not a tests package: the classes count as those of a connector.
CONNECTOR = "odoo.addons.web.made_by_a_test"


@tagged("post_install", "-at_install", "transaction")
class TestClasses(TransactionCase):
    """What is found when a registry is loaded."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, lambda: [*example_models(), *_without_inherits()])

    def setUp(self):
        super().setUp()
        self.shop = Reference("mistaken")
        self.addCleanup(_references.pop, ("mistaken", None))

    def texts(self, *classes):
        """Register classes as if a connector had them; return the sentences about them."""
        for cls in classes:
            cls.__module__ = CONNECTOR
            for function in filter(inspect.isfunction, vars(cls).values()):
                function.__module__ = CONNECTOR
            self.shop.register(cls)
        return [one.text for one in mistakes(self.env) if "made_by_a_test" in one.text]

    def test_misspelt_target(self):
        """A target of ``direct`` that is no field is named with its mapper and the field that was meant."""

        class Mapper(ImportMapper):
            _apply_on = "test.partner"
            direct = [("mail", "emial"), ("firstname", "name")]

        (text,) = self.texts(Mapper)
        self.assertIn(f"{CONNECTOR}.", text)
        self.assertRegex(text, r"Mapper\.direct: the target 'emial' is no field of test.partner. Did you mean 'email'")

    def test_misspelt_target_of_children(self):
        """So is a target of ``children``."""

        class Mapper(ImportMapper):
            _apply_on = "test.partner"
            children = [("addresses", "adress_ids", "test.address")]

        (text,) = self.texts(Mapper)
        self.assertRegex(text, "Mapper.children: the target 'adress_ids' .* Did you mean 'address_ids'")

    def test_target_that_finalize_takes(self):
        """A target that a method of the mapper or of the importer names is none of Odoo's, and right."""

        class Mapper(ImportMapper):
            _apply_on = "test.partner"
            direct = [("a", "raw_street"), ("b", "raw_city")]

            def finalize(self, map_record, values):
                values.pop("raw_street", None)
                return values

        class MyImporter(Importer):
            _apply_on = "test.partner"

            def _validate(self, values):
                values.pop("raw_city", None)

        self.assertFalse(self.texts(Mapper, MyImporter))

    def test_targets_of_several_models(self):
        """A mapper that splits is checked where it tells the models of its targets."""

        class Mapper(ImportMapper):
            _apply_on = "test.partner"
            targets = {"customer": "res.partner", "other": "no.such.model"}
            direct = [("a", "customer.emial"), ("b", "other.whatever"), ("c", "customer.email")]

        (text,) = self.texts(Mapper)
        self.assertIn("'customer.emial' is no field of res.partner", text)

    def test_without_inherits(self):
        """A binding model without ``_inherits`` has none of its record's fields: the sentence says so."""

        class Mapper(ImportMapper):
            _apply_on = "test.uninherited"
            direct = [("mail", "email")]

        (text,) = self.texts(Mapper)
        self.assertIn('give test.uninherited _inherits = {"res.partner": "odoo_id"}', text)

    def test_unknown_model(self):
        """``_apply_on`` of a model that does not exist."""

        class Mapper(ImportMapper):
            _apply_on = "test.partnr"

        (text,) = self.texts(Mapper)
        self.assertRegex(text, r"Mapper is for the model 'test.partnr' \(_apply_on\).* Did you mean 'test.partner'")

    def test_adapter_without_read(self):
        """An adapter lacks what the importers and exporters of its model call."""

        class HalfAdapter(Adapter):
            _apply_on = "test.partner"

            def raed(self, external_id, fields=None):
                return {}

        class Mapper(ImportMapper):
            _apply_on = "test.partner"

        class Batch(DelayedBatchImporter):
            _apply_on = "test.partner"

        class MyExporter(Exporter):
            _apply_on = "test.partner"

        texts = self.texts(HalfAdapter, Mapper, Batch, MyExporter)
        self.assertEqual(len(texts), 3, texts)
        self.assertRegex(texts[0], r"HalfAdapter has no method read\(\), which Importer._read .* Did you mean 'raed'")
        self.assertRegex(texts[1], r"no method search\(\), which Batch calls for test.partner on mistaken")
        self.assertRegex(texts[2], r"no method write\(\), which MyExporter._update calls")

    def test_adapter_that_needs_no_read(self):
        """An importer that reads in another way needs no ``read``; nor do lines, which come with their record."""

        class HalfAdapter(Adapter):
            pass

        class MyImporter(Importer):
            _apply_on = "test.partner"

            def _read(self):
                return {}

        class Mapper(ImportMapper):
            _apply_on = "test.partner"
            children = [("addresses", "address_ids", "test.address")]

        class LineMapper(ImportMapper):
            _apply_on = "test.address"

        self.assertFalse(self.texts(HalfAdapter, MyImporter, Mapper, LineMapper))

    def test_adapter_of_an_exporter_that_only_updates(self):
        """An exporter that only updates needs no ``create``."""

        class HalfAdapter(Adapter):
            _apply_on = "test.partner"

            def write(self, external_id, data):
                return None

        class MyExporter(Exporter):
            _apply_on = "test.partner"

        self.assertFalse(self.texts(HalfAdapter, MyExporter))

    def test_completed_by_a_version(self):
        """What each version completes is no mistake of the reference that they fall back on."""

        class Half(Adapter):
            _apply_on = "test.partner"

        class Mapper(ImportMapper):
            _apply_on = "test.partner"

        class Whole(Half):
            def read(self, external_id, fields=None):
                return {}

        Whole.__module__ = CONNECTOR
        Reference("mistaken", "1", parent=self.shop).register(Whole)
        self.addCleanup(_references.pop, ("mistaken", "1"))
        self.assertFalse(self.texts(Half, Mapper))

    def test_two_mappers(self):
        """Two classes of a kind for one model, of which none is the other's subclass or replacement."""

        class One(ImportMapper):
            _apply_on = "test.partner"

        class Two(ImportMapper):
            _apply_on = ["test.partner", "test.tag"]

        class Three(Two):
            _apply_on = "test.tag"

        (text,) = self.texts(One, Two, Three)
        self.assertRegex(text, r"several ImportMapper classes for test.partner on mistaken: .*One .*Two .* replacing=")

    def test_forgotten_mapping(self):
        """A public method of a record that makes a dict and has no caller lacks ``@mapping``."""

        class Mapper(ImportMapper):
            _apply_on = "test.partner"

            @mapping
            def city(self, record):
                return {**self.called_by_another(record), "name": record["n"]}

            def forgotten_method(self, record):
                return {"email": record["mail"]}

            def comment(self, record):
                comment = record["c"]
                return dict(comment=comment)  # noqa: C408 (some write it so)

            def called_by_another(self, record):
                return {"street": record["s"]}

            def gives_a_text(self, record):
                return record["s"]

            def _private_one(self, record):
                return {"street": record["s"]}

            def takes_more(self, record, more):
                return {"street": record["s"]}

        found = [one for one in self.found(Mapper) if "made_by_a_test" in one.text]
        self.assertEqual([one.is_certain for one in found], [False, False])
        self.assertRegex(found[1].text, r"Mapper.comment\(self, record\) has no caller")
        self.assertRegex(found[0].text, r"Mapper.forgotten_method\(self, record\) has no caller: put @mapping")

    def found(self, *classes):
        self.texts(*classes)
        return mistakes(self.env)

    def test_logged_when_the_registry_loads(self):
        """The sentences are in the log, as errors, once the registry is loaded; it is loaded all the same."""

        class Mapper(ImportMapper):
            _apply_on = "test.partnr"

        self.texts(Mapper)
        logger = "odoo.addons.connector_framework.models.reference_class"
        with self.assertLogs(logger, "ERROR") as logged:
            self.env["connector.reference.class"]._register_hook()
        self.assertIn("Did you mean 'test.partner'", "".join(logged.output))

    def test_named_by_the_doctor(self):
        """``odoo connector doctor`` says them again, long after the log is gone."""

        class Mapper(ImportMapper):
            _apply_on = "test.partnr"

        self.texts(Mapper)
        (found,) = [one for one in findings(self.env) if one.code == "class_mistake"]
        self.assertIn("Did you mean 'test.partner'", found.message)

    def test_classes_of_tests_are_left_out(self):
        """A class of a ``tests`` package is for a model that only its test has."""

        class Mapper(ImportMapper):
            _apply_on = "test.partnr"

        self.shop.register(Mapper)
        self.assertFalse([one for one in mistakes(self.env) if "partnr" in one.text])


@tagged("post_install", "-at_install", "transaction", "all_addons")
class TestConnectors(TransactionCase):
    def test_installed_connectors_have_none(self):
        """The connectors that come with the framework have no mistakes."""
        self.assertEqual(mistakes(self.env), [])


def _without_inherits():
    class Uninherited(models.Model):
        _name = "test.uninherited"
        _description = "Test Binding without its Record's Fields"
        _inherit = "connector.binding.mixin"

        backend_id = fields.Many2one("test.backend", required=True, ondelete="cascade")
        odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade")

    return [Uninherited]


@tagged("post_install", "-at_install", "transaction")
class TestBindingKeys(TransactionCase):
    """A binding model that its key cannot be stored for is refused when the registry loads."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)

    def refused(self, pattern, key):
        binding = self.env["test.partner"]
        with patch.object(type(binding), "_external_key", key), self.assertRaisesRegex(TypeError, pattern):
            binding._check_key(type(binding))

    def test_text(self):
        """``_external_key`` as a text: it takes a tuple."""
        self.refused(
            r"test.partner \(addon .*\): _external_key is 'external_id'; .*\(\"external_id\",\)", "external_id"
        )

    def test_unknown_column(self):
        """``_external_key`` with a name that is no field: the closest is named."""
        self.refused("the field 'extrnal_id' of its external key does not exist. Did you mean", ("extrnal_id",))

    def test_field_of_the_record(self):
        """A field that is inherited from the record is no column of the binding."""
        self.refused("the field 'city' of its external key is inherited .* Declare city", ("city",))

    def test_without_backend(self):
        """A binding needs ``backend_id``, declared as in the sentence."""
        binding = self.env["test.partner"]
        without = {name: field for name, field in binding._fields.items() if name != "backend_id"}
        with (
            patch.object(type(binding), "_fields", without),
            self.assertRaisesRegex(TypeError, r"test.partner .*'backend_id' .* does not exist.* Declare backend_id = "),
        ):
            binding._check_key(type(binding))


@tagged("post_install", "-at_install", "transaction")
class TestJobs(TransactionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.env["res.partner"].create({"name": "Ada"})

    def test_unknown_option(self):
        """An unknown option is refused with the closest one."""
        with self.assertRaisesRegex(TypeError, "'priorty'. Did you mean 'priority'.*the options are: .*eta"):
            self.partner.as_job(priorty=1)

    def test_option_of_the_method(self):
        """An option that only a method can have says where it goes."""
        with self.assertRaisesRegex(TypeError, "'group_commit' is no option of as_job.*@job_options") as refused:
            self.partner.as_job(group_commit=3)
        self.assertNotIn("retry_pattern", str(refused.exception), "the options that as_job() takes are listed")

    def test_unknown_method(self):
        """A misspelt method is refused with the closest one."""
        for misspelt in (lambda jobs: jobs.wriet({}), lambda jobs: jobs.map("wriet", [({},)])):
            with self.assertRaisesRegex(AttributeError, "res.partner has no method 'wriet'.* Did you mean .*'write'"):
                misspelt(self.partner.as_job())

    def test_missing_argument(self):
        """An argument that is missing is named with the method, not with a function of the framework."""
        with self.assertRaisesRegex(
            TypeError, r"res.partner.write\(\) cannot be called by the job: missing .*'vals'; it takes \(vals"
        ):
            self.partner.as_job().write()

    def test_missing_argument_with_keys(self):
        """So it is where a key is worked out from the arguments."""
        add_models(type(self), example_models)
        with self.assertRaisesRegex(TypeError, r"test.partner.import_record\(\) .*: missing .*'external_id'"):
            self.env["test.partner"].as_job().import_record(self.env["test.backend"])

    def test_misspelt_argument(self):
        """A misspelt argument is refused, one too many as well, in ``map`` too."""
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'valls'|missing .*'vals'"):
            self.partner.as_job().write(valls={})
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'valls'.* Did you mean 'vals'"):
            self.partner.as_job().write({}, valls={})
        with self.assertRaisesRegex(TypeError, "too many positional arguments"):
            self.partner.as_job().map("write", [({},), ({}, 1)])

    def test_missing_argument_by_name(self):
        """So is one that goes by its name alone."""
        with (
            patch.object(self.registry["res.partner"], "by_name", lambda records, *, city: None, create=True),
            self.assertRaisesRegex(TypeError, "missing .*'city'"),
        ):
            self.partner.as_job().by_name()

    def test_method_of_the_class(self):
        """A static method and one of the class have no records before their arguments."""
        taken = []
        probes = {"static": staticmethod(taken.append), "of_class": classmethod(lambda cls, one: taken.append(one))}
        with patch.multiple(self.registry["res.partner"], create=True, **probes):
            self.partner.as_job().static(1)
            self.partner.as_job().of_class(2)
            drain_jobs(self)
        self.assertEqual(taken, [1, 2])

    def test_without_a_call(self):
        """``as_job()`` alone stores nothing: a warning names the line."""
        with self.assertLogs("odoo.addons.connector_framework.queue.enqueue", "WARNING") as logged:
            self.partner.as_job(priority=1)
        self.assertRegex(logged.output[0], r"as_job\(\) of res.partner was followed by no call .*test_mistakes.py, l")

    def test_refused_leaves_nothing(self):
        """What is refused is refused by its error alone: Python reports no other one when the object is gone."""
        with patch("sys.unraisablehook") as unraisable, self.assertRaises(TypeError):
            self.partner.as_job(priorty=1)
        unraisable.assert_not_called()

    def test_with_a_call(self):
        """A call, or calls by ``map``, are no reason to warn."""
        with self.assertNoLogs("odoo.addons.connector_framework.queue.enqueue", "WARNING"):
            self.partner.as_job().write({"name": "Eva"})
            self.partner.as_job().map("write", [({"name": "Eva"},)])

    def test_channel_is_below_root(self):
        """A channel is below ``root``, whoever makes it: none is outside of all limits."""
        channel = self.env["connector.job.channel"].create({"name": "typo"})
        self.assertEqual((channel.name, channel.parent_id.name), ("root.typo", "root"))
        self.assertEqual(self.partner.as_job(channel="typo").write({}).channel, "root.typo")


@tagged("post_install", "-at_install", "plain")
class TestValues(MappingCase):
    def test_text(self):
        """A mapping method that returns a text is named."""

        class Mapper(ImportMapper):
            @mapping
            def city(self, record):
                return "Bern"

        with self.assertRaisesRegex(MappingError, r"Mapper.city returned 'Bern': a mapping method returns a dict"):
            self.values(Mapper, {})


@tagged("post_install", "-at_install", "plain")
class TestSettings(BaseCase):
    def test_unknown_key(self):
        """A key of the configuration file that is no setting is named once, with the closest one."""
        self.addCleanup(settings.warn_of_unknown_settings.cache_clear)
        settings.warn_of_unknown_settings.cache_clear()
        with (
            patch.object(settings, "read_section", return_value={"thread": "3", "threads": "3"}),
            self.assertLogs("odoo.addons.connector_framework.settings", "WARNING") as logged,
        ):
            settings.warn_of_unknown_settings()
            settings.warn_of_unknown_settings()
        self.assertEqual(len(logged.output), 1)
        self.assertRegex(logged.output[0], "thread in .* is no setting .* Did you mean 'threads'")

    def test_misspelt_section(self):
        """A misspelt section of the framework is told of, too; the sections of others are not."""
        self.addCleanup(settings.warn_of_unknown_settings.cache_clear)
        settings.warn_of_unknown_settings.cache_clear()
        sections = {"options": {}, "connector_framwork": {"threads": "3"}, "queue_job": {}, "connector_framework": {}}
        with (
            patch.object(settings, "_sections", return_value=sections),
            self.assertLogs("odoo.addons.connector_framework.settings", "WARNING") as logged,
        ):
            settings.warn_of_unknown_settings()
        self.assertEqual(len(logged.output), 1)
        self.assertRegex(logged.output[0], r"section \[connector_framwork\] .* Did you mean \[connector_framework\]\?")


@tagged("post_install", "-at_install", "plain")
class TestNear(BaseCase):
    def test_close(self):
        """The closest names, or nothing."""
        self.assertEqual(did_you_mean("emial", ["email", "city"]), "Did you mean 'email'?")
        self.assertEqual(did_you_mean("zzz", ["email", "city"]), "")
