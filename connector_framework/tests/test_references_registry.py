"""References: how they are named, and what registering, replacing and unregistering do."""

from __future__ import annotations

import threading

from odoo.tests import tagged

from ..references import Reference, all_references, get_reference
from .references_common import Exporter, Mapper, ReferenceCase, unit


@tagged("post_install", "-at_install", "plain")
class TestReferenceNames(ReferenceCase):
    def test_get_reference(self):
        """A reference is found by service and version, the service's own without a version."""
        self.assertIs(get_reference("shop"), self.shop)
        self.assertIs(get_reference("shop", "2"), self.shop_2)
        self.assertIs(get_reference("shop", False), self.shop)

    def test_unknown(self):
        """An unknown one is a LookupError that lists what there is."""
        with self.assertRaisesRegex(LookupError, "'shop 3'; known: shop, shop 2, shop 2.1$"):
            get_reference("shop", "3")

    def test_twice(self):
        """The same service and version twice is a ValueError."""
        with self.assertRaisesRegex(ValueError, "shop 2 exists already"):
            Reference("shop", version="2")
        with self.assertRaises(ValueError):
            Reference("shop")
        with self.assertRaises(ValueError):
            Reference("shop", version="")
        self.assertIs(get_reference("shop", "2"), self.shop_2)

    def test_wrong_arguments(self):
        """A version is text, a parent is a reference; what is refused is not there."""
        with self.assertRaisesRegex(TypeError, r"1\.7"):
            Reference("other", version=1.7)
        with self.assertRaisesRegex(TypeError, "no Reference: 'shop'"):
            Reference("other", "1", "shop")
        self.assertEqual(len(all_references()), 3)

    def test_text(self):
        """A reference shows as service and version; its repr adds the parent and how many classes it has."""
        self.shop_2.register(unit("A"))
        self.assertEqual(str(self.shop_2), "shop 2")
        self.assertEqual(repr(self.shop_2), "<Reference shop 2, parent shop, classes: 1>")
        self.assertEqual(repr(self.shop), "<Reference shop, classes: 0>")

    def test_all_references(self):
        """All references are listed, each after its parent."""
        other = Reference("a shop")
        self.assertEqual(all_references(), [other, self.shop, self.shop_2, self.shop_21])


@tagged("post_install", "-at_install", "plain")
class TestRegister(ReferenceCase):
    def test_decorator(self):
        """``@reference``, with and without parentheses, registers the class and leaves it as it is."""

        @self.shop
        class A(Mapper):
            pass

        @self.shop()
        class B(Mapper):
            pass

        self.assertTrue(issubclass(A, Mapper) and issubclass(B, Mapper))
        self.assertEqual(self.shop.classes(), [A, B])

    def test_decorator_replacing(self):
        """``@reference(replacing=Other)`` registers the class in the place of the other."""

        @self.shop
        class A(Mapper):
            pass

        @self.shop_2(replacing=A)
        class B(Mapper):
            pass

        self.assertIs(self.shop.get_class(Mapper, "m"), A)
        self.assertIs(self.shop_2.get_class(Mapper, "m"), B)

    def test_several_references(self):
        """A class can be registered on several references."""
        other = Reference("other")

        @self.shop
        @other
        class A(Mapper):
            pass

        self.assertEqual((self.shop.classes(), other.classes()), ([A], [A]))

    def test_register_returns_the_class(self):
        """``register`` returns the class."""
        cls = unit("A")
        self.assertIs(self.shop.register(cls), cls)
        self.assertIs(self.shop.register(cls), cls)

    def test_classes(self):
        """``classes`` lists what is registered at that level, in order, the replaced ones too; or one kind of it."""
        a, b, c = unit("A"), unit("B", base=Exporter), unit("C")
        self.shop.register(a)
        self.shop.register(b)
        self.shop.register(c, replacing=a)
        self.assertEqual(self.shop.classes(), [a, b, c])
        self.assertEqual(self.shop.classes(Mapper), [a, c])
        self.assertEqual(self.shop_2.classes(), [])

    def test_definition_is_checked(self):
        """A class whose ``check_definition`` refuses it is not registered."""

        class A(Mapper):
            @classmethod
            def check_definition(cls):
                raise ValueError(f"{cls.__name__}.policy is 'extern': it takes 'external' or 'odoo'")

        with self.assertRaisesRegex(ValueError, r"A\.policy is 'extern'"):
            self.shop.register(A)
        self.assertEqual(self.shop.classes(), [])

    def test_same_class_twice(self):
        """The same class again changes nothing, its replacing included."""
        a, b = unit("A", "m"), unit("B", "m")
        self.shop.register(a)
        self.shop.register(b, replacing=a)
        self.shop.register(a)
        self.shop.register(b)
        self.shop.register(a, replacing=b)
        self.assertEqual(self.shop.classes(), [a, b])
        self.assertIs(self.shop.get_class(Mapper, "m"), b)

    def test_same_name_is_not_the_same_class(self):
        """Two classes that a function made, of the same name and module, are two classes."""
        first, second = unit("A", "m"), unit("A", "n")
        self.shop.register(first)
        self.shop.register(second)
        self.assertEqual(self.shop.classes(), [first, second])

    def test_not_a_unit(self):
        """What is not a subclass of ConnectorUnit is refused."""
        for wrong in (object, "2", 5):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(TypeError, "not a subclass of ConnectorUnit"):
                self.shop.register(wrong)

    def test_wrong_apply_on(self):
        """An ``_apply_on`` that is not names of models is refused when the class is registered."""
        for wrong in (5, [5], iter(["m"])):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(TypeError, "A._apply_on is"):
                self.shop.register(unit("A", wrong))
        self.assertEqual(self.shop.classes(), [])

    def test_threads(self):
        """Nothing is lost when threads register at the same time."""
        classes = [[unit(f"A{number}") for _ in range(50)] for number in range(8)]
        start = threading.Barrier(len(classes))

        def register(several):
            start.wait(10)
            for cls in several:
                self.shop.register(cls)

        threads = [threading.Thread(target=register, args=(several,)) for several in classes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual(set(self.shop.classes()), {cls for several in classes for cls in several})


@tagged("post_install", "-at_install", "plain")
class TestReplacing(ReferenceCase):
    def setUp(self):
        super().setUp()
        self.a, self.b, self.c = unit("A", "m"), unit("B", "m"), unit("C", "m")
        self.shop.register(self.a)

    def assert_used(self, shop, shop_2, shop_21):
        used = [reference.get_class(Mapper, "m") for reference in (self.shop, self.shop_2, self.shop_21)]
        self.assertEqual(used, [shop, shop_2, shop_21])

    def test_not_registered(self):
        """Only what is registered at this level or above can be replaced."""
        with self.assertRaisesRegex(
            ValueError, "B cannot replace C on shop 2: it is registered on none of shop 2, shop$"
        ):
            self.shop_2.register(self.b, replacing=self.c)
        self.shop_2.register(self.c)
        with self.assertRaises(ValueError):
            self.shop.register(self.b, replacing=self.c)
        self.assertEqual(self.shop.classes(), [self.a])

    def test_itself(self):
        """A class cannot replace itself, registered or not."""
        for cls in (self.a, self.b):
            with self.assertRaisesRegex(ValueError, "cannot replace itself"):
                self.shop.register(cls, replacing=cls)

    def test_same_level(self):
        """Replaced at its own level, a class is hidden there and below."""
        self.shop.register(self.b, replacing=self.a)
        self.assert_used(self.b, self.b, self.b)

    def test_child_level(self):
        """Replaced by a child level's class, a class is hidden for that child and its children only."""
        self.shop_2.register(self.b, replacing=self.a)
        self.assert_used(self.a, self.b, self.b)
        sibling = Reference("shop", version="3", parent=self.shop)
        self.assertIs(sibling.get_class(Mapper, "m"), self.a)

    def test_hidden_everywhere(self):
        """A replaced class is not found for any of its models, also where the other is not for them."""
        wide = unit("Wide", ["n", "o"])
        self.shop.register(wide)
        self.shop_2.register(unit("Narrow", "n"), replacing=wide)
        self.assertIs(self.shop.get_class(Mapper, "o"), wide)
        with self.assertRaisesRegex(LookupError, "Wide is for it, but Narrow replaces it"):
            self.shop_2.get_class(Mapper, "o")

    def test_chain(self):
        """The one that replaces can be replaced in turn, at its level or below."""
        self.shop_2.register(self.b, replacing=self.a)
        self.shop_21.register(self.c, replacing=self.b)
        self.assert_used(self.a, self.b, self.c)
        d = unit("D", "m")
        self.shop_2.register(d, replacing=self.b)
        self.assert_used(self.a, d, self.c)

    def test_nearer_registration(self):
        """What a level above replaces is not hidden where a nearer level registers it itself."""
        self.shop_2.register(self.a)
        self.shop.register(self.b, replacing=self.a)
        self.assert_used(self.b, self.a, self.a)

    def test_unregister(self):
        """What was replaced is back when the other is unregistered."""
        self.shop_2.register(self.b, replacing=self.a)
        self.shop_2.unregister(self.b)
        self.assert_used(self.a, self.a, self.a)
        self.assertEqual(self.shop_2.classes(), [])

    def test_unregister_in_the_middle(self):
        """Of a chain, the one that the middle one replaced is back."""
        self.shop.register(self.b, replacing=self.a)
        self.shop_2.register(self.c, replacing=self.b)
        self.shop.unregister(self.b)
        self.assert_used(self.a, self.c, self.c)
        self.shop_2.unregister(self.c)
        self.assert_used(self.a, self.a, self.a)

    def test_unregister_the_replaced(self):
        """The replaced one can go, and come back: it is still replaced."""
        self.shop.register(self.b, replacing=self.a)
        self.shop.unregister(self.a)
        self.shop.register(self.a)
        self.assert_used(self.b, self.b, self.b)
        self.shop.unregister(self.b)
        self.assert_used(self.a, self.a, self.a)

    def test_unregister_unknown(self):
        """What is not registered at that very level cannot be unregistered."""
        with self.assertRaisesRegex(ValueError, "A is not registered on shop 2"):
            self.shop_2.unregister(self.a)
        self.shop.unregister(self.a)
        with self.assertRaises(ValueError):
            self.shop.unregister(self.a)
