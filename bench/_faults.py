"""Faults among live work: seed them, compare, repair, compare again; read by ``comparison.py`` into an Odoo shell."""

import random
from typing import Any

from odoo.addons.connector_framework.tests.common import FakePeer

MODEL = "bench.tag"


class Check:
    """Two sides with faults.

    :param count: records
    :param each: faults of each kind
    """

    def __init__(self, env: Any, count: int, each: int) -> None:
        self.env = env
        self.count = count
        self.each = each
        self.backend = env["bench.backend"].search([])
        self.tags = env[MODEL]
        self.peer = FakePeer(page_size=500)
        self.there = self.peer.records.setdefault(MODEL, {})
        #: Ids of the records that changed while the comparison ran.
        self.live: list[str] = []

    def run_jobs(self) -> None:
        self.env.cr.commit()
        self.env["connector.job"].run_pending()
        self.env.cr.commit()
        self.env.invalidate_all()

    def ids(self, number: int) -> list[str]:
        """Return the ids of the records that get a kind of fault."""
        return [str(i) for i in range(number * self.each + 1, (number + 1) * self.each + 1)]

    def prepare(self) -> None:
        """Make both sides the same."""
        for i in range(1, self.count + 1):
            self.peer.add(MODEL, i, name=f"Tag {i}")
        self.tags.as_job().import_batch(self.backend)
        self.run_jobs()
        bound = self.tags.search_count([])
        if bound != self.count:
            raise RuntimeError(f"{bound} of {self.count} were imported")

    def seed(self) -> set[tuple[str, str]]:
        """Make the faults; return what is to be found: (kind, external id)."""
        bound = {tag.external_id: tag for tag in self.tags.with_context(connector_no_events=True).search([])}
        for external_id in self.ids(0) + self.ids(1):
            del self.there[external_id]
        self.backend.accept_gone_until = "2099-01-01"
        self.tags.import_records(self.backend, self.ids(1))
        for external_id in self.ids(2):
            self.there[external_id]["name"] += " there"
        for external_id in self.ids(3):
            bound[external_id].odoo_id.name += " here"
        wrong = self.ids(4)
        for first, second in zip(wrong[::2], wrong[1::2], strict=True):
            one, other = bound[first], bound[second]
            one.odoo_id, other.odoo_id = other.odoo_id.id, one.odoo_id.id
        for external_id in self.ids(5):
            bound[external_id].odoo_id.unlink()
        first_id = self.count + 1000
        twice = [self.peer.add(MODEL, first_id + i, **self.there[one]) for i, one in enumerate(self.ids(6))]
        expected = {("missing_there", i) for i in self.ids(0) + self.ids(1)}
        expected |= {("missing_here", i) for i in self.ids(5) + twice}
        return expected | {("different", i) for i in self.ids(2) + self.ids(3) + wrong}

    def compare(self, is_live: bool = False) -> Any:
        """Return a comparison that has run.

        :param is_live: with each fourth call a record changes there, and an import of it is stored
        """
        comparison = self.env["connector.comparison"].compare(self.backend, MODEL)
        call, rng, calls = self.peer.call, random.Random(14), [0]

        def traffic(method: str, model_name: str, args: Any, do: Any) -> Any:
            calls[0] += 1
            if method == "read_many" and calls[0] % 4 == 0:
                external_id = str(rng.randrange(7 * self.each + 1, self.count))
                self.there[external_id]["name"] = f"Live {calls[0]}"
                self.live.append(external_id)
                with self.env.registry.cursor() as cr:
                    env = self.env(cr=cr)
                    self.tags.with_env(env).as_job().import_record(self.backend.with_env(env), external_id)
            return call(method, model_name, args, do)

        if is_live:
            self.peer.call = traffic
        try:
            self.run_jobs()
        finally:
            self.peer.call = call
        if comparison.state != "done":
            raise RuntimeError(f"{comparison.state}: {comparison.error}")
        return comparison

    def repair(self, comparison: Any) -> None:
        for action, kind in (("import", "missing_here"), ("import", "different"), ("export", "missing_there")):
            getattr(comparison.with_context(connector_comparison_kind=kind), f"action_{action}_all")()
        self.run_jobs()

    def __call__(self) -> str:
        jobs = self.env["connector.job"]
        with self.peer.standing_in(self.backend.reference):
            self.prepare()
            expected = self.seed()
            comparison = self.compare(is_live=True)
            found = {(line.kind, line.external_id) for line in comparison.line_ids}
            slices = jobs.search_count([("method_name", "=", "_run")])
            self.repair(comparison)
            again = self.compare()
            failed = jobs.search_count([("state", "=", "failed")])
        return (
            f"{self.count} records, {self.each} of 7 kinds, {len(self.live)} changed meanwhile, {slices} jobs: "
            f"{len(found & expected)} of {len(expected)} faults found, {len(found - expected)} invented;"
            f" after the repairs a second comparison finds {len(again.line_ids)}, {failed} jobs failed"
        )
