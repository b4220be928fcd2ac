"""The acceptance suite and the fake adapter, on a connector that is as simple as can be."""

from __future__ import annotations

import sys

from odoo.tests import BaseCase, loader, tagged

from .fake_connector import FakeConnectorCase


@tagged("post_install", "-at_install", "transaction")
class TestFakeConnector(FakeConnectorCase):
    """All of it."""


@tagged("post_install", "-at_install", "plain")
class TestCollection(BaseCase):
    def test_all_are_collected(self):
        """A subclass inherits every test of the suite."""
        cases = [
            case for case in loader.get_module_test_cases(sys.modules[__name__]) if type(case) is TestFakeConnector
        ]
        self.assertEqual(len(cases), 53)
