from odoo.tests import Form, tagged

from odoo.addons.connector_framework.exceptions import ExternalConflictError, MappingError
from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestPartnerExport(ShopCase):
    def setUp(self):
        super().setUp()
        self.backend.customers_exported = True
        self.website = self.backend.website_ids.sorted(lambda one: int(one.external_id))[1]
        self.partner = self.env["res.partner"].create(
            {
                "name": "Ada King Lovelace",
                "email": "ada@example.com",
                "phone": "020 7946 0000",
                "street": "12 St James Square",
                "street2": "Flat 3",
                "zip": "89501",
                "city": "Reno",
                "country_id": self.env.ref("base.us").id,
                "state_id": self.env.ref("base.state_us_23").id,
            }
        )

    def account(self, **values):
        return self.env["magento.res.partner"].create(
            {"backend_id": self.backend.id, "website_id": self.website.id, "odoo_id": self.partner.id, **values}
        )

    def exported(self, **values):
        account = self.account(**values)
        drain_jobs(self)
        self.assertFalse(self.env["connector.job"].search([("state", "=", "failed")]).mapped("exc_message"))
        return account

    def there(self, account):
        """Return the shop's customer and his addresses."""
        return (
            self.in_shop("customer.info", account.external_id),
            self.in_shop("customer_address.list", account.external_id),
        )

    def test_create(self):
        """A new account of a partner becomes a customer with an address there, and both are bound."""
        account = self.exported()
        customer, (address,) = self.there(account)
        self.assertEqual(customer["email"], "ada@example.com")
        self.assertEqual([customer[name] for name in ("firstname", "lastname")], ["Ada King", "Lovelace"])
        self.assertEqual([str(customer[name]) for name in ("website_id", "store_id", "group_id")], ["2", "2", "1"])
        self.assertEqual(address["street"], "12 St James Square\nFlat 3")
        self.assertEqual([address[name] for name in ("postcode", "city", "country_id")], ["89501", "Reno", "US"])
        self.assertEqual(address["region"], self.partner.state_id.name)
        self.assertTrue(address["is_default_billing"] and address["is_default_shipping"])
        self.assertEqual(account.magento_address_ids.odoo_id, self.partner)
        self.assertEqual(account.magento_address_ids.external_id, str(address["customer_address_id"]))

    def test_switch(self):
        """Unless the backend says so, changes of customers stay here; a new account goes out all the same."""
        self.backend.customers_exported = False
        account = self.exported()
        self.assertTrue(account.external_id)
        self.partner.name = "Ada Byron"
        self.assertEqual(drain_jobs(self), 0)
        self.backend.customers_exported = True
        self.partner.name = "Ada King"
        self.assertEqual(drain_jobs(self), 1)

    def test_form(self):
        """A person chooses partner and website; the e-mail is the partner's unless another one is entered."""
        with Form(self.env["magento.res.partner"]) as form:
            form.backend_id = self.backend
            form.odoo_id = self.partner
            form.website_id = self.website
            self.assertEqual(form.email, "ada@example.com")
            form.email = "other@example.com"
        drain_jobs(self)
        self.assertEqual(self.there(form.record)[0]["email"], "other@example.com")
        self.assertEqual(self.partner.email, "other@example.com", "his only account's")

    def test_import_after_export(self):
        """What was exported comes back as the same partner, without another contact and without another export."""
        account = self.exported()
        names = ["name", "email", "street", "street2", "zip", "city", "type", "state_id", "parent_id"]
        before = self.partner.read(names)
        with trap_jobs(self.env) as trap:
            self.assertEqual(self.import_one("magento.res.partner", account.external_id, force=True), account)
        self.assertFalse(trap.jobs)
        self.assertEqual(self.outcome, "updated")
        self.assertEqual(self.partner.read(names), before)
        self.assertFalse(self.partner.child_ids)
        self.in_shop("customer_address.update", account.magento_address_ids.external_id, {"city": "Sparks"})
        self.import_one("magento.res.partner", account.external_id)
        self.assertEqual(self.partner.city, "Sparks")

    def test_update(self):
        """A change goes to the half that it is of, and only what changed is sent."""
        account = self.exported()
        requests = len(self.shop.requests)
        self.partner.city = "Sparks"
        self.assertEqual(drain_jobs(self), 1)
        self.assertEqual(self.there(account)[1][0]["city"], "Sparks")
        sent = [request for request in self.shop.requests[requests:] if "update" in str(request)]
        self.assertEqual(len(sent), 1, sent)
        self.partner.name = "Ada Byron"
        account.email = "byron@example.com"
        drain_jobs(self)
        customer, (address,) = self.there(account)
        self.assertEqual((customer["firstname"], customer["lastname"]), ("Ada", "Byron"))
        self.assertEqual(customer["email"], "byron@example.com")
        self.assertEqual((address["firstname"], address["lastname"], address["city"]), ("Ada", "Byron", "Sparks"))

    def test_imported(self):
        """An imported customer who is renamed here is renamed there; his contacts' addresses stay as they are."""
        self.in_shop("customer.update", 15, {"firstname": "Ada Augusta", "middlename": "de", "lastname": "la Tour"})
        account = self.import_one("magento.res.partner", "15")
        before = self.there(account)[1]
        drain_jobs(self)
        for name, expected in (
            ("Ada de la Tour", ("Ada", "de", "la Tour")),
            ("Ada Augusta Byron", ("Ada Augusta", "", "Byron")),
        ):
            account.odoo_id.name = name
            drain_jobs(self)
            customer, addresses = self.there(account)
            names = (customer["firstname"], customer["middlename"] or "", customer["lastname"])
            self.assertEqual(names, expected)
            self.assertEqual(addresses, before)

    def test_gone(self):
        """What was deleted there is not exported any more."""
        account = self.import_one("magento.res.partner", "15")
        self.in_shop("customer.delete", 15)
        self.import_one("magento.res.partner", "15")
        drain_jobs(self)
        with trap_jobs(self.env) as trap:
            account.odoo_id.name = "New Name"
        self.assertFalse(trap.jobs)

    def test_address_later(self):
        """The first line of an address that is entered later makes all of it there, beside those of the contacts."""
        account = self.import_one("magento.res.partner", "15")
        count = len(account.magento_address_ids)
        country = self.env.ref("base.ch")
        account.odoo_id.write(
            {"street": "1 Rue", "zip": "1000", "city": "Lausanne", "country_id": country.id, "phone": "1"}
        )
        drain_jobs(self)
        new = account.magento_address_ids.filtered(lambda one: one.odoo_id == account.odoo_id)
        self.assertEqual(len(account.magento_address_ids), count + 1)
        self.assertEqual(self.in_shop("customer_address.info", new.external_id)["city"], "Lausanne")
        self.assertFalse(new.is_default_billing, "a contact has that one")

    def test_unchecked_there(self):
        """What the shop would take unchecked is checked here, all at once, and nothing is sent."""
        self.partner.write({"name": "Ada", "email": False, "phone": False})
        others = self.backend.storeview_ids.filtered(lambda view: view.website_id != self.website)
        account = self.account(email="bad", storeview_id=others[0].id)
        customers = len(self.shop.store.customers)
        with self.assertRaises(MappingError) as caught:
            account.export_record()
        self.assertEqual(
            set(caught.exception.field_errors),
            {
                "customer.email",
                "customer.firstname",
                "customer.store_id",
                "address.firstname",
                "address.telephone",
            },
        )
        self.assertEqual(len(self.shop.store.customers), customers)

    def test_no_address(self):
        """A partner without an address has an account without one."""
        self.partner.write({"street": False, "street2": False, "zip": False, "city": False})
        self.assertEqual(self.there(self.exported())[1], [])

    def test_refused_address(self):
        """An address that the shop refuses leaves an account that is bound; the next attempt goes on from there."""
        account = self.account()
        self.shop.fail_next(kind="fault", match="customer_address.create", code=100, message="No.")
        drain_jobs(self)
        self.assertTrue(account.external_id)
        self.assertFalse(account.magento_address_ids)
        job = self.env["connector.job"].search([("state", "=", "failed")])
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual(job.state, "done")
        self.assertTrue(account.magento_address_ids)
        found = self.in_shop("customer.list", {"email": "ada@example.com"})
        self.assertEqual(len(found), 1)

    def test_lost_answer(self):
        """An account whose answer got lost is found by its e-mail: none is made twice."""
        account = self.account()
        self.shop.fail_next(kind="drop", match="customer.create", after_call=True)
        drain_jobs(self)
        self.assertFalse(account.external_id)
        job = self.env["connector.job"].search([("state", "=", "pending")])
        job.action_cancel()
        job.action_requeue()
        drain_jobs(self)
        self.assertEqual(job.state, "done")
        self.assertEqual(len(self.in_shop("customer.list", {"email": "ada@example.com"})), 1)
        self.assertEqual(len(self.there(account)[1]), 1)

    def test_known_there(self):
        """An account that the e-mail has on the website already is taken, unless it is another partner's."""
        data = {"email": "ada@example.com", "firstname": "A", "lastname": "B", "website_id": 2, "store_id": 2}
        number = self.in_shop("customer.create", data)
        self.in_shop("customer.create", {**data, "website_id": 1, "store_id": 1})
        account = self.exported()
        self.assertEqual(account.external_id, str(number))
        self.assertEqual(self.there(account)[0]["firstname"], "Ada King")
        with self.assertRaises(ExternalConflictError):
            self.account(odoo_id=self.partner.copy({"email": "ada@example.com"}).id).export_record()
