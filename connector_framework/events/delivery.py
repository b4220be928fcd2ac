"""The delivery of logged changes to the consumers of ``on_record_change``."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from odoo.tools.misc import clean_context

from ..exceptions import ConnectorError
from .changes import Change, ChangeLog, Segment, find_change_log
from .event import on_record_change
from .model_subscriptions import model_subscriptions
from .subscription import name_of

__all__ = ["ROUNDS", "deliver", "schedule"]

#: Most rounds of delivery, each of what the consumers of the round before have changed.
ROUNDS = 5

# The cursor that is delivered on in this thread, and its round: a savepoint that a consumer opens delivers as well.
_round: ContextVar[tuple[Any, int]] = ContextVar("round", default=(None, 0))


class Delivery(NamedTuple):
    """The changed records of one model and origin, with the names of the changed fields."""

    records: Any
    fields: frozenset[str]


def deliver(cr: Any) -> None:
    """Call the consumers with all that is pending, and again with what they change; a precommit callback.

    :raises ConnectorError: when there is something to deliver after the last round
    """
    log = find_change_log(cr)
    if log is None:
        return
    log.scheduled = False
    if len(cr.precommit) and not log.waited:
        # The other callbacks may write as well: deliver once, after them.
        log.waited = True
        schedule(log, cr)
        return
    log.waited = False
    cursor, outer_round = _round.get()
    done = max(log.rounds, outer_round if cursor is cr else 0)
    while deliveries := _due(cr):
        if done >= ROUNDS:
            raise ConnectorError(_endless(deliveries))
        done += 1
        token = _round.set((cr, done))
        try:
            for records, fields in deliveries:
                on_record_change.fire(records, fields=fields)
        finally:
            _round.reset(token)
    # Read anew: a savepoint that a consumer rolled back has emptied the data.
    log = find_change_log(cr)
    if log is not None:
        log.rounds = done


def schedule(log: ChangeLog, cr: Any) -> None:
    """Have the pending changes delivered with the next run of the precommit callbacks."""
    if not log.scheduled:
        log.scheduled = True
        # By the cursor, not by the log: Odoo's tests put a copy of the data in its place.
        cr.precommit.add(lambda: deliver(cr))


def _due(cr: Any) -> list[Delivery]:
    """Flush, take what is pending, and return what has a consumer."""
    if cr.transaction is not None:
        cr.transaction.flush()
    log = find_change_log(cr)
    if log is None:
        return []
    pending = log.take()
    _add_inherited(pending)
    due = []
    for (model_name, _origin), change in pending.items():
        fields = frozenset(change.fields)
        if on_record_change.called_listeners(change.env, model_name, {"fields": fields}):
            # A default of the writer's is not meant for what consumers create.
            env = change.env(context=clean_context(change.env.context))
            records = env[model_name].browse(sorted(change.ids)).exists()
            if records:
                due.append(Delivery(records, fields))
    return due


def _add_inherited(pending: Segment) -> None:
    """Report changes of inherited fields for the records that inherit them, where their model opts in."""
    for (model_name, origin), change in list(pending.items()):
        model = change.env[model_name]
        subscriptions = model_subscriptions(model)
        for heir_name, path in subscriptions.heirs if subscriptions is not None else ():
            heir = change.env[heir_name]
            inherited = [
                name
                for name in change.fields
                if name in heir._fields
                and heir._fields[name].inherited
                and heir._fields[name].base_field.model_name == model_name
            ]
            if not inherited:
                continue
            # Of every company, whatever the writer may see: a change must not be missed.
            found = heir.sudo().with_context(active_test=False).search([(path, "in", sorted(change.ids))], order="id")
            if found:
                pending.setdefault((heir_name, origin), Change(change.env)).add(found._ids, inherited)


def _endless(deliveries: list[Delivery]) -> str:
    changed = "; ".join(
        f"{records._name} ({', '.join(sorted(fields)) or 'created'}) by "
        + ", ".join(
            name_of(listener.consumer)
            for listener in on_record_change.called_listeners(records.env, records._name, {"fields": fields})
        )
        for records, fields in deliveries
    )
    return (
        f"on_record_change: after {ROUNDS} rounds its consumers still change records: {changed}. Let them write only "
        "what differs, or write with the context connector_no_events"
    )
