"""The language of what is imported and exported is the backend's."""

from __future__ import annotations

from odoo.tests import tagged

from .synchronizers_common import SynchronizerCase


@tagged("post_install", "-at_install", "transaction")
class TestLanguage(SynchronizerCase):
    def setUp(self):
        super().setUp()
        self.french = self.env["res.lang"]._activate_lang("fr_FR")

    def name(self, lang):
        return self.binding(1, "test.tag").with_context(lang=lang).name

    def test_by_hand_then_at_night(self):
        """Whoever imports first, the source text is what the other system has."""
        self.world.put("test.tag", 1, name="Chair")
        self.import_record("1", "test.tag")
        self.world.put("test.tag", 1, name="Armchair")
        self.env["test.tag"].with_context(lang="fr_FR").import_record(self.backend, "1")
        self.env["test.tag"].with_context(lang=None).import_record(self.backend, "1")
        self.assertEqual(self.name("en_US"), "Armchair")

    def test_import_of_another_language(self):
        """What a French backend sends is the French text, also when an English user imports it."""
        self.world.put("test.tag", 1, name="Chair")
        self.import_record("1", "test.tag")
        self.backend.lang_id = self.french
        self.world.put("test.tag", 1, name="Fauteuil")
        self.env["test.tag"].with_context(lang="en_US").import_record(self.backend, "1")
        self.assertEqual((self.name("fr_FR"), self.name("en_US")), ("Fauteuil", "Chair"))

    def test_dependency(self):
        """What is imported along is written in the same language."""
        self.backend.lang_id = self.french
        tag = self.bind("1", model="test.tag", name="Chair")
        with self.backend.work_on("test.partner") as work, work.origin():
            self.assertEqual(work.env.lang, "fr_FR")
            work.on("test.tag").model.browse(tag.id).name = "Chaise"
        self.assertEqual((self.name("fr_FR"), self.name("en_US")), ("Chaise", "Chair"))

    def test_export(self):
        """An export sends the text of the backend's language, whoever enqueued it."""
        tag = self.bind("1", model="test.tag", name="Chair")
        tag.with_context(lang="fr_FR").name = "Chaise"
        for lang in ("fr_FR", None, "en_US"):
            self.world.put("test.tag", 1)
            tag.export_hash = False
            tag.with_context(lang=lang).export_record()
            self.assertEqual(self.world.records["test.tag"]["1"], {"name": "Chair"})
        self.backend.lang_id = self.french
        tag.export_record()
        self.assertEqual(self.world.records["test.tag"]["1"], {"name": "Chaise"})
