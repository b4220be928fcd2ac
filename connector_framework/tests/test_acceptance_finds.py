"""The acceptance suite finds what is wrong with a connector: each rule fails on one that breaks it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..events import on_record_change
from ..exceptions import PermanentError
from ..mappings import ImportMapper
from ..synchronizers import Exporter, Importer, export_on_change
from .common import ConnectorAcceptanceCase
from .fake_connector import FakeConnectorCase, NaturalExporter
from .kit.acceptance.rules import LOOK_AT
from .model_factory import example
from .synchronizers_common import PartnerImportMapper


@tagged("post_install", "-at_install", "transaction")
class TestBadConnectors(FakeConnectorCase):
    allow_inherited_tests_method = False

    def replace(self, cls, old=None):
        """Have the connector use a class, for this test, in place of what it has."""
        cls._apply_on = "test.partner"
        example.register(cls, replacing=old)
        self.addCleanup(example.unregister, cls)

    @contextmanager
    def finds(self, pattern=""):
        """Check that the suite fails on what is inside."""
        with self.assertRaisesRegex(Exception, pattern), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            yield

    def test_second_record(self):
        """An importer that does not look for what it has imported already."""
        self.replace(type("Bad", (Importer,), {"_find_binding": lambda importer, record: importer.model}))
        with self.finds("connector_key"):
            self.test_import_twice()

    def test_writes_the_unchanged(self):
        """An importer that writes what has not changed."""
        self.replace(type("Bad", (Importer,), {"_is_unchanged": lambda *args: False}))
        with self.finds("volatile_keys"):
            self.test_import_unchanged()

    def test_no_lock(self):
        """An importer that does not mind other processes."""
        self.replace(type("Bad", (Importer,), {"_lock": lambda *args: None}))
        with self.finds("advisory lock"):
            self.test_import_concurrent()

    def test_echo(self):
        """An importer that writes outside of the origin."""

        class Bad(Importer):
            def _update(self, binding, values):
                context = {**binding.env.context, "connector_origin": None}
                binding.with_context(context).write(values)

        self.replace(Bad)
        consumer = export_on_change("test.partner")
        self.addCleanup(on_record_change.unsubscribe, consumer)
        with self.finds("left out"):
            self.test_import_is_not_exported()

    def test_zero(self):
        """An importer to which 0 is no id."""

        class Bad(Importer):
            def run(self, external_id, force=False):
                return super().run(external_id, force) if external_id else "no id"

        self.replace(Bad)
        with self.finds("no id"):
            self.test_external_id_zero()

    def test_forgotten_field(self):
        """A mapper that forgets a field that Odoo wants."""
        self.replace(type("Bad", (ImportMapper,), {"direct": [("email", "email")]}), PartnerImportMapper)
        name = self.model._fields["name"]
        self.patch(name, "required", True)
        with self.finds("Bad does not give"):
            self.test_mapping_covers_required_fields()

    def test_gone_is_an_error(self):
        """An importer to which a record that is gone is an error."""

        class Bad(Importer):
            def _external_gone(self, binding):
                raise PermanentError("it is gone")

        self.replace(Bad)
        with self.finds("it is gone"):
            self.test_import_gone_outside()

    def test_created_twice(self):
        """An exporter that does not look whether it has created the record already."""
        self.replace(type("Bad", (Exporter,), {}), NaturalExporter)
        with self.finds("created twice"):
            self.test_export_answer_lost()

    def test_sends_the_unchanged(self):
        """An exporter that sends what was sent already."""
        self.replace(type("Bad", (Exporter,), {"_changed": lambda exporter, values, binding: values}), NaturalExporter)
        with self.finds("updated"):
            self.test_export_unchanged()

    def test_leak(self):
        """A unit whose error tells the key."""

        class Bad(Importer):
            def _read(self):
                record = super()._read()
                if self.external_id == "2":
                    raise PermanentError(f"refused with {self.backend.get_secret('api_key')}")
                return record

        self.replace(Bad)
        trouble = self.make_trouble
        self.make_trouble = lambda: (self.import_job("2"), trouble())
        with self.finds("connector_job: .*<secret>"):
            self.test_secrets_do_not_leak()

    def test_another_error_than_retryable(self):
        """A unit that takes a peer that is down for the end."""

        class Bad(Importer):
            def _read(self):
                try:
                    return super()._read()
                except Exception as error:
                    raise PermanentError(str(error)) from error

        self.replace(Bad)
        with self.finds("failed"):
            self.test_unavailable()

    def test_message_of_a_job(self):
        """The message of a failed assertion about a job has the rule, the observation and the documentation."""

        class Bad(Importer):
            def _read(self):
                raise PermanentError("cannot be read")

        self.replace(Bad)
        self.patch(self, "_testMethodName", "test_unavailable")
        with self.finds(
            r"(?s)Rule: 503, then 200: done on the second attempt\.\n"
            r"Seen: the job '.*' is failed with 1 attempts used, .*PermanentError: cannot be read.*"
            r"it has to be pending with 1 attempts used after a NetworkError.*"
            r"Look at: errors that the adapter or importer catches \(docs/adapters.md#what-happens-to-a-failure\)"
        ):
            self.test_unavailable()

    def test_message_of_a_comparison(self):
        """And of two figures that differ."""
        self.replace(type("Bad", (Exporter,), {}), NaturalExporter)
        self.patch(self, "_testMethodName", "test_export_answer_lost")
        with self.finds(
            r"(?s)Rule: A creation whose answer was lost is not made a second time\.\n"
            r"Seen: the record was created twice there\n"
            r" +4 != 3.*"
            r"Look at: Exporter._find_external, _idempotency_key \(docs/synchronizers.md#exporter\)"
        ):
            self.test_export_answer_lost()

    def test_places_exist(self):
        """Each test of the suite has a place to look at, and the place exists."""
        suite = ConnectorAcceptanceCase
        tests = {name for name in dir(suite) if name.startswith("test_") and callable(getattr(suite, name))}
        tests -= set(dir(TransactionCase))
        previews = {name for name in tests if name.startswith("test_preview_")}
        self.assertEqual(set(LOOK_AT) | previews, tests)
        docs = Path(__file__).parents[2] / "docs"
        if docs.is_dir():
            for page, hooks in LOOK_AT.values():
                name, _, section = page.partition("#")
                titles = re.findall(r"^#+ (.*)$", (docs / name).read_text(), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
                self.assertIn(section, anchors, page)
                self.assertTrue(hooks)

    def test_declared_although_it_is_there(self):
        """A part that is declared as not supported, and is."""
        type(self).not_supported = {"export": "the reason of last year"}
        self.addCleanup(delattr, type(self), "not_supported")
        with self.finds("take the declaration away"):
            self.test_export_update()

    def test_lines_that_are_missing(self):
        """A line that is missing is named."""
        for line, test in (
            ("external_id", self.test_import),
            ("outside_changes", self.test_import_changed),
            ("inside_values", self.test_export_create),
            ("inside_changes", self.test_export_update),
        ):
            with self.subTest(line), patch.object(type(self), line, None), self.finds(f"does not say {line}"):
                test()
