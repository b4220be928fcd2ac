"""What the tests of references share."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import BaseCase

from ..references import ConnectorUnit, Reference
from ..references.reference import _references


class Mapper(ConnectorUnit):
    """A kind."""


class Exporter(ConnectorUnit):
    """Another kind."""


def unit(name, apply_on=None, base=Mapper, addon=None):
    """Return a new class of a kind, as if an addon had defined it; without one, it is from outside."""
    module = f"odoo.addons.{addon}.units" if addon else "outside"
    return type(name, (base,), {"_apply_on": apply_on, "__module__": module})


def database(*addons):
    """Return what stands for an environment of a database with these addons installed."""
    return SimpleNamespace(registry=SimpleNamespace(_init_modules=set(addons)))


class ReferenceCase(BaseCase):
    """References ``shop``, ``shop 2`` and ``shop 2.1``, each the parent of the next, in an otherwise empty world."""

    def setUp(self):
        super().setUp()
        references = patch.dict(_references, clear=True)
        references.start()
        self.addCleanup(references.stop)
        self.shop = Reference("shop")
        self.shop_2 = Reference("shop", version="2", parent=self.shop)
        self.shop_21 = Reference("shop", version="2.1", parent=self.shop_2)
