"""What the tests of mistakes share: a connector that is made of a text, with its source where a connector has it."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import textwrap
from pathlib import Path

from odoo.tests import TransactionCase

from ..events import Event
from ..references import Reference
from ..references.reference import _references
from ..synchronizers.mistakes import mistakes
from .model_factory import add_models, example_models

#: Not a tests package: the classes count as those of a connector.
CONNECTOR = "odoo.addons.web.made_by_a_test"

_BEGIN = """
from datetime import timedelta
from functools import partial

from odoo.addons.connector_framework.adapters import *
from odoo.addons.connector_framework.events import *
from odoo.addons.connector_framework.mappings import *
from odoo.addons.connector_framework.references import *
from odoo.addons.connector_framework.synchronizers import *

shop = get_reference("example")
"""


class MistakeCase(TransactionCase):
    """``example``, the reference of the example models, has the classes of the test alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)

    def setUp(self):
        super().setUp()
        events = {event: event.subscriptions for event in Event.instances}
        self.addCleanup(lambda: [event.replace_all(before) for event, before in events.items()])
        registrations = {reference: reference._registrations for reference in _references.values()}
        self.addCleanup(self._restore, registrations)

    @staticmethod
    def _restore(registrations):
        for key, reference in [*_references.items()]:
            if reference in registrations:
                reference._registrations = registrations[reference]
            else:
                del _references[key]
        Reference._lookups = {}

    def load(self, source):
        """Import a module of a connector."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = Path(folder) / "made_by_a_test.py"
        path.write_text(_BEGIN + textwrap.dedent(source))
        spec = importlib.util.spec_from_file_location(CONNECTOR, path)
        module = sys.modules[CONNECTOR] = importlib.util.module_from_spec(spec)
        self.addCleanup(sys.modules.pop, CONNECTOR, None)
        spec.loader.exec_module(module)
        return module

    def found(self, source):
        """Return the mistakes in a module of a connector."""
        self.load(source)
        return [one for one in mistakes(self.env) if "made_by_a_test" in one.text or "web:" in one.text]

    def assert_found(self, source, pattern, is_certain=True):
        """Assert that a module has one mistake, which a pattern describes."""
        with self.subTest(source=source):
            found = self.found(source)
            self.assertEqual(len(found), 1, found)
            self.assertRegex(found[0].text, pattern)
            self.assertEqual(found[0].is_certain, is_certain)
            self._forget()

    def assert_none(self, source):
        """Assert that a module is right."""
        with self.subTest(source=source):
            self.assertEqual(self.found(source), [])
            self._forget()

    def _forget(self):
        """Take what the last module registered away."""
        for reference in _references.values():
            for cls in [one for one in reference.classes() if one.__module__ == CONNECTOR]:
                reference.unregister(cls)
        for event in Event.instances:
            event.replace_all(one for one in event.subscriptions if one.consumer.__module__ != CONNECTOR)
