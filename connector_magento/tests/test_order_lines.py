from decimal import ROUND_HALF_UP, Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..units.order.lines import order_lines
from ..units.order.php import unserialize
from .common import Sandbox, skip_without_sandbox

if Sandbox:
    from sandbox.sales.php_text import serialize


def item(item_id, price, qty=1, **more):
    row = {
        "item_id": str(item_id),
        "parent_item_id": None,
        "product_id": str(100 + item_id),
        "product_type": "simple",
        "sku": f"SKU-{item_id}",
        "name": f"Product {item_id}",
        "qty_ordered": f"{qty}.0000",
        "price": f"{price}00",
        "row_total": f"{Decimal(price) * qty}00",
        "tax_percent": "20.0000",
        "discount_amount": "0.0000",
    }
    return {**row, **more}


def order(*items, **more):
    return {
        "increment_id": "100000001",
        "items": list(items),
        "shipping_amount": "0.0000",
        "discount_amount": "0.0000",
        **more,
    }


@tagged("post_install", "-at_install", "plain")
class TestOrderLines(BaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        skip_without_sandbox()

    def test_configurable(self):
        """A configurable and its variant are one line: the amounts of the first, the product of the second."""
        parent = item(1, "21.00", 2, product_type="configurable", sku="SHIRT-RED")
        child = item(2, "0.00", 2, parent_item_id="1", sku="SHIRT-RED", tax_percent=None)
        (line,) = order_lines(order(parent, child))
        self.assertEqual((line["external_id"], line["product_id"], line["price"]), ("1", "102", Decimal("21")))
        self.assertEqual((line["name"], line["qty"], line["tax_rates"]), ("Product 1", 2, ["20"]))

    def test_ids_as_numbers(self):
        """A shop that answers with numbers gives the same lines."""
        parent = {**item(1, "21.00", product_type="configurable"), "item_id": 1, "product_id": 101}
        child = {**item(2, "0.00", parent_item_id=1), "item_id": 2, "product_id": 102}
        (line,) = order_lines(order(parent, child))
        self.assertEqual((line["external_id"], line["product_id"]), ("1", "102"))

    def test_bundle_with_priced_parts(self):
        """Where the parts of a bundle have the prices, the bundle's own amount, their sum, is left out."""
        bundle = item(1, "30.00", product_type="bundle")
        parts = [item(2, "10.00", parent_item_id="1"), item(3, "20.00", parent_item_id="1")]
        lines = order_lines(order(bundle, *parts))
        self.assertEqual([line["external_id"] for line in lines], ["2", "3"])

    def test_bundle_with_a_price(self):
        """A bundle with a price of its own is a line, and so are its parts, at 0."""
        bundle = item(1, "30.00", product_type="bundle")
        lines = order_lines(order(bundle, item(2, "0.00", parent_item_id="1")))
        self.assertEqual([(line["external_id"], line["price"]) for line in lines], [("1", 30), ("2", 0)])

    def test_discount_as_percentage(self):
        """A discount that a percentage of two decimals gives to the cent is that percentage."""
        lines = order_lines(order(item(1, "453.44", 2, discount_amount="90.6900"), discount_amount="-90.6900"))
        self.assertEqual([(line["external_id"], line["discount"]) for line in lines], [("1", 10)])

    def test_discount_as_line(self):
        """A discount that no such percentage gives is a line of its own, taxed as the item is."""
        lines = order_lines(order(item(1, "999.99", 100, discount_amount="1.0000"), discount_amount="-1.0000"))
        self.assertEqual([(line["external_id"], line["discount"]) for line in lines], [("1", 0), ("1:discount", 0)])
        self.assertEqual((lines[1]["price"], lines[1]["tax_rates"]), (-1, ["20"]))

    def test_discount_of_the_order(self):
        """What the header's discount has more than the items' is a line of its own."""
        lines = order_lines(order(item(1, "10.00", discount_amount="1.0000"), discount_amount="-1.5000"))
        self.assertEqual(
            [(line["kind"], line["price"]) for line in lines], [("item", 10), ("discount", Decimal("-0.5"))]
        )

    def test_shipping(self):
        """Shipping is a line, with the rate of the order that gives its tax."""
        shop = {"shipping_amount": "15.0000", "shipping_tax_amount": "3.0000", "shipping_description": "Flat rate"}
        line = order_lines(order(item(1, "10.00"), **shop))[-1]
        self.assertEqual((line["external_id"], line["kind"]), ("100000001:shipping", "shipping"))
        self.assertEqual((line["name"], line["price"], line["tax_rates"]), ("Flat rate", 15, ["20"]))

    def test_shipping_untaxed(self):
        """Shipping without tax has none, whatever the items have."""
        line = order_lines(order(item(1, "10.00"), shipping_amount="15.0000", shipping_tax_amount="0.0000"))[-1]
        self.assertEqual(line["tax_rates"], [])

    def test_price_from_the_row(self):
        """Where the shop rounded the untaxed price of one, the price is what gives the row's total."""
        line = order_lines(order(item(1, "8.33", 3, row_total="25.0000")))[0]
        self.assertEqual(round(line["price"] * 3, 6), 25)

    def test_discount_on_taxed_prices(self):
        """Where prices include tax, the discount does too: what is off without tax is less by the hidden tax."""
        # 12.00 with 20 % tax, 10 % off: 1.20, of which 0.20 are tax.
        taxed = {"tax_amount": "1.8000", "hidden_tax_amount": "0.2000", "discount_amount": "1.2000"}
        lines = order_lines(order(item(1, "10.00", **taxed), discount_amount="-1.2000"))
        self.assertEqual([(line["price"], line["discount"], line["tax_rates"]) for line in lines], [(10, 10, ["20"])])

    def test_tax_before_discount(self):
        """Where the tax is that of the price before the discount, the discount is an untaxed line."""
        taxed = {"tax_amount": "2.0000", "discount_amount": "1.0000"}
        lines = order_lines(order(item(1, "10.00", **taxed), discount_amount="-1.0000"))
        self.assertEqual([(line["price"], line["tax_rates"]) for line in lines], [(10, ["20"]), (-1, [])])

    def test_discount_on_shipping(self):
        """What is off the shipping is a line of its own with the shipping's tax, and no discount of the order."""
        shop = {"shipping_amount": "15.0000", "shipping_tax_amount": "2.0000", "shipping_discount_amount": "5.0000"}
        lines = order_lines(order(item(1, "10.00"), **shop, discount_amount="-5.0000"))[1:]
        self.assertEqual(
            [(line["external_id"], line["price"], line["tax_rates"]) for line in lines],
            [("100000001:shipping", 15, ["20"]), ("100000001:shipping-discount", -5, ["20"])],
        )

    def test_free_shipping_by_discount(self):
        """Shipping of which all is off has no tax, and the two lines come to nothing."""
        shop = {"shipping_amount": "15.0000", "shipping_tax_amount": "0.0000", "shipping_discount_amount": "15.0000"}
        lines = order_lines(order(item(1, "10.00"), **shop, discount_amount="-15.0000"))[1:]
        self.assertEqual([(line["price"], line["tax_rates"]) for line in lines], [(15, []), (-15, [])])

    def test_grouped(self):
        """The members of a grouped product are plain lines of their own."""
        members = [item(number, "10.00", product_type="grouped") for number in (1, 2)]
        self.assertEqual([line["product_id"] for line in order_lines(order(*members))], ["101", "102"])

    def shipping_rate(self, amount, tax, *percents, known=()):
        shop = {"shipping_amount": amount, "shipping_tax_amount": tax}
        items = [item(number, "10.00", tax_percent=percent) for number, percent in enumerate(percents, 1)]
        return order_lines(order(*items, **shop), known)[-1]["tax_rates"]

    def test_nearest_rate(self):
        """A cent of rounding makes no rate: it is the nearest one of the order."""
        self.assertEqual(self.shipping_rate("9.9000", "0.8000", "8.1000"), ["8.1"])
        self.assertEqual(self.shipping_rate("4.9500", "0.9400", "19.0000"), ["19"])
        self.assertEqual(self.shipping_rate("4.1500", "0.8400", "20.0000"), ["20"])
        self.assertEqual(self.shipping_rate("6.6300", "1.3200", "5.5000", "20.0000"), ["20"])

    def test_known_rate(self):
        """Shipping with another rate than the items has one that is known here; the order's own come first."""
        known = {Decimal(20), Decimal("5.5")}
        self.assertEqual(self.shipping_rate("15.0000", "3.0000", "5.5000", known=known), ["20"])
        self.assertEqual(self.shipping_rate("15.0000", "3.0000", "20.0500", known={Decimal(20)}), ["20.05"])

    def test_no_rate(self):
        """A tax that no rate gives makes none up."""
        self.assertEqual(self.shipping_rate("15.0000", "2.1300", "20.0000", known={Decimal(19)}), [])
        self.assertEqual(self.shipping_rate("15.0000", "0.0100", None, "0.0000"), [])

    @settings(deadline=None)
    @example(rate="5.5", cents=2300, off=-1)
    @given(
        rate=st.sampled_from(["5.5", "7.7", "8.1", "8.375", "19", "20", "21.5"]),
        cents=st.integers(1, 10**6),
        off=st.sampled_from([-1, 0, 1]),
    )
    def test_any_rate(self, rate, cents, off):
        """Whatever the amount, the tax within a cent of the order's rate, rounded as PHP does, has that rate."""
        tax = int((Decimal(cents) * Decimal(rate) / 100).to_integral_value(ROUND_HALF_UP)) + off
        if tax > 0:
            found = self.shipping_rate(f"{cents / 100:.4f}", f"{tax / 100:.4f}", f"{Decimal(rate):.4f}")
            self.assertEqual(found, [rate])

    def test_options(self):
        """What the customer wrote comes with the item, whatever its letters; choices of several are one text."""
        options = serialize(
            {
                "info_buyRequest": {"qty": 1},
                "options": [
                    {
                        "label": "Gravure",
                        "value": 'été \u2603 \U0001f600;"}',
                        "print_value": 'été \u2603 \U0001f600;"}',
                    },
                    {"label": "Colour", "value": ["Red", "Blue"]},
                    {"label": "File", "value": '<a href="#">cat.png</a>'},
                    {"label": "Empty", "value": ""},
                ],
                "additional_options": {"x": {"label": "Note", "value": "n"}},
            }
        )
        (line,) = order_lines(order(item(1, "10.00", product_options=options)))
        self.assertEqual(
            line["options"],
            [("Gravure", 'été \u2603 \U0001f600;"}'), ("Colour", "Red, Blue"), ("File", "cat.png"), ("Note", "n")],
        )

    def test_unreadable_options(self):
        """Options that cannot be read are none, and fail no order."""
        for text in (
            None,
            "",
            "b:0;",
            "a:1:{",
            'O:8:"stdClass":0:{}',
            "a:1:{" * 5000,
            's:9:"x";',
            "a:99999999:{}",
            "x",
        ):
            (line,) = order_lines(order(item(1, "10.00", product_options=text)))
            self.assertEqual(line["options"], [], text)

    @given(st.recursive(st.text() | st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=3)))
    def test_php(self, value):
        """What PHP writes is read as it was; a list is an array with numbers."""

        def read(value):
            return {i: read(one) for i, one in enumerate(value)} if isinstance(value, list) else value

        try:
            text = serialize(value)
        except UnicodeEncodeError:
            return
        self.assertEqual(unserialize(text), read(value))

    def test_canceled_in_part(self):
        """Canceled quantities of an order that goes on reduce its quantities, amounts and shipping."""
        amounts = {"tax_amount": "8.0000", "discount_amount": "0.0000", "qty_canceled": "3.0000"}
        lines = order_lines(
            order(
                item(1, "10.00", 4, **amounts, qty_shipped="1.0000"),
                item(2, "5.00", 1, qty_canceled="1.0000"),
                state="processing",
                shipping_amount="5.0000",
                shipping_canceled="5.0000",
            )
        )
        self.assertEqual([(line["external_id"], line["qty"], line["price"]) for line in lines], [("1", 1, 10)])
        self.assertEqual((lines[0]["qty_shipped"], lines[0]["qty_left"]), (1, 0))

    def test_composed_and_canceled(self):
        """The parts of a composed item go with what is canceled of the whole."""
        parent = item(1, "21.00", 2, product_type="configurable", qty_canceled="2.0000")
        child = item(2, "0.00", 2, parent_item_id="1", tax_percent=None)
        self.assertEqual(order_lines(order(parent, child, state="processing")), [])
        bundle = item(3, "30.00", 2, product_type="bundle", qty_canceled="1.0000")
        part = item(4, "10.00", 4, parent_item_id="3")
        (line,) = order_lines(order(bundle, part, state="processing"))
        self.assertEqual((line["external_id"], line["qty"], line["price"]), ("4", 2, 10))

    def test_canceled(self):
        """An order that was canceled as a whole keeps its lines."""
        (line,) = order_lines(order(item(1, "10.00", 4, qty_canceled="4.0000"), state="canceled"))
        self.assertEqual(line["qty"], 4)

    def test_bundle_in_one_piece(self):
        """The parts of a bundle that leaves in one piece are shipped with it."""
        bundle = item(1, "30.00", 2, product_type="bundle", qty_shipped="1.0000")
        lines = order_lines(order(bundle, item(2, "10.00", 4, parent_item_id="1", qty_shipped="0.0000")))
        self.assertEqual([(line["qty_shipped"], line["qty_left"]) for line in lines], [(2, 2)])
