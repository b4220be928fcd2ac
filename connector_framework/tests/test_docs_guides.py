"""The examples of the guides, run with a shop in memory. Events, references and mappings have tests of their own."""

from __future__ import annotations

import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

from odoo import fields, models
from odoo.tests import tagged

from .. import exceptions
from ..adapters import Adapter, RestAdapter, XmlRpcAdapter
from ..binders import Binder
from ..comparison import Comparer
from ..mappings import ExportMapper, ImportMapper
from ..references import WorkSession
from ..synchronizers import DelayedBatchImporter, Importer, export_on_change
from .docs_common import DOCS, PageCase, shop_models

UNITS = {
    cls.__name__: cls
    for cls in (
        Binder,
        Comparer,
        DelayedBatchImporter,
        ExportMapper,
        Importer,
        ImportMapper,
        RestAdapter,
        XmlRpcAdapter,
    )
}
ERRORS = {name: getattr(exceptions, name) for name in exceptions.__all__}


class PartnerMapper(ImportMapper):
    _apply_on = ("shop.partner", "shop.order")
    direct = [("name", "name")]


class PartnerExportMapper(ExportMapper):
    _apply_on = "shop.partner"
    direct = [("name", "name")]


class GuideCase(PageCase):
    given = {"fields": fields, "models": models, **UNITS, **ERRORS}

    def prepare(self, backend, peer, shop, **names):
        """Let the shop have a partner, and a binding of one more."""
        shop.register(PartnerMapper)
        shop.register(PartnerExportMapper)
        peer.add("shop.partner", 42, name="Ada")
        peer.add("shop.partner", 43, name="Bob")
        partner = self.env["shop.partner"].create({"backend_id": backend.id, "external_id": "43", "name": "Bobby"})
        self.names.update(partner=partner, bindings=partner, self=self)


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestQueueGuide(GuideCase):
    page = "queue"
    replaced = {"magento.res.partner": "shop.partner"}

    @classmethod
    def define(cls):
        class ShopPartner(models.Model):
            _inherit = "shop.partner"

            def send_welcome_mail(self):
                return "sent"

            def import_by_page(self):
                cls.names["import_all"](self)

        return [*super().define(), ShopPartner]

    def prepare(self, **names):
        super().prepare(**names)
        export_on_change("shop.partner", fields=["name"], priority=5)
        self.names.update(other_jobs=self.env["connector.job"], pages=3)

    def test_page(self):
        """The jobs are stored with their options, and end as the page says."""
        self.run_page()
        jobs = self.names["jobs"]
        self.assertEqual(jobs.mapped("channel"), ["root.magento.import"] * 2)
        self.assertEqual(jobs.mapped("priority"), [5, 5])
        welcome = self.env["connector.job"].search([("method_name", "=", "send_welcome_mail")])
        self.assertEqual((welcome.state, welcome.result), ("done", "sent"))
        long_job = self.names["partner"].as_job().import_by_page()
        self.names["drain"]()
        self.assertEqual((long_job.state, long_job.progress), ("done", 100))


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestBindingsGuide(GuideCase):
    page = "bindings"

    @classmethod
    def models(cls):
        return []

    def test_page(self):
        """The backend and the binding of the page are what an import needs."""
        self.run_page()
        partner = self.env["shop.partner"].search([("external_id", "=", "42")])
        self.assertEqual((partner.name, partner.backend_id), ("Ada", self.names["backend"]))


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestSynchronizersGuide(GuideCase):
    page = "synchronizers"

    @classmethod
    def models(cls):
        class ResPartner(models.Model):
            _inherit = "res.partner"

            def action_confirm(self):
                self.comment = "confirmed"

        class ShopOrder(models.Model):
            _name = "shop.order"
            _description = "Shop Order"
            _inherit = "connector.binding.mixin"
            _inherits = {"res.partner": "odoo_id"}

            backend_id = fields.Many2one("shop.backend", required=True, ondelete="cascade", index=True)
            odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)

        return [*shop_models(), ResPartner, ShopOrder]

    def prepare(self, peer, **names):
        super().prepare(peer=peer, **names)
        peer.add("shop.order", 100042, name="Order", customer_id="42")

    def test_page(self):
        """The order brings its customer, and is confirmed."""
        self.run_page()
        self.names["drain"]()
        order = self.env["shop.order"].search([("external_id", "=", "100042")])
        self.assertIn("confirmed", order.comment)
        self.assertTrue(self.env["shop.partner"].search([("external_id", "=", "42")]))


class Ftp(Adapter):
    _ftp = Mock()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestAdaptersGuide(GuideCase):
    page = "adapters"
    # The page makes the reference of its service.
    replaced = {'Reference("shop")': 'get_reference("shop")', "import Reference": "import get_reference"}

    def prepare(self, backend, **names):
        super().prepare(backend=backend, **names)
        session = self.enterContext(backend.work_on("shop.partner"))
        self.assertIsInstance(session, WorkSession)
        errors = SimpleNamespace(error_perm=type("error_perm", (Exception,), {}))
        self.names.update(self=Ftp(session), ftplib=errors, path="stock.csv", name="stock", file=None)

    def test_page(self):
        """The adapters can be made and registered; a call over another protocol goes through the limits."""
        self.run_page()
        Ftp._ftp().storbinary.assert_called_once_with("STOR stock.csv", None)
        self.assertIn(self.names["CustomerAdapter"], self.names["shop"].classes(Adapter))


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestPreviewGuide(GuideCase):
    page = "preview"

    def test_page(self):
        """The dry run of the export tells the call, and sends nothing."""
        self.run_page()
        self.assertEqual([call["operation"] for call in self.names["told"]["calls"]], ["write"])
        self.assertFalse(self.names["peer"].made())


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestComparisonGuide(GuideCase):
    page = "comparison"
    replaced = {"magento.res.partner": "shop.partner"}

    def test_page(self):
        """The comparison finds what is missing here and what differs."""
        self.run_page()
        self.names["drain"]()
        comparison = self.names["comparison"]
        self.assertEqual((comparison.state, comparison.count_missing_here, comparison.count_different), ("done", 1, 1))


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestTestingGuide(GuideCase):
    page = "testing"
    given = {**GuideCase.given, "ShopServer": Mock(), "Path": Path, "__file__": __file__}
    # The cassette of the page does not exist: a stand-in.
    replaced = {"from .common import ShopServer\n": "", "import cassette": "import cassette as _cassette"}

    def prepare(self, backend, **names):
        super().prepare(backend=backend, **names)
        self.backend = backend
        self.names["cassette"] = Mock(side_effect=lambda path, backend: self.subTest(path=path.name))
        self.names["self"] = SimpleNamespace(backend=backend, env={"shop.order": Mock()})

    def test_page(self):
        """The classes of the page can be made; its peer in memory stands in, and fails once."""
        self.run_page()
        self.assertTrue(issubclass(self.names["TestPartnerAcceptance"], self.names["ConnectorAcceptanceCase"]))
        case = type("Case", (), {name: getattr(self, name) for name in ("registry_enter_test_mode", "enterContext")})()
        case.backend, case.assertFalse = self.backend, self.assertFalse
        text = next(text for _kind, _line, text in self.blocks if "def setUp" in text)
        names = dict(self.names)
        exec(text.replace("super().setUp()", "pass"), names)
        names["setUp"](case)
        names["test_import"](case)
        self.assertEqual(case.peer.records["shop.partner"]["7"], {"name": "Ada"})
