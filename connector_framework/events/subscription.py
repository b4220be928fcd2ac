"""The subscriptions of consumers to an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..addon import addon_of

__all__ = ["Consumer", "Listener", "Subscription", "Subscriptions", "as_names", "name_of"]

Consumer = Callable[..., Any]
#: The fields that a consumer waits for; None for any.
Fields = frozenset[str] | None


class Listener(NamedTuple):
    """A consumer of one model in one database."""

    consumer: Consumer
    fields: Fields

    def wants(self, changed: Iterable[str] | None) -> bool:
        """Tell whether one of the changed fields is one that the consumer waits for."""
        return self.fields is None or not self.fields.isdisjoint(changed or ())


@dataclass(frozen=True)
class Subscription:
    """A consumer with the models and fields that it has subscribed to.

    :ivar models: the fields to wait for by model name; the model None stands for every model
    :ivar excluded: the models that a consumer of every model has unsubscribed from
    :ivar replacing: the consumer whose place this one takes where its addon is installed
    """

    consumer: Consumer
    models: Mapping[str | None, Fields]
    excluded: frozenset[str] = field(default_factory=frozenset)
    replacing: Consumer | None = None

    def with_models(self, models: Mapping[str | None, Fields]) -> Subscription:
        """Return the subscription with more models; for one that it has already, the fields add up."""
        merged = dict(self.models)
        for model_name, fields in models.items():
            merged[model_name] = _union(merged[model_name], fields) if model_name in merged else fields
        excluded = frozenset() if None in models else self.excluded.difference(models)
        return replace(self, models=merged, excluded=excluded)

    def without_models(self, model_names: Iterable[str]) -> Subscription:
        """Return the subscription without some models."""
        model_names = frozenset(model_names)
        return replace(
            self,
            models={name: fields for name, fields in self.models.items() if name not in model_names},
            excluded=self.excluded | model_names if None in self.models else self.excluded,
        )

    def listener(self, model_name: str, in_every_model: bool) -> Listener | None:
        """Return the consumer as a listener of a model, None when it does not listen to it.

        :param in_every_model: whether the model is one of those that "every model" means
        """
        keys: list[str | None] = [model_name] if model_name in self.models else []
        if None in self.models and in_every_model and model_name not in self.excluded:
            keys.append(None)
        if not keys:
            return None
        fields = self.models[keys[0]]
        return Listener(self.consumer, _union(fields, self.models[None]) if len(keys) > 1 else fields)

    def __str__(self) -> str:
        models = ", ".join(
            (name or "every model") + (f" [{', '.join(sorted(fields))}]" if fields is not None else "")
            for name, fields in self.models.items()
        )
        excluded = f" but {', '.join(sorted(self.excluded))}" if self.excluded else ""
        replacing = f", replacing {name_of(self.replacing)}" if self.replacing is not None else ""
        return f"{name_of(self.consumer)} on {models}{excluded}{replacing}"


class Subscriptions(tuple[Subscription, ...]):
    """The subscriptions to one event, in the order in which their consumers are called; one of each consumer."""

    def find(self, consumer: Consumer) -> Subscription | None:
        """Return the subscription of a consumer."""
        return next((one for one in self if one.consumer == consumer), None)

    def with_(self, new: Subscription, after: Subscription | None = None) -> Subscriptions:
        """Return these with a subscription: right after another one, else in its consumer's place, else at the end."""
        known = self.find(new.consumer)
        if after is None and known is not None:
            return Subscriptions(new if one is known else one for one in self)
        others = [one for one in self if one is not known]
        others.insert(len(others) if after is None else others.index(after) + 1, new)
        return Subscriptions(others)

    def without(self, consumer: Consumer) -> Subscriptions:
        """Return these without the subscription of a consumer."""
        return Subscriptions(one for one in self if one.consumer != consumer)

    def leads_to(self, subscription: Subscription | None, consumer: Consumer) -> bool:
        """Tell whether a subscription is the consumer's own, or replaces it, directly or by way of others."""
        while subscription is not None and subscription.consumer != consumer:
            replacing = subscription.replacing
            subscription = self.find(replacing) if replacing is not None else None
        return subscription is not None


def _union(one: Fields, other: Fields) -> Fields:
    return None if one is None or other is None else one | other


def name_of(consumer: Consumer) -> str:
    """Return a consumer's name for messages: its addon or module, and its qualified name."""
    inner = consumer
    while hasattr(inner, "func"):
        inner = inner.func
    qualified = getattr(inner, "__qualname__", None) or repr(inner)
    where = addon_of(consumer) or getattr(inner, "__module__", None)
    return f"{where}:{qualified}" if where else qualified


def as_names(value: str | Iterable[str] | None, what: str) -> tuple[str, ...] | None:
    """Return a name or names as a tuple, None for None.

    :raises TypeError: when one is not a string
    :raises ValueError: when there is none
    """
    if value is None:
        return None
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{what} are names (str), got {name!r}")
    if not names:
        raise ValueError(f"{what} names nothing: leave it out for all of them")
    return names
