"""References: which class is used for a model."""

from __future__ import annotations

from odoo.tests import tagged

from ..exceptions import ConnectorError, NoUnitError, SeveralUnitsError
from ..references import ConnectorUnit, Reference
from .references_common import Exporter, Mapper, ReferenceCase, unit


@tagged("post_install", "-at_install", "plain")
class TestLevels(ReferenceCase):
    def test_nearest_level(self):
        """Of the levels with a class that names the model, the nearest decides."""
        a, b = unit("A", "m"), unit("B", "m")
        self.shop.register(a)
        self.shop_2.register(b)
        self.assertIs(self.shop.get_class(Mapper, "m"), a)
        self.assertIs(self.shop_2.get_class(Mapper, "m"), b)
        self.assertIs(self.shop_21.get_class(Mapper, "m"), b)

    def test_naming_beats_any(self):
        """A class that names the model, on any level, comes before one for any model, however near."""
        named, near = unit("Named", "m"), unit("Near")
        self.shop.register(named)
        self.shop_21.register(near)
        self.assertIs(self.shop_21.get_class(Mapper, "m"), named)
        self.assertIs(self.shop_21.get_class(Mapper, "n"), near)

    def test_nearest_any(self):
        """Of the classes for any model, those of the nearest level count."""
        far, near = unit("Far"), unit("Near")
        self.shop.register(far)
        self.shop_2.register(near)
        self.assertIs(self.shop_21.get_class(Mapper, "m"), near)
        self.assertIs(self.shop.get_class(Mapper, "m"), far)

    def test_kind(self):
        """Only subclasses of the base class count; it counts itself when it is registered."""
        exporter, mapper = unit("E", "m", base=Exporter), unit("M")
        self.shop.register(mapper)
        self.shop_2.register(exporter)
        self.assertIs(self.shop_2.get_class(Mapper, "m"), mapper)
        self.assertIs(self.shop_2.get_class(Exporter, "m"), exporter)
        self.assertIs(self.shop_2.get_class(exporter, "m"), exporter)
        self.assertIs(self.shop_2.get_class(ConnectorUnit, "m"), exporter)

    def test_children_do_not_count(self):
        """What is registered below or beside a reference is not seen from it."""
        self.shop_2.register(unit("A", "m"))
        sibling = Reference("shop", version="3", parent=self.shop)
        for reference in (self.shop, sibling):
            with self.assertRaises(NoUnitError):
                reference.get_class(Mapper, "m")


@tagged("post_install", "-at_install", "plain")
class TestApplyOn(ReferenceCase):
    def test_names(self):
        """``_apply_on`` is a name, or names in any collection; a part of a name is not the name."""
        for apply_on in ("m.x", ["m.x", "n"], ("n", "m.x"), {"m.x"}):
            with self.subTest(apply_on=apply_on):
                cls = self.shop.register(unit("A", apply_on))
                self.assertIs(self.shop.get_class(Mapper, "m.x"), cls)
                for other in ("m", "x", "o"):
                    with self.assertRaises(NoUnitError):
                        self.shop.get_class(Mapper, other)
                self.shop.unregister(cls)

    def test_none(self):
        """None is any model."""
        cls = self.shop.register(unit("A"))
        self.assertIs(self.shop.get_class(Mapper, "whatever"), cls)
        self.assertEqual(cls.applied_models(), ())

    def test_no_names(self):
        """An empty list is no model at all."""
        self.shop.register(unit("A", []))
        with self.assertRaises(NoUnitError):
            self.shop.get_class(Mapper, "m")

    def test_inherited(self):
        """An inherited ``_apply_on`` counts; None in the subclass widens it to any model."""
        base = unit("Base", "m")

        class Inheriting(base):
            pass

        class Wide(base):
            _apply_on = None

        self.shop.register(Inheriting)
        self.shop_2.register(Wide)
        self.assertIs(self.shop_2.get_class(Mapper, "m"), Inheriting)
        self.assertIs(self.shop_2.get_class(Mapper, "n"), Wide)


@tagged("post_install", "-at_install", "plain")
class TestSeveral(ReferenceCase):
    def test_subclass_beats_its_base(self):
        """Of several at a level the one that derives from the others is used, in whatever order they came."""
        a = unit("A", "m")
        b = unit("B", "m", base=a)
        c = unit("C", "m", base=b)
        for order in ([a, b, c], [c, b, a], [b, c, a]):
            with self.subTest(order=order):
                for cls in order:
                    self.shop.register(cls)
                self.assertIs(self.shop.get_class(Mapper, "m"), c)
                for cls in order:
                    self.shop.unregister(cls)

    def test_diamond(self):
        """Two siblings are too many, unless a third derives from both."""
        a = unit("A", "m")
        b, c = unit("B", "m", base=a), unit("C", "m", base=a)
        d = type("D", (b, c), {})
        for cls in (a, b, c):
            self.shop.register(cls)
        with self.assertRaises(SeveralUnitsError):
            self.shop.get_class(Mapper, "m")
        self.shop.register(d)
        self.assertIs(self.shop.get_class(Mapper, "m"), d)

    def test_base_of_another_level(self):
        """A subclass on a level above does not beat its base on a nearer one."""
        a = unit("A", "m")
        self.shop.register(unit("B", "m", base=a))
        self.shop_2.register(a)
        self.assertIs(self.shop_2.get_class(Mapper, "m"), a)

    def test_several(self):
        """Unrelated classes at the deciding level are an error that names them, and what to do."""
        self.shop.register(unit("A", "m", addon="one"))
        self.shop.register(unit("B", ["m", "n"], addon="two"))
        with self.assertRaises(SeveralUnitsError) as caught:
            self.shop_21.get_class(Mapper, "m")
        self.assertIsInstance(caught.exception, LookupError)
        self.assertIsInstance(caught.exception, ConnectorError)
        text = str(caught.exception)
        for part in ("Mapper", "for m on shop:", "odoo.addons.one.units.A", "odoo.addons.two.units.B", "replacing="):
            self.assertIn(part, text)
        self.assertEqual(self.shop_21.get_class(Mapper, "n").__name__, "B")

    def test_several_for_any_model(self):
        """So are unrelated classes for any model, but only where none names the model."""
        self.shop.register(unit("A"))
        self.shop.register(unit("B"))
        named = self.shop.register(unit("C", "m"))
        self.assertIs(self.shop.get_class(Mapper, "m"), named)
        with self.assertRaises(SeveralUnitsError):
            self.shop.get_class(Mapper, "n")

    def test_nearer_level_hides_the_conflict(self):
        """Several on a level above do not matter where a nearer level has one."""
        self.shop.register(unit("A", "m"))
        self.shop.register(unit("B", "m"))
        c = self.shop_2.register(unit("C", "m"))
        self.assertIs(self.shop_2.get_class(Mapper, "m"), c)

    def test_two_replace_the_same(self):
        """Two that replace the same class are an error where both are for the model, and none is the other's base."""
        a = self.shop.register(unit("A", ["m", "n", "o"]))
        b = unit("B", ["m", "n"], addon="one")
        c = unit("C", ["m", "o"], addon="two")
        self.shop.register(b, replacing=a)
        self.shop.register(c, replacing=a)
        with self.assertRaisesRegex(SeveralUnitsError, r"addon one, in place of A\).*addon two, in place of A\)"):
            self.shop.get_class(Mapper, "m")
        self.assertIs(self.shop.get_class(Mapper, "n"), b)
        self.assertIs(self.shop.get_class(Mapper, "o"), c)
        d = self.shop.register(unit("D", ["m"], base=b), replacing=a)
        self.shop.unregister(c)
        self.assertIs(self.shop.get_class(Mapper, "m"), d)

    def test_one_of_two_replaces_the_other(self):
        """When the second of them replaces the first instead, there is no conflict."""
        a = self.shop.register(unit("A", "m"))
        b = self.shop.register(unit("B", "m"), replacing=a)
        c = self.shop.register(unit("C", "m"), replacing=b)
        self.assertIs(self.shop.get_class(Mapper, "m"), c)


@tagged("post_install", "-at_install", "plain")
class TestNoUnit(ReferenceCase):
    def error(self, reference=None, model_name="shop.partner"):
        with self.assertRaises(NoUnitError) as caught:
            (reference or self.shop_21).get_class(Mapper, model_name)
        return str(caught.exception)

    def test_names_what_was_searched(self):
        """The error names the kind, the model and every reference searched, with what is there."""
        self.shop.register(unit("ProductMapper", ["shop.product", "shop.variant"]))
        self.assertEqual(
            self.error(model_name="x"),
            "no Mapper class for x on shop 2.1; searched shop 2.1: none of this kind; shop 2: none of this kind; "
            "shop: ProductMapper (shop.product, shop.variant)",
        )

    def test_type(self):
        """It is a ConnectorError and a LookupError."""
        for base in (ConnectorError, LookupError):
            with self.assertRaises(base):
                self.shop.get_class(Mapper, "m")

    def test_long_lists_are_cut(self):
        """Of many classes the first are named, the others counted."""
        for number in range(9):
            self.shop.register(unit(f"A{number}", f"x{number}"))
        self.assertIn("A5 (x5), and 3 more", self.error())

    def test_misspelt_model(self):
        """Models with a similar name are shown."""
        self.shop.register(unit("PartnerMapper", "shop.partner"))
        self.assertIn("Did you mean shop.partner?", self.error(model_name="shop.partnr"))

    def test_another_kind(self):
        """Classes of another kind for the model are shown."""
        self.shop.register(unit("PartnerExporter", "shop.partner", base=Exporter))
        self.assertIn("For this model, but of another kind than Mapper: PartnerExporter", self.error())

    def test_replaced(self):
        """A class that would do, but is replaced, is shown."""
        partner = self.shop.register(unit("PartnerMapper", "shop.partner"))
        self.shop_2.register(unit("Other", "o"), replacing=partner)
        self.assertIn("PartnerMapper is for it, but Other replaces it", self.error())
        self.assertIs(self.shop.get_class(Mapper, "shop.partner"), partner)

    def test_find_class(self):
        """``find_class`` returns None instead, and finds as ``get_class`` does."""
        self.assertIsNone(self.shop_2.find_class(Mapper, "m"))
        a = self.shop.register(unit("A", "m"))
        self.assertIs(self.shop_2.find_class(Mapper, "m"), a)
