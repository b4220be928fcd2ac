"""Mistakes in what a connector's class overrides of the framework's; what may be meant is left alone."""

from __future__ import annotations

from odoo.tests import tagged

from ..synchronizers.mistakes import mistakes
from .mistakes_common import MistakeCase


def unit(base, body):
    return f"@shop\nclass Mine({base}):\n    _apply_on = 'test.partner'\n    {body}\n"


@tagged("post_install", "-at_install", "transaction")
class TestOverrides(MistakeCase):
    def test_misspelt(self):
        """A name that is used nowhere and is nearly one of the framework's was meant for it."""
        for base, body, meant in (
            ("Importer", "def _after_imports(self, binding): pass", "'_after_import' of Importer"),
            ("Importer", "def after_import(self, binding): pass", "'_after_import' of Importer"),
            ("Importer", "_conflict_policy = 'odoo'", "'conflict_policy' of Importer"),
            ("DelayedBatchImporter", "steam = True", "'stream' of BatchImporter"),
            ("Deleter", "def _after_deleted(self, external_id): pass", "'_after_delete' of Deleter"),
            ("ImportMapper", "directs = [('a', 'name')]", "'direct' of Mapper"),
            ("ImportMapper", "def finalise(self, map_record, values): return values", "'finalize' of Mapper"),
            ("Binder", "_sufficient_column = 'external_id'", "'sufficient_column' of Binder"),
        ):
            source = "from odoo.addons.connector_framework.binders import Binder\n" + unit(base, body)
            self.assert_found(source, f"is used nowhere. Did you mean {meant}", is_certain=False)
        self.assert_found(
            "@shop\nclass Mine(ImportMapper):\n    _aply_on = 'test.partner'\n", "'_apply_on' of ConnectorUnit", False
        )

    def test_own_names(self):
        """A name that the connector's own code uses, or that is like none of the framework's, is right."""
        self.assert_none(unit("Importer", "def _after_imports(self): pass\n    def x(self): self._after_imports()"))
        self.assert_none(unit("Importer", "def _after_import(self, b): pass\n    def _after_imports(self): pass"))
        self.assert_none(unit("Importer", "page_size = 5"))
        self.assert_none(unit("ImportMapper", "@mapping\n    def finalise(self, record): return {'name': 1}"))

    def test_signature(self):
        """An override that does not take the framework's call."""
        for base, body, pattern, is_certain in (
            ("Importer", "def _after_import(self): pass", r"_after_import is called as _after_import\(binding\)", True),
            ("Importer", "def _map(self, record): return {}", r"called as _map\(record, binding\)", True),
            ("Importer", "def run(self, external_id): return ''", r"called as run\(external_id, force\)", False),
            ("Exporter", "def _find_external(self): return None", r"called as _find_external\(values\)", True),
            ("Deleter", "def _delete(self): pass", r"called as _delete\(external_id\)", True),
            ("ImportMapper", "def finalize(self, values): return values", r"finalize\(map_record, values\)", True),
            (
                "Adapter",
                "def search(self, filters=None): return [], None",
                r"called as search\(filters, cursor\)",
                False,
            ),
            (
                "Adapter",
                "def search(self, *, filters=None, cursor=None): return [], None",
                "too many positional",
                False,
            ),
            ("Adapter", "def write(self, data): pass", r"called as write\(external_id, data\)", False),
        ):
            self.assert_found(unit(base, body), pattern, is_certain)

    def test_signatures_that_are_right(self):
        """One that takes more, or less of what the framework leaves out, is right."""
        for base, body in (
            ("Adapter", "def read(self, external_id): return {}"),
            ("Adapter", "def search(self, *args, **kwargs): return [], None"),
            ("Adapter", "def search(self, filters=None, cursor=None, limit=5): return [], None"),
            ("Importer", "def run(self, external_id, *, force=False): return ''"),
            ("Importer", "def run(self, *args, **kwargs): return ''"),
            ("Importer", "_after_import = lambda self, binding: None"),
            ("Synchronizer", "def run(self, one, two): return ''"),
        ):
            self.assert_none(unit(base, body))

    def test_kind(self):
        """A value in place of a method, a method in place of a value or a property, a value of another type."""
        for base, body, pattern in (
            ("Importer", "_is_unchanged = False", "_is_unchanged is False, and takes the place of a method"),
            ("DelayedBatchImporter", "_stream = True", "_stream is True, and takes the place of a method"),
            ("Importer", "def updated_at(self, record): return 1", "updated_at is a method, .* the place of a value"),
            ("ImportMapper", "def model(self, record): return 1", "model is a method, .* the place of a property"),
            ("ImportMapper", "@mapping\n    def unit(self, record): return {}", "with the name of a method of Conn"),
            ("Importer", "volatile_keys = 'name'", r"volatile_keys is 'name'; it takes tuple\[str, ...\]"),
            ("Importer", "gone_limit = '5%'", "gone_limit is '5%'; it takes float"),
            ("DelayedBatchImporter", "chunk_size = '50'", "chunk_size is '50'; it takes int"),
            ("DelayedBatchImporter", "overlap_s = timedelta(minutes=5)", r"overlap_s is .*; it takes float"),
            ("DelayedBatchImporter", "job_priority = '5'", r"job_priority is '5'; it takes int \| None"),
        ):
            self.assert_found(unit(base, body), pattern)

    def test_kinds_that_are_right(self):
        """Properties, lists for tuples, whole numbers for floats and None where it is allowed are right."""
        for base, body in (
            ("Importer", "conflict_policy = property(lambda self: None)"),
            ("Importer", "volatile_keys = ['name']\n    gone_limit = 1\n    updated_at = None"),
            (
                "DelayedBatchImporter",
                "stream = 'a'\n    job_priority = None\n    def _since_filters(self, s): return s",
            ),
            ("Adapter", "count = None"),
        ):
            self.assert_none(unit(base, body))

    def test_returns_nothing(self):
        """An override that works something out and does not return it."""
        for base, body, is_certain in (
            ("Importer", "def _map(self, record, binding):\n        values = super()._map(record, binding)", True),
            ("ImportMapper", "def finalize(self, map_record, values):\n        values['name'] = 1", True),
            ("Importer", "def _create(self, values):\n        super()._create(values)", False),
            ("Exporter", "def _create(self, values):\n        self.adapter.create(values)", False),
        ):
            self.assert_found(unit(base, body), "returns nothing: it has to return what", is_certain)
        for base, body in (
            ("Importer", "def _map(self, record, binding):\n        raise NotImplementedError"),
            ("Importer", "def _after_import(self, binding):\n        binding.active = True"),
            ("Adapter", "def write(self, external_id, data):\n        self.x = data"),
            ("Adapter", "def _ping(self):\n        self.x = 1"),
            ("ImportMapper", "def skip_item(self, map_record):\n        map_record.update(a=1)"),
        ):
            self.assert_none(unit(base, body))


@tagged("post_install", "-at_install", "transaction")
class TestUnits(MistakeCase):
    """What classes need of each other and of themselves."""

    def test_stream_without_filters(self):
        """A stream needs ``_since_filters``, which the second import asks for."""
        self.assert_found(
            unit("DelayedBatchImporter", "stream = True"), r"has a stream and no _since_filters\(self, since\)"
        )
        self.assert_none(unit("DelayedBatchImporter", "stream = True\n    def _stream_filters(self, c): return c"))

    def test_batch_importer_of_no_kind(self):
        """A batch importer that says not how it imports a page."""
        self.assert_found(unit("BatchImporter", "pass"), "does not say how to import a page: derive it from Delayed")
        self.assert_none(unit("BatchImporter", "def run_page(self, filters, cursor, progress): return ''"))

    def test_policy_without_export_mapper(self):
        """A conflict policy compares with what an export would send."""
        source = unit("Importer", "conflict_policy = 'odoo'")
        self.assert_found(source, "has the conflict_policy 'odoo', .* add an ExportMapper for test.partner on example")
        self.assert_none(source + unit("ExportMapper", "pass").replace("Mine", "Mapper"))

    def test_record_in_place_of_binding(self):
        """A class for a model of Odoo in place of its bindings may be meant."""
        self.assert_found(
            "@shop\nclass Mine(ImportMapper):\n    _apply_on = 'res.partner.category'\n",
            "for the model 'res.partner.category' .* no binding model. Did you mean 'test.tag'",
            is_certain=False,
        )
        self.assert_none("@shop\nclass Mine(ImportMapper):\n    _apply_on = 'res.country'\n")

    def test_no_model(self):
        """An empty list of models."""
        self.assert_found("@shop\nclass Mine(ImportMapper):\n    _apply_on = []\n", "Mine is for no model", False)

    def test_version_without_parent(self):
        """A version that falls back on nothing, where the service has classes, may be meant."""
        self.load(unit("Importer", "pass") + "v = Reference('example', '9')\n@v\nclass Mine9(ImportMapper): pass\n")
        (found,) = [one for one in mistakes(self.env) if "example 9" in one.text]
        self.assertIn("has no parent, so it sees none of the classes of example: give it parent=", found.text)
        self.assertFalse(found.is_certain)
