"""The guide to references, run."""

from __future__ import annotations

import doctest
import re
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from odoo.tests import tagged

from ..references import WorkSession, get_reference
from ..references.reference import _references
from .references_common import ReferenceCase, database

GUIDE = Path(__file__).parents[2] / "docs" / "references.md"
FENCED = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class GuideBackend:
    """A backend of the guide's service, without a database."""

    env = SimpleNamespace(registry=SimpleNamespace(_init_modules=frozenset()))

    def __init__(self, version=None):
        self.version = version

    def __repr__(self):
        return "backend(1)"

    def with_env(self, env):
        return self

    @contextmanager
    def work_on(self, model_name, **options):
        yield WorkSession(self, model_name, reference=get_reference("shop", self.version), **options)


@tagged("post_install", "-at_install", "plain")
class TestReferencesGuide(ReferenceCase):
    def test_guide(self):
        """Every example of the guide does what the guide says."""
        if not GUIDE.exists():
            self.skipTest("the addon is installed without its documentation")
        _references.clear()
        text = GUIDE.read_text(encoding="utf-8")
        names = {
            "__name__": "guide",
            "backend": GuideBackend(),
            "backend_2": GuideBackend("2"),
            "env_with_crm_plus": database("crm_plus"),
            "env_without": database(),
        }
        runner = doctest.DocTestRunner()
        report = []
        for block in FENCED.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            if block[1] == "python":
                exec(compile("\n" * line + block[2], str(GUIDE), "exec"), names)
            else:
                test = doctest.DocTestParser().get_doctest(block[2], names, "guide", str(GUIDE), line)
                runner.run(test, out=report.append, clear_globs=False)
                names = test.globs
        self.assertFalse(report, "".join(report))
        self.assertGreater(runner.tries, 40)
