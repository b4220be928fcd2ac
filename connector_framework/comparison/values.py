"""The values of a record, and those that an import has for it, in a form in which they can be compared.

Both are dicts by path. A path is the name of a field; for a line of a one2many, ``lines[7].price``, where 7 is the
line's external id; ``lines[7]`` says that there is such a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from odoo.fields import Command, Date, Datetime
from odoo.models import BaseModel

from ..text import clean

__all__ = ["differences", "incoming", "present"]

#: Characters of a value that are kept.
MAX_TEXT = 2000
TEXTS = ("char", "text", "html")
#: The value of a line itself; its fields have paths of their own.
LINE = "+"
#: Stands for a record that is not there yet.
NO_RECORD = -1
#: Types of fields that are not compared: their values go by definitions of other records.
NOT_COMPARED = ("properties", "properties_definition")

Values = dict[str, Any]


def present(record: Any, values: Mapping[str, Any], prefix: str = "") -> Values:
    """Return what a record (1) has in the fields that values are for.

    :param values: as for ``write``
    """
    result: Values = {}
    for name, field, value in _fields(record, values):
        path = prefix + name
        if field.type == "one2many":
            commands = _commands(value)
            names = _names_of_lines(commands)
            for line in record[name]:
                result[f"{path}[{_label(line)}]"] = LINE
                if names:
                    result |= present(line, names, f"{path}[{_label(line)}].")
        elif field.type == "many2many":
            result[path] = record[name]
        else:
            result[path] = _plain(record, field, record[name])
    return result


def incoming(record: Any, values: Mapping[str, Any], prefix: str = "") -> Values:
    """Return what a record (1) would have in these fields if the values were written as they are."""
    result: Values = {}
    for name, field, value in _fields(record, values):
        path = prefix + name
        if field.type == "one2many":
            result |= _incoming_lines(record[name], _commands(value), path)
        elif field.type == "many2many":
            result[path] = _incoming_records(record[name], _commands(value))
        else:
            result[path] = _plain(record, field, value)
    return result


def differences(here: Values, there: Values) -> dict[str, dict[str, str]]:
    """Return by path a dict of ``odoo`` and ``external``, as people read them."""
    return {
        path: {"odoo": _shown(here.get(path)), "external": _shown(there.get(path))}
        for path in dict.fromkeys([*here, *there])
        if here.get(path) != there.get(path)
    }


def _fields(record: Any, values: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    fields = record._fields
    for name, value in values.items():
        field = fields.get(name)
        if field is not None and field.type not in NOT_COMPARED:
            yield name, field, value


def _plain(record: Any, field: Any, value: Any) -> Any:
    """Return the value of a field that is no list, as it would be read again after it was written."""
    kind = field.type
    if kind in TEXTS:
        if not value:
            return None
        return str(field.convert_to_cache(value, record) if kind == "html" else value)
    if kind == "boolean":
        return bool(value)
    if kind == "integer":
        return int(value or 0)
    if kind == "many2one":
        if isinstance(value, BaseModel):
            return value
        return record.env[field.comodel_name].browse(value[0] if isinstance(value, list | tuple) else value or ())
    if kind == "datetime":
        time = Datetime.to_datetime(value) if value else None
        return time and time.replace(microsecond=0)
    if kind == "date":
        return (Date.to_date(value) or None) if value else None
    if kind == "json":
        return json.loads(json.dumps(value, default=str)) if value else None
    if kind == "binary":
        return (value.encode() if isinstance(value, str) else bytes(value)) if value else None
    value = field.convert_to_cache(value, record)
    # The last digits of a float are no difference.
    return float(f"{value:.12g}") if isinstance(value, float) else value or None


# -- lists -------------------------------------------------------------------------------------------------------------


def _commands(value: Any) -> list[Any]:
    """Return the commands that a value for a list stands for, as the ORM takes it."""
    if isinstance(value, BaseModel):
        return [Command.set(value.ids)]
    if value is None or value is False:
        return [Command.clear()]
    if isinstance(value, tuple) or (value and not isinstance(value[0], list | tuple)):
        return [Command.set(list(value))]
    return list(value)


def _names_of_lines(commands: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Return the values of all lines in one dict: what is compared of each."""
    names: dict[str, Any] = {}
    for command in commands:
        if command[0] in (Command.CREATE, Command.UPDATE):
            names |= command[2]
    return names


def _incoming_lines(lines: Any, commands: list[Any], path: str) -> Values:
    names = _names_of_lines(commands)
    kept = {line.id: line for line in lines}
    written: dict[int, Mapping[str, Any]] = {}
    new: list[Mapping[str, Any]] = []
    for command, line_id, content in commands:
        match command:
            case Command.CREATE:
                new.append(content)
            case Command.UPDATE:
                written[line_id] = content
            case Command.DELETE | Command.UNLINK:
                kept.pop(line_id, None)
            case Command.LINK:
                kept[line_id] = lines.browse(line_id)
            case Command.CLEAR:
                kept.clear()
            case Command.SET:
                kept = {one: lines.browse(one) for one in content}
    result: Values = {}
    for line in kept.values():
        place = f"{path}[{_label(line)}]"
        result[place] = LINE
        if names:
            result |= present(line, names, f"{place}.")
            result |= incoming(line, written.get(line.id, {}), f"{place}.")
    for number, content in enumerate(new, 1):
        label = content.get("external_id") or f"new {number}"
        name = content.get("name") or content.get("display_name") or label
        result[f"{path}[{label}]"] = str(name)
    return result


def _incoming_records(records: Any, commands: list[Any]) -> Any:
    ids = set(records.ids)
    for command, record_id, content in commands:
        match command:
            case Command.LINK:
                ids.add(record_id)
            case Command.UNLINK | Command.DELETE:
                ids.discard(record_id)
            case Command.CLEAR:
                ids.clear()
            case Command.SET:
                ids = set(content)
            case Command.CREATE:
                ids.add(NO_RECORD)
    return records.browse(sorted(ids))


def _label(line: Any) -> str:
    """Return what a line is called in a path."""
    external_id = line["external_id"] if "external_id" in line._fields else None
    return str(external_id or f"#{line.id}")


# -- for people --------------------------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        value = ", ".join(name for name in value.exists().mapped("display_name") if name)
    elif isinstance(value, bytes):
        value = f"{len(value)} bytes"
    return clean(value, MAX_TEXT)
