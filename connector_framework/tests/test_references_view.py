"""The menu *References*."""

from __future__ import annotations

from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..mappings import ImportMapper
from ..references import Reference
from ..references.reference import _references
from .common import BrowserCase


class ViewCase:
    """Classes on two references of a service of the test's own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env, "developer", "connector_framework.group_connector_manager", password="developer"
        )
        parent = Reference("viewed")
        child = Reference("viewed", version="2", parent=parent)
        for version in (None, "2"):
            cls.addClassCleanup(_references.pop, ("viewed", version))

        @parent
        class PartnerMapper(ImportMapper):
            """Map a customer.

            More of it.
            """

            _apply_on = ["viewed.partner", "viewed.contact"]

        @parent
        class AnyMapper(ImportMapper):
            pass

        @child(replacing=PartnerMapper)
        class PartnerMapper2(PartnerMapper):
            pass

        @child
        class Elsewhere(ImportMapper):
            __module__ = "odoo.addons.no_such_addon.units"
            _apply_on = "viewed.order"


@tagged("post_install", "-at_install", "transaction")
class TestReferenceView(ViewCase, TransactionCase):
    def rows(self, *names, domain=()):
        records = self.env["connector.reference.class"].search([("service", "=", "viewed"), *domain])
        return [tuple(record[name] for name in names) for record in records]

    def test_tree(self):
        """Each reference shows its own classes, then what it inherits, and what it does not use and why."""
        self.assertEqual(
            self.rows("reference", "class_name", "registered_on", "replaces", "replaced_by", "state"),
            [
                ("viewed", "PartnerMapper", "viewed", False, False, "own"),
                ("viewed", "AnyMapper", "viewed", False, False, "own"),
                ("viewed / viewed 2", "PartnerMapper2", "viewed 2", "PartnerMapper", False, "own"),
                ("viewed / viewed 2", "Elsewhere", "viewed 2", False, False, "not_installed"),
                ("viewed / viewed 2", "PartnerMapper", "viewed", False, "PartnerMapper2", "replaced"),
                ("viewed / viewed 2", "AnyMapper", "viewed", False, False, "inherited"),
            ],
        )

    def test_class(self):
        """A class shows its kind, its models, its addon, where it is written, and the first line of its docstring."""
        module = ViewCase.__module__
        self.assertEqual(
            self.rows(
                "kind",
                "model_names",
                "addon",
                "class_path",
                "summary",
                domain=[("reference", "=", "viewed"), ("class_name", "=", "PartnerMapper")],
            ),
            [
                (
                    "ImportMapper",
                    "viewed.partner, viewed.contact",
                    "connector_framework",
                    f"{module}.ViewCase.setUpClass.<locals>.PartnerMapper",
                    "Map a customer.",
                )
            ],
        )
        self.assertEqual(self.rows("model_names", domain=[("class_name", "=", "AnyMapper")]), [(False,)] * 2)

    def test_is_always_current(self):
        """What is registered later is there at the next look."""

        class Late(ImportMapper):
            pass

        reference = _references["viewed", None]
        reference.register(Late)
        self.assertEqual(len(self.rows("id", domain=[("class_name", "=", "Late")])), 2)
        reference.unregister(Late)
        self.assertFalse(self.rows("id", domain=[("class_name", "=", "Late")]))

    def test_groups(self):
        """The list is grouped by the reference."""
        groups = self.env["connector.reference.class"]._read_group(
            [("service", "=", "viewed")], ["reference"], ["__count"]
        )
        self.assertEqual(groups, [("viewed", 2), ("viewed / viewed 2", 4)])

    def test_access(self):
        """Connector Managers may look, others may not, and nobody may change anything."""
        model = self.env["connector.reference.class"]
        self.assertTrue(model.with_user(self.user).search([]))
        with self.assertRaises(AccessError):
            model.with_user(new_test_user(self.env, "user", "connector_framework.group_connector_user")).search([])
        for operation in ("write", "create", "unlink"):
            self.assertFalse(model.with_user(self.user).has_access(operation))

    def test_menu(self):
        """The menu is there in developer mode alone."""
        menu = self.env.ref("connector_framework.menu_connector_reference_class")
        menus = self.env["ir.ui.menu"].with_user(self.user)
        self.assertNotIn(menu.id, menus._visible_menu_ids(debug=False))
        self.assertIn(menu.id, menus._visible_menu_ids(debug=True))


@tagged("post_install", "-at_install", "browser")
class TestReferenceBrowser(ViewCase, BrowserCase):
    def test_list(self):
        """The list opens grouped by reference; a group shows its classes."""
        self.run_js(
            "/odoo/connector-references?debug=1",
            """
            await click(".o_list_view .o_group_header .o_group_name", "viewed / viewed 2");
            const row = await waitText(".o_list_view .o_data_row", "PartnerMapper2");
            for (const text of ["ImportMapper", "viewed.partner", "connector_framework", "Own"]) {
                if (!row.innerText.includes(text)) { throw new Error(`${text} is not in ${row.innerText}`); }
            }
            """,
            "developer",
        )
