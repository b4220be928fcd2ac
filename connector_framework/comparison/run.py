"""A comparison on its way through both sides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from zlib import crc32

from odoo.tools import split_every

from ..adapters import Adapter
from ..exceptions import ConfigurationError, NoUnitError
from ..synchronizers import BatchImporter, DelayedBatchImporter
from ..synchronizers.keys import id_token
from ..synchronizers.pages import PageTrail, search_page
from .comparer import Comparer
from .finding import Finding

__all__ = ["PRIORITY", "Run"]

#: Of the jobs: behind all work.
PRIORITY = 1000
#: Records that are read together where the batch importer says nothing else.
CHUNK_SIZE = 50
#: Looks at a record that does not stand still before it is called a difference all the same.
MAX_LOOKS = 4
#: Seconds after which a job hands over to another one, so that the queue stays free to be stopped and upgraded.
SLICE_S = 300


class Run:
    """Take the steps of a comparison, each in a transaction of its own; a killed one goes on with the next step.

    First all pages of the other system: what is in step is counted, what is not is noted. Then the bindings that were
    on no page. What was noted is looked at again, on both sides, until two looks find the same: that becomes a line.

    :param comparison: ``connector.comparison`` (1, sudo)
    """

    def __init__(self, comparison: Any) -> None:
        self.comparison = comparison
        self.notes = comparison.env["connector.comparison.note"]

    def go(self) -> str:
        """Compare until the end, or until more urgent work is due; return how far it is."""
        comparison, jobs = self.comparison, self.comparison.env["connector.job"]
        backend = comparison._backend()
        in_job, began = bool(jobs.current()), time.monotonic()
        if comparison.state != "running":
            comparison._begin()
        with ExitStack() as stack:
            # Nobody is told of what is tried and rolled back.
            quiet = backend.with_context(connector_no_events=True, mail_notify_force_send=False)
            self.work = stack.enter_context(quiet.work_on(comparison.model_name))
            self.comparer = self.work.unit(Comparer)
            self._check()
            for _step in self._steps():
                if in_job:
                    self._report(jobs)
                    jobs.checkpoint(None)
                    if comparison.state != "running":
                        return comparison.env._("stopped")
                    if time.monotonic() - began > SLICE_S or jobs.more_urgent_is_due():
                        comparison._enqueue()
                        return comparison.env._("goes on in another job")
        comparison._finish("done")
        return comparison._summary()

    def _check(self) -> None:
        """:raises ConfigurationError: when the model has nothing to compare by"""
        try:
            _ = self.comparer.importer.mapper, self.work.unit(Adapter)
        except NoUnitError as error:
            raise ConfigurationError(
                f"{self.comparison.model_name} cannot be compared, as it is not imported: {error}"
            ) from error

    @property
    def batch(self) -> Any:
        """The batch importer, which knows the pages."""
        try:
            return self.work.unit(BatchImporter)
        except NoUnitError:
            return self.work.unit(DelayedBatchImporter)

    def _chunk_size(self) -> int:
        size = self.batch.chunk_size
        return size if size > 1 else CHUNK_SIZE

    def _report(self, jobs: Any) -> None:
        done = self.comparison.count_read
        jobs.report_progress(done, max(done, self.comparison.count_expected))

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _steps(self) -> Iterator[None]:
        """Take the steps that are left; what one has written is complete when it is yielded."""
        comparison = self.comparison
        if not comparison.position:
            comparison.write({"position": {"phase": "pages"}, "count_expected": self._expected()})
        while comparison.position["phase"] == "pages":
            yield from self._page(comparison.position)
        while comparison.position["phase"] == "looks":
            if not self._look_again(comparison.position["look"]):
                return
            yield

    def _expected(self) -> int:
        """Return how many records there are, as far as is known."""
        filters = self.comparison.filters or None
        try:
            return self.work.unit(Adapter).count(filters)
        except NotImplementedError:
            bindings = self.work.model.with_context(active_test=False)
            return self.batch._total(filters) or bindings.search_count([("backend_id", "=", self.work.backend.id)])

    def _page(self, position: dict[str, Any]) -> Iterator[None]:
        """Look at the records of a page that were not looked at yet."""
        filters, cursor = self.comparison.filters or None, position.get("cursor")
        found, next_cursor = search_page(self.batch.adapter, filters, cursor)
        found = list({id_token(external_id): external_id for external_id in found}.values())
        composite = position.get("composite") or any(isinstance(one, list | tuple) for one in found)
        trail = PageTrail(self.batch, filters, position.get("trail"))
        ids = [*found, *trail.moved_before(cursor, found)]
        next_cursor = trail.following(cursor, found, next_cursor)
        # After a page that was left in the middle: each step has to get further, or it would never end.
        known = self.notes._known_keys(self.comparison, list(map(id_token, ids)))
        new = [one for one in ids if id_token(one) not in known and self._is_chosen(id_token(one))]
        chunks = list(split_every(self._chunk_size(), new, list))
        for number, chunk in enumerate(chunks, 1):
            self._look(chunk)
            if number < len(chunks):
                yield
        if next_cursor is not None:
            position = {"phase": "pages", "cursor": next_cursor, "trail": trail.state}
        else:
            self._note_unseen()
            position = {"phase": "looks", "look": 1}
        self.comparison.position = {**position, "composite": composite}
        yield

    def _is_chosen(self, token: str) -> bool:
        """Tell whether a record is in the sample; the same for each step, and another sample for each comparison."""
        comparison = self.comparison
        if not comparison.sample:
            return True
        share = comparison.sample / max(comparison.count_expected, comparison.sample)
        return crc32(f"{comparison.id}:{token}".encode()) < share * 2**32

    def _look(self, external_ids: Sequence[Any]) -> None:
        """Look at records for the first time: count those in step, note all."""
        findings = self.comparer.compare(external_ids)
        self.notes._note(self.comparison, external_ids, findings)
        in_step = sum(finding.kind is None for finding in findings)
        self.comparison.write(
            {
                "count_in_step": self.comparison.count_in_step + in_step,
                "count_read": self.comparison.count_read + len(external_ids),
            }
        )

    def _note_unseen(self) -> None:
        """Note the bindings that were on no page; with filters or a sample, it is not known which should have been."""
        if not self.comparison.filters and not self.comparison.sample:
            unseen = Finding(None, "missing_there", self.work.model)
            self.notes._note_unseen(self.comparison, self.work.model, self.work.backend, unseen.fingerprint)

    def _look_again(self, look: int) -> bool:
        """Look again at some of what was noted; tell whether there is something left to do."""
        notes = self.notes._to_look_at(self.comparison, look, self._chunk_size())
        if not notes:
            if not self.notes._to_look_at(self.comparison, look + 1, 1):
                return False
            self.comparison.position = {**self.comparison.position, "look": look + 1}
            return True
        settled = []
        is_last = look >= MAX_LOOKS
        for note, finding in self._second_findings(notes, is_last):
            if finding is None or finding.kind is None or finding.fingerprint == note.fingerprint or is_last:
                note.is_suspect = False
                settled += [finding] if finding is not None else []
                if is_last and finding is not None and finding.fingerprint != note.fingerprint:
                    restless = self.comparison.env._("It changed each time it was looked at.")
                    finding.reason = " ".join(filter(None, (finding.reason, restless)))
            else:
                note.write({"look": look + 1, "fingerprint": finding.fingerprint})
        self.comparison._add(settled)
        return True

    def _second_findings(self, notes: Any, is_last: bool) -> Iterator[tuple[Any, Finding | None]]:
        """Yield each note with what another look finds; None: it is on neither side, or another note is about it."""
        bindings = self.work.model.browse(notes.mapped("binding_id")).exists()
        unseen = {binding.id: binding for binding in bindings}
        keys = self._adapter_ids(bindings)
        noted = self.notes._known_keys(self.comparison, list(map(id_token, keys.values())))
        wanted: dict[Any, Any] = {}
        for note in notes:
            key = keys.get(note.binding_id) if note.external_id is False else note.external_id
            if key is not None and (note.external_id is not False or id_token(key) not in noted):
                wanted[note] = key
        before = {id_token(external_id): note.fingerprint for note, external_id in wanted.items()}
        ids = list({id_token(external_id): external_id for external_id in wanted.values()}.values())
        found = self.comparer.compare(ids, before, is_last) if ids else []
        by_token = {id_token(finding.external_id): finding for finding in found}
        for note in notes:
            binding = unseen.get(note.binding_id)
            finding = by_token.get(id_token(wanted[note])) if note in wanted else None
            if finding is None and binding and (note in wanted or note.binding_id not in keys):
                finding = Finding(wanted.get(note), "missing_there", binding)
                if note not in wanted:
                    finding.reason = self.comparison.env._("It was never exported.")
            yield note, finding

    def _adapter_ids(self, bindings: Any) -> dict[int, Any]:
        """Return the external ids of bindings by id, as the adapter takes them; those that have none are left out."""
        binder = self.comparer.binder
        keys = {binding.id: key for binding, key in binder.to_external_many(bindings).items()}
        if binder.is_composite and not self.comparison.position.get("composite") and "external_id" in bindings._fields:
            # The adapter knows a part of the key; the rest comes with the record.
            return {binding.id: binding.external_id for binding in bindings if binding.id in keys}
        return keys
