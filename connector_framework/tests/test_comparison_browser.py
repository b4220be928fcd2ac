"""Comparing and repairing in a real browser."""

from __future__ import annotations

from odoo.tests import new_test_user, tagged

from .common import BrowserCase
from .comparison_common import ComparisonCase


@tagged("post_install", "-at_install", "browser")
class TestComparisonViews(ComparisonCase, BrowserCase):
    def setUp(self):
        super().setUp()
        new_test_user(self.env, "comparer", "connector_framework.group_connector_manager", password="comparer")
        self.outside(3)["email"] = "changed@there"
        self.world.put("test.partner", 101, name="New there", email="new@example.com")

    def test_compare_look_repair_compare(self):
        """From the list to a difference, its import, and the comparison after that."""
        comparison = self.compare()
        self.run_js(
            "/odoo/connector-comparisons",
            """
            await click(".o_list_view .o_data_row td.o_data_cell");
            await click("button[name=action_open_lines]");
            await waitText(".o_group_name", "Different");
            for (const group of all(".o_group_header")) { group.click(); }
            await waitText(".o_data_row", "p3@example.com here, changed@there there");
            await waitText(".o_data_row", "101");
            all(".o_data_row td").find((td) => td.innerText.trim() === "3").click();
            await waitText(".o_form_view", "PartnerImportMapper");
            await click("button[name=action_review_import]");
            await waitText(".modal .o_connector_preview", "changed@there");
            await click(".modal-footer button[name=action_repair]:not(.o_invisible_modifier)");
            await until("the dialog is closed", () => !one(".modal"));
            """,
            "comparer",
        )
        self.run_jobs()
        self.assertEqual(self.binding(3).email, "changed@there")
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"open", "repaired"})
        self.run_js(
            f"/odoo/connector-comparisons/{comparison.id}",
            """
            await click("button[name=action_review_all]");
            await waitText(".modal .o_connector_preview", "new@example.com");
            await click(".modal-footer button[name=action_repair]:not(.o_invisible_modifier)");
            await until("the dialog is closed", () => !one(".modal"));
            await click("button[name=action_compare_again]");
            await waitText(".o_statusbar_status .o_arrow_button_current", "Pending");
            """,
            "comparer",
        )
        self.run_jobs()
        again = self.env["connector.comparison"].search([], limit=1)
        self.assertNotEqual(again, comparison)
        self.assertEqual(self.counts(again), (13, 0, 0, 0, 0))

    def test_nothing_yet(self):
        """An empty list says what it is for."""
        code = "await waitText('.o_view_nocontent', 'Are both sides the same?')"
        self.run_js("/odoo/connector-comparisons", code, "comparer")


@tagged("post_install", "-at_install", "browser")
class TestSmallScreen(ComparisonCase, BrowserCase):
    browser_size = "400x800"
    touch_enabled = True

    def test_line(self):
        """A difference can be read and repaired on a screen of 400 pixels."""
        new_test_user(self.env, "comparer", "connector_framework.group_connector_manager", password="comparer")
        self.outside(3)["email"] = "changed@there"
        line = self.compare().line_ids
        self.run_js(
            f"/odoo/connector-differences/{line.id}",
            """
            await waitText(".o_form_view", "changed@there");
            const sheet = await wait(".o_form_sheet");
            if (sheet.scrollWidth > window.innerWidth) { throw new Error(`${sheet.scrollWidth} pixels wide`); }
            """,
            "comparer",
        )
