"""The examples of pages of ``docs`` that need a connector, run against a shop in memory."""

from __future__ import annotations

import doctest
import re
import textwrap
import unittest
from pathlib import Path
from unittest.mock import patch

from odoo import fields, http, models
from odoo.tests import BaseCase, TransactionCase, tagged

from ..events import Event
from ..references import Reference
from ..references.reference import _references
from .common import FakePeer, drain_jobs
from .model_factory import add_models

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^( *)```(python|pycon)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
#: What a binding model or a backend is defined by; such a block is run before the others of its page.
MODEL = re.compile(r"^class \w+\(models\.Model\)", re.MULTILINE)


def shop_models():
    """Define what the pages take for granted: a backend and a binding."""

    class ShopBackend(models.Model):
        _name = "shop.backend"
        _description = "Shop"
        _inherit = "connector.backend.mixin"
        _service = "shop"
        _secret_fields = ("api_key",)

        url = fields.Char()
        api_key = fields.Char()

    class ShopPartner(models.Model):
        _name = "shop.partner"
        _description = "Shop Partner"
        _inherit = "connector.binding.mixin"
        _inherits = {"res.partner": "odoo_id"}

        backend_id = fields.Many2one("shop.backend", required=True, ondelete="cascade", index=True)
        odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)

    return [ShopBackend, ShopPartner]


def blocks_of(page: Path) -> list[tuple[str, int, str]]:
    """Return the Python of a page: kind, line, text."""
    text = page.read_text(encoding="utf-8")
    return [
        (kind, text.count("\n", 0, found.start()) + 1, textwrap.dedent(body))
        for found in BLOCK.finditer(text)
        for _indent, kind, body in [found.groups()]
    ]


class PageCase(TransactionCase):
    """The models of one page, and its examples."""

    page = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        references = patch.dict(_references, clear=True)
        references.start()
        cls.addClassCleanup(references.stop)
        cls.path = DOCS / f"{cls.page}.md"
        cls.names = {"__name__": "odoo.addons.connector_framework.tests.docs_page", "shop": Reference("shop")}
        cls.blocks = blocks_of(cls.path)
        add_models(cls, shop_models)
        add_models(cls, cls.define)

    @classmethod
    def define(cls):
        """Define the models of the page, which may extend those that all pages build on."""
        found = []
        for kind, line, text in cls.blocks:
            if kind == "python" and MODEL.search(text):
                before = set(cls.names)
                cls.execute(line, text)
                found += [value for name, value in cls.names.items() if name not in before and is_model(value)]
        return found

    @classmethod
    def execute(cls, line, text):
        exec(compile("\n" * line + text, str(cls.path), "exec"), cls.names)

    def run_page(self):
        """Run the page's examples in their order; each answer is the one that is printed."""
        for event in list(Event.instances):
            self.addCleanup(event.replace_all, event.subscriptions)
        controllers = patch.dict(http.Controller.children_classes)
        controllers.start()
        self.addCleanup(controllers.stop)
        backend = self.env["shop.backend"].create({"name": "Shop"})
        peer = self.enterContext(FakePeer().standing_in(backend.reference))
        # A page may commit, as one does in a shell; here its transaction is the test's.
        self.patch(self.env.cr, "commit", self.env.flush_all)
        self.names.update(env=self.env, backend=backend, peer=peer, drain=lambda: drain_jobs(self))
        runner, report, names = doctest.DocTestRunner(), [], self.names
        for kind, line, text in self.blocks:
            if kind == "pycon":
                test = doctest.DocTestParser().get_doctest(text, names, self.page, str(self.path), line)
                runner.run(test, out=report.append, clear_globs=False)
                names.update(test.globs)
            elif not MODEL.search(text):
                self.execute(line, text)
        self.assertFalse(report, "".join(report))


def is_model(value):
    return isinstance(value, type) and issubclass(value, models.Model) and value is not models.Model


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestRateLimitPage(PageCase):
    page = "howto/rate_limit"

    def test_page(self):
        """A field of the backend is the limit, and its bucket is made by the first call."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestLongImportPage(PageCase):
    page = "howto/long_import"

    def test_page(self):
        """The job with checkpoints ends done, with all its parts."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestTwoShopsPage(PageCase):
    page = "howto/two_shops"

    def test_page(self):
        """The second shop's customer becomes a second binding of the same partner."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestCompositeKeysPage(PageCase):
    page = "howto/composite_keys"

    def test_page(self):
        """The binder finds by the tuple, and gives it back."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestMergeSplitPage(PageCase):
    page = "howto/merge_split"

    def test_page(self):
        """Two records come in as one, and a change goes out to the one that it belongs to."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestBulkExportPage(PageCase):
    page = "howto/bulk_export"

    def test_page(self):
        """The adapter, the exporter and the jobs of the page can be made."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestWebhookPage(PageCase):
    page = "howto/webhook"

    def test_page(self):
        """A signed message stores one job however often it comes."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestDatabaseCopiesPage(PageCase):
    page = "howto/database_copies"

    def test_page(self):
        """The mark of a copy can be removed."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestSecretsPage(PageCase):
    page = "howto/secrets"

    def test_page(self):
        """A declared field is a secret, and is not copied."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestQuickstartPage(PageCase):
    page = "quickstart"

    def test_page(self):
        """The first job can be stored."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestFromOcaPage(PageCase):
    page = "from_oca"

    def test_page(self):
        """The calls of the page are those that there are, and do what stands beside them."""
        self.run_page()


@tagged("post_install", "-at_install", "plain")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestAllPages(BaseCase):
    def test_each_page_is_run(self):
        """A page with Python in it has a class above."""
        with_python = {f"howto/{page.stem}" for page in (DOCS / "howto").glob("*.md") if blocks_of(page)}
        self.assertEqual(with_python - {cls.page for cls in PageCase.__subclasses__()}, set())
