"""Know the addons of this repository: which there are, what they need, which tests they hold."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from environment import ROOT


def addons() -> list[str]:
    """Return the names of the repository's addons, sorted."""
    return sorted(manifest.parent.name for manifest in ROOT.glob("*/__manifest__.py"))


def dependencies() -> list[str]:
    """Return the modules that the addons need and that are not in the repository, sorted."""
    needed: set[str] = set()
    for name in addons():
        manifest = ast.literal_eval((ROOT / name / "__manifest__.py").read_text())
        needed.update(manifest.get("depends", []))
    return sorted(needed - set(addons())) or ["base"]


def content_key() -> str:
    """Return a short name for all that installing the addons reads: every file but those of tests."""
    digest = hashlib.sha256()
    for name in addons():
        for path in sorted((ROOT / name).rglob("*")):
            place = path.relative_to(ROOT)
            if path.is_file() and not {"tests", "__pycache__"} & set(place.parts):
                digest.update(f"{place}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def test_tags(pattern: str) -> list[str]:
    """Translate a pattern into Odoo's test tags: the shortest ones for all tests whose id contains it.

    An id is `addon/tests/test_file.py:Class.test_method`. An empty pattern gives every addon.
    """
    if not pattern:
        return [f"/{name}" for name in addons()]
    return [tag for name in addons() for path in _test_files(name) for tag in _file_tags(name, path, pattern)]


def mentions(pattern: str, word: str) -> bool:
    """Tell whether a file mentions the word that has tests which match the pattern."""
    files = [(name, path) for name in addons() for path in _test_files(name)]
    return any(word in path.read_text() and any(_file_tags(name, path, pattern)) for name, path in files)


def _test_files(addon: str) -> list[Path]:
    return sorted((ROOT / addon / "tests").glob("test_*.py"))


def _file_tags(addon: str, path: Path, pattern: str) -> Iterator[str]:
    file_id = path.relative_to(ROOT).as_posix()
    if pattern in file_id:
        yield f"/{file_id}"
        return
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        if pattern in f"{file_id}:{node.name}":
            yield f"/{addon}:{node.name}"
            continue
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name.startswith("test"):
                if pattern in f"{file_id}:{node.name}.{item.name}":
                    yield f"/{addon}:{node.name}.{item.name}"
