"""Who listens to what, for people at a shell."""

from __future__ import annotations

from typing import Any

from ..addon import addon_of, is_active
from .event import Event

__all__ = ["describe"]


def describe(env: Any = None) -> str:
    """Return the consumers of all events as text, in the order in which they are called.

    At ``odoo shell``: ``print(describe(env))``.

    :param env: an environment of a database, to mark those whose addon is not installed there
    """
    lines = []
    for event in sorted(Event._events, key=lambda event: event.name):
        lines.append(event.name)
        active = event._subscriptions if env is None else event._active(env)
        for subscription in event._subscriptions:
            note = ""
            if subscription not in active:
                installed = is_active(subscription.consumer, env)
                reason = "replaced" if installed else f"{addon_of(subscription.consumer)} is not installed"
                note = f" (silent: {reason})"
            lines.append(f"    {subscription}{note}")
        if not event._subscriptions:
            lines.append("    no consumers")
    return "\n".join(lines)
