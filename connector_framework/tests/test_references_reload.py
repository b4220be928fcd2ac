"""References: code that is loaded again in the same process."""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

from odoo.tests import tagged

from ..references import ConnectorUnit, Reference, get_reference
from .references_common import ReferenceCase

_numbers = itertools.count()

BASE = """
from odoo.addons.connector_framework.references import ConnectorUnit, Reference

service = Reference("reloaded")
service_2 = Reference("reloaded", version="2", parent=service)


@service
class A(ConnectorUnit):
    _apply_on = "m"


@service_2
class Other(ConnectorUnit):
    _apply_on = "n"
"""
MORE = """
from {base} import A, service_2


@service_2(replacing=A)
class B(A):
    pass
"""


@tagged("post_install", "-at_install", "plain")
class TestReload(ReferenceCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(sys.path.remove, folder.name)
        sys.path.append(folder.name)
        # Two versions of a file within the same second would look the same to the cache of bytecode.
        bytecode = patch.object(sys, "dont_write_bytecode", True)
        bytecode.start()
        self.addCleanup(bytecode.stop)
        number = next(_numbers)
        self.base_name, self.more_name = f"reloaded_base_{number}", f"reloaded_more_{number}"
        self.base = self.load(self.base_name, BASE)
        self.more = self.load(self.more_name, MORE.format(base=self.base_name))
        self.addCleanup(sys.modules.pop, self.base_name)
        self.addCleanup(sys.modules.pop, self.more_name)

    def load(self, name, source):
        (self.folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    def reload(self, name, source=None):
        if source:
            (self.folder / f"{name}.py").write_text(source)
        return importlib.reload(sys.modules[name])

    def names(self):
        return [[cls.__name__ for cls in get_reference("reloaded", version).classes()] for version in (None, "2")]

    def test_nothing_twice(self):
        """Modules that are loaded again register nothing twice, and the order stays."""
        for _ in range(2):
            self.reload(self.base_name)
            self.reload(self.more_name)
            self.assertEqual(self.names(), [["A"], ["Other", "B"]])

    def test_new_classes_are_used(self):
        """The new class takes the place of the old one."""
        old = self.base.A
        new = self.reload(self.base_name, BASE.replace('"m"', '["m", "x"]')).A
        self.assertIsNot(old, new)
        self.assertIs(get_reference("reloaded").get_class(ConnectorUnit, "x"), new)
        self.assertIs(get_reference("reloaded").get_class(ConnectorUnit, "m"), new)

    def test_replacing_survives(self):
        """What replaced the old class replaces the new one, before its own module is loaded again and after."""
        new = self.reload(self.base_name).A
        service_2 = get_reference("reloaded", "2")
        self.assertIs(service_2.get_class(ConnectorUnit, "m"), self.more.B)
        self.assertEqual([entry.replaced_by for entry in service_2.entries() if entry.cls is new], [self.more.B])
        more = self.reload(self.more_name)
        self.assertIs(service_2.get_class(ConnectorUnit, "m"), more.B)
        service_2.unregister(more.B)
        self.assertIs(service_2.get_class(ConnectorUnit, "m"), new)

    def test_new_replacing(self):
        """What the new code says about replacing counts."""
        source = MORE.format(base=self.base_name)
        self.reload(self.more_name, source.replace("(replacing=A)", ""))
        service_2 = get_reference("reloaded", "2")
        service_2.unregister(self.more.B)
        self.assertIs(service_2.get_class(ConnectorUnit, "m"), self.base.A)

    def test_same_reference(self):
        """A reference that is made again by the same module is the one that was there, with its classes."""
        service, service_2 = self.base.service, self.base.service_2
        self.reload(self.base_name)
        self.assertIs(self.base.service, service)
        self.assertIs(self.base.service_2, service_2)
        self.assertIs(get_reference("reloaded", "2"), service_2)
        self.assertIs(service_2.parent, service)

    def test_new_parent(self):
        """The parent that the new code gives counts."""
        self.reload(self.base_name, BASE.replace(", parent=service", ""))
        self.assertIsNone(self.base.service_2.parent)
        self.assertIsNone(self.base.service_2.find_class(self.base.A, "other"))

    def test_imported_anew(self):
        """It is the same for a module that was forgotten and is imported again."""
        for name in (self.base_name, self.more_name):
            del sys.modules[name]
        importlib.import_module(self.more_name)
        self.assertEqual(self.names(), [["A"], ["Other", "B"]])

    def test_error_in_the_first_run(self):
        """A module that failed halfway can be imported when it has been mended."""
        name = f"reloaded_broken_{next(_numbers)}"
        source = BASE.replace("reloaded", name)
        with self.assertRaises(ZeroDivisionError):
            self.load(name, source + "\n1 / 0\n")
        self.load(name, source)
        self.addCleanup(sys.modules.pop, name)
        self.assertEqual([cls.__name__ for cls in get_reference(name).classes()], ["A"])

    def test_duplicate_in_another_module(self):
        """Another module that makes the same reference is refused."""
        with self.assertRaisesRegex(ValueError, "reloaded exists already"):
            self.load(f"reloaded_duplicate_{next(_numbers)}", BASE)
        self.assertEqual(self.names(), [["A"], ["Other", "B"]])

    def test_duplicate_in_the_same_module(self):
        """A module that makes a reference twice in one run is refused, the first time and when it is reloaded."""
        name = f"reloaded_twice_{next(_numbers)}"
        source = f'from {Reference.__module__} import Reference\nReference("{name}")\n'
        with self.assertRaises(ValueError):
            self.load(name, source * 2)
        self.load(name, source)
        self.addCleanup(sys.modules.pop, name)
        with self.assertRaises(ValueError):
            self.reload(name, source * 2)

    def test_duplicate_in_a_function(self):
        """A function that makes the same reference is refused, also in the module that has made it."""
        source = BASE + "\n\ndef again():\n    Reference('reloaded')\n"
        self.reload(self.base_name, source)
        with self.assertRaises(ValueError):
            self.base.again()

    def test_classes_of_one_name(self):
        """Classes of the same name that a loop makes are each taken for what they were."""
        name = f"reloaded_loop_{next(_numbers)}"
        source = f"""
from odoo.addons.connector_framework.references import ConnectorUnit, Reference

service = Reference("{name}")
for model in ("a", "b", "c"):
    service.register(type("Made", (ConnectorUnit,), {{"_apply_on": model}}))
"""
        module = self.load(name, source)
        self.addCleanup(sys.modules.pop, name)
        old = module.service.classes()
        self.reload(name)
        new = module.service.classes()
        self.assertEqual([cls._apply_on for cls in new], ["a", "b", "c"])
        self.assertFalse(set(old) & set(new))
