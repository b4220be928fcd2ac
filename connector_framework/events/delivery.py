"""Deliver what has changed to the consumers of ``on_record_change``."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from odoo.tools.misc import clean_context

from ..exceptions import ConnectorError
from .changes import Change, Changes, Segment, known_changes
from .listening import listening
from .records import on_record_change
from .subscription import name_of

__all__ = ["ROUNDS", "deliver"]

#: How often consumers may change what is then delivered again.
ROUNDS = 5

# The cursor that is delivered on in this thread, and its round: a savepoint that a consumer opens delivers as well.
_round: ContextVar[tuple[Any, int]] = ContextVar("round", default=(None, 0))


class Delivery(NamedTuple):
    """Records of one model and origin, and what changed on them."""

    records: Any
    fields: frozenset[str]


def deliver(cr: Any) -> None:
    """Call the consumers with all that is pending, and again with what they change; a precommit callback.

    :raises ConnectorError: when there is something to deliver after the last round
    """
    changes = known_changes(cr)
    if changes is None:
        return
    changes.scheduled = False
    if len(cr.precommit) and not changes.waited:
        # The other callbacks may write as well: after them all is delivered once.
        changes.waited = True
        schedule(changes, cr)
        return
    changes.waited = False
    cursor, outer_round = _round.get()
    done = max(changes.rounds, outer_round if cursor is cr else 0)
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
    changes = known_changes(cr)
    if changes is not None:
        changes.rounds = done


def schedule(changes: Changes, cr: Any) -> None:
    """See to it that the pending changes are delivered with the next run of the precommit callbacks."""
    if not changes.scheduled:
        changes.scheduled = True
        # By name, not by the log: Odoo's tests put a copy of the data in its place.
        cr.precommit.add(lambda: deliver(cr))


def _due(cr: Any) -> list[Delivery]:
    """Flush, take what is pending, and return what somebody waits for."""
    if cr.transaction is not None:
        cr.transaction.flush()
    changes = known_changes(cr)
    if changes is None:
        return []
    pending = changes.take()
    _add_bindings(pending)
    due = []
    for (model_name, _origin), change in pending.items():
        fields = frozenset(change.fields)
        if on_record_change._due(change.env, model_name, {"fields": fields}):
            # A default of the writer's is not meant for what consumers create.
            env = change.env(context=clean_context(change.env.context))
            records = env[model_name].browse(sorted(change.ids)).exists()
            if records:
                due.append(Delivery(records, fields))
    return due


def _add_bindings(pending: Segment) -> None:
    """Report what changed on a record as a change of its bindings, whose inherited fields it is."""
    for (model_name, origin), change in list(pending.items()):
        model = change.env[model_name]
        heard = listening(model)
        for binding_name, path in heard.bindings if heard is not None else ():
            binding = change.env[binding_name]
            inherited = [
                name
                for name in change.fields
                if name in binding._fields
                and binding._fields[name].inherited
                and binding._fields[name].base_field.model_name == model_name
            ]
            if not inherited:
                continue
            # Of every company, whatever the writer may see: the other system has to know.
            bound = (
                binding.sudo().with_context(active_test=False).search([(path, "in", sorted(change.ids))], order="id")
            )
            if bound:
                pending.setdefault((binding_name, origin), Change(change.env)).add(bound._ids, inherited)


def _endless(deliveries: list[Delivery]) -> str:
    changed = "; ".join(
        f"{records._name} ({', '.join(sorted(fields)) or 'created'}) by "
        + ", ".join(
            name_of(listener.consumer)
            for listener in on_record_change._due(records.env, records._name, {"fields": fields})
        )
        for records, fields in deliveries
    )
    return (
        f"on_record_change: after {ROUNDS} rounds its consumers still change records: {changed}. Let them write only "
        "what differs, or write with the context connector_no_events"
    )
