"""The reader of Odoo's test log: true counts, and no green where something broke."""

from __future__ import annotations

import unittest

from test_log import Failed, LogReader, Results, entries

TESTS = "odoo.addons.connector_framework.tests.test_queue_claim"


def record(text: str, logger: str = TESTS, level: str = "INFO", pid: int = 7) -> str:
    """Return a record as Odoo writes it, with the blank at its end."""
    return f"2026-01-02 03:04:05,678 {pid} {level} connector_test {logger}: {text} \n"


def total(failed: int, errors: int, run: int) -> str:
    """Return the line with which Odoo ends a test run."""
    text = f"{failed} failed, {errors} error(s) of {run} tests when loading database 'connector_test'"
    return record(text, "odoo.tests.result", "ERROR" if failed or errors else "INFO")


TRACEBACK = (
    'Traceback (most recent call last):\n  File "test_queue_claim.py", line 1, in test_b\nAssertionError: 1 != 2\n'
)
GREEN = [record("Starting TestClaim.test_a ..."), record("Starting TestClaim.test_b ..."), total(0, 0, 2)]
RED = [
    record("Starting TestClaim.test_a ..."),
    record("Starting TestClaim.test_b ..."),
    record("=" * 70),
    record(f"FAIL: TestClaim.test_b\n{TRACEBACK}", level="ERROR"),
    total(1, 0, 2),
]


def read(records: list[str], exit_code: int = 0) -> Results:
    """Return what the reader makes of a log."""
    reader = LogReader(["connector_framework"])
    for entry in entries("".join(records).splitlines(keepends=True)):
        reader.feed(entry)
    reader.finish(exit_code)
    return reader.results


class TestGreen(unittest.TestCase):
    def test_all_passed(self) -> None:
        """Tests that start and of which nothing more is said have passed."""
        self.assertEqual(read(GREEN).summary(), "2 passed, 0 failed")

    def test_skipped_is_not_passed(self) -> None:
        """A skipped test is counted as skipped alone."""
        skipped = [GREEN[0], GREEN[1], record("skipped TestClaim.test_b : no browser : here"), total(0, 0, 2)]
        self.assertEqual(read(skipped).summary(), "1 passed, 0 failed, 1 skipped")

    def test_class_skipped_in_its_set_up(self) -> None:
        """A class that its set-up skips starts no test and counts as one skipped."""
        name = f"setUpClass ({TESTS}.TestBrowser)"
        log = [GREEN[0], record(f"skipped {name} : Chrome executable not found", "odoo.tests.suite"), total(0, 0, 1)]
        self.assertEqual(read(log).summary(), "1 passed, 0 failed, 1 skipped")

    def test_skipped_subtest(self) -> None:
        """A test that skips one of its subtests is not skipped."""
        log = [GREEN[0], record("skipped Subtest TestClaim.test_a (i=1) : not here"), total(0, 0, 1)]
        self.assertEqual(read(log).summary(), "1 passed, 0 failed")

    def test_other_process(self) -> None:
        """What a server started by a test logs into the same stream is not this run's."""
        foreign = [record("Starting TestClaim.test_z ...", pid=8), record("broken", level="ERROR", pid=8)]
        self.assertEqual(read([GREEN[0], *foreign, *GREEN[1:]]).summary(), "2 passed, 0 failed")

    def test_error_of_odoo_itself(self) -> None:
        """An error that another addon logs does not fail the run."""
        error = record("no wkhtmltopdf", "odoo.addons.base.models.ir_actions_report", "ERROR")
        self.assertEqual(read([error, *GREEN]).summary(), "2 passed, 0 failed")


class TestRed(unittest.TestCase):
    def test_failure_with_its_traceback(self) -> None:
        """A failed test is named by its id and keeps its traceback."""
        results = read(RED, 1)
        self.assertEqual(results.summary(), "1 passed, 1 failed")
        self.assertEqual(results.failures[0].name, "connector_framework/tests/test_queue_claim.py:TestClaim.test_b")
        self.assertIn("AssertionError: 1 != 2", results.failures[0].reason)

    def test_subtests_are_one_test(self) -> None:
        """Several failing subtests make one failed test."""
        failing = [record(f"FAIL: Subtest TestClaim.test_b (i={i})\n{TRACEBACK}", level="ERROR") for i in range(2)]
        self.assertEqual(read([*GREEN[:2], *failing, total(2, 0, 2)], 1).summary(), "1 passed, 1 failed")

    def test_class_set_up(self) -> None:
        """A class whose set-up fails counts as one failure, though none of its tests starts."""
        text = f"ERROR: setUpClass ({TESTS}.TestOther)\n{TRACEBACK}"
        log = [*GREEN[:2], record(text, "odoo.tests.suite", "ERROR"), total(0, 1, 2)]
        results = read(log, 1)
        self.assertEqual(results.summary(), "2 passed, 1 failed")
        self.assertEqual(results.failures[0].name, "connector_framework/tests/test_queue_claim.py:TestOther.setUpClass")

    def test_error_logged_in_a_test(self) -> None:
        """An error that our addon logs fails the test that is running, once."""
        error = record("cannot claim", "odoo.addons.connector_framework.queue.worker", "ERROR")
        self.assertEqual(read([*GREEN[:2], error, error, total(0, 0, 2)]).summary(), "1 passed, 1 failed")

    def test_error_logged_outside_of_tests(self) -> None:
        """An error that our addon logs before the first test fails the run."""
        error = record("cannot start", "odoo.addons.connector_framework.queue.worker", "CRITICAL")
        self.assertEqual(read([error, *GREEN]).summary(), "2 passed, 1 failed")


class TestBroken(unittest.TestCase):
    def test_no_test_ran(self) -> None:
        """Without a test there is no success to report."""
        self.assertEqual(read([total(0, 0, 0)]).summary(), "0 passed, 0 failed")

    def test_died(self) -> None:
        """An Odoo that ends without its total has failed, whatever its exit code."""
        results = read(GREEN[:2])
        self.assertEqual(results.summary(), "2 passed, 1 failed")
        self.assertIn("before its tests were through", results.failures[0].name)

    def test_two_died(self) -> None:
        """Two Odoos that end early are two failures."""
        readers = [LogReader(["connector_framework"], name) for name in ("Odoo of a", "Odoo of b")]
        results = Results()
        for reader in readers:
            reader.finish(1)
            results.add(reader.results)
        self.assertEqual(results.summary(), "0 passed, 2 failed")

    def test_died_with_a_traceback(self) -> None:
        """The last error is shown when Odoo cannot start."""
        error = record(f"Failed to initialize database\n{TRACEBACK}", "odoo.service.server", "CRITICAL")
        self.assertIn("AssertionError", read([error], 255).failures[0].reason)

    def test_empty_log(self) -> None:
        """A run without any output has failed."""
        self.assertEqual(read([], 1).summary(), "0 passed, 1 failed")

    def test_counts_disagree(self) -> None:
        """A test that Odoo counts and the log does not show is a failure of the run."""
        self.assertEqual(read([*GREEN[:2], total(0, 0, 3)]).summary(), "2 passed, 1 failed")
        self.assertEqual(read([*GREEN[:2], total(1, 0, 2)], 1).summary(), "2 passed, 1 failed")

    def test_exit_code_alone(self) -> None:
        """A bad exit code with nothing else to see is a failure of the run."""
        self.assertEqual(read(GREEN, 1).summary(), "2 passed, 1 failed")


class TestResults(unittest.TestCase):
    def test_add(self) -> None:
        """Runs add up."""
        results = Results(["a", "b"], {"b"}, [])
        results.add(Results(["c", "d"], set(), [Failed("d", "broken")]))
        self.assertEqual(results.summary(), "2 passed, 1 failed, 1 skipped")
