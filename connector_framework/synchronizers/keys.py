"""The keys that tell when two synchronizations are the same one.

Jobs use them as identity and exclusive keys, synchronizers as the names of their locks. An external id counts by its
text: 42 and "42", a list and a tuple of the same parts are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

__all__ = [
    "as_text",
    "batch_key",
    "chunk_key",
    "delete_key",
    "export_key",
    "id_token",
    "import_key",
    "import_lock",
    "import_prefixes",
    "lock_key",
]


def as_text(external_id: Any) -> str:
    """Return an external id as one text for messages and descriptions; the parts of a composite one with commas."""
    return ",".join(map(str, external_id)) if isinstance(external_id, list | tuple) else str(external_id)


def id_token(external_id: Any) -> str:
    """Return a text that no other external id of a model has."""
    if isinstance(external_id, list | tuple):
        return json.dumps([str(part) for part in external_id], ensure_ascii=False)
    return str(external_id)


def import_key(model: Any, backend: Any, external_id: Any) -> str:
    """Return the key of the import of a record, forced or not."""
    return f"{import_prefixes(model, backend)[0]}{id_token(external_id)}"


def chunk_key(model: Any, backend: Any, external_ids: Sequence[Any], force: bool = False) -> str:
    """Return the key of the import of records in one job."""
    return f"{import_prefixes(model, backend)[1]}{force}:{json.dumps(list(map(id_token, external_ids)))}"


def import_prefixes(model: Any, backend: Any) -> tuple[str, str]:
    """Return how the keys of all imports of a model begin: of single records, and of chunks."""
    return f"{_key('import', model, backend)}:", f"{_key('chunk', model, backend)}:"


def batch_key(model: Any, backend: Any) -> str:
    """Return the key of all batches of a model."""
    return _key("batch", model, backend)


def delete_key(model: Any, backend: Any, external_id: Any) -> str:
    """Return the key of the deletion of an external record."""
    return f"{_key('delete', model, backend)}:{id_token(external_id)}"


def export_key(bindings: Any) -> str:
    """Return the key of the export of bindings (n), whatever the fields."""
    return f"connector.export:{bindings._name}:{','.join(map(str, bindings.ids))}"


def import_lock(external_id: Any) -> str:
    """Return the name of the lock on the import of a record."""
    return f"import {id_token(external_id)}"


def lock_key(model: Any, backend: Any, name: str) -> str:
    """Return the key of a lock of a model and backend."""
    return f"{_key('lock', model, backend)}:{name}"


def _key(what: str, model: Any, backend: Any) -> str:
    return f"connector.{what}:{backend._name},{backend.id}:{model._name}"
