"""An event: who listens to it, and the call of all who do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar
from weakref import WeakSet

from ..addon import is_active
from .subscription import Consumer, Listener, Subscription, name_of, names

__all__ = ["Event", "resolved"]

AnyConsumer = TypeVar("AnyConsumer", bound=Consumer)

# What is muted in this thread: pairs of an event and a consumer, or None for all of its consumers.
_muted: ContextVar[tuple[tuple[Event, Consumer | None], ...]] = ContextVar("muted", default=())


class Resolved:
    """What was looked up for one database; it lives with the registry and is dropped when anything changes."""

    __slots__ = ("count", "generation", "hooks", "installed", "listeners")

    def __init__(self, registry: Any) -> None:
        self.generation = Event._generation
        self.installed = registry._init_modules
        self.count = len(self.installed)
        self.listeners: dict[tuple[Event, str], tuple[Listener, ...]] = {}
        self.hooks: dict[str, Any] = {}  # what the ORM hook made of them, by model


def resolved(registry: Any) -> Resolved:
    """Return what is known of a database, empty when a subscription or the installed addons changed."""
    found: Resolved | None = registry.__dict__.get("_connector_events")
    if found is not None and found.generation == Event._generation:
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

    :param name: what people call it
    """

    # Counts every change of a subscription to any event: what was looked up before is then looked up anew.
    _generation: ClassVar[int] = 0
    _events: ClassVar[WeakSet[Event]] = WeakSet()
    # The part of the payload whose names ``fields=`` is compared with; None: the event takes no ``fields=``.
    _changed: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._subscriptions: tuple[Subscription, ...] = ()
        Event._events.add(self)

    def __repr__(self) -> str:
        return f"<Event {self.name}: {'; '.join(map(str, self._subscriptions)) or 'no consumers'}>"

    def __call__(
        self,
        *models: Any,
        fields: str | Iterable[str] | None = None,
        replacing: Consumer | None = None,
    ) -> Any:
        """Subscribe what is decorated: ``@event``, or ``@event("a.model", "b.model", fields=..., replacing=...)``."""
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
        field_names = names(fields, "fields")
        if field_names is not None and self._changed is None:
            raise ValueError(f"{self.name} knows no changed fields: subscribe {name_of(consumer)} without fields=")
        wanted = None if field_names is None else frozenset(field_names)
        model_names: tuple[str | None, ...] = names(models, "models") or (None,)
        subscribed = dict.fromkeys(model_names, wanted)

        old = None
        if replacing is not None:
            old = self._find(replacing)
            if old is None:
                raise ValueError(
                    f"{name_of(consumer)} cannot replace {name_of(replacing)} on {self.name}: it is not subscribed; "
                    f"those that are: {', '.join(name_of(s.consumer) for s in self._subscriptions) or 'none'}"
                )
            if self._replaces(old, consumer):
                raise ValueError(
                    f"{name_of(consumer)} cannot replace {name_of(replacing)} on {self.name}: it would replace itself; "
                    f"unsubscribe {name_of(replacing)} instead"
                )
            if models is None:
                subscribed = {name: old.models[name] if wanted is None else wanted for name in old.models}

        known = self._find(consumer)
        new = known.with_models(subscribed) if known else Subscription(consumer, subscribed)
        if old is None:
            if known is None:
                self._change((*self._subscriptions, new))
            elif new != known:
                self._change(tuple(new if s is known else s for s in self._subscriptions))
        else:
            new = Subscription(consumer, new.models, new.left if known else old.left, replacing)
            if new != known:
                others = [s for s in self._subscriptions if s is not known]
                others.insert(others.index(old) + 1, new)
                self._change(tuple(others))
        return consumer

    def unsubscribe(self, consumer: Consumer, models: str | Iterable[str] | None = None) -> None:
        """Call the consumer no longer, for some models or at all; what it replaced is back.

        A consumer that is not subscribed is no error.
        """
        known = self._find(consumer)
        if known is None:
            return
        model_names = names(models, "models")
        kept = None if model_names is None else known.without_models(model_names)
        if kept is None or not kept.models:
            self._change(tuple(s for s in self._subscriptions if s is not known))
        elif kept != known:
            self._change(tuple(kept if s is known else s for s in self._subscriptions))

    def _find(self, consumer: Consumer) -> Subscription | None:
        return next((s for s in self._subscriptions if s.consumer == consumer), None)

    def _replaces(self, subscription: Subscription | None, consumer: Consumer) -> bool:
        """Tell whether the subscription is the consumer's own, or takes its place, directly or by another's."""
        while subscription is not None and subscription.consumer != consumer:
            replacing = subscription.replacing
            subscription = self._find(replacing) if replacing is not None else None
        return subscription is not None

    def _change(self, subscriptions: tuple[Subscription, ...]) -> None:
        self._subscriptions = subscriptions
        Event._generation += 1

    def has_consumers(self, env: Any, model_name: str) -> bool:
        """Tell whether anybody listens to the model in the database of ``env``."""
        return bool(self._listeners(env, model_name))

    def consumers(self, env: Any, model_name: str) -> list[Consumer]:
        """Return the consumers of a model in the database of ``env``, in the order in which they are called."""
        return [listener.consumer for listener in self._listeners(env, model_name)]

    def fire(self, records: Any, **payload: Any) -> None:
        """Call ``consumer(records, **payload)`` for each consumer of the records' model, in order of subscription.

        A change of the subscriptions meanwhile counts from the next firing. What a consumer raises ends the firing and
        reaches the caller.
        """
        for listener in self._due(records.env, records._name, payload):
            listener.consumer(records, **payload)

    def _due(self, env: Any, model_name: str, payload: dict[str, Any]) -> list[Listener]:
        """Return the listeners that a firing with this payload calls."""
        listeners = self._listeners(env, model_name)
        if not listeners:
            return []
        muted = _muted.get()
        changed = payload.get(self._changed) if self._changed else None
        return [
            listener
            for listener in listeners
            if listener.wants(changed)
            and not (muted and any(event is self and who in (None, listener.consumer) for event, who in muted))
        ]

    def _listeners(self, env: Any, model_name: str) -> tuple[Listener, ...]:
        known = resolved(env.registry).listeners
        found = known.get((self, model_name))
        if found is None:
            found = known[self, model_name] = self._resolve(env, model_name)
        return found

    def _resolve(self, env: Any, model_name: str) -> tuple[Listener, ...]:
        in_every_model = self._in_every_model(env, model_name)
        listeners = (s.listener(model_name, in_every_model) for s in self._active(env))
        return tuple(listener for listener in listeners if listener is not None)

    def _active(self, env: Any) -> list[Subscription]:
        """Return the subscriptions that count in a database: neither silent there nor replaced by one that counts."""
        installed = [s for s in self._subscriptions if is_active(s.consumer, env)]
        replaced = [s.replacing for s in installed if s.replacing is not None]
        return [s for s in installed if s.consumer not in replaced]

    def _in_every_model(self, env: Any, model_name: str) -> bool:
        """Tell whether a consumer of every model sees this one."""
        return True

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
        return bool(muted) and any(event is self and who is None for event, who in muted)
