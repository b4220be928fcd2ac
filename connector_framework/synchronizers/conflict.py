"""When both sides have changed a record since they agreed the last time."""

from __future__ import annotations

from typing import Any

__all__ = ["POLICIES", "clear", "difference", "mark"]

#: What :attr:`Importer.conflict_policy` may be.
POLICIES = (None, "external", "odoo", "ask")


def difference(binding: Any, values: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what importing the values would change on the binding (1), as people read it.

    :param values: as for ``write``; those of lists of lines are left out
    :return: by field name, a dict of ``odoo`` and ``external``
    """
    result = {}
    incoming = binding.new(origin=binding)
    for name, value in values.items():
        field = binding._fields.get(name)
        if field is None or field.type in ("one2many", "many2many", "binary", "json"):
            continue
        incoming[name] = value
        here, there = _shown(binding, name), _shown(incoming, name)
        if here != there:
            result[name] = {"odoo": here, "external": there}
    return result


def mark(binding: Any, found: dict[str, dict[str, str]]) -> None:
    """Leave the binding (1) for a person to decide."""
    binding.write({"sync_state": "conflict", "conflict": found})


def clear(binding: Any) -> None:
    """Forget the conflict of bindings, and what was imported the last time."""
    binding.write({"sync_state": "synced", "conflict": False, "import_hash": False})


def _shown(record: Any, name: str) -> str:
    value = record[name]
    if record._fields[name].type == "many2one":
        return value.display_name or ""
    return "" if value is False or value is None else str(value)
