"""What failures have in common: the place and the pattern by which failures of one cause are one incident."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from types import TracebackType

from odoo.modules.module import Manifest

__all__ = ["pattern", "place"]

_FRAMEWORK = "connector_framework"
#: Characters of a message that count.
_MAX_PATTERN = 300

# What differs between two failures of one cause, in this order: quoted text, addresses, ids, dates and numbers.
_QUOTED = re.compile(r"""'[^'\n]*'|"[^"\n]*"|«[^»\n]*»|“[^”\n]*”|‘[^’\n]*’|`[^`\n]*`""")
_ADDRESS = re.compile(r"\b\w+://\S+|\S+@\S+\.\w+")
_MONTH = re.compile(
    r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? |\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b"
)
# A word with a digit is a number or an id: 12.50, 2024-01-01T00:00:00, 0x7f2c, ab12-cd34, SO0042.
_NUMBER = re.compile(r"(?<!\w)[\w.,:+-]*\d[\w.,:+-]*")


def pattern(message: str) -> str:
    """Return what the messages of one cause have in common: the text without quotes, addresses, dates and numbers."""
    text = message[: 4 * _MAX_PATTERN].lower()
    text = _ADDRESS.sub("@", _QUOTED.sub("''", text))
    text = _NUMBER.sub("#", _MONTH.sub("", text))
    return re.sub(r"\s+", " ", re.sub(r"#(?:[\s,;/:-]*#)+", "#", text)).strip()[:_MAX_PATTERN]


def place(error: BaseException) -> str | None:
    """Return the innermost function of a connector, or of the framework, in which an error was raised.

    As ``module:function``, without a line: an unrelated change of the file must not make another incident. None where
    neither has a part in it.
    """
    found = None
    for module, function in _frames(error.__traceback__):
        addon = module.split(".")[2] if module.startswith("odoo.addons.") else ""
        # The queue runs each job: it says nothing about the cause.
        if addon and _is_connector(addon) and not module.startswith(f"odoo.addons.{_FRAMEWORK}.queue."):
            found = f"{module}:{function}"
    return found


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, str]]:
    while trace is not None:
        frame = trace.tb_frame
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        trace = trace.tb_next


@functools.cache
def _is_connector(addon: str) -> bool:
    """Tell whether an addon is the framework or depends on it."""
    manifest = Manifest.for_addon(addon, display_warning=False)
    return addon == _FRAMEWORK or bool(manifest and any(map(_is_connector, manifest["depends"])))
