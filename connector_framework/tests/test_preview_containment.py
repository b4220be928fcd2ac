"""What runs in a dry run leaves nothing."""

from __future__ import annotations

from unittest.mock import patch

from odoo import SUPERUSER_ID, Command, api
from odoo.tests import TransactionCase, tagged

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from ..preview import Containment, is_contained
from ..queue import current_job
from ..queue.current import standing_in
from .preview_common import PreviewCase


@tagged("post_install", "-at_install", "transaction")
class TestContained(PreviewCase):
    def test_caches(self):
        """After a dry run, caches of records and of the registry hold what is in the database."""
        self.import_record("1")
        partner = self.binding(1).odoo_id
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("test.preview", "before")
        self.world.put("test.partner", 1, name="Anna", email="ann@example.com")
        seen = []

        def do(importer, binding):
            parameters.set_param("test.preview", "inside")
            partner.category_id = [Command.create({"name": "Inside"})]
            seen.append((parameters.get_param("test.preview"), partner.name, partner.category_id.mapped("name")))

        self.after_import(do)
        self.assertEqual((parameters.get_param("test.preview"), partner.name), ("before", "Ann"))
        invalidated = set(self.registry.cache_invalidated)
        self.preview()
        self.assertEqual(seen, [("inside", "Anna", ["Inside"])])
        self.assertEqual((parameters.get_param("test.preview"), partner.name), ("before", "Ann"))
        self.assertFalse(partner.category_id)
        self.assertEqual(self.registry.cache_invalidated, invalidated)

    def test_what_was_pending_before(self):
        """What the caller changed before is kept, and so are the hooks that he has added."""
        called = []
        self.env.cr.postcommit.add(lambda: called.append("before"))
        partner = self.env["res.partner"].create({"name": "Pending"})
        partner.name = "Changed"
        self.preview()
        self.assertEqual(partner.name, "Changed")
        self.env.cr.postcommit.run()
        self.assertEqual(called, ["before"])

    def test_hooks(self):
        """Hooks for the end of the transaction that are added inside are not called, at none of its ends."""

        def do(importer, binding):
            for hooks in (importer.env.cr.postcommit, importer.env.cr.prerollback, importer.env.cr.postrollback):
                hooks.add(lambda: self.fail("called"))
                hooks.data["test"] = True
            importer.env.cr.commit()
            importer.env.cr.postcommit.add(lambda: self.fail("called"))

        self.after_import(do)
        before = [len(hooks) for hooks in (self.env.cr.postcommit, self.env.cr.prerollback, self.env.cr.postrollback)]
        self.assertEqual(self.preview()["outcome"], "created")
        hooks = (self.env.cr.postcommit, self.env.cr.prerollback, self.env.cr.postrollback)
        self.assertEqual([len(one) for one in hooks], before)
        self.assertFalse([one.data for one in hooks if "test" in one.data])

    def test_commit(self):
        """A commit inside commits nothing; what came before it is kept from the failure after it, as it would be."""

        def do(importer, binding):
            binding.odoo_id.ref = "first"
            importer.env.cr.commit()
            binding.odoo_id.ref = "second"
            raise ValueError("after the commit")

        self.after_import(do)
        told = self.preview()
        self.assertEqual(told["outcome"], "failed: ValueError: after the commit")
        self.assertEqual(self.record(told, "res.partner")["values"]["ref"]["new"], "first")
        with self.assertRaises(AssertionError):  # That of the test's own cursor is in its place again.
            self.env.cr.commit()

    def test_rollback(self):
        """A rollback inside takes back what it would, and no more."""

        def do(importer, binding):
            importer.env.cr.commit()
            binding.odoo_id.ref = "lost"
            importer.env.cr.rollback()

        self.after_import(do)
        values = self.record(self.preview(), "res.partner")["values"]
        self.assertEqual(values["name"]["new"], "Ann")
        self.assertNotIn("ref", values)

    def test_checkpoint(self):
        """A checkpoint is kept for the dry run alone; the job that makes the dry run learns nothing of it."""

        class OuterJob:
            id, reruns_left = None, 0

            def checkpoint(self, state):
                raise AssertionError("committed")

        states = []

        def do(importer, binding):
            job = importer.env["connector.job"]
            job.report_progress(1, 2)
            states.append(job.checkpoint_state())
            job.checkpoint({"at": 1})
            states.append(job.checkpoint_state())

        self.after_import(do)
        outer = OuterJob()
        with standing_in(self.env.cr, outer):
            self.assertEqual(self.preview()["outcome"], "created")
            self.assertIs(current_job(self.env.cr), outer)
        self.assertIsNone(current_job(self.env.cr))
        self.assertEqual(states, [None, {"at": 1}])

    def test_database_error(self):
        """An error of the database is told, and the transaction can be used after it."""
        self.after_import(lambda importer, binding: importer.env.cr.execute("SELECT 1/0", log_exceptions=False))
        told = self.preview()
        self.assertIn("division by zero", told["errors"][""])
        self.env.cr.execute("SELECT 'ok'")
        self.assertEqual(self.env.cr.fetchone(), ("ok",))

    def test_mail(self):
        """Mail is not sent, not even what is sent at once."""

        def do(importer, binding):
            mail = importer.env["mail.mail"].create({"subject": "Hello", "email_to": "a@example.com", "body_html": "x"})
            mail.send(auto_commit=True, raise_exception=True)
            binding.odoo_id.message_post(body="Hello", partner_ids=binding.odoo_id.ids)

        self.after_import(do)
        never = AssertionError("a dry run has connected to a mail server")
        with (
            patch.object(IrMail_Server, "_disable_send", return_value=False),
            patch.object(IrMail_Server, "_connect__", side_effect=never),
            patch.object(IrMail_Server, "send_email", side_effect=never),
        ):
            self.assertEqual(self.preview()["outcome"], "created")

    def test_one_at_a_time(self):
        """A dry run inside another one is refused; nothing is left of the outer one."""
        self.after_import(lambda importer, binding: importer.model.preview_import(importer.backend, "1"))
        self.assertIn("a dry run is going on", self.preview()["outcome"])
        self.assertFalse(is_contained(self.env.cr))

    def test_an_interrupt_leaves_nothing(self):
        """What ends the process, or the job, rolls back as well."""
        with self.assertRaises(KeyboardInterrupt), Containment(self.env):
            self.env["res.partner"].create({"name": "Inside"})
            raise KeyboardInterrupt
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Inside")]))
        self.assertFalse(is_contained(self.env.cr))


@tagged("post_install", "-at_install", "transaction")
class TestProductionCursor(TransactionCase):
    def test_a_cursor_of_production(self):
        """A commit inside, on a cursor whose commits are real, commits nothing; after it they are real again."""
        with self.registry.cursor() as cr:
            # What the test's own transaction has locked fails the test, and does not stop it.
            cr.execute("SET LOCAL lock_timeout = '5s'")
            env = api.Environment(cr, SUPERUSER_ID, {})
            with Containment(env):
                env["res.partner"].create({"name": "Contained for good"})
                cr.commit()
                cr.execute("SELECT pg_current_xact_id_if_assigned()")
                self.assertTrue(cr.fetchone()[0], "the transaction has ended")
            self.assertNotIn("commit", vars(cr))
            cr.commit()
            self.assertFalse(env["res.partner"].search([("name", "=", "Contained for good")]))
            cr.execute("SELECT pg_current_xact_id_if_assigned()")
            self.assertFalse(cr.fetchone()[0])
