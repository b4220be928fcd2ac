"""Importing many records, page by page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any, ClassVar

import psycopg2
from odoo.exceptions import UserError

from ..exceptions import ExternalNotFoundError, NoUnitError, PermanentError, SkipError
from .importer import Importer
from .synchronizer import Synchronizer, as_text

__all__ = ["BatchImporter", "BulkImporter", "DelayedBatchImporter", "DirectBatchImporter"]

_logger = logging.getLogger(__name__)

DEFAULT_PRIORITY = 10
#: After so many records, imported one by one, the progress is shown.
REPORT_EACH = 10


class BatchImporter(Synchronizer):
    """Imports all records that match filters, page by page; the classes below say how.

    With :attr:`stream` it is incremental: without filters it imports what has changed since the last time.
    """

    #: Name of the stream that says how far the import got, unique on a backend; True: the name of the model.
    #: None: each time all of it is imported.
    stream: ClassVar[str | bool | None] = None
    #: Seconds that the next run goes back behind the start of this one: the clocks of the two systems differ, and a
    #: change is seen only when it is committed there.
    overlap_s: ClassVar[float] = 600.0
    #: Channel and priority of the jobs for records; None: those of the batch's own job.
    job_channel: ClassVar[str | None] = None
    job_priority: ClassVar[int | None] = None

    #: Records that there are, as far as is known.
    _expected: int = 0

    def run(self, filters: Any = None) -> str:
        """Import what matches.

        :param filters: what the API filters by; None: what is new in the stream, else all
        :return: how many records there were
        """
        progress: dict[str, Any] = {"count": 0}
        if filters is None and self.stream:
            stream = self._stream()
            # Worked out before the first page: what changes from now on is for the next run.
            progress["cursor"] = self._next_cursor(stream.cursor)
            filters = self._stream_filters(stream.cursor)
        return self.run_page(filters, None, progress)

    def run_page(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        """Import one page, and see to the next one.

        :param cursor: of the page, as the adapter returned it with the page before; None for the first
        :param progress: dict of ``count``, the records so far, and in a stream of ``cursor``, how far it will have got
        """
        ids, next_cursor = self.adapter.search(filters, cursor)
        ids = list(dict.fromkeys(ids))
        known = progress["count"] + len(ids)
        if next_cursor is None:
            self._expected = known
        else:  # there is another page, at least
            self._expected = self._total(filters) or known + len(ids)
        if ids:
            self._import_page(ids, progress)
        progress = {**progress, "count": progress["count"] + len(ids)}
        if next_cursor is not None:
            return self._continue(filters, next_cursor, progress)
        if "cursor" in progress:
            self._stream().advance(progress["cursor"])
        return self.env._("%s records", progress["count"])

    def _total(self, filters: Any) -> int | None:
        """Return how many records match, for the progress that the list of jobs shows; None if the API does not say.

        It is asked for each page that is not the last.
        """
        return None

    def _report(self, done: int) -> None:
        """Show how many of the records are done."""
        if self._is_own_job("import_batch", "_import_page"):
            self.env["connector.job"].report_progress(done, max(done, self._expected))

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        """Import the records of a page."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to import a page")

    def _continue(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        """See to the next page."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to go on")

    # -- the stream ----------------------------------------------------------------------------------------------------

    def _stream(self) -> Any:
        name = self.work.model_name if self.stream is True else self.stream
        return self.env["connector.stream"].of(self.backend, name)

    def _stream_filters(self, cursor: Any) -> Any:
        """Return the filters for what is new behind a cursor; None, the cursor of a new stream: all."""
        since = (cursor or {}).get("since")
        return self._since_filters(datetime.fromisoformat(since)) if since else None

    def _since_filters(self, since: datetime) -> Any:
        """Return the filters for what has changed since then, naive UTC."""
        raise NotImplementedError(f"{type(self).__name__} has a stream, so it has to implement _since_filters()")

    def _next_cursor(self, cursor: Any) -> Any:
        """Return the cursor, what JSON can hold, that the stream will have after this run."""
        return {"since": (self._now() - timedelta(seconds=self.overlap_s)).isoformat()}

    def _now(self) -> datetime:
        """Return the time of the other system, naive UTC; ours where it does not say."""
        return self.env.cr.now().replace(microsecond=0)

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def _enqueue(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        """Enqueue a job for each record, unless one is waiting for it already."""
        label = self.env["ir.model"]._get(self.model._name).name
        options = {
            "priority": self._priority(progress),
            "channel": self._channel(),
            "description": lambda records, backend, external_id: self.env._(
                "Import %(model)s %(external_id)s", model=label, external_id=as_text(external_id)
            ),
        }
        self.model.as_job(identity_key=_identity_key, **options).map(
            "import_record", [(self.backend, external_id) for external_id in ids]
        )

    def _priority(self, progress: dict[str, Any]) -> int:
        """Return the priority of the jobs for records."""
        if self.job_priority is not None:
            return self.job_priority
        if "priority" in progress:
            # The job of a later page has one of its own.
            return progress["priority"]
        job = self.env["connector.job"].current()
        return job.priority if job else DEFAULT_PRIORITY

    def _is_own_job(self, *methods: str) -> bool:
        """Tell whether the job that runs is this batch and nothing else: only then it is ours to commit."""
        job = self.env["connector.job"].current()
        return bool(job) and job.method_name in methods and job.model_name == self.model._name

    def _channel(self) -> str | None:
        """Return the channel of all jobs."""
        job = self.env["connector.job"].current()
        return self.job_channel or (job.channel if job else None)


class DelayedBatchImporter(BatchImporter):
    """Enqueues a job for each record, a page at a time, and a job for the next page behind them.

    The jobs are in the channel of the batch, and the next page has a lower priority than the records: it is read when
    the channel has drained.
    """

    _usable_as_is = True

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        self._enqueue(ids, progress)

    def _continue(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        priority, done = self._priority(progress), progress["count"]
        self._report(done)
        label = self.env["ir.model"]._get(self.model._name).name
        description = self.env._("Import %(model)s: from record %(number)s on", model=label, number=done + 1)
        self.model.as_job(priority=priority + 1, channel=self._channel(), description=description)._import_page(
            self.backend, filters, cursor, {**progress, "priority": priority}
        )
        return self.env._("%s records so far", done)


class _LoopingBatchImporter(BatchImporter):
    """Goes on with the next page at once; a job commits between two pages, and its next attempt goes on from there."""

    #: What the loop has to do next: (filters, cursor, progress).
    _following: tuple[Any, Any, dict[str, Any]] | None = None

    def run(self, filters: Any = None) -> str:
        state = self.env["connector.job"].checkpoint_state() if self._is_own_job("import_batch") else None
        if isinstance(state, dict) and "batch" in state:
            return self.run_page(*state["batch"])
        return super().run(filters)

    def run_page(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        page: tuple[Any, Any, dict[str, Any]] | None = (filters, cursor, progress)
        while page is not None:
            self._following = None
            result = super().run_page(*page)
            page = self._following
        return result

    def _continue(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        self._following = (filters, cursor, progress)
        if self._is_own_job("import_batch"):
            self.env["connector.job"].checkpoint({"batch": self._following})
        return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Undo what is done inside when that raises."""
        with self.env.cr.savepoint():
            yield


class DirectBatchImporter(_LoopingBatchImporter):
    """Imports the records one by one, at once; for few and small ones, such as the metadata of a shop."""

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        importer = self.unit(Importer)
        for number, external_id in enumerate(ids, 1):
            try:
                with self._alone():
                    importer.run(external_id)
            except SkipError as error:
                _logger.info("%s %s is skipped: %s", self.model._name, external_id, error)
            if number % REPORT_EACH == 0 or number == len(ids):
                self._report(progress["count"] + number)


class BulkImporter(_LoopingBatchImporter):
    """Reads, maps and creates hundreds of records at a time, with one ``create``.

    It does what the importer of the model does, by the importer's own steps. When one of the records is refused, they
    are given to jobs instead, one a record, so that a bad one does not keep the others out.
    """

    #: Records that are read and created together.
    chunk_size: ClassVar[int] = 200

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        for start in range(0, len(ids), self.chunk_size):
            chunk = ids[start : start + self.chunk_size]
            try:
                with self._alone():
                    self._import_chunk(chunk)
            except (PermanentError, UserError, psycopg2.IntegrityError) as error:
                _logger.warning("%s: one of %s records was refused, they become jobs: %s", self, len(chunk), error)
                self._enqueue(chunk, progress)
            self._report(progress["count"] + start + len(chunk))

    def _import_chunk(self, ids: Sequence[Any]) -> None:
        """Import some records together."""
        self._lock(*(f"import {as_text(external_id)}" for external_id in ids))
        importer = self.unit(Importer)
        records = self._read_many(ids)
        known = {} if self.binder.is_composite else self.binder.to_internal_many(list(records))
        prepared = []
        with self._looked_up(importer, records):
            for external_id, record in records.items():
                with importer._about(external_id, record):
                    try:
                        binding, values = importer._prepare(record, False, known.get(external_id))
                    except SkipError as error:
                        _logger.info("%s %s is skipped: %s", self.model._name, external_id, error)
                        continue
                if values is not None:
                    prepared.append((external_id, record, binding, values))
        if not self.binder.is_composite:
            # One that another of them depends on was imported by itself meanwhile.
            new = [external_id for external_id, _, binding, _ in prepared if not binding]
            made = self.binder.to_internal_many(new)
            prepared = [entry for entry in prepared if entry[2] or entry[0] not in made]
        with self.work.origin():
            created = iter(self.model.create([values for _, _, binding, values in prepared if not binding]))
            for external_id, record, binding, values in prepared:
                with importer._about(external_id, record):
                    if binding:
                        binding = binding.with_env(self.env)
                        importer._update(binding, values)
                    else:
                        binding = next(created)
                    importer._finish(binding)

    def _looked_up(self, importer: Importer, records: Mapping[Any, Any]) -> AbstractContextManager[None]:
        """Look up in bulk what the records refer to; what is imported for one of them meanwhile is looked up again."""
        try:
            return importer.mapper.looked_up(records.values())
        except NoUnitError:  # The importer maps by itself.
            return nullcontext()

    def _read_many(self, ids: Sequence[Any]) -> dict[Any, Any]:
        """Return the external records by id; those that are gone meanwhile are left out."""
        try:
            return dict(zip(ids, self.adapter.read_many(ids), strict=True))
        except ExternalNotFoundError as error:
            _logger.debug("%s: %s; reading one by one", self, error)
        records = {}
        for external_id in ids:
            try:
                records[external_id] = self.adapter.read(external_id)
            except ExternalNotFoundError as error:
                _logger.debug("%s: %s", self, error)
        return records


def _identity_key(records: Any, backend: Any, external_id: Any, force: bool = False) -> str:
    return f"connector.import:{backend._name},{backend.id}:{records._name}:{as_text(external_id)}:{force}"
