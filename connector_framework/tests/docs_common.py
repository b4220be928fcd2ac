"""What the tests of the pages of ``docs`` share: a connector to a shop in memory, with which their examples are run."""

from __future__ import annotations

import doctest
import re
import textwrap
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from odoo import fields, http, models
from odoo.tests import TransactionCase

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
    """The models of one page, and its examples.

    :cvar page: path below ``docs``, without its ending
    :cvar given: names that the examples take for granted
    :cvar replaced: words of the page, and what stands for them here
    """

    page = ""
    given: ClassVar[dict[str, Any]] = {}
    replaced: ClassVar[dict[str, str]] = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        references = patch.dict(_references, clear=True)
        references.start()
        cls.addClassCleanup(references.stop)
        cls.path = DOCS / f"{cls.page}.md"
        cls.names = {"__name__": "odoo.addons.connector_framework.tests.docs_page", **cls.given}
        cls.names["shop"] = Reference("shop")
        cls.blocks = [(kind, line, cls.replace(text)) for kind, line, text in blocks_of(cls.path)]
        add_models(cls, cls.models)
        add_models(cls, cls.define)

    @classmethod
    def replace(cls, text):
        for word, other in cls.replaced.items():
            text = text.replace(word, other)
        return text

    @classmethod
    def models(cls):
        """Define what the page takes for granted."""
        return shop_models()

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
        self.prepare(**self.names)
        runner, report, names = doctest.DocTestRunner(), [], self.names
        for kind, line, text in self.blocks:
            if kind == "pycon":
                test = doctest.DocTestParser().get_doctest(text, names, self.page, str(self.path), line)
                runner.run(test, out=report.append, clear_globs=False)
                names.update(test.globs)
            elif not MODEL.search(text):
                self.execute(line, text)
        self.assertFalse(report, "".join(report))

    def prepare(self, backend, peer, **names):
        """Make what the page takes for granted."""


def is_model(value):
    return isinstance(value, type) and issubclass(value, models.Model) and value is not models.Model
