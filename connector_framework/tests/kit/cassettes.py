"""Cassettes: what another system answered once, recorded without secrets and played back without the system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
from odoo.tests import common

from ...adapters import MASK, Adapter, Masker

__all__ = ["RECORD", "cassette"]

#: The environment variable that has cassettes recorded instead of played.
RECORD = "CONNECTOR_RECORD"
#: Headers that say who somebody is; their values are masked whatever they are.
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")


@contextmanager
def cassette(path: Path | str, backend: Any, record: bool | None = None) -> Iterator[Any]:
    """Play what is recorded, or record it; yields vcrpy's cassette.

    Nothing reaches the network while a cassette is played. What is not on it fails, and names itself. Requests are
    compared by method, path, query and body, so the host of the backend may be another one.

    :param path: of the file, usually ``Path(__file__).parent / "cassettes" / "order.yaml"``
    :param backend: whose secrets are masked, beside what the other system gave (the ids of sessions) and what a name
        gives away (``password``, ``token``...)
    :param record: whether to record; None: if ``CONNECTOR_RECORD`` is set in the environment
    :raises FileNotFoundError: when it is to be played and is not there
    """
    import vcr  # a tool of developers: who records nothing needs it not
    from vcr.serializers import yamlserializer

    path = Path(path)
    record = bool(os.environ.get(RECORD)) if record is None else record
    if not record and not path.exists():
        raise FileNotFoundError(f"there is no cassette {path}: record it, with {RECORD}=1 and a system that answers")
    secrets = {str(backend.get_secret(name) or "") for name in backend._secret_fields} - {""}
    keep = Adapter._keep_secret

    def kept(adapter: Adapter, value: str) -> str:
        secrets.add(value)
        return keep(adapter, value)

    class Masked:
        """Writes and reads YAML, masked when all secrets are known."""

        @staticmethod
        def serialize(data: dict[str, Any]) -> str:
            return yamlserializer.serialize(_masked(data, Masker(secrets)))

        deserialize = staticmethod(yamlserializer.deserialize)

    def masked_request(request: Any) -> Any:
        masker = Masker(secrets)
        request.uri = masker.text(request.uri)
        request.body = _masked(request.body, masker)
        request.headers = _masked(dict(request.headers), masker)
        return request

    recorder = vcr.VCR(
        record_mode=vcr.mode.ALL if record else vcr.mode.NONE,
        match_on=("method", "path", "query", "body"),
        before_record_request=masked_request,
        decode_compressed_response=True,
    )
    recorder.register_serializer("masked", Masked)
    if record:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    with (
        patch.object(Adapter, "_keep_secret", kept),
        # Odoo's tests refuse every other host; the cassette decides what is sent.
        patch.object(requests.Session, "send", common._super_send),
        recorder.use_cassette(str(path), serializer="masked") as played,
    ):
        yield played


def _masked(value: Any, masker: Masker) -> Any:
    """Return data without secrets; what is no text stays as it is."""
    if isinstance(value, dict):
        return {
            key: _hidden(item) if str(key).lower() in SECRET_HEADERS else _masked(item, masker)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, masker) for item in value]
    if isinstance(value, str):
        return masker.text(value)
    if isinstance(value, bytes):
        try:
            return masker.text(value.decode()).encode()
        except UnicodeDecodeError:
            return value
    return value


def _hidden(value: Any) -> Any:
    return [MASK] * len(value) if isinstance(value, list) else MASK
