"""Importing many records, page by page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import psycopg2
from odoo.tools import escape_psql

from ..exceptions import AuthenticationError, ConfigurationError, RetryableError, SkipError
from ..text import model_label
from .enqueue import enqueue_chunks, enqueue_imports
from .importer import Importer
from .keys import as_text, import_prefixes
from .pages import PageTrail, search_page
from .synchronizer import Synchronizer

__all__ = ["BatchImporter", "DelayedBatchImporter", "DirectBatchImporter"]

_logger = logging.getLogger(__name__)

DEFAULT_PRIORITY = 10
#: Failed imports that one run of a stream requeues.
RETRIED_AT_ONCE = 1000
#: Records that are imported one by one between two reports of the progress.
REPORT_EACH = 10


class BatchImporter(Synchronizer):
    """Import all records that match filters, page by page; the classes below say how.

    With :attr:`stream` it is incremental: without filters it imports what changed since the last run.

    ==============================  ==================================================================================
    ``_since_filters(since)``       return the filters for what changed since a time, naive UTC; needed for a stream
    ``_now()``                      return the time of the external system, naive UTC; default: Odoo's
    ``_next_cursor(cursor)``        return the stream's cursor after this run, from the one before it
    ``_stream_filters(cursor)``     return the filters for what is new behind a cursor
    ``_total(filters)``             return how many records match, for the progress; default: None, unknown
    ``_import_page(ids, progress)`` import the records of a page
    ``_continue(filters, ...)``     see to the next page; to be called by an override of ``run_page``
    ``enqueue(ids, progress)``      enqueue the import of records: chunks, or a job for each
    ==============================  ==================================================================================
    """

    #: Name of the stream that keeps how far the import got, unique on a backend; True: the name of the model.
    #: None: each run imports all.
    stream: ClassVar[str | bool | None] = None
    #: Seconds that the next run goes back behind the start of this one: the clocks of the two systems differ, and a
    #: change is seen only after its commit in the external system.
    overlap_s: ClassVar[float] = 600.0
    #: Records that one job imports; 1: a job for each record.
    chunk_size: ClassVar[int] = 50
    #: Channel and priority of the jobs for records; None: those of the batch's own job.
    job_channel: ClassVar[str | None] = None
    job_priority: ClassVar[int | None] = None
    #: Whether a record that changes during the run cannot move to another page, as with pages by key or of a snapshot.
    #: None: cursors that are numbers are taken for page numbers or offsets, all others for stable.
    stable_pages: ClassVar[bool | None] = None

    #: Seconds after which a run of the stream imports again the records whose import failed for good; 0: a person
    #: requeues their jobs.
    retry_failed_s: ClassVar[int] = 3600

    #: Records of the run, as far as is known.
    _expected: int = 0

    def run(self, filters: Any = None) -> str:
        """Import what matches.

        :param filters: what the API filters by; None: what is new in the stream, else all
        :return: how many records there were
        """
        progress: dict[str, Any] = {"count": 0}
        if filters is None and self.stream:
            stream = self._stream()
            left = stream.unfinished_jobs()
            if left:
                return self.env._("the run before has %s jobs left", left)
            self._retry_failed()
            progress["before"] = stream.cursor or None
            progress["began"] = self.env.cr.now().replace(microsecond=0).isoformat()
            # Before the first page: what changes from now on is for the next run.
            progress["cursor"] = self._next_cursor(stream.cursor)
            filters = self._stream_filters(stream.cursor)
        return self.run_page(filters, None, progress)

    def run_page(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        """Import one page, and see to the next one.

        :param cursor: of the page, as the adapter returned it with the page before; None for the first
        :param progress: dict of ``count``, the records so far; ``trail``, see :class:`~.pages.PageTrail`; and in a
            stream of ``before`` and ``cursor``, its cursor before and after this run, and ``began``, its start
        """
        found, next_cursor = search_page(self.adapter, filters, cursor)
        found = list(dict.fromkeys(found))
        trail = PageTrail(self, filters, progress.get("trail"))
        ids = [*found, *trail.moved_before(cursor, found)]
        next_cursor = trail.following(cursor, found, next_cursor)
        known = progress["count"] + len(ids)
        if next_cursor is None:
            self._expected = known
        else:  # there is another page, at least
            self._expected = self._total(filters) or known + len(ids)
        if ids:
            self._import_page(ids, progress)
        progress = {**progress, "count": known, "trail": trail.state}
        if next_cursor is not None:
            return self._continue(filters, next_cursor, progress)
        if "cursor" in progress:
            self._stream().advance(progress["cursor"], progress.get("before"), progress.get("began"))
        return self.env._("%s records", known)

    def _total(self, filters: Any) -> int | None:
        """Return how many records match, for the progress that the list of jobs shows; None if the API does not say.

        Asked for each page that is not the last.
        """
        return None

    def _report(self, done: int) -> None:
        """Show how many of the records are done."""
        if self._is_own_job("import_batch", "_import_page"):
            self.env["connector.job"].report_progress(done, max(done, self._expected))

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        """Import the records of a page."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _import_page()")

    def _continue(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        """See to the next page."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _continue()")

    # -- the stream ----------------------------------------------------------------------------------------------------

    def _stream(self) -> Any:
        name = self.work.model_name if self.stream is True else self.stream
        return self.env["connector.stream"].of(self.backend, name)

    def _retry_failed(self) -> None:
        """Requeue the failed imports of this model and backend: the stream moved on without their records."""
        if not self.retry_failed_s:
            return
        record, chunk = import_prefixes(self.model, self.backend)
        domain = [
            ("state", "=", "failed"),
            ("model_name", "=", self.model._name),
            ("date_done", "<", self.env.cr.now() - timedelta(seconds=self.retry_failed_s)),
            "|",
            ("exclusive_key", "=like", f"{escape_psql(record)}%"),
            ("identity_key", "=like", f"{escape_psql(chunk)}%"),
        ]
        failed = self.env["connector.job"].sudo().search(domain, limit=RETRIED_AT_ONCE)
        if failed:
            _logger.info("%s: %s failed imports are tried again", self, len(failed))
            failed.action_requeue()

    def _stream_filters(self, cursor: Any) -> Any:
        """Return the filters for what is new behind a cursor; None, the cursor of a new stream: all."""
        since = (cursor or {}).get("since")
        return self._since_filters(datetime.fromisoformat(since)) if since else None

    def _since_filters(self, since: datetime) -> Any:
        """Return the filters for what changed since then, naive UTC."""
        raise NotImplementedError(f"{type(self).__name__} has a stream, so it has to implement _since_filters()")

    def _next_cursor(self, cursor: Any) -> Any:
        """Return the cursor, a JSON value, that the stream will have after this run."""
        return {"since": (self._now() - timedelta(seconds=self.overlap_s)).isoformat()}

    def _now(self) -> datetime:
        """Return the time of the external system, naive UTC; Odoo's where it does not tell."""
        return self.env.cr.now().replace(microsecond=0)

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def enqueue(self, ids: Sequence[Any], progress: dict[str, Any] | None = None) -> Any:
        """Enqueue the import of records, in chunks of :attr:`chunk_size`; return the jobs.

        A record or chunk whose import waits already gets no second job.
        """
        options: dict[str, Any] = {"priority": self._priority(progress or {}), "channel": self._channel()}
        if self.chunk_size <= 1:
            return enqueue_imports(self, ids, **options)
        return enqueue_chunks(self, ids, self.chunk_size, **options)

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
        """Tell whether the running job is this batch and nothing else, so that it may commit."""
        job = self.env["connector.job"].current()
        return bool(job) and job.method_name in methods and job.model_name == self.model._name

    def _channel(self) -> str | None:
        """Return the channel of all jobs."""
        job = self.env["connector.job"].current()
        return self.job_channel or (job.channel if job else None)


class DelayedBatchImporter(BatchImporter):
    """Enqueue the records in chunks, a page at a time, and a job for the next page behind them.

    The jobs are in the channel of the batch, and the next page has a lower priority than the records: it is read when
    the channel has drained.
    """

    _usable_as_is = True

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        jobs = self.enqueue(ids, progress)
        if "cursor" in progress:
            self._stream().track(jobs)

    def _continue(self, filters: Any, cursor: Any, progress: dict[str, Any]) -> str:
        priority, done = self._priority(progress), progress["count"]
        self._report(done)
        label = model_label(self.env, self.model._name)
        description = self.env._("Import %(model)s: from record %(number)s on", model=label, number=done + 1)
        page = self.model.as_job(priority=priority + 1, channel=self._channel(), description=description)._import_page(
            self.backend, filters, cursor, {**progress, "priority": priority}
        )
        if "cursor" in progress:
            self._stream().track(page)
        return self.env._("%s records so far", done)


class DirectBatchImporter(BatchImporter):
    """Import the records one by one, at once; for few and small ones, such as the metadata of a shop.

    As a job of its own it commits after each page, and the next attempt goes on with the page that failed. A record
    that cannot be imported gets a job of its own.
    """

    #: The page to import next: (filters, cursor, progress).
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

    def _import_page(self, ids: Sequence[Any], progress: dict[str, Any]) -> None:
        importer = self.unit(Importer)
        failed: list[Any] = []
        for number, external_id in enumerate(ids, 1):
            try:
                with self.env.cr.savepoint():
                    importer.run(external_id)
            except SkipError as error:
                _logger.info("%s %s is skipped: %s", self.model._name, as_text(external_id), error)
            except (RetryableError, AuthenticationError, ConfigurationError, psycopg2.OperationalError):
                raise
            except Exception as error:
                _logger.warning("%s %s gets a job of its own: %s", self.model._name, as_text(external_id), error)
                failed.append(external_id)
            if number % REPORT_EACH == 0 or number == len(ids):
                self._report(progress["count"] + number)
        if failed:
            enqueue_imports(self, failed, priority=self._priority(progress), channel=self._channel())
