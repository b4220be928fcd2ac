"""One consumer's subscription to an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..addon import addon_of

__all__ = ["Listener", "Subscription", "name_of", "names"]

Consumer = Callable[..., Any]
#: The fields that a consumer waits for; None for any.
Fields = frozenset[str] | None


class Listener(NamedTuple):
    """A consumer that one model has in one database."""

    consumer: Consumer
    fields: Fields

    def wants(self, changed: Iterable[str] | None) -> bool:
        """Tell whether one of the changed fields is one that the consumer waits for."""
        return self.fields is None or not self.fields.isdisjoint(changed or ())


@dataclass(frozen=True)
class Subscription:
    """What a consumer has subscribed to.

    :ivar models: the fields to wait for by model name; the model None stands for every model
    :ivar left: the models that a consumer of every model has unsubscribed from
    :ivar replacing: the consumer whose place this one takes where its addon is installed
    """

    consumer: Consumer
    models: Mapping[str | None, Fields]
    left: frozenset[str] = field(default_factory=frozenset)
    replacing: Consumer | None = None

    def with_models(self, models: Mapping[str | None, Fields]) -> Subscription:
        """Return the subscription with more models; for one that it has already, the fields add up."""
        merged = dict(self.models)
        for model_name, fields in models.items():
            merged[model_name] = _union(merged[model_name], fields) if model_name in merged else fields
        return replace(self, models=merged, left=frozenset() if None in models else self.left.difference(models))

    def without_models(self, model_names: Iterable[str]) -> Subscription:
        model_names = frozenset(model_names)
        return replace(
            self,
            models={name: fields for name, fields in self.models.items() if name not in model_names},
            left=self.left | model_names if None in self.models else self.left,
        )

    def listener(self, model_name: str, in_every_model: bool) -> Listener | None:
        """Return the consumer as a listener of a model, None when it does not listen to it.

        :param in_every_model: whether the model is one of those that "every model" means
        """
        keys: list[str | None] = [model_name] if model_name in self.models else []
        if None in self.models and in_every_model and model_name not in self.left:
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
        left = f" but {', '.join(sorted(self.left))}" if self.left else ""
        replacing = f", replacing {name_of(self.replacing)}" if self.replacing is not None else ""
        return f"{name_of(self.consumer)} on {models}{left}{replacing}"


def _union(one: Fields, other: Fields) -> Fields:
    return None if one is None or other is None else one | other


def name_of(consumer: Consumer) -> str:
    """Return what people call a consumer: its addon or module, and its qualified name."""
    inner = consumer
    while hasattr(inner, "func"):
        inner = inner.func
    qualified = getattr(inner, "__qualname__", None) or repr(inner)
    where = addon_of(consumer) or getattr(inner, "__module__", None)
    return f"{where}:{qualified}" if where else qualified


def names(value: str | Iterable[str] | None, what: str) -> tuple[str, ...] | None:
    """Return a name or names as a tuple, None for None.

    :raises TypeError: when one is not a string
    :raises ValueError: when there is none
    """
    if value is None:
        return None
    found = (value,) if isinstance(value, str) else tuple(value)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{what} are names (str), got {name!r}")
    if not found:
        raise ValueError(f"{what} names nothing: leave it out for all of them")
    return found
