from datetime import datetime, timedelta

from odoo.tests import tagged

from odoo.addons.connector_framework.exceptions import MappingError, SkipError
from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from ..units.adapter import OdooAdapter
from .common import PeerCase


@tagged("post_install", "-at_install", "transaction")
class TestImport(PeerCase):
    def test_contact(self):
        """A contact comes with its company; country and state are found by their codes."""
        company = self.peer.add(
            "res.partner",
            name="Acme",
            is_company=True,
            street="Main St 1",
            **{"country_id/code": "US", "state_id/code": "CA"},
        )
        person = self.peer.add("res.partner", name="Ada", parent_id=company, email="ada@example.com")
        ada = self.import_partner(person)
        self.assertEqual((ada.name, ada.email, ada.parent_id.name), ("Ada", "ada@example.com", "Acme"))
        acme = self.bound("odoo.res.partner", company)
        self.assertEqual(ada.parent_id, acme.odoo_id)
        self.assertTrue(acme.is_company)
        self.assertEqual((acme.country_id.code, acme.state_id.name), ("US", "California"))

    def test_product(self):
        """A product comes with unit and category by name; one that was stored in an old Odoo is one of goods."""
        dozen = self.env.ref("uom.product_uom_dozen")
        goods = self.env["product.category"].create({"name": "Goods from There"})
        number = self.peer.add(
            "product.product",
            name="Chair",
            default_code="C1",
            barcode="4006381333931",
            list_price=12.5,
            type="product",
            **{"uom_id/name": dozen.name, "categ_id/complete_name": "Goods from There"},
        )
        chair = self.import_product(number)
        self.assertEqual((chair.name, chair.default_code, chair.barcode), ("Chair", "C1", "4006381333931"))
        self.assertEqual((chair.list_price, chair.uom_id, chair.type), (12.5, dozen, "consu"))
        self.assertEqual(chair.categ_id, goods)

    def test_unknown_names(self):
        """A category that is not here is left out; a unit that is not here is an error that names it."""
        number = self.peer.add("product.product", name="Chair", **{"categ_id/complete_name": "Nowhere / At All"})
        self.assertNotEqual(self.import_product(number).categ_id.name, "At All")
        number = self.peer.add("product.product", name="Rope", **{"uom_id/name": "Fathoms"})
        with self.assertRaisesRegex(MappingError, "Fathoms"):
            self.import_product(number)

    def test_unchanged(self):
        """A record that has not changed is read, in two calls, and nothing is written on either side."""
        number = self.peer.add("res.partner", name="Ada")
        ada = self.import_partner(number)
        self.peer.requests.clear()
        before = ada.odoo_id.write_date
        self.import_partner(number)
        self.assertEqual((self.outcome, ada.odoo_id.write_date), ("unchanged", before))
        self.assertEqual(
            [call[1] for call in self.peer.made("search_read", "export_data", "write")], ["search_read", "export_data"]
        )

    def test_keeps_the_external_id(self):
        """What is created has the external id that the record has there, so that each finds the other's."""
        number = self.peer.add("res.partner", name="Ada")
        ada = self.import_partner(number)
        self.assertEqual(self.env.ref(self.peer.tables["res.partner"][number]["xid"]), ada.odoo_id)

    def test_finds_its_own(self):
        """A record that the other side got from here is bound and not created again."""
        ours = self.env["res.partner"].create({"name": "Ada", "city": "Bern"})
        xid = ours.export_data(["id"])["datas"][0][0]
        number = self.peer.add("res.partner", name="Ada", city="Basel", xid=xid)
        binding = self.import_partner(number)
        self.assertEqual((binding.odoo_id, ours.city), (ours, "Basel"))

    def test_finds_what_waits_for_its_export(self):
        """A binding that waits for its export is the one that is bound: no second one, no second record there."""
        waiting = self.bind(self.env["res.partner"].create({"name": "Ada"}))
        number = self.peer.add("res.partner", name="Ada", xid=waiting.odoo_id.export_data(["id"])["datas"][0][0])
        self.assertEqual(self.import_partner(number), waiting)
        waiting.export_record()
        self.assertEqual(len(self.peer.tables["res.partner"]), 1)

    def test_natural_key(self):
        """A product that is here is found by its barcode or reference, as long as only one has it."""
        ours = self.env["product.product"].create({"name": "Chair", "default_code": "C1"})
        number = self.peer.add("product.product", name="Chair there", default_code="C1")
        self.assertEqual(self.import_product(number).odoo_id, ours)
        twins = self.env["product.product"].create([{"name": "Twin", "default_code": "T"} for _twin in range(2)])
        number = self.peer.add("product.product", name="Twin", default_code="T")
        self.assertNotIn(self.import_product(number).odoo_id, twins)

    def test_module_data(self):
        """What a module brings is each Odoo's own: its company, its administrator, and whoever belongs to them."""
        number = self.peer.add("res.partner", name="My Company there", xid="base.main_partner")
        with self.assertRaisesRegex(SkipError, "module base"):
            self.import_partner(number)
        employee = self.peer.add("res.partner", name="Of that company", parent_id=number)
        with self.assertRaisesRegex(SkipError, "is not imported"):
            self.import_partner(employee)

    def test_language(self):
        """Names are read and written in the backend's language, whoever runs the import."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.backend.lang_id = self.env["res.lang"].search([("code", "=", "fr_FR")])
        self.env.ref("uom.product_uom_unit").with_context(lang="fr_FR").name = "Pièces"
        chair = self.import_product(self.peer.add("product.product", name="Chaise", **{"uom_id/name": "Pièces"}))
        self.assertEqual(chair.with_context(lang="fr_FR").name, "Chaise")
        self.assertEqual({call[2]["context"]["lang"] for call in self.peer.made("search_read")}, {"fr_FR"})

    def test_deleted_there(self):
        """What was deleted there is found, and archived here; nothing is sent for it."""
        numbers = [self.peer.add("res.partner", name=name) for name in ("Ada", "Bob")]
        ada, bob = (self.import_partner(number) for number in numbers)
        del self.peer.tables["res.partner"][numbers[0]]
        self.backend.action_find_deleted()
        self.assertEqual(drain_jobs(self, channel="root.odoo"), 3)
        self.assertEqual((ada.active, ada.sync_state), (False, "gone"))
        self.assertEqual((bob.active, bob.sync_state), (True, "synced"))
        ada.odoo_id.name = "Ada, as remembered"
        self.assertEqual(drain_jobs(self, channel="root.odoo"), 0)


@tagged("post_install", "-at_install", "transaction")
class TestStream(PeerCase):
    def run_import(self):
        self.backend.action_import()
        return drain_jobs(self, channel="root.odoo")

    def domain(self):
        pages = [call for call in self.peer.made("search_read") if call[2]["fields"] == ["id"]]
        return [term for term in pages[-1][2]["domain"] if term[0] != "id"]

    def test_incremental(self):
        """The first run imports all; the next what changed since, by the other side's clock, less the overlap."""
        self.peer.add("res.partner", name="Ada")
        self.run_import()
        self.assertEqual(self.domain(), [])
        started = datetime.utcnow()
        self.peer.requests.clear()
        for row in self.peer.tables["res.partner"].values():
            row["write_date"] = "2020-01-01 00:00:00"
        self.run_import()
        [(path, operator, since)] = self.domain()
        self.assertEqual((path, operator), ("write_date", ">="))
        # Without a fraction: the dates over the API have none, those in the database have.
        age = started - datetime.strptime(since, "%Y-%m-%d %H:%M:%S")
        self.assertTrue(timedelta(seconds=590) < age < timedelta(seconds=700), age)
        self.assertEqual([call[2] for call in self.peer.made("export_data")], [])

    def test_pages(self):
        """Pages go by id: what is changed while they are read moves to no other page, and none is left out."""
        self.patch(OdooAdapter, "_page_size", 2)
        for number in range(5):
            self.peer.add("res.partner", name=f"Contact {number}")
        self.run_import()
        self.assertEqual(len(self.env["odoo.res.partner"].search([("backend_id", "=", self.backend.id)])), 5)

    def test_once_at_a_time(self):
        """While an import is waiting, the scheduled action adds none; backends that were not checked are left out."""
        with trap_jobs(self.env) as trap:
            self.env["odoo.backend"]._cron_import()
            self.env["odoo.backend"]._cron_import()
        ours = [job for job in trap.enqueued("import_batch") if job.args[0] == self.backend]
        self.assertEqual([job.records._name for job in ours], ["odoo.res.partner", "odoo.product.product"])
        self.backend.state = "error"
        with trap_jobs(self.env) as trap:
            self.env["odoo.backend"]._cron_import()
            self.env["odoo.backend"]._cron_find_deleted()
        self.assertFalse(trap.jobs)
