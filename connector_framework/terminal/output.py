"""Printing what a command returns: as JSON for programs, as text for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["as_json", "as_text"]

_WIDTH = 120


def as_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2)


def as_text(data: Any) -> str:
    """Return a dict as lines, a list of dicts as a table whose last column that is cut fits the terminal."""
    if isinstance(data, Mapping):
        return "\n".join(_lines(data))
    if not data:
        return "none"
    return "\n".join(_table(data))


def _lines(data: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in data.items():
        label = name.replace("_", " ")
        if isinstance(value, list):
            lines.append(f"{label}:" if value else f"{label}: none")
            lines += [f"  {line}" for line in as_text(value).splitlines()] if value else []
        elif isinstance(value, Mapping):
            lines.append(f"{label}: " + (", ".join(f"{count} {key}" for key, count in value.items()) or "none"))
        else:
            lines.append(f"{label}: {_cell(value)}")
    return lines


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(rows[0])
    cells = [[name.replace("_", " ") for name in names], *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    room = shutil.get_terminal_size((_WIDTH, 24)).columns
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1
    padded = [[_cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
    return ["  ".join(line).rstrip() for line in padded]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
