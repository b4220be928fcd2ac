"""Every menu, list and form can be used by the group that it is for."""

from lxml import etree
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestRoles(ShopCase):
    def setUp(self):
        super().setUp()
        self.import_order_of_account()
        self.env["res.partner"].as_job(eta=3600).write({})
        self.env["connector.stream"].of(self.backend, "magento.res.partner")
        self.env["connector.incident"].create({"name": "down", "fingerprint": "x"})

    def specification(self, model, nodes):
        """Return what the web client asks for: the fields of a view, with those of the lists in it."""
        answer = {}
        for node in nodes:
            name = node.get("name")
            field = model._fields.get(name)
            if field is None:
                continue
            answer[name] = {}
            if field.type in ("one2many", "many2many"):
                inner = self.env[field.comodel_name]
                rows = node.xpath("./list//field[not(ancestor::field[2])]") or node.xpath("./list/field")
                answer[name] = {"fields": self.specification(inner, rows)}
            elif field.type in ("many2one", "reference", "many2one_reference"):
                answer[name] = {"fields": {"display_name": {}}} if field.type == "many2one" else {}
        return answer

    def open(self, model, view_id, kind):
        """Read the records as the web client does for a view."""
        arch = etree.fromstring(model.get_views([(view_id, kind)])["views"][kind]["arch"])
        fields = arch.xpath("//field[not(ancestor::field)]")
        answer = model.web_search_read([], self.specification(model, fields), limit=3)
        records = model.browse(row["id"] for row in answer["records"])
        records.mapped("display_name")
        return len(records)

    def test_menus(self):
        """Lists and forms of all menus open for a Connector User and a Connector Manager, records in them included."""
        menus = self.env["ir.ui.menu"].search(
            [("id", "child_of", self.env.ref("connector_framework.menu_connector_root").id)]
        )
        for role in ("user", "manager"):
            user = new_test_user(self.env, f"role_{role}", f"connector_framework.group_connector_{role}")
            visible = menus.with_user(user)._filter_visible_menus()
            seen = 0
            for menu in visible.filtered("action").sudo():
                action = menu.action
                if action._name != "ir.actions.act_window":
                    continue
                model = self.env[action.res_model].with_user(user)
                views = {kind: view_id for view_id, kind in action.views}
                for kind in ("list", "kanban", "form", "search"):
                    with self.subTest(role=role, menu=menu.complete_name, kind=kind):
                        if kind == "search":
                            model.get_views([(action.search_view_id.id, "search")])
                        elif kind in views or kind == "form":
                            seen += self.open(model, views.get(kind, False), kind) > 0
            self.assertGreater(seen, 20)

    def test_not_more_rights(self):
        """What the role has no right to is not shown instead: the form of an order without its amounts."""
        user = new_test_user(self.env, "role_user", "connector_framework.group_connector_user")
        order = self.env["magento.sale.order"].search([], limit=1).with_user(user)
        self.assertTrue(order.external_id)
        self.assertIn(order.external_id, order.display_name)
        with self.assertRaises(AccessError):
            order.amount_total  # noqa: B018
        arch = order.get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertNotIn("amount_total", arch)
        self.assertIn("magento_total", arch)
        seller = new_test_user(
            self.env, "role_seller", "connector_framework.group_connector_user,sales_team.group_sale_salesman_all_leads"
        )
        arch = order.with_user(seller).get_views([(False, "form")])["views"]["form"]["arch"]
        self.assertIn("amount_total", arch)
