"""Enqueueing imports and exports: one record a job, or chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odoo.tools import split_every

from ..text import model_label
from .keys import as_text, chunk_key, export_key, import_key

__all__ = ["enqueue_chunks", "enqueue_exports", "enqueue_imports"]


def enqueue_imports(unit: Any, external_ids: Sequence[Any], force: bool = False, **options: Any) -> Any:
    """Enqueue an ``import_record`` job for each record, unless one waits for it; return the jobs.

    :param unit: a unit of the binding model
    :param options: of the jobs, as for ``as_job``; priority and channel are those of the running job by default
    """
    label = model_label(unit.env, unit.model._name)
    return _as_job(
        unit,
        identity_key=lambda model, backend, external_id, force=False: (
            f"{import_key(model, backend, external_id)}:{force}"
        ),
        description=lambda model, backend, external_id, force=False: unit.env._(
            "Import %(model)s %(external_id)s", model=label, external_id=as_text(external_id)
        ),
        **options,
    ).map("import_record", [(unit.backend, each, *_forced(force)) for each in external_ids])


def enqueue_chunks(unit: Any, external_ids: Sequence[Any], size: int, force: bool = False, **options: Any) -> Any:
    """Enqueue an ``import_records`` job for each ``size`` records; return the jobs. The other arguments as above."""
    label = model_label(unit.env, unit.model._name)
    return _as_job(
        unit,
        identity_key=chunk_key,
        description=lambda model, backend, ids, force=False: unit.env._(
            "Import %(count)s %(model)s: %(first)s to %(last)s",
            count=len(ids),
            model=label,
            first=as_text(ids[0]),
            last=as_text(ids[-1]),
        ),
        **options,
    ).map("import_records", [(unit.backend, ids, *_forced(force)) for ids in split_every(size, external_ids, list)])


def enqueue_exports(bindings: Any, fields: Sequence[str] | None, size: int = 1, **options: Any) -> Any:
    """Enqueue ``export_record`` jobs for each ``size`` bindings, unless one waits for the same; return the jobs.

    :param fields: names of the fields that changed; None: all
    :param options: of the jobs, as for ``as_job``
    """
    given = {name: value for name, value in options.items() if value is not None}
    return bindings.as_job(**{"identity_key": _export_identity, **given, "split": size}).export_record(fields=fields)


def _export_identity(bindings: Any, fields: Sequence[str] | None = None) -> str:
    return f"{export_key(bindings)}:{'*' if fields is None else ','.join(fields)}"


def _forced(force: bool) -> tuple[bool, ...]:
    return (True,) if force else ()


def _as_job(unit: Any, **options: Any) -> Any:
    job = unit.env["connector.job"].current()
    defaults = {"priority": job.priority, "channel": job.channel} if job else {}
    given = {name: value for name, value in options.items() if value is not None}
    return unit.model.as_job(**{**defaults, **given})
