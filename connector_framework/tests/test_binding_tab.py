"""The tab that shows a record's bindings."""

from __future__ import annotations

from lxml import etree
from odoo import fields, models
from odoo.tests import TransactionCase, new_test_user, tagged

from .model_factory import add_models, example_models


def with_one2manys():
    class ResPartner(models.Model):
        _inherit = "res.partner"

        test_bind_ids = fields.One2many("test.partner", "odoo_id", string="Test Accounts")
        test_address_bind_ids = fields.One2many("test.address", "odoo_id", string="Test Addresses")

    return [*example_models(), ResPartner]


@tagged("post_install", "-at_install", "transaction")
class TestBindingTab(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        add_models(cls, with_one2manys)
        cls.user = new_test_user(cls.env, "tab-user", "base.group_user,connector_framework.group_connector_user")
        cls.other = new_test_user(cls.env, "tab-other", "base.group_user")

    def pages(self, user, model="res.partner", view_id=None):
        arch = etree.fromstring(self.env[model].with_user(user).get_view(view_id, "form")["arch"])
        return arch.xpath("//page[@name='connector_bindings']")

    def shown(self, page):
        """Return this test's bindings on a page; a connector that is installed too has its own there."""
        names = [field.get("name") for field in page.xpath("./field")]
        return [name for name in names if name.startswith("test_")]

    def test_one_tab(self):
        """All bindings of a record are in one tab of its form, read only, and no view was made for it."""
        (page,) = self.pages(self.user)
        self.assertEqual(self.shown(page), ["test_bind_ids", "test_address_bind_ids"])
        self.assertEqual({field.get("readonly") for field in page.xpath("./field")}, {"1"})

    def test_for_connector_users(self):
        """Who is no connector user does not see it."""
        self.assertEqual(self.pages(self.other), [])

    def test_forms_without_tabs(self):
        """A form without tabs stays as it is."""
        view = self.env["ir.ui.view"].create(
            {"name": "short", "model": "res.partner", "arch": "<form><field name='name'/></form>"}
        )
        self.assertEqual(self.pages(self.user, view_id=view.id), [])

    def test_what_the_form_shows_already(self):
        """Bindings that a connector shows by a view of its own are not shown twice."""
        view = self.env["ir.ui.view"].create(
            {
                "name": "own",
                "model": "res.partner",
                "arch": "<form><notebook><page name='p'><field name='test_bind_ids'/></page></notebook></form>",
            }
        )
        (page,) = self.pages(self.user, view_id=view.id)
        self.assertEqual(self.shown(page), ["test_address_bind_ids"])

    def test_models_without_bindings(self):
        """Other models' forms are not touched."""
        self.assertEqual(self.pages(self.user, "res.partner.category"), [])

    def test_opens(self):
        """The bindings can be read through the form."""
        backend = self.env["test.backend"].create({"name": "Shop"})
        binding = self.env["test.partner"].create({"backend_id": backend.id, "name": "Ann", "external_id": "7"})
        result = binding.odoo_id.with_user(self.user).web_read(
            {"test_bind_ids": {"fields": {"external_id": {}, "backend_id": {"fields": {"display_name": {}}}}}}
        )
        self.assertEqual(result[0]["test_bind_ids"][0]["external_id"], "7")
        self.assertEqual(result[0]["test_bind_ids"][0]["backend_id"]["display_name"], "Shop")
