"""Masking of secrets in what people may read: logs, exceptions, exchanges, the stored calls of jobs."""

from __future__ import annotations

import base64
import functools
import html
import json
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "SECRET_WORDS", "Masker", "is_secret_name"]

MASK = "***"

#: A shorter secret would mask half of every text; it is still masked where its name gives it away.
MIN_SECRET_LENGTH = 4

#: Characters beyond the cut that are masked as well: a secret that lies across the cut has to be found.
MARGIN = 4096

#: A name that contains one of these, in any case, names a secret.
SECRET_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key", "api-key", "privatekey",
    "private_key", "private-key", "authorization", "authorisation", "cookie", "session", "credential",
)  # fmt: skip
_NAME = f"[\\w.-]*(?:{'|'.join(SECRET_WORDS)})[\\w.-]*"
# In free text: "?api_key=...", "Authorization: Bearer ...", and what JSON, XML and XML-RPC name.
_IN_TEXT = (
    (re.compile(rf"([?&;]{_NAME}=)[^&;\s'\")]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b((?:proxy-)?authorization['\"]?\s*:\s*['\"]?)[^\r\n'\"]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf'("{_NAME}"\s*:\s*)"(?:[^"\\]|\\.)*("|$)', re.IGNORECASE), rf'\1"{MASK}"'),
    (re.compile(rf"(<(?:\w+:)?{_NAME}>)[^<]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(rf"(<name>{_NAME}</name>\s*<value>(?:<string>)?)[^<]+", re.IGNORECASE), rf"\1{MASK}"),
)
_USER_IN_URL = re.compile(r"(://)[^/\s@\"<]+@")


@functools.lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Tell whether a key, field, header or parameter of this name holds a secret."""
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS)


class Masker:
    """Replaces secrets, known by their value or by their name, with ``***``.

    :param secrets: the values; also found URL-quoted, escaped as in XML, JSON and ``repr``, and in base64
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_LENGTH for form in _forms(secret)}
        # The longest first: a secret that contains another one is masked as a whole.
        self._values = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, MASK)
        # Most payloads hold none of the words: look for them before any pattern.
        lowered = text.lower()
        if any(word in lowered for word in SECRET_WORDS):
            for pattern, replacement in _IN_TEXT:
                text = pattern.sub(replacement, text)
        return _USER_IN_URL.sub(rf"\1{MASK}@", text) if "://" in text else text

    def payload(self, value: Any, limit: int) -> str:
        """Return a payload as text, without secrets, cut to ``limit`` characters.

        Text and bytes as they are, anything else as JSON in which what a secret's name leads to is masked. Only as
        much of a big payload is looked at as is shown.
        """
        if value is None:
            return ""
        if isinstance(value, bytes | bytearray):
            value = bytes(value[: limit + MARGIN]).decode("utf-8", "replace")
        if not isinstance(value, str):
            budget = _Budget(limit)
            value = json.dumps(self._masked(value, budget), ensure_ascii=False, default=str)
        text = self.text(value[: limit + MARGIN])
        return text if len(text) <= limit else text[: limit - 1] + "…"

    def _masked(self, value: Any, budget: _Budget) -> Any:
        if isinstance(value, Mapping):
            masked = {}
            for key, item in value.items():
                if not budget.take(len(str(key)) + 4):
                    masked["…"] = "…"
                    break
                masked[str(key)] = MASK if item and is_secret_name(str(key)) else self._masked(item, budget)
            return masked
        if isinstance(value, list | tuple):
            items: list[Any] = []
            for item in value:
                if not budget.take(2):
                    items.append("…")
                    break
                items.append(self._masked(item, budget))
            return items
        if isinstance(value, bytes | bytearray):
            budget.take(20)
            return f"<{len(value)} bytes>"
        if isinstance(value, str):
            budget.take(len(value))
            return value[: budget.limit + MARGIN]
        budget.take(6)
        return value

    def error(self, error: BaseException) -> None:
        """Mask an exception and those that led to it, so that neither a message nor a traceback shows a secret."""
        seen: set[int] = set()
        todo: list[BaseException | None] = [error]
        while todo:
            one = todo.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.args = tuple(self.text(part) if isinstance(part, str) else part for part in one.args)
            todo += (one.__cause__, one.__context__)

    @contextmanager
    def in_logs(self) -> Iterator[None]:
        """Mask what the HTTP libraries log in this thread meanwhile: they write URLs with their query."""
        before = getattr(_current, "masker", None)
        _current.masker = self
        try:
            yield
        finally:
            _current.masker = before


class _Budget:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def take(self, size: int) -> bool:
        self.left -= size
        return self.left > 0


class _LogFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        masker = getattr(_current, "masker", None)
        if masker is not None:
            record.msg, record.args = masker.text(record.getMessage()), ()
        return True


_current = threading.local()
for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.response", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_LogFilter())


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
