"""The dry run itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..exceptions import MappingError, SkipError
from ..mappings.errors import describe
from ..masking import Masker
from ..queue.sql import actions
from ..references import watching_units
from .calls import CallWatch
from .containment import Containment
from .plain import plain
from .provenance import Provenance
from .records import Record, RecordWatch

__all__ = ["Job", "Preview"]

_logger = logging.getLogger(__name__)


@dataclass
class Job:
    """A job that would be enqueued.

    :ivar records: ids of the records that its method is called on; None for one that would be created
    """

    model: str
    method: str
    records: list[int | None]
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"model": self.model, "method": self.method, "records": self.records}


class Preview:
    """What a call would do; :meth:`run` finds it out.

    :param env: of the one who reads the answer
    :param model_name: the binding model that the call is about: its records come first
    :param backends: (0..n) whose secrets are masked
    """

    def __init__(self, env: Any, model_name: str, backends: Any) -> None:
        self.env = env
        self.model_name = model_name
        self._masker = Masker(_secrets(backends))
        #: What the call would say: "created", "updated", "unchanged", "skipped: ...", "failed: ...".
        self.outcome = ""
        #: By target of the mapping; "" for an error that is no field's.
        self.errors: dict[str, str] = {}
        self.records: list[Record] = []
        self.calls: list[dict[str, Any]] = []
        self.jobs: list[Job] = []

    def run(self, call: Callable[[], Any], job_id: int | None = None) -> Preview:
        """Make the call, find out what it does, and take it back; its errors are part of the answer.

        :param job_id: of the job that the call would be
        """
        provenance, calls = Provenance(), CallWatch()
        records = RecordWatch(self.env, provenance, self._masker)

        def watch(unit: Any) -> None:
            provenance.watch(unit)
            calls.watch(unit)

        with ExitStack() as stack:
            inside = stack.enter_context(Containment(self.env, job_id))
            last_job = self.env["connector.job"].sudo().search([], order="id desc", limit=1).id or 0
            with ExitStack() as watching:
                watching.enter_context(watching_units(self.env.cr, watch))
                watching.enter_context(calls.guarding_http())
                watching.enter_context(records.watching())
                self._call(call, inside)
            records.read_new()
            self.jobs = list(self._jobs_after(last_job, records))
        records.read_old()
        self.records = records.records(self.model_name)
        self.calls = calls.calls
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; the names are those of ``preview_import``."""
        return {
            "records": [record.as_dict() for record in self.records],
            "calls": self.calls,
            "jobs": [job.as_dict() for job in self.jobs],
            "outcome": self.outcome,
            "errors": self.errors,
        }

    def _call(self, call: Callable[[], Any], inside: Containment) -> None:
        try:
            result = call()
            # As at the end of a transaction: what is to be recomputed, and who waits for the changes.
            self.env.cr.flush()
            self.outcome = self._masker.text(str(result))
        except SkipError as error:
            inside.rollback()
            self.outcome = self._masker.text(f"skipped: {error.reason}")
        except Exception as error:
            inside.rollback()
            _logger.info("a dry run of %s has failed: %s", self.model_name, self._masker.text(str(error)))
            text = self._masker.text(describe(error))
            self.outcome = f"failed: {text}"
            found = error.field_errors if isinstance(error, MappingError) else None
            self.errors = plain(found, self._masker) if found else {"": text}

    def _jobs_after(self, last_job: int, records: RecordWatch) -> Iterator[Job]:
        jobs = self.env["connector.job"].sudo().search([("id", ">", last_job)], order="id")
        self.env.cr.execute(actions.read_calls(jobs.ids))
        ids = {job_id: json.loads(call)["ids"] for job_id, call in self.env.cr.fetchall()}
        for job in jobs:
            found = [None if records.is_new(job.model_name, one) else one for one in ids.get(job.id, ())]
            yield Job(job.model_name, job.method_name, found, self._masker.text(job.name or ""))


def _secrets(backends: Any) -> Iterator[str]:
    for backend in backends:
        for name in backend._secret_fields:
            value = backend.get_secret(name)
            if value:
                yield str(value)
