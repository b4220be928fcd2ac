"""An upgrade leaves the database as it is, and an uninstallation leaves nothing of the connector, or the framework."""

from __future__ import annotations

import subprocess

from odoo.tests import tagged

from odoo.addons.connector_framework.tests.process_case import PROBE, ProcessCase, odoo_command

#: What a schema consists of, one line each.
SCHEMA = """
    SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
      FROM information_schema.columns WHERE table_schema = 'public'
     UNION ALL SELECT 'index ' || indexname || ' ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid)
                 FROM pg_constraint WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT 'sequence ' || sequence_name FROM information_schema.sequences
     ORDER BY 1
"""
#: Where rows name a model or an addon, and the column that does.
NAMED_IN = {
    "ir_model": "model",
    "ir_model_fields": "model || ' ' || name || ' ' || coalesce(relation, '')",
    "ir_model_constraint": "name",
    "ir_model_relation": "name",
    "ir_model_data": "module || '.' || name",
    "ir_model_access": "name",
    "ir_rule": "name",
    "ir_ui_view": "coalesce(model, '') || ' ' || coalesce(arch_fs, '')",
    "ir_act_window": "res_model",
    "ir_attachment": "coalesce(res_model, '')",
    "mail_message": "coalesce(model, '')",
}
#: Where the framework's rows name one.
OURS = {
    "connector_job": "model_name",
    "connector_job_channel": "name",
    "connector_exchange": "backend_model",
    "connector_stream": "backend_model",
    "connector_incident": "backend_model",
    "connector_comparison": "backend_model",
    "connector_job_subject": "model_name",
    "connector_adapter_state": "backend_model",
}


@tagged("post_install", "-at_install", "process")
class TestProcessUninstall(ProcessCase):
    maxDiff = None
    modules = (PROBE, "connector_magento")

    def odoo(self, *args, script=""):
        done = subprocess.run(
            odoo_command(*args, "--no-http"), input=script, capture_output=True, text=True, check=False, timeout=500
        )
        self.assertFalse(done.returncode or "Traceback" in done.stderr, done.stderr[-3000:])
        self.assertFalse([line for line in done.stderr.splitlines() if " ERROR " in line])

    def uninstall(self, addon):
        script = f"env['ir.module.module'].search([('name', '=', '{addon}')]).button_immediate_uninstall()\n"
        self.odoo("shell", "-d", self.dbname, script=script)

    def schema(self):
        return [row[0] for row in self.sql(SCHEMA)]

    def rows(self):
        """Return how many rows each table has; those that count what happened are not looked at."""
        tables = [row[0] for row in self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
        counted = {table: self.sql(f'SELECT count(*) FROM "{table}"')[0][0] for table in tables}
        for table in ("orm_signaling_registry", "ir_cron_trigger"):
            del counted[table]
        return counted

    def named(self, pattern, where):
        """Return what still names the pattern."""
        found = [line for line in self.schema() if pattern in line]
        for table, expression in where.items():
            rows = self.sql(f"SELECT {expression} FROM {table} WHERE ({expression}) LIKE %s", f"%{pattern}%")
            found += [f"{table}: {row[0][:100]}" for row in rows]
        # An addon that is there to be installed has one.
        return [line for line in found if not line.startswith("ir_model_data: base.module_")]

    def use(self):
        """Leave traces of the connector wherever it can; return a job of another addon that waits for one of its."""
        with self.environment() as env:
            backend = env["magento.backend"].create({"name": "Shop", "url": "http://127.0.0.1:9/api/xmlrpc"})
            website = env["magento.website"].create({"backend_id": backend.id, "name": "W", "external_id": "1"})
            bindings = env["magento.res.partner"].create(
                {"backend_id": backend.id, "website_id": website.id, "name": "Ann", "external_id": "1"}
            )
            env["connector.stream"].of(backend, "magento.res.partner")
            job = bindings.as_job(channel="root.magento.elsewhere").export_record()
            bindings.browse().as_job().import_record(backend, "2")
            waiting = env["queue.probe"].as_job(after=job).nothing()
            incident = {"name": "down", "fingerprint": "x"}
            env["connector.incident"].create({**incident, "backend_model": backend._name, "backend_id": backend.id})
            env["connector.comparison"].compare(backend, "magento.res.partner")
            env["connector.adapter.state"].create({"backend_model": backend._name, "backend_id": backend.id})
            env["connector.exchange"].create({"backend_model": backend._name, "backend_id": backend.id})
            for record in (backend, bindings):
                env["ir.attachment"].create({"name": "a", "res_model": record._name, "res_id": record.id, "raw": b"a"})
            return waiting.id

    def test_upgraded_and_uninstalled(self):
        """Upgraded twice, all is as before; uninstalled, only the records of Odoo that it made are left."""
        waiting_id = self.use()
        self.odoo("-d", self.dbname, "-u", "connector_magento", "--stop-after-init")
        before = self.schema(), self.rows()
        self.odoo("-d", self.dbname, "-u", "connector_magento", "--stop-after-init")
        self.assertEqual((self.schema(), self.rows()), before)

        self.uninstall("connector_magento")
        self.assertEqual(self.named("magento", {**NAMED_IN, **OURS}), [])
        self.assertEqual(self.sql("SELECT count(*) FROM res_partner WHERE name = 'Ann'")[0][0], 1)
        # What waited for one of its jobs is not let go as if that had been done.
        self.assertEqual(self.sql("SELECT state FROM connector_job WHERE id = %s", waiting_id)[0][0], "cancelled")

        self.uninstall("connector_framework")
        self.assertEqual(self.named("connector", NAMED_IN), [])
