"""Mistakes in the subscriptions of consumers that show only once the models are known."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from ..addon import addon_of, is_of_tests
from ..events import Event
from ..events.event import RecordEvent
from ..events.subscription import Subscription, name_of
from ..mistake import Mistake
from ..near import did_you_mean
from ..signatures import refusal

__all__ = ["event_mistakes"]


def event_mistakes(env: Any) -> Iterator[Mistake]:
    """Yield the mistakes in the subscriptions that count in a database, without those of ``tests`` packages."""
    for event in sorted(Event.instances, key=lambda event: event.name):
        for subscription in event.active_subscriptions(env):
            consumer = subscription.consumer
            if addon_of(consumer) is None or is_of_tests(consumer):
                continue
            yield from _of_names(event, subscription, env.registry)
            if isinstance(event, RecordEvent):
                yield from _of_consumer(event, consumer)


def _of_names(event: Event, subscription: Subscription, registry: Any) -> Iterator[Mistake]:
    where = f"{name_of(subscription.consumer)} on {event.name}"
    for model_name, fields in subscription.models.items():
        if model_name is None:
            continue
        if model_name not in registry:
            advice = (
                did_you_mean(model_name, registry) or "Correct it, or add the addon that has it to the dependencies"
            )
            yield Mistake(
                f"{where} waits for the model {model_name!r}, which does not exist. {advice}", is_certain=False
            )
            continue
        known = registry[model_name]._fields
        for name in sorted(fields or ()):
            if name not in known:
                advice = did_you_mean(name, known) or "Correct it"
                yield Mistake(
                    f"{where} waits for the field {name!r}, which {model_name} does not have. {advice}",
                    is_certain=False,
                )


def _of_consumer(event: RecordEvent, consumer: Any) -> Iterator[Mistake]:
    problem = refusal(consumer, None, **dict.fromkeys(event.payload))
    if problem:
        called = ", ".join(("records", *event.payload))
        yield Mistake(f"{name_of(consumer)} on {event.name} is called with ({called}): {problem}")
    elif inspect.isgeneratorfunction(consumer) or inspect.iscoroutinefunction(consumer):
        yield Mistake(f"{name_of(consumer)} on {event.name} is a generator or a coroutine, of which nothing is run")
