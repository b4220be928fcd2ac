"""What the tests of comparisons share: two sides that are the same, and what puts them out of step."""

from __future__ import annotations

from .common import drain_jobs
from .synchronizers_common import SynchronizerCase


class ComparisonCase(SynchronizerCase):
    """Each test has partners on both sides, all in step."""

    count = 12

    def setUp(self):
        super().setUp()
        self.world.page_size = 5
        for number in range(1, self.count + 1):
            self.world.put("test.partner", number, name=f"Partner {number}", email=f"p{number}@example.com")
        self.partners.import_records(self.backend, [str(number) for number in range(1, self.count + 1)])
        self.env.flush_all()
        self.world.calls.clear()

    def compare(self, model="test.partner", filters=None, backend=None):
        """Return a comparison whose jobs have run."""
        comparison = self.env["connector.comparison"].compare(backend or self.backend, model, filters)
        self.run_jobs()
        return comparison

    def run_jobs(self, **options):
        drain_jobs(self, **options)
        self.env.invalidate_all()

    def outside(self, external_id):
        """Return the record of the other system, to be changed."""
        return self.world.records["test.partner"][str(external_id)]

    def lines(self, comparison):
        """Return the lines as a set of (kind, external id, names of the fields)."""
        return {(line.kind, line.external_id, *sorted(line.differences or ())) for line in comparison.line_ids}

    def counts(self, comparison):
        kinds = ("in_step", "missing_here", "missing_there", "different", "not_comparable")
        return tuple(comparison[f"count_{kind}"] for kind in kinds)

    def assert_done(self, comparison):
        self.assertEqual(comparison.state, "done", comparison.error)
