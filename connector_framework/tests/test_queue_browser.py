"""The job list and form in a real browser."""

from __future__ import annotations

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import BrowserCase, drain_jobs

_LIST = """
    const showAll = async () => {
        await click(".o_facet_remove");
        await wait(".o_searchview:not(:has(.o_searchview_facet))");
    };
    const selectAll = () => click(".o_list_view thead .o_list_record_selector input");
"""


@tagged("post_install", "-at_install", "browser")
class TestJobViews(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new_test_user(cls.env, "job_manager", "connector_framework.group_connector_manager", password="job_manager")
        cls.partner = cls.env["res.partner"].create({"name": "Job"})

    def run_list(self, path, code):
        self.run_js(path, _LIST + code, "job_manager")

    def test_list_and_form(self):
        """The list shows jobs, a row opens the form with its error, no worker alive shows the banner."""
        self.partner.as_job(description="A good job").write({"ref": "x"})
        self.partner.as_job(description="A bad job", max_attempts=1).write({"no_such_field": 1})
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        self.partner.as_job(description="A due job").write({"ref": "y"})
        self.env.cr.execute("DELETE FROM connector_worker")
        self.run_list(
            "/odoo/connector-jobs",
            """
            await waitText(".o_list_view .o_data_row", "A bad job");
            if (document.querySelector(".o_list_view").innerText.includes("A good job")) {
                throw new Error("the list opens on jobs that are done");
            }
            await showAll();
            await waitText(".o_list_view .o_data_row", "A good job");
            const text = document.querySelector(".o_list_view").innerText;
            for (const name of ["A good job", "A bad job", "A due job"]) {
                if (!text.includes(name)) { throw new Error(`${name} is not in the list`); }
            }
            await wait(".o_connector_no_worker");
            await click(".o_data_row td", "A bad job");
            await wait(".o_form_view button[name=action_requeue]");
            const form = document.querySelector(".o_form_view").innerText;
            if (!form.includes("KeyError")) { throw new Error(`the form does not show the error: ${form}`); }
            """,
        )

    def test_requeue_button(self):
        """The button of the form requeues a failed job."""
        job = self.partner.as_job(description="Again", max_attempts=1).write({"no_such_field": 1})
        with mute_logger("odoo.addons.connector_framework.queue.runner"):
            drain_jobs(self)
        self.run_list(
            f"/odoo/connector-jobs/{job.id}",
            """
            await click("button[name=action_requeue]");
            await Promise.all([
                wait("button[name=action_done]:not(.d-none)"),
                waitText(".o_notification", "Jobs requeued: 1"),
            ]);
            """,
        )
        job.invalidate_recordset()
        self.assertEqual(job.state, "pending")

    def test_bulk_actions(self):
        """Jobs selected in the list are cancelled, requeued and set to done together."""
        jobs = self.partner.as_job(eta=3600, description="Many").map("write", [({"ref": "x"},)] * 3)
        for action, confirmed, label, state, told in (
            ("action_cancel", True, "Cancelled", "cancelled", "Jobs cancelled: 3"),
            ("action_requeue", False, "Pending", "pending", "Jobs requeued: 3"),
            ("action_done", True, "Done", "done", "Jobs set to done: 3"),
        ):
            with self.subTest(action=action):
                self.run_list(
                    "/odoo/connector-jobs",
                    f"""
                    await showAll();
                    await selectAll();
                    await click("button[name={action}]");
                    if ({str(confirmed).lower()}) {{ await click(".modal-footer .btn-primary"); }}
                    await Promise.all([
                        waitText(".o_data_row td[name=state]", "{label}"),
                        waitText(".o_notification", "{told}"),
                    ]);
                    """,
                )
                jobs.invalidate_recordset()
                self.assertEqual(set(jobs.mapped("state")), {state})

    def test_channels(self):
        """Channels are edited in the list, made in it, paused and resumed."""
        channels = self.env["connector.job.channel"]
        channels.create({"name": "root.shop"})
        row = ".o_data_row:has(td[data-tooltip='root.shop'])"
        self.run_list(
            "/odoo/connector-channels",
            f"""
            await click("{row} td[name=capacity]");
            await type(".o_selected_row [name=capacity] input", "3");
            await click(".o_list_button_save");
            await waitText("{row} td[name=capacity]", "3");
            await click(".o_list_button_add");
            await type(".o_selected_row [name=name] input", "root.shop.import");
            await click(".o_list_button_save");
            await waitText(".o_data_row td[name=name]", "root.shop.import");
            """,
        )
        channels.invalidate_model()
        made = channels.search([("name", "=", "root.shop.import")])
        self.assertEqual((made.parent_id.name, made.parent_id.capacity), ("root.shop", 3))
        for action, paused, shown in (("action_pause", True, ":checked"), ("action_resume", False, ":not(:checked)")):
            self.run_list(
                "/odoo/connector-channels",
                f"""
                await selectAll();
                await click(".o_control_panel button[name={action}]");
                await wait(".o_data_row td[name=paused] input{shown}");
                """,
            )
            channels.invalidate_model()
            self.assertEqual(set(channels.search([]).mapped("paused")), {paused})

    def test_other_views(self):
        """Kanban, graph and pivot of the jobs, the channels and the workers open without an error."""
        self.partner.as_job().write({"ref": "x"})
        for path, selector in (
            ("/odoo/connector-jobs?view_type=kanban", ".o_kanban_record:not(.o_kanban_ghost)"),
            ("/odoo/connector-jobs?view_type=graph", ".o_graph_view canvas"),
            ("/odoo/connector-jobs?view_type=pivot", ".o_pivot_view table"),
            ("/odoo/connector-channels", ".o_list_view .o_data_row"),
            ("/odoo/connector-workers", ".o_list_view"),
        ):
            with self.subTest(path=path):
                self.run_list(path, f"await wait('{selector}')")
