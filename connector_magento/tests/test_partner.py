from dataclasses import replace

from odoo.tests import tagged

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.tests.common import drain_jobs

from ..units.customer.address_book import AddressBookBatchImporter
from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestPartner(ShopCase):
    def test_same_email(self):
        """One e-mail on two websites is two accounts of two partners."""
        ids = [
            str(c.customer_id) for c in self.shop.store.customers.values() if c.get("email") == "shared1@example.com"
        ]
        first, second = (self.import_one("magento.res.partner", external_id) for external_id in ids)
        self.assertEqual(first.email, second.email)
        self.assertNotEqual(first.website_id, second.website_id)
        self.assertNotEqual(first.odoo_id, second.odoo_id)

    def test_one_partner_two_accounts(self):
        """A partner may have an account on each website, each with an e-mail of its own."""
        first = self.import_one("magento.res.partner", "1")
        other_website = self.backend.website_ids - first.website_id
        second = self.env["magento.res.partner"].create(
            {
                "backend_id": self.backend.id,
                "odoo_id": first.odoo_id.id,
                "website_id": other_website.id,
                "external_id": "9001",
                "email": "b2b@example.com",
            }
        )
        self.assertEqual(first.email, "customer1@example.com")
        self.assertEqual(second.email, "b2b@example.com")
        self.assertEqual(first.odoo_id.email, "customer1@example.com")

    def test_email_changed(self):
        """The partner of one account has its e-mail, the new one too."""
        binding = self.import_one("magento.res.partner", "1")
        self.assertEqual(binding.odoo_id.email, "customer1@example.com")
        self.in_shop("customer.update", 1, {"email": "new@example.com"})
        self.import_one("magento.res.partner", "1")
        self.assertEqual((self.outcome, binding.email, binding.odoo_id.email), ("updated", *["new@example.com"] * 2))

    def test_values(self):
        """Name, group, language and addresses of a customer are where people look for them."""
        self.backend.storeview_ids.lang_id = self.env.ref("base.lang_en")
        customer = self.shop.store.customers[15]
        binding = self.import_one("magento.res.partner", "15")
        self.assertEqual(binding.name, f"{customer.get('firstname')} {customer.get('lastname')}")
        self.assertEqual(binding.category_id, binding.group_id.odoo_id)
        self.assertEqual(binding.lang, "en_US")
        self.assertEqual(binding.website_id.external_id, str(customer.get("website_id")))
        self.assertEqual(binding.magento_address_ids.parent_id, binding.odoo_id)
        for address in binding.magento_address_ids:
            row = self.shop.store.addresses[int(address.external_id)]
            self.assertEqual(address.country_id.code, row["country_id"])
            self.assertEqual(address.city, row["city"])
            self.assertEqual(address.street, row["street"].split("\n")[0])
        self.assertEqual(sorted(binding.magento_address_ids.mapped("type")), ["delivery", "invoice"])

    def test_language_of_website(self):
        """Who was entered by the shop's admin has no store view, and gets the language of his website's first one."""
        self.env["res.lang"]._activate_lang("fr_FR")
        website = self.backend.website_ids.sorted(lambda one: int(one.external_id))[1]
        views = self.backend.storeview_ids.filtered(lambda view: view.website_id == website)
        views.lang_id = self.env.ref("base.lang_fr")
        data = {"email": "a@example.com", "firstname": "A", "lastname": "B", "website_id": website.external_id}
        binding = self.import_one("magento.res.partner", self.in_shop("customer.create", {**data, "store_id": 0}))
        self.assertEqual((binding.website_id, binding.storeview_id.external_id), (website, False))
        self.assertEqual(binding.lang, "fr_FR")

    def test_website_renamed(self):
        """What the shop says of the website is no change of its customers."""
        self.import_one("magento.res.partner", "1")
        stores = self.shop.store.stores
        stores.update({number: replace(view, name="Renamed") for number, view in stores.items()})
        self.import_one("magento.res.partner", "1")
        self.assertEqual(self.outcome, "unchanged")

    def test_group_changed(self):
        """The tag of the old group goes, tags from elsewhere stay."""
        binding = self.import_one("magento.res.partner", "1")
        tag = self.env["res.partner.category"].create({"name": "Ours"})
        binding.category_id |= tag
        self.in_shop("customer.update", 1, {"group_id": 2})
        self.import_one("magento.res.partner", "1")
        self.assertEqual(binding.category_id, tag | binding.group_id.odoo_id)
        self.assertEqual(binding.group_id.external_id, "2")

    def test_unchanged(self):
        """What has not changed is not written."""
        binding = self.import_one("magento.res.partner", "1")
        self.assertEqual(self.outcome, "created")
        self.assertEqual(self.import_one("magento.res.partner", "1"), binding)
        self.assertEqual(self.outcome, "unchanged")

    def test_gone(self):
        """An account that the shop deleted is marked; the partner stays."""
        binding = self.import_one("magento.res.partner", "1")
        self.in_shop("customer.delete", 1)
        self.import_one("magento.res.partner", "1")
        self.assertEqual(self.outcome, "no longer exists")
        self.assertEqual(binding.sync_state, "gone")
        self.assertTrue(binding.odoo_id.active)

    def test_address_book(self):
        """An address that the shop deleted is unbound; a new one becomes a contact."""
        binding = self.import_one("magento.res.partner", "15")
        old = binding.magento_address_ids[0]
        contact, number = old.odoo_id, old.external_id
        self.in_shop("customer_address.delete", number)
        new = {
            "firstname": "A",
            "lastname": "B",
            "street": ["1 New Street", "Floor 2", "Door 3"],
            "city": "Reno",
            "country_id": "US",
            "region_id": "39",
            "region": "Nevada",
            "postcode": "89501",
            "telephone": "1",
        }
        created = self.in_shop("customer_address.create", 15, new)
        self.import_one("magento.res.partner", "15")
        self.assertNotIn(number, binding.magento_address_ids.mapped("external_id"))
        self.assertTrue(contact.exists())
        address = self.bound("magento.address", str(created))
        self.assertEqual((address.street, address.street2, address.type), ("1 New Street", "Floor 2, Door 3", "other"))
        self.assertEqual(address.state_id.code, "NV")

    def test_state_by_code(self):
        """A region that is called otherwise in Odoo is found by its code."""
        row = self.shop.store.addresses[
            int(self.import_one("magento.res.partner", "15").magento_address_ids[0].external_id)
        ]
        row.update(country_id="US", region="Nevada State", region_id=39)
        code = next(r["code"] for r in self.in_shop("region.list", "US") if str(r["region_id"]) == "39")
        self.import_one("magento.res.partner", "15", force=True)
        self.assertEqual(self.bound("magento.address", str(row["customer_address_id"])).state_id.code, code)

    def test_name_parts(self):
        """Prefix, middle name and suffix are kept; the middle one is a part of the name."""
        self.in_shop("customer.update", 1, {"prefix": "Dr.", "middlename": "Maria", "suffix": "jun."})
        binding = self.import_one("magento.res.partner", "1")
        self.assertEqual((binding.prefix, binding.middlename, binding.suffix), ("Dr.", "Maria", "jun."))
        customer = self.shop.store.customers[1]
        self.assertEqual(binding.name, f"{customer.get('firstname')} Maria {customer.get('lastname')}")

    def accounts(self, email):
        return [str(c.customer_id) for c in self.shop.store.customers.values() if c.get("email") == email]

    def test_shared_partner(self):
        """Accounts of one e-mail belong to one partner if the backend says so, with the name of the first one."""
        self.backend.shared_partner = True
        first, second = (
            self.import_one("magento.res.partner", external_id) for external_id in self.accounts("shared1@example.com")
        )
        partner = first.odoo_id
        self.assertEqual(second.odoo_id, partner)
        self.assertEqual(partner.category_id, (first.group_id | second.group_id).odoo_id)
        self.assertEqual((first | second).magento_address_ids.parent_id, partner)
        name = partner.name
        self.in_shop("customer.update", second.external_id, {"firstname": "Other", "group_id": 3})
        self.import_one("magento.res.partner", second.external_id)
        self.assertEqual((self.outcome, partner.name), ("updated", name))
        self.assertEqual(partner.category_id, (first.group_id | second.group_id).odoo_id)
        self.assertEqual(second.group_id.external_id, "3")
        self.in_shop("customer.update", first.external_id, {"firstname": "New"})
        self.import_one("magento.res.partner", first.external_id)
        self.assertTrue(partner.name.startswith("New "))

    def test_shared_partner_in_a_chunk(self):
        """Accounts of one e-mail that come together, and one that came before, belong to one partner."""
        self.backend.shared_partner = True
        ids = self.accounts("shared1@example.com")
        others = [str(c.customer_id) for c in self.shop.store.customers.values()][:5]
        Account = self.env["magento.res.partner"]
        outcomes = Account.import_records(self.backend, list(dict.fromkeys([*ids, *others])))
        self.assertEqual(dict(outcomes), {"created": len({*ids, *others})})
        accounts = Account.search([("email", "=", "shared1@example.com")])
        self.assertEqual(sorted(accounts.mapped("external_id")), sorted(ids))
        self.assertEqual(len(accounts.odoo_id), 1)
        self.assertEqual(accounts.magento_address_ids.parent_id, accounts.odoo_id)
        accounts[1].unlink()
        Account.import_records(self.backend, [*ids, *others])
        again = Account.search([("email", "=", "shared1@example.com")])
        self.assertEqual(sorted(again.mapped("external_id")), sorted(ids))
        self.assertEqual(again.odoo_id, accounts[0].odoo_id)

    def change_address(self, external_id="15"):
        """Import a customer, change an address of his in the shop, and return its id."""
        address = self.import_one("magento.res.partner", external_id).magento_address_ids[0].external_id
        before = self.shop.store.customers[int(external_id)].updated_at
        self.in_shop("customer_address.update", address, {"city": "Elsewhere"})
        self.assertEqual(self.shop.store.customers[int(external_id)].updated_at, before)
        return address

    def test_address_books(self):
        """A changed address, which does not make its customer a changed one, is found by comparing the books."""
        for external_id in ("1", "2", "240"):
            self.import_one("magento.res.partner", external_id)
        address = self.change_address()
        self.backend.action_import_addresses()
        before = len(self.shop.requests)
        # The comparison and the one customer.
        self.assertEqual(drain_jobs(self), 2)
        self.assertEqual(self.bound("magento.address", address).city, "Elsewhere")
        methods = [request.method for request in self.shop.requests[before:]]
        self.assertEqual(methods, ["multiCall", "multiCall"])
        self.backend.action_import_addresses()
        self.assertEqual(drain_jobs(self), 1)

    def test_address_books_page_by_page(self):
        """The books are compared page by page, a job each."""
        self.patch(AddressBookBatchImporter, "page_size", 2)
        for external_id in ("1", "2", "3"):
            self.import_one("magento.res.partner", external_id)
        address = self.change_address()
        self.backend.action_import_addresses()
        self.assertEqual(drain_jobs(self), 4)
        self.assertEqual(self.bound("magento.address", address).city, "Elsewhere")

    def test_accounts_deleted(self):
        """Accounts that the shop deleted, which no list of changes tells, are found with the address books."""
        bindings = [self.import_one("magento.res.partner", str(number)) for number in range(1, 6)]
        for number in (2, 4):
            self.in_shop("customer.delete", number)
        self.backend.action_import_addresses()
        drain_jobs(self)
        self.assertEqual([binding.sync_state == "gone" for binding in bindings], [False, True, False, True, False])

    def test_no_secrets(self):
        """Hashes of passwords are dropped as soon as they were read."""
        with self.backend.work_on("magento.res.partner") as work:
            record = work.unit(Adapter).read("1")["customer"]
        self.assertIn("email", record)
        self.assertFalse({"password_hash", "rp_token"} & set(record))
