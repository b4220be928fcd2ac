"""``odoo connector status, jobs, incidents...``: what the backend's screens show and do, in a terminal.

A command takes an environment of the superuser and its options, and returns JSON values: :mod:`.output` prints them.
"""

from .commands import COMMANDS
from .output import as_json, as_text

__all__ = ["COMMANDS", "as_json", "as_text"]
