"""French and German are complete, and come out wherever a person reads them."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

import polib
from lxml import etree
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools.translate import TRANSLATED_ATTRS

from ..exceptions import ConfigurationError, MappingError
from .synchronizers_common import SynchronizerCase
from .test_monitoring import MonitoringCase
from .test_queue_outcomes import OutcomeCase

REPOSITORY = Path(__file__).resolve().parents[2]
ADDONS = ["connector_framework", "connector_magento", "connector_odoo"]


def _script(name):
    """Return a module of the repository's scripts, which are no package."""
    spec = importlib.util.spec_from_file_location(f"connector_script_{name}", REPOSITORY / f"script/{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@tagged("post_install", "-at_install", "transaction", "all_addons")
@unittest.skipUnless((REPOSITORY / "script/terms.py").exists(), "the addon is not in its repository")
class TestFiles(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.terms = _script("terms")

    def translated(self, source, text, **options):
        """Return what is found wrong in a file with one term."""
        template, translated = polib.POFile(), polib.POFile()
        template.append(polib.POEntry(msgid=source, occurrences=[("code:a.py", "0")]))
        translated.append(polib.POEntry(msgid=source, msgstr=text, occurrences=[("a.py", "0")], **options))
        return [*self.terms.translation_problems(template, translated)]

    def test_complete(self):
        """Each text of the addons is in the .pot, and translated; if not, `script/i18n` tells and helps."""
        installed = self.env["ir.module.module"].search([("name", "in", ADDONS), ("state", "=", "installed")])
        if len(installed) < len(ADDONS):
            self.skipTest("the terms of bindings depend on which of the addons are installed")
        with tempfile.TemporaryDirectory() as folder:
            _script("export_terms").export(self.env, ADDONS, folder)
            found = self.terms.problems(Path(folder), REPOSITORY, ADDONS)
        self.assertFalse(found, "\n".join(["run script/i18n, and translate:", *found]))

    def test_finds(self):
        """What is not translated, fuzzy, or lost a placeholder, tag, code or space is found."""
        self.assertFalse(self.translated("%s of <b>%(all)s</b> ", "%s von <b>%(all)s</b> "))
        self.assertFalse(self.translated('<i title="a">b</i>', '<i title="c">d</i>'))
        for source, text, options in (
            ("job", "", {}),
            ("job", " ", {}),
            ("job", "Job", {"flags": ["fuzzy"]}),
            ("job", "Job", {"obsolete": True}),
            ("%s jobs", "Jobs", {}),
            ("%(count)s jobs", "%(anzahl)s Jobs", {}),
            ("95 %% of it", "95 % davon", {}),
            ("{name} ended", "{nom} beendet", {}),
            ("<b>all</b>", "alle", {}),
            ('<a href="a">all</a>', '<a href="b">alle</a>', {}),
            ("run `odoo`", "starten Sie Odoo", {}),
            ("jobs: ", "Jobs:", {}),
        ):
            with self.subTest(source=source, text=text):
                self.assertTrue(self.translated(source, text, **options))

    def test_finds_missing(self):
        """A text of the code that the .pot lacks is found, and one that no code has any more."""
        pot, odoo = polib.POFile(), self.terms.Odoo()
        entry = polib.POEntry(msgid="job", occurrences=[("code:a.py", "0")])
        self.assertTrue([*self.terms.template_problems({"job": entry}, pot, odoo)])
        pot.append(entry)
        self.assertFalse([*self.terms.template_problems({"job": entry}, pot, odoo)])
        self.assertTrue([*self.terms.template_problems({}, pot, odoo)])


def _shape(arch):
    """Return the elements of a view, without what is translated."""
    return [
        (node.tag, {name: value for name, value in node.attrib.items() if name not in TRANSLATED_ATTRS})
        for node in etree.fromstring(arch).iter(etree.Element)
    ]


class FrenchCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["res.lang"]._activate_lang("de_DE")
        modules = cls.env["ir.module.module"].search([("name", "in", ADDONS), ("state", "=", "installed")])
        modules._update_translations(["fr_FR", "de_DE"])
        cls.french, cls.german = (cls.env(context={"lang": lang}) for lang in ("fr_FR", "de_DE"))


@tagged("post_install", "-at_install", "transaction")
class TestTexts(FrenchCase):
    def test_view(self):
        """Buttons, labels of fields and texts of views."""
        for env, button, label in (
            (self.french, "Remettre en file", "Priorité"),
            (self.german, "Erneut einreihen", "Priorität"),
        ):
            view = env["connector.job"].get_view(view_type="form")
            arch = etree.fromstring(view["arch"])
            self.assertEqual({*arch.xpath("//button[@name='action_requeue']/@string")}, {button})
            self.assertEqual(env["connector.job"].fields_get(["priority"])["priority"]["string"], label)

    def test_views_are_the_same(self):
        """No translation changes more of a view than its texts."""
        data = self.env["ir.model.data"].search([("module", "in", ADDONS), ("model", "=", "ir.ui.view")])
        changed = 0
        for view in self.env["ir.ui.view"].browse(data.mapped("res_id")):
            source = view.with_context(lang="en_US").arch_db
            for env in (self.french, self.german):
                text = view.with_env(env).arch_db
                changed += text != source
                with self.subTest(view=view.name, lang=env.lang):
                    self.assertEqual(_shape(text), _shape(source))
        self.assertGreater(changed, 20)

    def test_model(self):
        """Selections, helps, names of models, menus and actions."""
        for env, state, model, menu in (
            (self.french, "À exécuter", "Incident", "File d'attente"),
            (self.german, "Ausstehend", "Vorfall", "Warteschlange"),
        ):
            known = env["connector.job"].fields_get(["state", "priority"])
            self.assertEqual(dict(known["state"]["selection"])["pending"], state)
            self.assertNotEqual(known["priority"]["help"], "Lower runs first.")
            self.assertEqual(env["ir.model"]._get("connector.incident").name, model)
            self.assertEqual(env.ref("connector_framework.menu_connector_queue").name, menu)

    def test_web_client(self):
        """The texts of JavaScript and its templates reach the web client."""
        entries = polib.pofile(str(Path(__file__).parents[1] / "i18n/connector_framework.pot"))
        sources = {entry.msgid for entry in entries if "odoo-javascript" in entry.comment}
        self.assertGreater(len(sources), 20)
        for lang in ("fr_FR", "de_DE"):
            payload, _parameters = self.env["ir.http"]._get_translations_for_webclient(["connector_framework"], lang)
            messages = {one["id"]: one["string"] for one in payload["connector_framework"]["messages"]}
            self.assertEqual(set(messages), sources)
        self.assertEqual(messages["Needs Attention"], "Braucht Aufmerksamkeit")

    def test_errors_of_models(self):
        """The message of an error that a model raises."""
        user = new_test_user(self.env, "seeing", "connector_framework.group_connector_user", lang="fr_FR")
        job = self.env["res.partner"].create({"name": "Job"}).as_job().write({})
        with self.assertRaisesRegex(AccessError, "Seul un gestionnaire de connecteurs peut modifier des jobs"):
            job.with_user(user).with_context(lang="fr_FR").action_requeue()

    def test_errors_of_plain_packages(self):
        """What an exception advises is translated where it is shown."""
        advice = ConfigurationError("no unit").user_message
        self.assertEqual(self.french._(advice), "Corrigez la configuration que le message indique.")
        self.assertEqual(self.german._(advice), "Korrigieren Sie die Konfiguration, die die Meldung nennt.")

    def test_description(self):
        """The description of a job is in the language of who enqueues it."""
        job = self.french["connector.job"].as_job()._act_in_slices("requeue", [], None)
        self.assertEqual(job.name, "Remettre en file tous les jobs d'un filtre")


@tagged("post_install", "-at_install", "transaction")
class TestOutcomes(FrenchCase, OutcomeCase):
    def test_user_message(self):
        """What to do about a failed job is in the language of the job's user."""
        user = new_test_user(self.env, "requeuing", "base.group_user,base.group_partner_manager", lang="fr_FR")
        self.partner = self.partner.with_user(user).with_context(lang="fr_FR")

        def probe(records):
            raise MappingError("no name")

        job = self.run_one(probe).sudo()
        self.assertEqual(job.state, "failed")
        self.assertIn("Corrigez les champs que le message indique", job.user_message)
        self.assertIn("Remettez ensuite le job en file.", job.user_message)


@tagged("post_install", "-at_install", "transaction")
class TestTroubles(FrenchCase, MonitoringCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()

    def test_dashboard(self):
        """Troubles and states on the dashboard."""
        self.open_circuit()
        self.add_worker()
        self.env.flush_all()
        data = self.french["connector.dashboard"].action_read()
        [card] = [card for card in data["cards"] if card["id"] == self.backend.id]
        [trouble] = [one for one in card["troubles"] if one["code"] == "open_circuit"]
        self.assertIn("ne répond pas", trouble["message"])
        self.assertIn("Vérifiez qu'il est en marche", trouble["step"])


@tagged("post_install", "-at_install", "transaction")
class TestSynchronizerTexts(FrenchCase, SynchronizerCase):
    def test_import(self):
        """The descriptions that plain packages give to jobs."""
        job = self.french["test.tag"].as_job().import_record(self.backend.with_env(self.french), "1")
        self.assertTrue(job.name.startswith("Importer "), job.name)
