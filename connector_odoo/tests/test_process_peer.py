"""The adapters against a real Odoo, over both protocols."""

from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import AuthenticationError, ExternalNotFoundError, PermanentError

from .two_odoos import TwoOdoosCase

VERSIONS = ("19.0", "16.0")


@tagged("post_install", "-at_install", "process", "server")
class TestPeer(TwoOdoosCase):
    def test_both_protocols(self):
        """JSON-2 and XML-RPC do the same, with a user who is no administrator; a wrong key is told at once."""
        self.start(self.there)
        for version in VERSIONS:
            with self.subTest(version=version):
                self.here.connect(self.there, version=version)
                with self.here.environment() as env:
                    self.speak(env, version)
        with self.here.environment() as env:
            for backend in env["odoo.backend"].search([]):
                backend.api_key = "0123456789abcdef"
                with backend.work_on("odoo.backend") as work, self.assertRaises(AuthenticationError):
                    work.unit(Adapter).ping()

    def speak(self, env, version):
        backend = env["odoo.backend"].browse(self.here.backend_id)
        backend.action_check_connection()
        self.assertEqual(backend.state, "connected", backend.last_error)
        with backend.work_on("odoo.res.partner") as work:
            adapter = work.unit(Adapter)
            data = {
                "xid": f"__export__.made_by_{version[:2]}",
                "name": f"Made by {version}",
                "is_company": True,
                "city": False,
                "country_id/code": "US",
                "state_id/code": "CA",
            }
            acme = adapter.create(data)
            self.assertEqual(adapter.create(data), acme, "the same creation again is the same record")
            ada = adapter.create({"xid": f"{data['xid']}_ada", "name": "Ada", "parent_id": int(acme), "active": False})
            record = adapter.read(acme)
            self.assertEqual({**record, **data, "city": record["city"]}, record)
            self.assertFalse(record["city"])
            child = adapter.read(ada)
            # An archived record is one; a contact has the address of its company.
            self.assertEqual((child["active"], child["parent_id"], child["country_id/code"]), (False, int(acme), "US"))
            self.assertEqual(adapter.search([("name", "=", "Ada"), ("parent_id", "=", int(acme))]), ([ada], None))
            self.assertIsNotNone(adapter.server_time())
            with self.assertRaises(PermanentError):
                adapter.write(acme, {"parent_id": int(ada)})  # a circle
            adapter.write(acme, {"city": "Gent", "country_id/code": "BE", "state_id/code": False})
            self.assertEqual(adapter.read(acme)["city"], "Gent")

            # Dates are cut to the second over the API, and the filter includes all of that second.
            [changed] = self.there.sql("SELECT write_date FROM res_partner WHERE id = %s", int(acme))[0]
            since = changed.replace(microsecond=0)
            self.assertTrue(changed.microsecond)
            self.assertIn(acme, adapter.search([("write_date", ">=", str(since))])[0])

            env["odoo.res.partner"].import_record(backend, ada)
            binding = env["odoo.res.partner"].with_context(active_test=False).search([("external_id", "=", ada)])
            self.assertEqual(binding.parent_id.name, f"Made by {version}")
            self.assertEqual(binding.odoo_id.get_external_id()[binding.odoo_id.id], f"{data['xid']}_ada")

            adapter.delete(ada)
            for gone in (adapter.read, adapter.delete):
                with self.assertRaises(ExternalNotFoundError):
                    gone(ada)
            self.assertEqual(env["odoo.res.partner"].import_record(backend, ada), "no longer exists")
            self.assertFalse(binding.active)
