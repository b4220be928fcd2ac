"""Run the tests that need no Odoo, and write their outcome to a file.

    python script/plain_tests.py RESULT START TOP [PATTERN]

RESULT is written as JSON: `started` and `skipped` (lists of ids), `failures` (list of id and traceback). PATTERN is a
part of an id, in the form `folder/tests/test_file.py:Class.test_method` or `folder.tests.test_file.Class.test_method`.
"""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path


class Recorder(unittest.TestResult):
    """Note the id of every test; print failures at once."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []
        self.left_out: list[str] = []
        self.broken: list[tuple[str, str]] = []

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.started.append(test.id())

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.left_out.append(test.id())

    def _note(self, test: unittest.TestCase, reason: str) -> None:
        self.broken.append((test.id(), reason))
        print(f"FAILED {test.id()}\n{reason}", flush=True)

    def addError(self, test: unittest.TestCase, err: tuple) -> None:
        super().addError(test, err)
        self._note(test, self._exc_info_to_string(err, test))

    def addFailure(self, test: unittest.TestCase, err: tuple) -> None:
        super().addFailure(test, err)
        self._note(test, self._exc_info_to_string(err, test))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: tuple | None) -> None:
        super().addSubTest(test, subtest, err)
        if err:
            self._note(test, f"{subtest.id()}\n{self._exc_info_to_string(err, test)}")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "it was expected to fail and did not")


def tests_of(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Give the single tests of a suite."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def path_id(test_id: str) -> str:
    """Turn `sandbox.tests.test_file.Class.test` into `sandbox/tests/test_file.py:Class.test`."""
    module, _, names = test_id.partition(".test_")
    name, _, rest = names.partition(".")
    return f"{module.replace('.', '/')}/test_{name}.py:{rest}"


def main(result: str, start: str, top: str, pattern: str = "") -> None:
    """Run the matching tests below the folder `start`, imported from the folder `top`."""
    suite = unittest.defaultTestLoader.discover(start, top_level_dir=top)
    prefix = "" if Path(top).resolve() == Path.cwd() else f"{Path(top).name}/"
    chosen = [test for test in tests_of(suite) if pattern in prefix + path_id(test.id()) or pattern in test.id()]
    recorder = Recorder()
    unittest.TestSuite(chosen).run(recorder)
    outcome = {"started": recorder.started, "skipped": recorder.left_out, "failures": recorder.broken}
    Path(result).write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
