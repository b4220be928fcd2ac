"""The work of the ORM's hooks in create, write, unlink and flush, for models that have subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .changes import SILENT, Writer, WriteScope, change_log, find_change_log
from .delivery import schedule
from .event import on_record_change, on_record_create, on_record_unlink, on_record_write
from .model_subscriptions import ModelSubscriptions
from .origin import origin_of

__all__ = ["columns_flushed", "created", "recomputed", "unlinking", "write_scope", "written"]

# The ORM's own columns: never a change by themselves.
_OWN = frozenset({"id", "create_uid", "create_date", "write_uid", "write_date", "parent_path"})


def _writer(env: Any) -> Writer:
    known = find_change_log(env.cr)
    if known is not None and known.writer is not None and known.writer.env is env:
        if known.writer.origin is not SILENT and not on_record_change.is_muted:
            return known.writer
    if env.context.get("connector_no_events") or on_record_change.is_muted:
        return Writer(env, SILENT)
    return Writer(env, origin_of(env))


_UNTRACKED = nullcontext()


def write_scope(subscriptions: ModelSubscriptions, env: Any) -> AbstractContextManager[None] | WriteScope:
    """Track the origin of a write: what it makes necessary to recompute has the same."""
    return WriteScope(_writer(env)) if subscriptions.tracks else _UNTRACKED


def created(subscriptions: ModelSubscriptions, records: Any, vals_list: list[dict[str, Any]]) -> None:
    """Report records that the ORM has created."""
    if (
        not (subscriptions.collects or subscriptions.creates)
        or not records
        or records.env.context.get("connector_no_events")
    ):
        return
    if subscriptions.collects:
        _collect(records, {name for vals in vals_list for name in vals}.union(subscriptions.precomputed), created=True)
    if subscriptions.creates:
        on_record_create.fire(records, vals_list=vals_list)


def written(subscriptions: ModelSubscriptions, records: Any, vals: dict[str, Any]) -> None:
    """Report records that the ORM has written."""
    if not (subscriptions.collects or subscriptions.writes):
        return
    records = _real(records)
    if not records or records.env.context.get("connector_no_events"):
        return
    if subscriptions.collects:
        _collect(records, vals)
    if subscriptions.writes:
        on_record_write.fire(records, vals=vals)


def unlinking(subscriptions: ModelSubscriptions, records: Any) -> None:
    """Report records that the ORM is going to delete."""
    if not subscriptions.unlinks:
        return
    records = _real(records)
    if records and not records.env.context.get("connector_no_events"):
        # The ORM checks this later: what a consumer has done would stay if the caller goes on after the refusal.
        records.check_access("unlink")
        on_record_unlink.fire(records)


def columns_flushed(records: Any, vals_list: list[dict[str, Any]]) -> None:
    """Collect the columns that are flushed: those that were recomputed, besides those that were written by name."""
    ids = [id_ for id_, vals in zip(records._ids, vals_list, strict=True) if not _OWN.issuperset(vals)]
    _collect_recomputed(records, ids, {name for vals in vals_list for name in vals} - _OWN)


def recomputed(records: Any, field: Any) -> None:
    """Collect the stored many2many fields that were recomputed: they have no column that would be flushed."""
    relations = [f.name for f in records.pool.field_computed[field] if f.store and not f.column_type]
    if relations:
        _collect_recomputed(records, [id_ for id_ in records._ids if id_], relations)


def _collect_recomputed(records: Any, ids: list[int], names: Iterable[str]) -> None:
    log = change_log(records.env.cr)
    # The logged writer, not the one who flushes: before another origin writes, all is flushed for the one before.
    writer = log.writer or _writer(records.env)
    if ids and writer.origin is not SILENT:
        log.add(records._name, ids, names, writer)
        schedule(log, records.env.cr)


def _collect(records: Any, names: Iterable[str], created: bool = False) -> None:
    writer = _writer(records.env)
    fields = set(names) - _OWN
    if writer.origin is not SILENT and (fields or created):
        log = change_log(records.env.cr)
        log.add(records._name, records._ids, fields, writer)
        schedule(log, records.env.cr)


def _real(records: Any) -> Any:
    return records if all(records._ids) else records.filtered("id")
