"""Mistakes in the consumers, models and files of a connector, found when a registry is loaded."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from odoo import fields, models
from odoo.orm.models import MetaModel
from odoo.tests import TransactionCase, tagged

from ..events import Event
from ..references import ConnectorUnit, Reference
from ..references.reference import _references
from ..synchronizers.addon_mistakes import _of_files, addon_mistakes
from .mistakes_common import CONNECTOR, MistakeCase
from .model_factory import add_models, example_models


@tagged("post_install", "-at_install", "transaction")
class TestConsumers(MistakeCase):
    def test_names(self):
        """A model or a field that does not exist: the consumer would never be called."""
        for decorator, payload, pattern in (
            (
                "@on_record_write('res.partnr')",
                "vals",
                "waits for the model 'res.partnr', .* Did you mean 'res.partner'",
            ),
            ("@on_record_write('res.partner', fields=['emial'])", "vals", "the field 'emial', .* Did you mean 'email'"),
            (
                "@on_record_change('res.partner', fields='emial')",
                "fields",
                "the field 'emial', .* Did you mean 'email'",
            ),
        ):
            self.assert_found(
                f"{decorator}\ndef consumer(records, {payload}): pass", f"^web:consumer on .*{pattern}", False
            )
        self.assert_found("export_on_change('test.partnr')", "'test.partnr', which does not exist. Did you mean", False)
        self.assert_found("export_on_change('test.partner', fields='emial')", "the field 'emial'", False)

    def test_signature(self):
        """A consumer that does not take what the event hands on would break each write of a user."""
        for name, arguments, called in (
            ("on_record_write", "records", r"\(records, vals\)"),
            ("on_record_write", "records, values", r"\(records, vals\)"),
            ("on_record_create", "records, vals", r"\(records, vals_list\)"),
            ("on_record_change", "records, vals", r"\(records, fields\)"),
            ("on_record_unlink", "records, vals", r"\(records\)"),
            ("on_record_write", "self, records, vals", r"\(records, vals\)"),
        ):
            self.assert_found(
                f"@{name}('res.partner')\ndef consumer({arguments}): pass",
                f"web:consumer on {name} is called with {called}",
            )
        self.assert_found("@on_record_unlink('res.partner')\ndef f(records):\n    yield 1", "of which nothing is run")
        self.assert_found("@on_record_unlink('res.partner')\nasync def f(records): pass", "of which nothing is run")

    def test_right(self):
        """Partials, callables that take anything, events of one's own and existing names are right."""
        self.assert_none(
            "def f(x, records, vals): pass\non_record_write.subscribe(partial(f, 1), 'res.partner')\n"
            "@on_record_write('res.partner', fields=['name'])\ndef g(*args, **kwargs): pass\n"
            "@on_record_create\ndef h(records, vals_list): pass\n"
            "own = Event('own')\n@own('res.partner')\ndef i(records, amount): pass\n"
            "export_on_change('test.partner', fields=['name'])\n"
            "export_on_change('res.partner', binding_models='test.partner')\ndelete_on_unlink('test.partner')"
        )

    def test_binding_models(self):
        """What is to be a binding model is one."""
        self.assert_found("delete_on_unlink('res.partner')", "takes 'res.partner' for a binding model, which it is not")
        self.assert_found(
            "export_on_change('res.partner', binding_models=['test.partnr'])", "takes 'test.partnr' for a"
        )

    def test_options(self):
        """An unknown option of the jobs is refused where it is written, not in the transaction of a user."""
        for call in ("export_on_change('test.partner', priorty=1)", "delete_on_unlink('test.partner', priorty=1)"):
            with self.assertRaisesRegex(TypeError, "'priorty'. Did you mean 'priority'"):
                self.load(call)

    def test_a_look_that_fails(self):
        """A look at the classes that fails is logged, and keeps no database from being loaded."""
        self.load("@on_record_write('res.partnr')\ndef consumer(records, vals): pass")
        broken = patch(
            "odoo.addons.connector_framework.synchronizers.mistakes.addon_mistakes", side_effect=KeyError("x")
        )
        with broken, self.assertLogs("odoo.addons.connector_framework", "WARNING") as logs:
            self.env["connector.reference.class"]._register_hook()
        self.assertIn("looked at for mistakes in part only", logs.output[0])
        self.assertTrue([line for line in logs.output if "'res.partnr'" in line])

    def test_model_class(self):
        """A model's class in place of its name."""
        event = Event("own")
        with self.assertRaisesRegex(TypeError, "name the model by its text, 'res.partner'"):
            event(next(one for one in self.registry["res.partner"].__mro__ if isinstance(one, MetaModel)))


def _mistaken_models():
    class Backend(models.Model):
        _name = "test.mistaken.backend"
        _description = "Test Backend with Mistakes"
        _inherit = "connector.backend.mixin"
        _service = "mistaken_service"
        _url_fields = ("adress",)
        _secret_field = ("access_token",)

        address = fields.Char()
        access_token = fields.Char()

    class Partner(models.Model):
        _name = "test.mistaken.partner"
        _description = "Test Binding with Mistakes"
        _inherit = "connector.binding.mixin"
        _external_keys = ("external_id",)

        backend_id = fields.Many2one("res.company", required=True)

    class Tag(models.Model):
        _name = "test.mistaken.tag"
        _description = "Test Binding of no Backend"
        _inherit = "connector.binding.mixin"

        backend_id = fields.Many2one("test.mistaken.backend")

    return [Backend, Partner, Tag]


@tagged("post_install", "-at_install", "transaction")
class TestModels(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mistaken = []

        def define():
            cls.mistaken = _mistaken_models()
            return [*example_models(), *cls.mistaken]

        add_models(cls, define)

    @classmethod
    def tearDownClass(cls):
        cls.mistaken = None
        super().tearDownClass()

    def test_models(self):
        """Each mistake in backend and binding models has its sentence."""
        for one in self.mistaken:
            self.enterContext(patch.object(one, "__module__", CONNECTOR))
        found = [one for one in addon_mistakes(self.env) if "istaken" in one.text or CONNECTOR in one.text]
        expected = [
            ("Backend._secret_field is no attribute of the framework. Did you mean '_secret_fields'", False),
            ("test.mistaken.backend .* there is no reference for its _service 'mistaken_service'", True),
            ("no field 'adress', which its _url_fields name, .* Did you mean 'address'", True),
            ("the field 'access_token' seems to be a secret .* Add it to _secret_fields", False),
            ("Partner._external_keys is no attribute of the framework. Did you mean '_external_key'", False),
            ("test.mistaken.partner .*: backend_id leads to res.company, which is no backend model", True),
            ("test.mistaken.tag .*: backend_id is not required", False),
        ]
        self.assertEqual(len(found), len(expected), found)
        for one, (pattern, is_certain) in zip(found, expected, strict=True):
            self.assertRegex(one.text, pattern)
            self.assertEqual(one.is_certain, is_certain)

    def test_service_of_a_reference(self):
        """A class on a reference that no backend uses, whose service is a misspelt one of a backend."""
        reference = Reference("exampl")
        self.addCleanup(_references.pop, ("exampl", None))
        cls = type("Mine", (ConnectorUnit,), {"__module__": CONNECTOR})
        reference.register(cls)
        (found,) = [one for one in addon_mistakes(self.env) if "exampl" in one.text]
        self.assertIn("Mine is registered on the reference exampl, which no backend model uses. Did you", found.text)
        self.assertFalse(found.is_certain)

    def test_secret_fields_as_text(self):
        """``_secret_fields`` and ``_url_fields`` take tuples; an unknown secret has a suggestion."""
        backend = self.env["test.backend"]
        for attribute, value, pattern in (
            ("_secret_fields", "api_key", r"_secret_fields is 'api_key'; it takes a tuple .*\(\"api_key\",\)"),
            ("_url_fields", "url", r"_url_fields is 'url'; it takes a tuple"),
            ("_secret_fields", ("apikey",), "no field 'apikey', which its _secret_fields name. Did you mean 'api_key'"),
        ):
            with patch.object(type(backend), attribute, value), self.assertRaisesRegex(TypeError, pattern):
                backend._post_model_setup__()

    def test_key_without_a_column(self):
        """A key names fields with one value each, each once."""
        binding = self.env["test.partner"]
        for key, pattern in (
            (("backend_id", "external_id"), "it takes each field once, and backend_id is part of the key anyway"),
            (("external_id", "external_id"), "it takes each field once"),
            (("address_ids",), "the field 'address_ids' of its external key is a one2many|is not stored"),
        ):
            with patch.object(type(binding), "_external_key", key), self.assertRaisesRegex(TypeError, pattern):
                binding._check_key(type(binding))


@tagged("post_install", "-at_install", "transaction")
class TestFiles(TransactionCase):
    def test_imported_nowhere(self):
        """A file with classes that is not imported is named, with the ``__init__.py`` that lacks a line."""
        addon = Path(self.enterContext(tempfile.TemporaryDirectory()))
        text = (
            "from odoo.addons.connector_framework.mappings import ImportMapper\n\n@shop\nclass A(ImportMapper): ...\n"
        )
        consumer = (
            "from odoo.addons.connector_framework.synchronizers import export_on_change\n\nexport_on_change('a')\n"
        )
        for name, content in (
            ("loaded.py", text),
            ("units/mapper.py", text),
            ("models/loaded.py", text),
            ("models/other.py", text),
            ("models/plain.py", "import connector_framework\n"),
            ("tests/test_a.py", text),
            ("events.py", consumer),
        ):
            (addon / name).parent.mkdir(exist_ok=True)
            (addon / name).write_text(content)
        package = ModuleType("odoo.addons.made")
        package.__path__ = [str(addon)]
        loaded = {f"odoo.addons.made{name}": package for name in ("", ".loaded", ".models", ".models.loaded")}
        with patch.dict(sys.modules, loaded):
            texts = [one.text for one in _of_files("made")]
        self.assertEqual(len(texts), 3, texts)
        self.assertRegex(texts[0], r"made/events.py is imported nowhere, .* Import events in made/__init__.py")
        self.assertRegex(texts[1], r"made/models/other.py is .* Import other in made/models/__init__.py")
        self.assertRegex(texts[2], r"made/units/mapper.py is .* Import units in made/__init__.py")
