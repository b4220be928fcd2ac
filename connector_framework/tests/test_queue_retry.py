"""Which errors are tried again, and when."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

import psycopg2
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation
from psycopg2.pool import PoolError

from ..exceptions import NetworkError, RetryableError
from ..queue import job_options, retry
from ..queue.claimed import Claimed
from ..queue.options import MAX_WAIT_S
from ..queue.retry import is_retried_constraint, is_shortage, retry_delay


class _Model:
    pool = SimpleNamespace()

    @job_options(retry_pattern={2: 40, 5: 300})
    def patient(self):
        """Have a pattern that says nothing about the first attempt."""


@tagged("post_install", "-at_install", "plain")
class TestRetryDelay(BaseCase):
    def delay(self, attempt=1, error=None, method="other", registry=None):
        job = Claimed(1, attempt=attempt, model_name="model", method_name=method)
        return retry_delay(job, {"model": _Model} if registry is None else registry, error)

    def test_default(self):
        """10 s, doubled with each attempt up to an hour, a fifth more or less; an attempt of another number is one."""
        for factor in (0.8, 1.2):
            with patch.object(retry.random, "uniform", lambda low, high, f=factor: low if f < 1 else high):
                delays = [self.delay(attempt) for attempt in (0, 1, 2, 3, 9, 10, 1_000_000)]
            for delay, expected in zip(delays, (10, 10, 20, 40, 2560, 3600, 3600), strict=True):
                self.assertAlmostEqual(delay, factor * expected)

    def test_pattern(self):
        """The method's pattern counts from its attempts on; before them, and where no registry is, the default does."""
        delays = [self.delay(attempt, method="patient") for attempt in (2, 4, 5, 99)]
        self.assertEqual(delays, [40, 40, 300, 300])
        for delay in (
            self.delay(1, method="patient"),
            retry_delay(Claimed(1, attempt=1, model_name="model", method_name="patient"), None),
            self.delay(1, method="patient", registry={"another": _Model}),
        ):
            self.assertTrue(8 <= delay <= 12, delay)

    def test_asked(self):
        """What the error asks for comes first, within what can be stored; an error that is not retried asks nothing."""
        for asked, expected in ((0, 0), (7.5, 7.5), (-3, 0), (10**12, MAX_WAIT_S)):
            with self.subTest(asked=asked):
                self.assertEqual(self.delay(9, RetryableError("x", retry_after_s=asked), method="patient"), expected)
        error = ValueError("x")
        error.retry_after_s = 7
        self.assertEqual(self.delay(9, error, method="patient"), 300)
        self.assertEqual(self.delay(9, NetworkError("x"), method="patient"), 300)

    def test_asked_nonsense(self):
        """What is no number of seconds is passed by."""
        with mute_logger("odoo.addons.connector_framework.queue.retry"):
            for asked in (float("inf"), float("nan"), "soon"):
                with self.subTest(asked=asked):
                    error = RetryableError("x")
                    error.retry_after_s = asked
                    self.assertEqual(self.delay(9, error, method="patient"), 300)


@tagged("post_install", "-at_install", "plain")
class TestRetriedErrors(BaseCase):
    def test_constraints(self):
        """A unique violation is run again for the indexes that were named, by the ends of their names, and no other."""

        def violation(name):
            return type("Violation", (UniqueViolation,), {"diag": SimpleNamespace(constraint_name=name)})()

        with patch.object(retry, "retried_constraints", []):
            self.assertFalse(is_retried_constraint(violation("a_external_key")))
        with patch.object(retry, "retried_constraints", ["_external_key", "_record_key"]):
            for name, expected in (("a_external_key", True), ("b_record_key", True), ("_external_key_2", False)):
                self.assertIs(is_retried_constraint(violation(name)), expected, name)
            self.assertFalse(is_retried_constraint(violation(None)))
            for error in (None, ValueError("_external_key"), psycopg2.IntegrityError("_external_key")):
                self.assertIs(is_retried_constraint(error), False)

    def test_shortage(self):
        """A lack of connections is a full pool, or an error of a connection by its code; no other error is one."""

        def error(kind, code):
            return type("Coded", (kind,), {"pgcode": code})()

        self.assertTrue(is_shortage(PoolError()))
        for code in (None, "08006", "53300", "57P03"):
            self.assertTrue(is_shortage(error(psycopg2.OperationalError, code)), code)
        for code in ("40001", "57014", "55P03"):
            self.assertFalse(is_shortage(error(psycopg2.OperationalError, code)), code)
        self.assertFalse(is_shortage(error(psycopg2.DataError, None)))
        self.assertFalse(is_shortage(ValueError()))
