"""A worker claims only where its code has every addon that is installed."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock, patch

from odoo.tests import BaseCase, tagged

from ..queue import completeness as completeness_module
from ..queue.completeness import CHECK_S, Completeness

_LOGGER = completeness_module.__name__


@tagged("post_install", "-at_install", "plain")
class TestCompleteness(BaseCase):
    def setUp(self):
        super().setUp()
        self.clock = self.startPatcher(patch.object(completeness_module, "time"))
        self.clock.monotonic.return_value = 100.0
        self.without_code = set()
        manifest = self.startPatcher(patch.object(completeness_module, "Manifest"))
        manifest.for_addon.side_effect = lambda name, **how: None if name in self.without_code else {}
        self.forget_manifests = manifest._get_manifest_from_addons.cache_clear
        self.new_registry = self.startPatcher(patch.object(completeness_module.Registry, "new"))
        self.worker = MagicMock(id=7, missing_addons=[])
        self.worker.installed_addons.return_value = {"base"}
        self.registry = SimpleNamespace(_init_modules={"base"})
        self.completeness = Completeness(self.worker, "some_database")

    def install(self, name, *, code):
        """Have an addon installed in the database by another process."""
        self.worker.installed_addons.return_value |= {name}
        if not code:
            self.without_code.add(name)

    def check(self, after_s=0.0, registry=None):
        """Return the answer, the number of queries, and the errors in the log."""
        self.clock.monotonic.return_value += after_s
        self.worker.installed_addons.reset_mock()
        installed = len(self.worker.installed_addons.return_value)
        with patch.object(completeness_module._logger, "error") as error:
            may_claim = self.completeness.check(registry or self.registry, installed)
        asked = self.worker.installed_addons.call_count
        return may_claim, asked, [call.args[2] for call in error.call_args_list]

    def test_complete(self):
        """A complete worker claims, and asks again when an addon is installed or its registry is another one alone."""
        self.assertEqual(self.check(), (True, 1, []))
        self.assertEqual(self.check(after_s=1000.0), (True, 0, []))
        self.assertEqual(self.check(registry=SimpleNamespace(_init_modules={"base", "sale"})), (True, 1, []))
        self.assertEqual(self.worker.missing_addons, [])
        self.new_registry.assert_not_called()

    def test_without_code(self):
        """It claims nothing while it lacks the code of an addon; that is an error once; it looks again each minute."""
        self.install("sale", code=False)
        self.install("account", code=False)
        self.assertEqual(self.check(), (False, 1, ["account, sale"]))
        self.assertEqual(self.worker.missing_addons, ["account", "sale"])
        self.assertEqual(self.check(after_s=CHECK_S - 1), (False, 0, []))
        self.assertEqual(self.check(after_s=1), (False, 1, []))
        self.install("stock", code=False)
        self.assertEqual(self.check(), (False, 1, ["account, sale, stock"]))
        self.new_registry.assert_not_called()

    def test_code_comes(self):
        """When the code has come it loads the registry anew, and claims; manifests are not taken from a cache."""
        self.install("sale", code=False)
        self.check()
        self.without_code.clear()
        self.forget_manifests.reset_mock()
        new = self.new_registry.return_value = SimpleNamespace(_init_modules={"base", "sale"})
        self.assertEqual(self.check(after_s=CHECK_S), (True, 1, []))
        self.forget_manifests.assert_called()
        self.new_registry.assert_called_once_with("some_database")
        self.assertEqual(self.check(registry=new), (True, 0, []))
        self.assertEqual(self.worker.missing_addons, [])

    def test_being_loaded(self):
        """An addon with code is about to be loaded: it is an error only if it still is not after a minute."""
        self.install("sale", code=True)
        self.assertEqual(self.check(), (False, 1, []))
        self.assertEqual(self.worker.missing_addons, ["sale"])
        self.assertEqual(self.check(after_s=CHECK_S), (False, 1, ["sale"]))
        self.new_registry.assert_not_called()
