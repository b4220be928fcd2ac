"""List the addons of this repository, what they depend on, and a key of their content."""

from __future__ import annotations

import ast
import hashlib

from environment import ROOT


def addons() -> list[str]:
    """Return the names of the repository's addons, sorted."""
    return sorted(manifest.parent.name for manifest in ROOT.glob("*/__manifest__.py"))


def dependencies(names: list[str]) -> list[str]:
    """Return the modules that these addons need and that are not in the repository, sorted."""
    needed: set[str] = set()
    for name in names:
        manifest = ast.literal_eval((ROOT / name / "__manifest__.py").read_text())
        needed.update(manifest.get("depends", []))
    return sorted(needed - set(addons())) or ["base"]


def content_key() -> str:
    """Return a short name for all that installing the addons reads: no tests, and in English no translations."""
    digest = hashlib.sha256()
    for name in addons():
        for path in sorted((ROOT / name).rglob("*")):
            place = path.relative_to(ROOT)
            if path.is_file() and not {"tests", "i18n", "__pycache__"} & set(place.parts):
                digest.update(f"{place}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
