"""What the tests of synchronizers share: a world outside that is a dict, and units that bring it to Odoo and back."""

from __future__ import annotations

from odoo.tests import TransactionCase

from ..adapters import Adapter
from ..exceptions import ExternalNotFoundError
from ..mappings import ExportMapper, ImportMapper, external_to_m2o, mapping, only_create
from .model_factory import add_models, example, example_models


class World:
    """The other system: records by model and external id, and the calls that were made."""

    def __init__(self):
        self.records = {}
        self.calls = []
        #: Ids in a page of a search.
        self.page_size = 100
        #: Called with each call before it is answered.
        self.before = lambda method, model, *args: None

    def put(self, model, external_id, **values):
        self.records.setdefault(model, {})[str(external_id)] = values

    def call(self, method, model, *args):
        self.calls.append((method, *args))
        self.before(method, model, *args)

    def made(self, *methods):
        return [call for call in self.calls if call[0] in methods]


class WorldAdapter(Adapter):
    """Of any model; the world is the one of the test that runs."""

    world = World()

    def _call(self, method, *args):
        self.world.call(method, self.work.model_name, *args)
        return self.world.records.setdefault(self.work.model_name, {})

    def search(self, filters=None, cursor=None):
        records = self._call("search", filters, cursor)
        since = (filters or {}).get("since", "")
        ids = sorted((i for i, record in records.items() if record.get("updated_at", since) >= since), key=int)
        start = cursor or 0
        following = start + self.world.page_size
        return ids[start:following], following if following < len(ids) else None

    def read(self, external_id, fields=None):
        record = self._call("read", external_id).get(str(external_id))
        if record is None:
            raise ExternalNotFoundError(f"no {self.work.model_name} {external_id}")
        return dict(record)

    def create(self, data):
        records = self._call("create", data)
        external_id = str(max([*map(int, records), 100]) + 1)
        records[external_id] = dict(data)
        return external_id

    def write(self, external_id, data):
        self._call("write", external_id, data)[external_id].update(data)

    def delete(self, external_id):
        if self._call("delete", external_id).pop(external_id, None) is None:
            raise ExternalNotFoundError(f"no {self.work.model_name} {external_id}")


class PartnerImportMapper(ImportMapper):
    _apply_on = "test.partner"
    direct = [("name", "name"), ("email", "email")]

    @only_create
    @mapping
    def kind(self, record):
        return {"comment": "imported"}


class PartnerExportMapper(ExportMapper):
    _apply_on = "test.partner"
    direct = [("name", "name"), ("email", "email")]


class TagImportMapper(ImportMapper):
    _apply_on = "test.tag"
    direct = [("name", "name"), (external_to_m2o("parent"), "test_parent_id")]


class TagExportMapper(ExportMapper):
    _apply_on = "test.tag"
    direct = [("name", "name")]


class WebsiteImportMapper(ImportMapper):
    _apply_on = "test.website"
    direct = [("name", "name")]


class CustomerImportMapper(ImportMapper):
    _apply_on = "test.customer"
    direct = [("name", "name"), (external_to_m2o("website"), "website_id")]


UNITS = (
    WorldAdapter,
    PartnerImportMapper,
    PartnerExportMapper,
    TagImportMapper,
    TagExportMapper,
    WebsiteImportMapper,
    CustomerImportMapper,
)


class SynchronizerCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)
        cls.backend = cls.env["test.backend"].create({"name": "Shop", "code": "shop"})
        cls.other_backend = cls.env["test.backend"].create({"name": "Other shop", "code": "other"})
        cls.partners = cls.env["test.partner"]

    def setUp(self):
        super().setUp()
        self.world = WorldAdapter.world = World()
        for cls in UNITS:
            self.register(cls)

    def register(self, cls):
        """Register a class on the reference for this test."""
        example.register(cls)
        self.addCleanup(example.unregister, cls)
        return cls

    def bind(self, external_id=False, backend=None, model="test.partner", **values):
        backend = backend or self.backend
        if "odoo_id" not in values:
            values.setdefault("name", "Someone")
        return self.env[model].create({"backend_id": backend.id, "external_id": external_id, **values})

    def binding(self, external_id, model="test.partner", backend=None):
        return self.env[model].search(
            [("backend_id", "=", (backend or self.backend).id), ("external_id", "=", str(external_id))]
        )

    def import_record(self, external_id, model="test.partner", **options):
        return self.env[model].import_record(self.backend, external_id, **options)
