"""References: classes of addons that are not installed do not exist; what was looked up is remembered."""

from __future__ import annotations

import functools
import threading
from unittest.mock import patch

from odoo.tests import BaseCase, TransactionCase, tagged

from ..addon import addon_of, is_active
from ..exceptions import NoUnitError, SeveralUnitsError
from ..references import Reference, reference
from ..references.reference import _references
from .references_common import Mapper, ReferenceCase, database, unit


@tagged("post_install", "-at_install", "plain")
class TestAddonOf(BaseCase):
    def test_classes_and_functions(self):
        """What lives in ``odoo.addons`` belongs to its addon, the tests package too; anything else to none."""
        self.assertEqual(addon_of(Reference), "connector_framework")
        self.assertEqual(addon_of(type(self)), "connector_framework")
        self.assertEqual(addon_of(unit), "connector_framework")
        self.assertEqual(addon_of(unit("A", addon="one")), "one")
        for outside in (BaseCase, print, unit("A"), functools.reduce):
            self.assertIsNone(addon_of(outside))

    def test_partials_and_methods(self):
        """Partials and methods, in any depth, are followed to the function."""
        self.assertEqual(addon_of(functools.partial(functools.partial(unit, "A"))), "connector_framework")
        self.assertEqual(addon_of(self.test_partials_and_methods), "connector_framework")
        self.assertEqual(addon_of(functools.partial(self.test_partials_and_methods)), "connector_framework")
        self.assertIsNone(addon_of(functools.partial(print)))

    def test_is_active(self):
        """What belongs to no addon is active everywhere, the rest where its addon is installed."""
        self.assertTrue(is_active(print, database()))
        self.assertTrue(is_active(unit("A", addon="one"), database("one", "two")))
        self.assertFalse(is_active(unit("A", addon="one"), database("two")))


@tagged("post_install", "-at_install", "plain")
class TestInstalled(ReferenceCase):
    def test_not_installed(self):
        """With an environment, a class of an addon that is not installed there does not exist; without one, all do."""
        a = self.shop.register(unit("A", "m", addon="one"))
        self.assertIs(self.shop.get_class(Mapper, "m"), a)
        self.assertIs(self.shop.get_class(Mapper, "m", database("one")), a)
        with self.assertRaisesRegex(NoUnitError, "A is for it, but its addon one is not installed here"):
            self.shop.get_class(Mapper, "m", database("two"))

    def test_outside(self):
        """A class from outside of ``odoo.addons`` exists everywhere."""
        a = self.shop.register(unit("A", "m"))
        self.assertIs(self.shop.get_class(Mapper, "m", database()), a)

    def test_falls_back(self):
        """Where the nearest level's class is not installed, the levels above are used."""
        a = self.shop.register(unit("A", "m", addon="one"))
        b = self.shop_2.register(unit("B", "m", addon="two"))
        self.assertIs(self.shop_2.get_class(Mapper, "m", database("one", "two")), b)
        self.assertIs(self.shop_2.get_class(Mapper, "m", database("one")), a)

    def test_replaced_is_back(self):
        """What a class of an addon that is not installed replaced is back."""
        a = self.shop.register(unit("A", "m", addon="one"))
        b = self.shop.register(unit("B", "m", addon="two"), replacing=a)
        self.assertIs(self.shop_2.get_class(Mapper, "m", database("one", "two")), b)
        self.assertIs(self.shop_2.get_class(Mapper, "m", database("one")), a)
        with self.assertRaises(NoUnitError):
            self.shop_2.get_class(Mapper, "m", database())

    def test_conflict_of_installed_addons_only(self):
        """Two addons that replace the same class are in conflict only where both are installed."""
        a = self.shop.register(unit("A", "m", addon="base"))
        b = self.shop.register(unit("B", "m", addon="one"), replacing=a)
        c = self.shop.register(unit("C", "m", addon="two"), replacing=a)
        self.assertIs(self.shop.get_class(Mapper, "m", database("base", "one")), b)
        self.assertIs(self.shop.get_class(Mapper, "m", database("base", "two")), c)
        with self.assertRaises(SeveralUnitsError):
            self.shop.get_class(Mapper, "m", database("base", "one", "two"))

    def test_subclass_not_installed(self):
        """A subclass of an addon that is not installed does not beat its base."""
        a = self.shop.register(unit("A", "m", addon="one"))
        b = self.shop.register(unit("B", "m", base=a, addon="two"))
        self.assertIs(self.shop.get_class(Mapper, "m", database("one", "two")), b)
        self.assertIs(self.shop.get_class(Mapper, "m", database("one")), a)

    def test_entries(self):
        """``entries`` lists all that a reference sees, nearest level first, with what is wrong with each."""
        a = self.shop.register(unit("A", "m", addon="one"))
        b = self.shop_2.register(unit("B", "m", addon="one"), replacing=a)
        c = self.shop_2.register(unit("C", "m", addon="two"), replacing=b)
        listed = [
            (str(entry.level), entry.cls, entry.addon, entry.replacing, entry.is_installed, entry.replaced_by)
            for entry in self.shop_21.entries(database("one"))
        ]
        self.assertEqual(
            listed,
            [
                ("shop 2", b, "one", a, True, None),
                ("shop 2", c, "two", b, False, None),
                ("shop", a, "one", None, True, b),
            ],
        )
        self.assertEqual([entry.replaced_by for entry in self.shop_21.entries()], [c, None, b])


@tagged("post_install", "-at_install", "plain")
class TestRemembered(ReferenceCase):
    def resolutions(self):
        """Count from now on how often a class is resolved."""
        counting = patch.object(reference, "resolve", wraps=reference.resolve)
        self.addCleanup(counting.stop)
        return counting.start()

    def test_resolved_once(self):
        """The same question is answered from memory, also when the answer is that there is none."""
        self.shop.register(unit("A", "m"))
        resolve = self.resolutions()
        for _ in range(3):
            self.shop_2.get_class(Mapper, "m")
            self.shop_2.find_class(Mapper, "n")
        self.assertEqual(resolve.call_count, 2)

    def test_databases_share(self):
        """Databases with the same of the addons that matter share the answer."""
        a = self.shop.register(unit("A", "m", addon="one"))
        resolve = self.resolutions()
        for number in range(3):
            self.assertIs(self.shop.get_class(Mapper, "m", database("one", f"other{number}")), a)
        self.assertEqual(resolve.call_count, 1)

    def test_installing(self):
        """What is installed while the server runs counts at once, in the same set of addons too."""
        a = self.shop.register(unit("A", "m", addon="one"))
        b = self.shop.register(unit("B", "m", addon="two"), replacing=a)
        c = self.shop_2.register(unit("C", "m", addon="three"), replacing=a)
        env = database("one", "two")
        self.assertIs(self.shop_2.get_class(Mapper, "m", env), b)
        env.registry._init_modules.add("three")
        self.assertIs(self.shop_2.get_class(Mapper, "m", env), c)
        env.registry._init_modules -= {"two", "three"}
        self.assertIs(self.shop_2.get_class(Mapper, "m", env), a)

    def test_registering_forgets(self):
        """Registering and unregistering count from the next lookup on, on the children too."""
        for env in (None, database("one", "two", "three")):
            with self.subTest(env=env):
                a = self.shop.register(unit("A", "m", addon="one"))
                self.assertIs(self.shop_21.get_class(Mapper, "m", env), a)
                b = self.shop_2.register(unit("B", "m", addon="two"), replacing=a)
                self.assertIs(self.shop_21.get_class(Mapper, "m", env), b)
                self.shop_2.unregister(b)
                self.assertIs(self.shop_21.get_class(Mapper, "m", env), a)
                self.shop.unregister(a)
                self.assertIsNone(self.shop_21.find_class(Mapper, "m", env))
                c = self.shop.register(unit("C", "m", addon="three"))
                self.assertIs(self.shop_21.get_class(Mapper, "m", env), c)
                self.shop.unregister(c)

    def test_change_during_a_lookup(self):
        """A lookup that began before a change leaves nothing behind that is true no more."""
        a, b = unit("A", "m"), unit("B", "m")
        self.shop.register(a)
        resolving, changed = threading.Event(), threading.Event()
        found = []

        def resolve(*args):
            cls = genuine(*args)
            resolving.set()
            self.assertTrue(changed.wait(10))
            return cls

        genuine = reference.resolve
        with patch.object(reference, "resolve", resolve):
            thread = threading.Thread(target=lambda: found.append(self.shop.get_class(Mapper, "m")))
            thread.start()
            self.assertTrue(resolving.wait(10))
            self.shop.register(b, replacing=a)
            changed.set()
            thread.join(10)
        self.assertEqual(found, [a])
        self.assertIs(self.shop.get_class(Mapper, "m"), b)


@tagged("post_install", "-at_install", "transaction")
class TestInstalledHere(TransactionCase):
    def test_environment(self):
        """The addons of a real environment count."""
        shop = Reference("shop of this test")
        self.addCleanup(_references.pop, ("shop of this test", None))
        here = shop.register(unit("Here", "m", addon="base"))
        elsewhere = shop.register(unit("Elsewhere", "m", addon="no_such_addon"), replacing=here)
        self.assertIs(shop.get_class(Mapper, "m", self.env), here)
        self.assertIs(shop.get_class(Mapper, "m"), elsewhere)
