"""What the tests of dry runs share."""

from __future__ import annotations

import json

from ..synchronizers import Importer
from .model_factory import example
from .synchronizers_common import SynchronizerCase

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
