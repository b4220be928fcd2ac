"""Comparing and repairing in a real browser."""

from __future__ import annotations

from odoo.tests import HttpCase, new_test_user, tagged

from .comparison_common import ComparisonCase
from .test_queue_browser import _WAIT

_WAIT_JOB = """
    const waitJob = async (name) => {
        const args = [[["method_name", "=", name]]];
        const body = JSON.stringify({ params: { model: "connector.job", method: "search_count", args, kwargs: {} } });
        const call = { method: "POST", headers: { "Content-Type": "application/json" }, body };
        for (let i = 0; i < 200; i++) {
            const answer = await (await fetch("/web/dataset/call_kw", call)).json();
            if (answer.result) { return; }
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`no job ${name}`);
    };
"""


@tagged("post_install", "-at_install", "browser")
class TestComparisonViews(ComparisonCase, HttpCase):
    def setUp(self):
        super().setUp()
        new_test_user(self.env, "comparer", "connector_framework.group_connector_manager", password="comparer")
        self.outside(3)["email"] = "changed@there"
        self.world.put("test.partner", 101, name="New there", email="new@example.com")

    def run_js(self, path, code):
        """Run ``code`` on a page; any error in the console fails the test."""
        self.browser_js(
            path,
            f"(async () => {{ {_WAIT} {_WAIT_JOB} {code}; console.log('test successful'); }})()",
            login="comparer",
        )

    def test_compare_look_repair_compare(self):
        """From the list to a difference, its import, and the comparison after that."""
        comparison = self.compare()
        self.run_js(
            "/odoo/connector-comparisons",
            """
            (await wait(".o_list_view .o_data_row td.o_data_cell")).click();
            (await wait("button[name=action_open_lines]")).click();
            await waitText(".o_group_name", "Different");
            for (const group of document.querySelectorAll(".o_group_header")) { group.click(); }
            await waitText(".o_data_row", "p3@example.com here, changed@there there");
            await waitText(".o_data_row", "101");
            const cell = [...document.querySelectorAll(".o_data_row td")].find((td) => td.innerText.trim() === "3");
            cell.click();
            await waitText(".o_form_view", "PartnerImportMapper");
            (await wait("button[name=action_review_import]")).click();
            await waitText(".modal .o_connector_preview", "changed@there");
            (await wait(".modal-footer button[name=action_repair]:not(.o_invisible_modifier)")).click();
            await waitJob("_import");
            """,
        )
        self.run_jobs()
        self.assertEqual(self.binding(3).email, "changed@there")
        self.assertEqual(set(comparison.line_ids.mapped("state")), {"open", "repaired"})
        self.run_js(
            f"/odoo/connector-comparisons/{comparison.id}",
            """
            (await wait("button[name=action_review_all]")).click();
            await waitText(".modal .o_connector_preview", "new@example.com");
            (await wait(".modal-footer button[name=action_repair]:not(.o_invisible_modifier)")).click();
            await waitJob("_repair_slice");
            (await wait("button[name=action_compare_again]")).click();
            await waitText(".o_statusbar_status .o_arrow_button_current", "Pending");
            """,
        )
        self.run_jobs()
        again = self.env["connector.comparison"].search([], limit=1)
        self.assertNotEqual(again, comparison)
        self.assertEqual(self.counts(again), (13, 0, 0, 0, 0))

    def test_nothing_yet(self):
        """An empty list says what it is for."""
        self.run_js("/odoo/connector-comparisons", "await waitText('.o_view_nocontent', 'Are both sides the same?')")


@tagged("post_install", "-at_install", "browser")
class TestSmallScreen(ComparisonCase, HttpCase):
    browser_size = "400x800"
    touch_enabled = True

    def test_line(self):
        """A difference can be read and repaired on a screen of 400 pixels."""
        new_test_user(self.env, "comparer", "connector_framework.group_connector_manager", password="comparer")
        self.outside(3)["email"] = "changed@there"
        line = self.compare().line_ids
        code = """
            await waitText(".o_form_view", "changed@there");
            const sheet = await wait(".o_form_sheet");
            if (sheet.scrollWidth > window.innerWidth) { throw new Error(`${sheet.scrollWidth} pixels wide`); }
        """
        self.browser_js(
            f"/odoo/connector-differences/{line.id}",
            f"(async () => {{ {_WAIT} {code}; console.log('test successful'); }})()",
            login="comparer",
        )
