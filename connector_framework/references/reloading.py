"""Code that runs again in the same process, as ``importlib.reload`` makes it."""

from __future__ import annotations

import sys
from types import CodeType

__all__ = ["module_run", "ran_again"]


def module_run() -> CodeType | None:
    """Return the code of the module that is being run, None when none is, or when it comes from no file.

    Each time that a module is loaded it has a new code object: two calls in the course of the same run return the same.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_code if frame is not None and not frame.f_code.co_filename.startswith("<") else None


def ran_again(before: CodeType | None, now: CodeType | None) -> bool:
    """Tell whether ``now`` is a later run of the file that ``before`` is a run of."""
    if before is None or now is None:
        return False
    return now is not before and now.co_filename == before.co_filename
