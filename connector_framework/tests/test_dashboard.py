"""The dashboard: a card for each backend, never green while something is the matter."""

from __future__ import annotations

from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged

from ..queue.sql import metrics
from .common import BrowserCase
from .test_monitoring import MonitoringCase


@tagged("post_install", "-at_install", "transaction")
class TestDashboard(MonitoringCase, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()
        cls.user = new_test_user(cls.env, "watching", "connector_framework.group_connector_user")

    def setUp(self):
        super().setUp()
        self.add_worker()
        self.set_stream(40, max_age_min=15)

    def read(self, user=None):
        self.env.flush_all()
        return self.env["connector.dashboard"].with_user(user or self.user).action_read()

    def card(self, **how):
        return next(card for card in self.read(**how)["cards"] if card["id"] == self.backend.id)

    def test_well(self):
        """A connected backend without a trouble is green, with the freshness of its streams and its jobs."""
        self.backend.state = "connected"
        self.store(count=3)
        self.store("running", count=2)
        self.store("waiting")
        card = self.card()
        self.assertEqual((card["level"], card["troubles"], card["name"]), ("success", [], "Shop"))
        self.assertEqual(card["jobs"], {"pending": 3, "running": 2, "waiting": 1, "failed": 0})
        [stream] = card["streams"]
        self.assertEqual((stream["name"], stream["max_age_s"], stream["is_late"]), ("orders", 900, False))
        self.assertAlmostEqual(stream["lag_s"], 40, delta=5)

    def test_never_green(self):
        """Each trouble of its own is named on the card with its next step."""
        self.backend.state = "connected"
        for code, trouble in {
            "late_stream": lambda: self.set_stream(7200),
            "paused_channel": lambda: (self.store(), self.channel.write({"paused": True})),
            "open_circuit": self.open_circuit,
        }.items():
            with self.subTest(code=code):
                trouble()
                card = self.card()
                self.assertEqual(card["level"], "danger")
                [found] = [one for one in card["troubles"] if one["code"] == code]
                self.assertTrue(found["message"] and found["step"])

    def test_of_no_backend(self):
        """What is the matter with all stands beside the cards."""
        self.env.cr.execute("DELETE FROM connector_worker")
        self.store()
        self.assertEqual([one["code"] for one in self.read()["troubles"]], ["no_worker"])

    def test_incidents(self):
        """Open incidents are counted on the card of their backend."""
        values = {"name": "down", "backend_model": "test.backend", "backend_id": self.backend.id}
        for number, state in enumerate(("open", "open", "resolved", "muted")):
            self.env["connector.incident"].create({**values, "fingerprint": str(number), "state": state})
        self.assertEqual(self.card()["incidents"], 2)

    def test_compared(self):
        """The card says when both sides were compared last, and what is out of step since."""
        values = {"backend_model": "test.backend", "backend_id": self.backend.id, "state": "done"}
        comparisons = self.env["connector.comparison"]
        old, last = (
            comparisons.create({**values, "model_name": "test.partner", "date_done": f"2026-01-0{day}"})
            for day in (1, 2)
        )
        for comparison in (old, last, last):
            self.env["connector.comparison.line"].create(
                {"comparison_id": comparison.id, "kind": "different", "binding_model": "test.partner"}
            )
        compared = self.card()["compared"]
        self.assertEqual((compared["open"], compared["id"], compared["at"][:10]), (2, last.id, "2026-01-02"))

    def test_days(self):
        """Jobs that ended in the last seven days, by day."""
        self.store("done", duration_s=1, count=3)
        self.store("failed", duration_s=1)
        self.store("done", duration_s=1)
        self.env.cr.execute(
            "UPDATE connector_job SET date_done = date_done - interval '30 days'"
            " WHERE id = (SELECT max(id) FROM connector_job)"
        )
        days = (
            self.env["connector.dashboard"].with_user(self.user).action_read_days()[f"test.backend,{self.backend.id}"]
        )
        self.assertEqual(len(days), 7)
        self.assertEqual((days[-1]["done"], days[-1]["failed"]), (3, 1))
        self.assertEqual(sum(day["done"] for day in days), 3)

    def test_indexes(self):
        """The graph reads indexes alone."""
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute("EXPLAIN " + metrics.ended_by_day(7).code, metrics.ended_by_day(7).params)
        plan = "\n".join(line for (line,) in self.env.cr.fetchall())
        self.assertNotRegex(plan, r"Seq Scan on connector_job\b")

    def test_access(self):
        """It is for Connector Users, and shows nothing of another company."""
        with self.assertRaises(AccessError):
            self.read(user=new_test_user(self.env, "plain", "base.group_user"))
        self.assertFalse(self.read()["may_repair"])
        other = self.env["res.company"].create({"name": "Other"})
        self.env["ir.rule"].create(
            {
                "name": "test",
                "model_id": self.env["ir.model"]._get_id("test.backend"),
                "domain_force": "[('company_id', 'in', company_ids)]",
            }
        )
        self.set_stream(7200)
        self.backend.company_id = other
        answer = self.read()
        self.assertNotIn(self.backend.id, [card["id"] for card in answer["cards"]])
        self.assertFalse(answer["troubles"])


@tagged("post_install", "-at_install", "browser")
class TestDashboardBrowser(MonitoringCase, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_backend()
        for name in ("user", "manager"):
            new_test_user(
                cls.env, f"dash_{name}", f"connector_framework.group_connector_{name}", password=f"dash_{name}"
            )

    def test_no_backend(self):
        """Without a backend the screen says what to do, where it can be read."""
        backends = self.env["connector.backend.mixin"]._all_active()
        for backend in backends:
            backend.sudo().active = False
        self.run_js(
            "/odoo/connectors",
            """
            const text = await wait(".o_connector_no_backend p");
            const box = text.getBoundingClientRect();
            if (box.height < 10 || box.bottom > window.innerHeight) { throw new Error("the text cannot be seen"); }
            """,
            "dash_user",
        )

    def test_card(self):
        """A card names what is the matter and what to do; a manager resumes the channel there and it is green."""
        self.add_worker()
        self.backend.state = "connected"
        self.store(count=2)
        self.channel.paused = True
        self.set_stream(40)
        card = f'.o_connector_card[data-backend="test.backend,{self.backend.id}"]'
        for login, more in (
            (
                "dash_user",
                f"if (one('{card} footer')) {{ throw new Error('he may pause'); }}",
            ),
            (
                "dash_manager",
                f"""
                await click('{card} footer button', "Resume");
                await waitText('{card} .o_connector_level', 'All Is Well');
                """,
            ),
        ):
            with self.subTest(login=login):
                self.run_js(
                    "/odoo/connectors",
                    f"""
                    await waitText('{card} .o_connector_level', 'Needs Attention');
                    await waitText('{card} [data-code=paused_channel]', 'Resume it');
                    await waitText('{card}', '2 pending');
                    await waitText('{card}', 's behind, limit 60 min');
                    {more}
                    """,
                    login,
                )
        self.channel.invalidate_recordset()
        self.assertFalse(self.channel.paused)
