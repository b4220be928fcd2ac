"""The external ids of the groups that models, views and buttons are for."""

__all__ = ["MANAGER_GROUP", "SYSTEM_GROUP", "USER_GROUP"]

#: Sees jobs, streams and exchanges.
USER_GROUP = "connector_framework.group_connector_user"
#: Requeues, cancels, changes channels, reads payloads.
MANAGER_GROUP = "connector_framework.group_connector_manager"
#: Reads and writes credentials.
SYSTEM_GROUP = "base.group_system"
