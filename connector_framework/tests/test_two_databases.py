"""One process that serves two databases with different addons."""

from __future__ import annotations

import subprocess

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import tagged

from ..exceptions import NoUnitError
from .process_case import ProcessCase, odoo_command

BASE = "connector_reference_probe"
MORE = "connector_reference_probe_more"


@tagged("post_install", "-at_install", "process", "server")
class TestTwoDatabases(ProcessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.with_base, cls.with_more = cls.dbname, cls.make_database()
        cls.odoo(cls.with_base, "-i", BASE)
        cls.odoo(cls.with_more, "-i", MORE)

    @classmethod
    def odoo(cls, dbname, *args, script=None):
        """Run a script in the shell of a database, or else an installation; return what it prints."""
        command = ["shell", "-d", dbname] if script else ["-d", dbname, "--stop-after-init"]
        done = subprocess.run(
            odoo_command(*command, "--no-http", *args),
            input=script or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            raise AssertionError(done.stderr[-3000:])
        return done.stdout

    def test_two_databases(self):
        """Each database has the classes of its addons; where the other is not installed, the replaced one is back."""
        with self.environment():
            pass  # The probes' folder is known to this process from now on.
        with Registry(self.with_more).cursor() as more_cr, Registry(self.with_base).cursor() as base_cr:
            from odoo.addons.connector_reference_probe import Mapper, probe

            def found(env, model_name):
                return probe.get_class(Mapper, model_name, env).__name__

            more, base = (api.Environment(cr, SUPERUSER_ID, {}) for cr in (more_cr, base_cr))
            for _ in range(2):  # The second time from memory.
                self.assertEqual(found(more, "res.partner"), "MorePartnerMapper")
                self.assertEqual(found(base, "res.partner"), "PartnerMapper")
                self.assertEqual(found(more, "res.currency"), "OrderMapper")
                with self.assertRaisesRegex(NoUnitError, f"addon {MORE} is not installed here"):
                    found(base, "res.currency")
            seen = base["connector.reference.class"].search([("service", "=", "reference probe")])
            self.assertEqual(
                {row.class_name: row.state for row in seen},
                {"PartnerMapper": "own", "MorePartnerMapper": "not_installed", "OrderMapper": "not_installed"},
            )

    def test_events(self):
        """A consumer hears of the database that has its addon, and of no other that the same process serves."""
        with self.environment():
            pass
        with Registry(self.with_more).cursor() as more_cr, Registry(self.with_base).cursor() as base_cr:
            from odoo.addons.connector_framework.events import on_record_create
            from odoo.addons.connector_reference_probe_more.heard import heard, partner_created

            more, base = (api.Environment(cr, SUPERUSER_ID, {}) for cr in (more_cr, base_cr))
            heard.clear()
            for _ in range(2):
                base["res.partner"].create({"name": "unheard"})
                more["res.partner"].create([{"name": "heard"}, {"name": "too"}])
            self.assertEqual(heard, [(self.with_more, ["heard", "too"])] * 2)
            self.assertIn(partner_created, on_record_create.consumers(more, "res.partner"))
            self.assertNotIn(partner_created, on_record_create.consumers(base, "res.partner"))
            more_cr.rollback()
            base_cr.rollback()

    def test_uninstalling(self):
        """Uninstalled, an addon's consumers are silent and what it replaced is back, in that process and at once."""
        script = f"""
from odoo.addons.connector_reference_probe import Mapper, probe
from odoo.addons.connector_reference_probe_more.heard import heard
def used():
    heard.clear()
    env["res.partner"].create({{"name": "x"}})
    env.cr.rollback()
    return probe.get_class(Mapper, "res.partner", env).__name__ + " " + str(len(heard))
print("USED", used())
env["ir.module.module"].search([("name", "=", "{MORE}")]).button_immediate_uninstall()
print("USED", used())
env["ir.module.module"].search([("name", "=", "{MORE}")]).button_immediate_install()
print("USED", used())
"""
        printed = self.odoo(self.with_more, script=script)
        used = [line.split()[1:] for line in printed.splitlines() if line.startswith("USED ")]
        self.assertEqual(used, [["MorePartnerMapper", "1"], ["PartnerMapper", "0"], ["MorePartnerMapper", "1"]])
