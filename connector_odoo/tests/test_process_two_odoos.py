"""Two Odoos, each with a backend for the other: real servers, real workers, real HTTP."""

from odoo.tests import tagged

from .two_odoos import TwoOdoosCase


@tagged("post_install", "-at_install", "process", "server")
class TestTwoOdoos(TwoOdoosCase):
    def test_both_ways(self):
        """What is made, changed and deleted on one side is so on the other, once, and both come to rest."""
        here, there = self.here, self.there
        self.start(here, there)
        here.connect(there, export_new=True)
        there.connect(here, export_new=True)

        # Made here: a company, somebody of it, a product.
        with here.environment() as env:
            belgium = env.ref("base.be")
            company = env["res.partner"].create(
                {"name": "Made Here", "is_company": True, "city": "Gent", "country_id": belgium.id}
            )
            env["res.partner"].create({"name": "Her", "parent_id": company.id, "email": "her@example.com"})
            env["product.product"].create({"name": "Chair", "default_code": "CH-1", "list_price": 12.5})
        query = "SELECT count(*) FROM res_partner WHERE name IN ('Made Here', 'Her')"
        self.wait(lambda: there.sql(query)[0][0] == 2 and self.products(there))
        self.wait_at_rest()
        with there.environment() as env:
            her = env["res.partner"].search([("name", "=", "Her")])
            self.assertEqual((her.parent_id.name, her.email), ("Made Here", "her@example.com"))
            self.assertEqual((her.parent_id.country_id.code, her.parent_id.city), ("BE", "Gent"))
            self.assertTrue(her.parent_id.is_company)
            chair = env["product.product"].search([("default_code", "=", "CH-1")])
            self.assertEqual((chair.name, chair.list_price, chair.uom_id.name), ("Chair", 12.5, "Units"))
        self.assertGreater(here.writes(), 0)
        self.assertEqual(there.writes(), 0, "what came from here must not be sent back")

        # Made there, beside it.
        with there.environment() as env:
            env["res.partner"].create({"name": "Made There"})
        self.wait(lambda: self.partners(here, "Made There"))
        self.wait_at_rest()

        # Both look what there is: they find each other's records, and nothing new.
        for _round in range(2):
            for side in (here, there):
                with side.environment() as env:
                    env["odoo.backend"].browse(side.backend_id).action_import()
                self.wait_at_rest()
        writes = here.writes(), there.writes()
        for side in (here, there):
            for name in ("Made Here", "Her", "Made There"):
                self.assertEqual(len(self.partners(side, name)), 1, f"{name} {side.name}")
            self.assertEqual(len(self.products(side)), 1)
            bound = (
                "SELECT count(*) FROM odoo_res_partner b JOIN res_partner p ON p.id = odoo_id WHERE p.name = ANY(%s)"
            )
            self.assertEqual(side.sql(bound, ["Made Here", "Her", "Made There"])[0][0], 3)

        # Changed there: one call, and no answer to it.
        with there.environment() as env:
            env["res.partner"].search([("name", "=", "Made Here")]).city = "Brugge"
            env["product.product"].search([("default_code", "=", "CH-1")]).list_price = 15
        self.wait(lambda: here.sql("SELECT 1 FROM res_partner WHERE city = 'Brugge' AND is_company"))
        self.wait(lambda: here.sql("SELECT 1 FROM product_template WHERE list_price = 15"))
        self.wait_at_rest()
        self.assertEqual(here.writes(), writes[0])

        # Even if neither knows the other's user.
        for side in (here, there):
            side.sql("UPDATE odoo_backend SET peer_user_id = NULL")
        writes = there.writes()
        with here.environment() as env:
            env["res.partner"].search([("name", "=", "Her")]).phone = "12"
        self.wait(lambda: there.sql("SELECT 1 FROM res_partner WHERE phone = '12'"))
        self.wait_at_rest()
        self.assertLessEqual(there.writes() - writes, 1, there.last_calls())

        # Deleted here.
        with here.environment() as env:
            env["res.partner"].search([("name", "=", "Made There")]).unlink()
        self.wait(lambda: not self.partners(there, "Made There"))
        self.wait_at_rest()

    def partners(self, side, name):
        return side.sql("SELECT id FROM res_partner WHERE name = %s", name)

    def products(self, side):
        return side.sql("SELECT id FROM product_product WHERE default_code = 'CH-1'")
