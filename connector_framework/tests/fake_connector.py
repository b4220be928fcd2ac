"""A connector that is as simple as can be, whose other system is in memory."""

from __future__ import annotations

from ..mappings import ImportMapper
from ..synchronizers import Exporter
from .common import ConnectorAcceptanceCase, FakePeer
from .model_factory import add_models, example, example_models
from .synchronizers_common import UNITS, WorldAdapter


class NaturalExporter(Exporter):
    _apply_on = "test.partner"

    def _find_external(self, values):
        ids, _cursor = self.adapter.search({"name": values["name"]})
        return ids[0] if ids else None


class FakeConnectorCase(ConnectorAcceptanceCase):
    """The suite on units that talk to a peer in memory, ``self.peer``."""

    model_name = "test.partner"
    external_id = "1"
    outside_changes = {"name": "Renamed there"}
    inside_values = {"name": "Made here"}
    inside_changes = {"name": "Renamed here"}
    without_units = {"test.address": (ImportMapper,)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, example_models)

    def neutralize(self, addon):
        # These models belong to no addon, which would bring the file.
        self.env.cr.execute("UPDATE test_backend SET api_key = NULL, url = NULL")

    def make_backend(self):
        for model_name, field in (("test.backend", "company_id"), ("test.partner", "backend_id.company_id")):
            model = self.env["ir.model"]._get(model_name)
            domain = f"[({field!r}, 'in', [False] + company_ids)]"
            self.env["ir.rule"].create({"name": model_name, "model_id": model.id, "domain_force": domain})
        for cls in (*UNITS, NaturalExporter):
            if cls is not WorldAdapter:
                example.register(cls)
                self.addCleanup(example.unregister, cls)
        backend = self.env["test.backend"].create(
            {"name": "Shop", "url": "https://shop.example.com", "api_key": "s3cr3t-k3y"}
        )
        self.peer = peer = FakePeer()
        peer.add("test.partner", "1", name="Ann", email="ann@example.com")
        peer.add("test.partner", "2", name="Bob", email="bob@example.com")
        self.enterContext(peer.standing_in(backend.reference))
        return backend
