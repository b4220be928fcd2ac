"""Text from outside as PostgreSQL and UTF-8 can hold it; names for people."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["MAX_TEXT", "as_key", "clean", "model_label"]

#: Characters that are kept of a text of unknown origin.
MAX_TEXT = 50_000

# PostgreSQL refuses an index entry of more than 2 704 bytes.
_MAX_KEY_BYTES = 1000
_KEPT_OF_KEY = 150


def clean(value: object, limit: int | None = MAX_TEXT) -> str:
    """Return ``str(value)`` as text that can be stored and logged; never raises.

    NUL and lone surrogates become U+FFFD, surrogate pairs the character that they stand for. A value that has no text
    is named by its type.

    :param limit: characters; what is longer is cut, and says so; None: keep all
    """
    try:
        text = "".join(str(value))
    except BaseException as error:  # any code may run in __str__
        text = f"<{type(value).__name__} whose text raises {type(error).__name__}>"
    if limit is not None and len(text) > limit:
        text = text[:limit] + "\n... (cut)"
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def as_key(text: str) -> str:
    """Return a text that stands for this one in an index: itself, or its beginning and a digest.

    A digest stands for what is too long for an index and for what :func:`clean` changes, so that different texts have
    different keys.
    """
    cleaned = clean(text, None)
    if cleaned == text and len(text.encode()) <= _MAX_KEY_BYTES:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{cleaned[:_KEPT_OF_KEY]}#{digest}"


def model_label(env: Any, model_name: str) -> str:
    """Return the name of a model in the user's language; its technical name where it is not installed."""
    return env["ir.model"]._get(model_name).name or model_name
