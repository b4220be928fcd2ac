"""Read the tables of docstrings as they are laid out for a reader of the code.

A cell may reach into the gap before the next column, and a literal over a line: docutils refuses both. Each simple
table becomes a ``list-table``, whose cells are cut at the columns and joined over lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

BORDER = re.compile(r"( *)=+(?: +=+)+ *")


def cells_of(line: str, starts: list[int]) -> list[str]:
    """Return the texts of a line by column."""
    return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]


def list_table(border: str, lines: list[str]) -> Iterator[str]:
    """Give the lines of a table as those of a ``list-table``."""
    starts = [match.start() for match in re.finditer("=+", border)]
    rows: list[list[str]] = []
    headers = 0
    for line in lines:
        if BORDER.fullmatch(line):
            headers = len(rows)
            continue
        cells = cells_of(line, starts)
        # A row begins with a first cell, unless a literal or a list of the row before goes on.
        if rows and (not cells[0] or rows[-1][0].count("``") % 2 or rows[-1][0].endswith(",")):
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    indent = " " * starts[0]
    yield from (f"{indent}.. list-table::", f"{indent}   :header-rows: {headers}", "")
    for row in rows:
        for number, cell in enumerate(row):
            yield f"{indent}   {'  ' if number else '* '}- {cell}".rstrip()
    yield ""


def convert_tables(app, what, name, obj, options, lines):
    """Replace the tables of a docstring, in place. A table ends with a border that an empty line follows."""
    result: list[str] = []
    table: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if not table and not BORDER.fullmatch(line):
            result.append(line)
            continue
        table.append(line)
        if len(table) > 1 and BORDER.fullmatch(line) and not following.strip():
            result += list_table(table[0], table[1:-1])
            table = []
    lines[:] = result + table


def setup(app):
    app.connect("autodoc-process-docstring", convert_tables)
    return {"parallel_read_safe": True}
