"""Events: their subscriptions, and the call of their consumers; the four that the ORM fires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, ClassVar, TypeVar
from weakref import WeakSet

from odoo.orm.models import MetaModel

from ..addon import addon_of, is_active
from .subscription import Consumer, Listener, Subscription, Subscriptions, as_names, name_of

__all__ = [
    "Event",
    "describe",
    "on_record_change",
    "on_record_create",
    "on_record_unlink",
    "on_record_write",
    "resolved",
]

AnyConsumer = TypeVar("AnyConsumer", bound=Consumer)

# The mutes of this thread: pairs of an event and a consumer, or None for all of its consumers.
_muted: ContextVar[tuple[tuple[Event, Consumer | None], ...]] = ContextVar("muted", default=())


class Resolved:
    """The cache of lookups for one database; it lives with the registry and is dropped when anything changes."""

    __slots__ = ("count", "generation", "installed", "listeners", "models")

    def __init__(self, registry: Any) -> None:
        self.generation = Event.generation
        self.installed = registry._init_modules
        self.count = len(self.installed)
        self.listeners: dict[tuple[Event, str], tuple[Listener, ...]] = {}
        self.models: dict[str, Any] = {}  # the ModelSubscriptions of each model, None for a model without


def resolved(registry: Any) -> Resolved:
    """Return the cache of a database, empty when a subscription or the installed addons changed."""
    found: Resolved | None = registry.__dict__.get("_connector_events")
    if found is not None and found.generation == Event.generation:
        installed = registry._init_modules
        if found.installed is installed and found.count == len(installed):
            return found
    found = registry.__dict__["_connector_events"] = Resolved(registry)
    return found


class Event:
    """Something that happens to records, with the consumers to call when it does.

    ::

        on_invoice_paid = Event("on_invoice_paid")

        @on_invoice_paid("account.move")
        def thank(invoices, amount): ...

        on_invoice_paid.fire(invoices, amount=3.0)

    :param name: shown in errors and by :func:`describe`
    """

    #: Counts the changes of subscriptions to any event; a cache of an earlier generation is dropped.
    generation: ClassVar[int] = 0
    instances: ClassVar[WeakSet[Event]] = WeakSet()
    # The argument of the payload that ``fields=`` is compared with; None: the event takes no ``fields=``.
    _fields_key: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.subscriptions = Subscriptions()
        Event.instances.add(self)

    def __repr__(self) -> str:
        return f"<Event {self.name}: {'; '.join(map(str, self.subscriptions)) or 'no consumers'}>"

    # -- subscriptions --

    def __call__(
        self,
        *models: Any,
        fields: str | Iterable[str] | None = None,
        replacing: Consumer | None = None,
    ) -> Any:
        """Subscribe the decorated function: ``@event``, or ``@event("a.model", fields=..., replacing=...)``."""
        if len(models) == 1 and callable(models[0]):
            return self.subscribe(models[0], fields=fields, replacing=replacing)

        def subscribe(consumer: AnyConsumer) -> AnyConsumer:
            return self.subscribe(consumer, models or None, fields, replacing)

        return subscribe

    def subscribe(
        self,
        consumer: AnyConsumer,
        models: str | Iterable[str] | None = None,
        fields: str | Iterable[str] | None = None,
        replacing: Consumer | None = None,
    ) -> AnyConsumer:
        """Call ``consumer(records, **payload)`` from now on, after those that have subscribed before; return it.

        Subscribing again adds models and fields; the same again changes nothing.

        :param models: names of models; None for every model
        :param fields: wait for a change of one of these; None for any change
        :param replacing: a consumer whose place in the order this one takes, and whose models (with their fields) when
            ``models`` is None. Where the addon of this one is not installed, the old one still runs.
        :raises TypeError: when the consumer cannot be called, or a name is not a string
        :raises ValueError: when ``fields`` is given to an event that knows no fields, or ``replacing`` is not
            subscribed, or is the consumer itself or one that takes its place
        """
        if not callable(consumer):
            raise TypeError(f"{consumer!r} cannot consume {self.name}: it is not callable")
        if isinstance(consumer, MetaModel):
            raise TypeError(f"{consumer!r} cannot consume {self.name}: name the model by its text, {consumer._name!r}")
        old = None if replacing is None else self._replaceable(replacing, consumer)
        wanted = self._wanted_fields(consumer, fields)
        names: tuple[str | None, ...] = as_names(models, "models") or (None,)
        subscribed = dict.fromkeys(names, wanted)
        if old is not None and models is None:
            subscribed = {name: old.models[name] if wanted is None else wanted for name in old.models}
        known = self.subscriptions.find(consumer)
        if known is not None:
            new = known.with_models(subscribed)
        else:
            new = Subscription(consumer, subscribed, old.excluded if old else frozenset())
        if old is not None:
            new = replace(new, replacing=replacing)
        if new != known:
            self.replace_all(self.subscriptions.with_(new, after=old))
        return consumer

    def _wanted_fields(self, consumer: Consumer, fields: str | Iterable[str] | None) -> frozenset[str] | None:
        names = as_names(fields, "fields")
        if names is None:
            return None
        if self._fields_key is None:
            raise ValueError(f"{self.name} knows no changed fields: subscribe {name_of(consumer)} without fields=")
        return frozenset(names)

    def _replaceable(self, replacing: Consumer, consumer: Consumer) -> Subscription:
        """Return the subscription that a consumer is to replace.

        :raises ValueError: when there is none, or the consumer would replace itself
        """
        old = self.subscriptions.find(replacing)
        refusal = f"{name_of(consumer)} cannot replace {name_of(replacing)} on {self.name}: "
        if old is None:
            subscribed = ", ".join(name_of(one.consumer) for one in self.subscriptions) or "none"
            raise ValueError(f"{refusal}it is not subscribed; those that are: {subscribed}")
        if self.subscriptions.leads_to(old, consumer):
            raise ValueError(f"{refusal}it would replace itself; unsubscribe {name_of(replacing)} instead")
        return old

    def unsubscribe(self, consumer: Consumer, models: str | Iterable[str] | None = None) -> None:
        """Call the consumer no longer, for some models or at all; what it replaced is back.

        A consumer that is not subscribed is no error.
        """
        known = self.subscriptions.find(consumer)
        if known is None:
            return
        names = as_names(models, "models")
        kept = None if names is None else known.without_models(names)
        if kept is None or not kept.models:
            self.replace_all(self.subscriptions.without(consumer))
        elif kept != known:
            self.replace_all(self.subscriptions.with_(kept))

    def replace_all(self, subscriptions: Iterable[Subscription]) -> None:
        """Put other subscriptions in the place of all."""
        self.subscriptions = Subscriptions(subscriptions)
        Event.generation += 1

    # -- firing --

    def fire(self, records: Any, **payload: Any) -> None:
        """Call ``consumer(records, **payload)`` for each consumer of the records' model, in order of subscription.

        A change of the subscriptions meanwhile counts from the next firing. An exception of a consumer ends the firing
        and reaches the caller.
        """
        for listener in self.called_listeners(records.env, records._name, payload):
            listener.consumer(records, **payload)

    def called_listeners(self, env: Any, model_name: str, payload: dict[str, Any]) -> list[Listener]:
        """Return the listeners that a firing with this payload calls."""
        listeners = self._listeners(env, model_name)
        if not listeners:
            return []
        muted = _muted.get()
        changed = payload.get(self._fields_key) if self._fields_key else None
        return [
            listener
            for listener in listeners
            if listener.wants(changed)
            and not (muted and any(event is self and one in (None, listener.consumer) for event, one in muted))
        ]

    def has_consumers(self, env: Any, model_name: str) -> bool:
        """Tell whether the model has a consumer in the database of ``env``."""
        return bool(self._listeners(env, model_name))

    def consumers(self, env: Any, model_name: str) -> list[Consumer]:
        """Return the consumers of a model in the database of ``env``, in the order in which they are called."""
        return [listener.consumer for listener in self._listeners(env, model_name)]

    def active_subscriptions(self, env: Any) -> list[Subscription]:
        """Return the subscriptions that count in a database: installed there, and not replaced by one that is."""
        installed = [one for one in self.subscriptions if is_active(one.consumer, env)]
        replaced = [one.replacing for one in installed if one.replacing is not None]
        return [one for one in installed if one.consumer not in replaced]

    def _listeners(self, env: Any, model_name: str) -> tuple[Listener, ...]:
        known = resolved(env.registry).listeners
        found = known.get((self, model_name))
        if found is None:
            in_every_model = self._in_every_model(env, model_name)
            listeners = (one.listener(model_name, in_every_model) for one in self.active_subscriptions(env))
            found = known[self, model_name] = tuple(listener for listener in listeners if listener is not None)
        return found

    def _in_every_model(self, env: Any, model_name: str) -> bool:
        """Tell whether a consumer of every model sees this one."""
        return True

    # -- muting --

    @contextmanager
    def muted(self, consumer: Consumer | None = None) -> Iterator[None]:
        """Call none of the consumers, or not this one, in this thread while the block runs."""
        token = _muted.set((*_muted.get(), (self, consumer)))
        try:
            yield
        finally:
            _muted.reset(token)

    @property
    def is_muted(self) -> bool:
        """Whether all consumers are muted in this thread."""
        muted = _muted.get()
        return bool(muted) and any(event is self and consumer is None for event, consumer in muted)


class RecordEvent(Event):
    """An event that the ORM fires, for the records of any model.

    "Every model" leaves out transient models and the framework's own bookkeeping (``_connector_bookkeeping``).

    :param fields_key: the argument of the payload that holds the names of the fields
    :ivar payload: the arguments that consumers get by name, after the records
    """

    def __init__(self, name: str, fields_key: str | None = None, payload: tuple[str, ...] | None = None) -> None:
        super().__init__(name)
        self._fields_key = fields_key
        self.payload = payload or ((fields_key,) if fields_key else ())

    def _in_every_model(self, env: Any, model_name: str) -> bool:
        model = env.registry.models.get(model_name)
        return not (model is not None and (model._transient or getattr(model, "_connector_bookkeeping", False)))


#: ``(records, vals_list)``: when the ORM's own create has returned.
on_record_create = RecordEvent("on_record_create", payload=("vals_list",))
#: ``(records, vals)``: when the ORM's own write has returned.
on_record_write = RecordEvent("on_record_write", fields_key="vals")
#: ``(records)``: before the records are deleted.
on_record_unlink = RecordEvent("on_record_unlink")
#: ``(records, fields)``: before the commit, with all that was created and written since.
on_record_change = RecordEvent("on_record_change", fields_key="fields")


def describe(env: Any = None) -> str:
    """Return the consumers of all events as text, in the order in which they are called.

    At ``odoo shell``: ``print(describe(env))``.

    :param env: an environment of a database, to mark those whose addon is not installed there
    """
    lines = []
    for event in sorted(Event.instances, key=lambda event: event.name):
        lines.append(event.name)
        active = event.subscriptions if env is None else event.active_subscriptions(env)
        for subscription in event.subscriptions:
            note = ""
            if subscription not in active:
                installed = is_active(subscription.consumer, env)
                reason = "replaced" if installed else f"{addon_of(subscription.consumer)} is not installed"
                note = f" (silent: {reason})"
            lines.append(f"    {subscription}{note}")
        if not event.subscriptions:
            lines.append("    no consumers")
    return "\n".join(lines)
