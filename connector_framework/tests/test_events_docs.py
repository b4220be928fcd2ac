"""The examples of ``docs/events.md``; its table of situations is proven in ``test_events_situations.py``."""

from __future__ import annotations

import contextlib
import io
import re
import unittest
from pathlib import Path

from odoo.tests import TransactionCase, tagged

from ..events import Event

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(PAGE.exists(), "an installed addon comes without the documentation")
class TestEventDocs(TransactionCase):
    def setUp(self):
        super().setUp()
        for event in list(Event.instances):
            self.addCleanup(event.replace_all, event.subscriptions)

    def test_examples(self):
        """All examples of the page run, one after the other."""
        blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 5)
        names = {"__name__": "odoo.addons.connector_framework.tests.events_page", "env": self.env}
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            for block in blocks:
                exec(compile(block, str(PAGE), "exec"), names)
        self.assertRegex(output.getvalue(), r"on_record_change\n(.*\n)*    connector_framework:export on res\.partner")
        self.assertIn("(silent: replaced)", output.getvalue())
