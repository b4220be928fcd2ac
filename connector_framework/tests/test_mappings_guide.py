"""The guide "Write a mapper", run."""

import doctest
import re
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo.tests import tagged

from ..references import WorkSession, get_reference
from ..references.reference import _references
from .mappings_common import FakeBackend, MappingCase

GUIDE = Path(__file__).parents[2] / "docs" / "mappings.md"
FENCED = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class GuideBackend(FakeBackend):
    """A backend of a version of the guide's service."""

    def __init__(self, env, version):
        super().__init__(env, None)
        self.version = version

    @contextmanager
    def work_on(self, model_name):
        yield WorkSession(self, model_name, reference=get_reference("shop", self.version))


@tagged("post_install", "-at_install", "plain")
class TestMappingsGuide(MappingCase):
    def test_guide(self):
        """Every example of the guide does what the guide says."""
        if not GUIDE.exists():
            self.skipTest("the addon is installed without its documentation")
        # The guide makes references of its own.
        references = patch.dict(_references, clear=True)
        references.start()
        self.addCleanup(references.stop)
        text = GUIDE.read_text(encoding="utf-8")
        names = {
            "__name__": "guide",
            "backend": GuideBackend(self.fake_env, None),
            "backend_2": GuideBackend(self.fake_env, "2"),
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
        self.assertGreater(runner.tries, 20)
