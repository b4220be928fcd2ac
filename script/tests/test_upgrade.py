"""A database of an earlier version, with data and jobs in it, is upgraded and goes on."""

from __future__ import annotations

import subprocess
import unittest

from environment import ROOT

from .installed_case import DATABASE, InstalledCase

#: A version before the last one, as it was in this repository.
EARLIER = "84bd3824c4659e261cf3720edd02444d06c6fe92"

OLD_DATA = """
backend = env["magento.backend"].create(
    {"name": "Old Shop", "url": "http://127.0.0.1:9", "api_user": "odoo", "api_key": "secret"})
partner = env["res.partner"].create({"name": "Old Customer"})
site = env["magento.website"].create({"backend_id": backend.id, "external_id": "1", "name": "Site"})
env["magento.res.partner"].create(
    {"backend_id": backend.id, "website_id": site.id, "odoo_id": partner.id,
     "external_id": "7", "email": "old@example.com"})
env["connector.stream"].sudo().of(backend, "magento.res.partner").advance({"since": "2026-01-01 00:00:00"})
partner.as_job(description="done before").write({"ref": "before"})
partner.as_job(description="failed before", max_attempts=1).write({"no_such_field": 1})
env.cr.commit()
"""
OLD_WAITING = """
partner = env["res.partner"].search([("name", "=", "Old Customer")])
first = partner.as_job(description="waits before").write({"comment": "from the old version"})
partner.as_job(description="after it", after=first).write({"function": "from the old version"})
env["magento.res.partner"].search([]).as_job(description="of a binding", eta=86400).import_record(
    env["magento.backend"].search([], limit=1), "7")
env.cr.commit()
"""
NEW_CHECKS = """
backend = env["magento.backend"].search([("name", "=", "Old Shop")])
assert backend.get_secret("api_key") == "secret"
assert backend.channel_id, "no channel"
binding = env["magento.res.partner"].search([("external_id", "=", "7")])
assert (binding.email, binding.odoo_id.name) == ("old@example.com", "Old Customer"), binding.read()
stream = env["connector.stream"].of(backend, "magento.res.partner")
assert stream.cursor == {"since": "2026-01-01 00:00:00"}, stream.cursor
failed = env["connector.job"].search([("name", "=", "failed before")])
assert failed.state == "failed" and failed.exc_name, failed.read()
assert failed.call
assert failed.incident_id.state == "open" and failed.incident_id.count == 1, failed.incident_id.read()
waiting = env["connector.job"].search([("name", "=", "of a binding")])
assert (waiting.backend_model, waiting.backend_id, waiting.backend_name) == (backend._name, backend.id, "Old Shop")
failed.incident_id.action_requeue()
for job in env["connector.job"].search([]):
    job.read()
assert len(env["connector.dashboard"].action_read()["cards"]) == 1
env.cr.commit()
"""


class TestUpgrade(InstalledCase):
    def test_upgrade(self) -> None:
        """Bindings, secrets, streams and jobs are as they were; the jobs of the old version are run."""
        old = self.folder / "old"
        old.mkdir()
        archive = subprocess.run(["git", "archive", EARLIER], cwd=ROOT, capture_output=True)
        if archive.returncode:
            raise unittest.SkipTest(f"this checkout has no history: {archive.stderr.decode().strip()}")
        subprocess.run(["tar", "-x", "-C", old], input=archive.stdout, check=True)

        self.use_addons_of(old)
        self.space.install(DATABASE, ["connector_magento"], self.log("install"))
        self.shell(OLD_DATA, "data")
        self.run_jobs()
        # The old version logs its failing job, as it should.
        self.logs.clear()
        self.assertEqual(self.states(), {"done before": "done", "failed before": "failed"})
        self.shell(OLD_WAITING, "waiting")

        self.use_addons_of(ROOT)
        self.space.install(DATABASE, ["connector_framework"], self.log("upgrade"), update=True)
        self.shell(NEW_CHECKS, "checks")
        self.assert_no_errors()
        self.run_jobs()
        self.assertEqual(
            self.states(),
            {
                "done before": "done",
                "failed before": "failed",
                "waits before": "done",
                "after it": "done",
                "of a binding": "pending",
            },
        )
        self.assertEqual(
            self.query("SELECT count(*) FROM connector_job WHERE state = 'failed' AND incident_id IS NULL"), "0"
        )

    def states(self) -> dict[str, str]:
        """Return the states of the jobs by name."""
        rows = self.query("SELECT name, state FROM connector_job")
        return dict(row.split("|") for row in rows.splitlines())
