"""Telling the screens of Connector Users that jobs have ended, by Odoo's bus."""

from __future__ import annotations

from typing import Any

__all__ = ["NEWS_S", "send"]

#: Seconds between two notifications of a worker.
NEWS_S = 2.0


def send(env: Any) -> None:
    """Notify the members of the group; what has changed they read by themselves, by their rights."""
    group = env.ref("connector_framework.group_connector_user", raise_if_not_found=False)
    if group:
        env["bus.bus"]._sendone(group, "connector.queue", {})
