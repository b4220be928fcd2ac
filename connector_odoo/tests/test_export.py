from odoo.tests import new_test_user, tagged

from odoo.addons.connector_framework.exceptions import DependencyMissingError, PermanentError, SkipError
from odoo.addons.connector_framework.mappings import ExportMapper
from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import PARTNER, PeerCase

WRITING = ("load", "write", "unlink")


@tagged("post_install", "-at_install", "transaction")
class TestExport(PeerCase):
    def test_contact(self):
        """A contact goes with its company, which comes first; codes are sent as the other side's ids."""
        company = self.env["res.partner"].create(
            {"name": "Acme", "is_company": True, "state_id": self.env.ref("base.state_us_5").id}
        )
        company.country_id = company.state_id.country_id
        binding = self.bind(self.env["res.partner"].create({"name": "Ada", "parent_id": company.id}))
        self.assertEqual(binding.export_record(), "created")
        acme, ada = self.peer.tables["res.partner"].values()
        self.assertEqual((acme["name"], acme["is_company"], ada["name"]), ("Acme", True, "Ada"))
        codes = (
            self.peer.tables["res.country"][acme["country_id"]],
            self.peer.tables["res.country.state"][acme["state_id"]],
        )
        self.assertEqual([row["code"] for row in codes], ["US", "CA"])
        self.assertEqual(str(ada["parent_id"]), company.odoo_bind_ids.external_id)

    def test_product(self):
        """A product goes with its unit; the category, if the other side has it."""
        product = self.env["product.product"].create(
            {"name": "Chair", "default_code": "C1", "list_price": 5, "categ_id": self.category("Goods").id}
        )
        binding = self.bind(product)
        binding.export_record()
        [row] = self.peer.tables["product.product"].values()
        self.assertEqual((row["name"], row["default_code"], row["list_price"]), ("Chair", "C1", 5))
        self.assertEqual(self.peer.tables["uom.uom"][row["uom_id"]], {"name": "Units"})
        self.assertEqual(self.peer.tables["product.category"][row["categ_id"]], {"complete_name": "Goods"})
        product.categ_id = self.category("Only Here")
        binding.export_record(fields=["categ_id"])
        self.assertEqual(self.peer.tables["product.category"][row["categ_id"]], {"complete_name": "Goods"})

    def category(self, name):
        return self.env["product.category"].search([("complete_name", "=", name)]) or self.env[
            "product.category"
        ].create({"name": name})

    def test_unknown_code(self):
        """A unit that the other side does not have is an error that says what to do."""
        self.peer.tables["uom.uom"].clear()
        binding = self.bind(self.env["product.product"].create({"name": "Chair"}))
        with self.assertRaisesRegex(PermanentError, "no uom.uom with name 'Units': create it there"):
            binding.export_record()

    def test_created_once(self):
        """A creation whose answer was lost is repeated, and there is one record."""
        binding = self.bind(self.env["res.partner"].create({"name": "Ada"}))
        binding.export_record()
        self.assertEqual(binding.external_id, "100")
        # As after a crash before the commit.
        binding.with_context(connector_no_events=True).write({"external_id": False, "export_hash": False})
        binding.export_record()
        self.assertEqual((list(self.peer.tables["res.partner"]), binding.external_id), ([100], "100"))

    def test_natural_key(self):
        """A product that is there already, by its reference, is bound and updated."""
        number = self.peer.add("product.product", name="Old", default_code="C1")
        binding = self.bind(self.env["product.product"].create({"name": "Chair", "default_code": "C1"}))
        binding.export_record()
        self.assertEqual((binding.external_id, len(self.peer.tables["product.product"])), (str(number), 1))
        self.assertEqual(self.peer.tables["product.product"][number]["name"], "Chair")

    def test_module_data(self):
        """What a module brings is not sent."""
        with self.assertRaisesRegex(SkipError, "module base"):
            self.bind(self.env.ref("base.main_partner")).export_record()
        self.assertEqual(self.peer.made(*WRITING), [])

    def test_change(self):
        """A change goes there by a job, with what changed alone; once more the same is not sent."""
        number = self.peer.add("res.partner", name="Ada")
        ada = self.import_partner(number).odoo_id
        ada.phone = "+32 1"
        self.assertEqual(drain_jobs(self, channel="root.odoo"), 1)
        self.assertEqual([call[2]["vals"] for call in self.peer.made("write")], [{"phone": "+32 1"}])
        ada.phone = "+32 1"
        drain_jobs(self, channel="root.odoo")
        self.assertEqual(len(self.peer.made("write")), 1)

    def test_no_echo(self):
        """What was imported is not sent back; nor is what the other side's own user wrote here."""
        self.backend.export_new = True
        number = self.peer.add("res.partner", name="Ada")
        groups = "base.group_user,base.group_partner_manager"
        self.backend.peer_user_id = new_test_user(self.env, "peer", groups=groups)
        with trap_jobs(self.env) as trap:
            ada = self.import_partner(number).odoo_id
            by_peer = ada.with_user(self.backend.peer_user_id)
            by_peer.phone = "1"
            made = by_peer.create({"name": "Made by it"})
        self.assertFalse(trap.jobs)
        self.assertFalse(made.sudo().odoo_bind_ids)
        with trap_jobs(self.env) as trap:
            ada.phone = "2"
        trap.assert_enqueued("export_record")

    def test_own_export_is_no_news(self):
        """What was sent and is read again is no change: it does not go over what has changed here since."""
        binding = self.bind(self.env["res.partner"].create({"name": "Ada", "city": "Bern"}))
        binding.export_record()
        for row in self.peer.tables["res.partner"].values():
            row.update({**PARTNER, **row, "country_id/code": "", "state_id/code": ""})
        binding.odoo_id.city = "Basel"
        self.import_partner(binding.external_id)
        self.assertEqual((self.outcome, binding.city), ("unchanged", "Basel"))
        self.assertTrue(binding.import_hash)

    def test_there_and_back_again(self):
        """What is changed there and set back again later is imported both times, whatever was sent before."""
        number = self.peer.add("res.partner", name="Ada")
        ada = self.import_partner(number).odoo_id
        for city in ("Bern", "Basel"):
            ada.city = city
            drain_jobs(self, channel="root.odoo")
        for city in ("Bern", "Basel"):
            self.peer.tables["res.partner"][number]["city"] = city
            self.import_partner(number)
            self.assertEqual((self.outcome, ada.city), ("updated", city))

    def test_export_new(self):
        """What is made or changed here is bound and sent, if the backend wants that; not what another company has."""
        here = self.env["res.partner"].create({"name": "Ada"})
        self.assertEqual(drain_jobs(self, channel="root.odoo"), 0)
        self.backend.export_new = True
        here.city = "Bern"
        other = self.env["res.company"].create({"name": "Other"})
        self.env.flush_all()
        drain_jobs(self, channel="root.odoo")
        before = len(self.peer.tables["res.partner"])
        self.env["res.partner"].create({"name": "Of another company", "company_id": other.id})
        self.env["product.product"].create({"name": "Chair"})
        drain_jobs(self, channel="root.odoo")
        self.assertEqual(here.odoo_bind_ids.sync_state, "synced")
        self.assertEqual(len(self.peer.tables["res.partner"]), before)
        self.assertEqual([row["name"] for row in self.peer.tables["product.product"].values()], ["Chair"])

    def test_deletion(self):
        """What is deleted here is deleted there; what is gone there already does no harm."""
        numbers = [self.peer.add("res.partner", name=name) for name in ("Ada", "Bob")]
        partners = [self.import_partner(number).odoo_id for number in numbers]
        del self.peer.tables["res.partner"][numbers[1]]
        for partner in partners:
            partner.unlink()
        self.assertEqual(drain_jobs(self, channel="root.odoo"), 2)
        self.assertEqual(self.peer.tables["res.partner"], {})
        self.assertFalse(self.env["connector.job"].search([("state", "=", "failed")]))

    def test_parent_without_binding(self):
        """The mapper of a contact whose company is not there yet says so."""
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        binding = self.bind(self.env["res.partner"].create({"name": "Ada", "parent_id": company.id}))
        with self.backend.work_on("odoo.res.partner") as work, self.assertRaises(DependencyMissingError):
            work.unit(ExportMapper).map_record(binding).values()


@tagged("post_install", "-at_install", "transaction")
class TestConflict(PeerCase):
    def setUp(self):
        super().setUp()
        self.backend.conflict_policy = "ask"
        self.number = self.peer.add("res.partner", name="Ada", city="Bern")
        self.binding = self.import_partner(self.number)
        self.there = self.peer.tables["res.partner"][self.number]

    def change_both(self, policy):
        self.backend.conflict_policy = policy
        self.binding.odoo_id.city = "Basel"
        self.there["city"] = "Genf"
        drain_jobs(self, channel="root.odoo")

    def test_ask(self):
        """A person decides, and sees the difference."""
        self.change_both("ask")
        self.assertEqual(
            (self.binding.sync_state, self.binding.city, self.there["city"]), ("conflict", "Basel", "Genf")
        )
        self.assertEqual(self.binding.conflict_text, "City: Basel here, Genf there")
        self.binding.action_keep_odoo()
        drain_jobs(self)
        self.assertEqual((self.binding.sync_state, self.there["city"]), ("synced", "Basel"))

    def test_external(self):
        """The other Odoo wins."""
        self.change_both("external")
        self.assertEqual((self.binding.city, self.there["city"]), ("Genf", "Genf"))

    def test_odoo(self):
        """This Odoo wins."""
        self.change_both("odoo")
        self.assertEqual((self.binding.city, self.there["city"]), ("Basel", "Basel"))

    def test_none(self):
        """Without a policy the last one wins."""
        self.change_both(False)
        self.assertEqual(self.there["city"], "Basel")
