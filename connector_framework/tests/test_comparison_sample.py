"""A sample of records is compared, and says with its confidence how many of all are out of step."""

from __future__ import annotations

from odoo.tests import BaseCase, tagged

from ..comparison import highest_share
from .comparison_common import ComparisonCase


@tagged("post_install", "-at_install", "plain")
class TestHighestShare(BaseCase):
    def test_known_values(self):
        """The rule of three, Wilson's upper bound; it falls as the sample grows, and is never above 1."""
        self.assertEqual(highest_share(0, 300), 0.01)
        self.assertAlmostEqual(highest_share(10, 100), 0.160, delta=0.005)
        self.assertLess(highest_share(10, 1000), highest_share(1, 100))
        self.assertEqual((highest_share(0, 1), highest_share(2, 2)), (1.0, 1.0))


@tagged("post_install", "-at_install", "transaction")
class TestSample(ComparisonCase):
    count = 60

    def sample(self, size):
        comparison = self.env["connector.comparison"].compare(self.backend, "test.partner", sample=size)
        self.run_jobs()
        self.assert_done(comparison)
        return comparison

    def test_sample(self):
        """About so many are read, each time others; what was not looked at is called missing on no side."""
        read = self.sample(20)
        self.assertTrue(5 <= read.count_read <= 40, read.count_read)
        self.assertEqual(read.count_in_step, read.count_read)
        self.assertFalse(read.line_ids)
        self.assertIn("95 %", read.confidence)

    def test_finds(self):
        """What differs in the sample is a line, and counts for the confidence."""
        for number in range(1, self.count + 1):
            self.outside(number)["email"] = f"other{number}@example.com"
        found = self.sample(20)
        self.assertEqual(found.count_different, found.count_read)
        self.assertIn("at most 100 %", found.confidence)

    def test_larger_than_all(self):
        """A sample of more than there are is all of them; without a sample nothing is said of one."""
        self.assertEqual(self.sample(1000).count_read, self.count)
        self.assertFalse(self.compare().confidence)
