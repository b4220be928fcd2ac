"""Texts of the shop: HTML, and what its database cannot hold."""

from __future__ import annotations

import re

from odoo.tools import html2plaintext

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d+|#x[0-9a-fA-F]+|\w+);")
_LOST = re.compile(r"(?:[^\u0000-\uffff]|\?)+")


def plain_text(text: str | None) -> str | None:
    """Return a text without HTML; one that has none stays as it is."""
    if not text or not _MARKUP.search(text):
        return text
    return html2plaintext(text, include_references=False)


def comparable_email(email: str | None) -> str:
    """Return an e-mail as it is compared: without regard to case."""
    return (email or "").strip().lower()


def comparable(text: str) -> str:
    """Return a text as the shop may give it back: it makes question marks of emoji, and has line ends of its own."""
    return " ".join(_LOST.sub("?", text).split())


def is_echo(there: object, here: object) -> bool:
    """Tell whether a text of the shop is one of here that its database could not hold."""
    return (
        isinstance(there, str)
        and isinstance(here, str)
        and any(char > "\uffff" for char in here)
        and comparable(there) == comparable(here)
    )
