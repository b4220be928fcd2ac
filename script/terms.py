"""The terms of the addons, and what is not complete of their translations; plain, for the command and the tests."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polib

#: Language -> the rule of its plurals.
LANGUAGES = {"de": "nplurals=2; plural=(n != 1);", "fr": "nplurals=2; plural=(n > 1);"}
#: The comment of a term all of whose places are fields that Odoo's own modules define.
OF_ODOO = "of Odoo"

#: What a translation repeats as it is: placeholders, tags, code. Texts inside a tag are translated.
_KEPT = re.compile(r"%(?:\(\w+\))?[sdifr]|%%|\{\w*\}|</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>|`[^`]+`")
_TEXT_IN_TAG = re.compile(r'\s(?:alt|aria-label|help|placeholder|string|title)="[^"]*"')
_EDGES = re.compile(r"\A\s+|\s+\Z")

Place = tuple[str, str]


@dataclass(frozen=True)
class Odoo:
    """What of the exported terms is Odoo's, as `export_terms.py` tells, and how Odoo translates it."""

    origins: dict[str, str | None] = field(default_factory=dict)
    modules: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Odoo:
        """Read what was exported."""
        found = json.loads((folder / "odoo.json").read_text())
        return cls(found["origins"], tuple(found["modules"]))

    def has(self, place: Place) -> bool:
        """Tell whether a place is a field that Odoo's own modules define."""
        return place[0].startswith("model:ir.model.fields") and _external_id(place) in self.origins

    def translation(self, entry: polib.POEntry, language: str) -> str:
        """Return Odoo's translation of one of its terms, that of the field it comes from first; else ""."""
        memory = self._memories[language]
        names = [self.origins.get(_external_id(place)) for place in entry.occurrences]
        found = [memory[name, entry.msgid] for name in [*names, None] if (name, entry.msgid) in memory]
        return found[0] if found else ""

    @cached_property
    def _memories(self) -> dict[str, dict[tuple[str | None, str], str]]:
        """Return by language: {(name of a field, or None for any place, source): translation}."""
        memories: dict[str, dict] = {language: {} for language in LANGUAGES}
        for language, memory in memories.items():
            for folder in self.modules:
                path = Path(folder, f"i18n/{language}.po")
                for entry in polib.pofile(str(path)) if path.exists() else ():
                    if entry.translated():
                        for place in entry.occurrences:
                            name = _external_id(place).partition(".")[2]
                            memory.setdefault((name, entry.msgid), entry.msgstr)
                        memory.setdefault((None, entry.msgid), entry.msgstr)
        return memories


def _external_id(place: Place) -> str:
    return place[0].rpartition(":")[2]


def terms(exported: polib.POFile, odoo: Odoo) -> dict[str, polib.POEntry]:
    """Return the exported entries by their source, with a comment on those that are Odoo's."""
    for entry in exported:
        if all(odoo.has(place) for place in entry.occurrences):
            entry.comment += f"\n{OF_ODOO}"
    return {entry.msgid: entry for entry in exported}


def is_of_odoo(entry: polib.POEntry) -> bool:
    """Tell whether a term is Odoo's."""
    return OF_ODOO in entry.comment.split("\n")


def kept(text: str) -> Counter[str]:
    """Return the placeholders, tags, code and outer white space of a text, with how often it has them."""
    return Counter(_TEXT_IN_TAG.sub("", found) for found in [*_KEPT.findall(text), *_EDGES.findall(text)])


def template_problems(exported: dict[str, polib.POEntry], template: polib.POFile, odoo: Odoo) -> Iterator[str]:
    """Give what the .pot lacks, or has too much, of what Odoo exports; Odoo's own terms left out."""
    known = {entry.msgid: entry for entry in template}
    for source, entry in exported.items():
        places = {place for place in entry.occurrences if not odoo.has(place)}
        if source not in known:
            if not is_of_odoo(entry):
                yield f"missing: {source!r}"
        elif lost := places - set(known[source].occurrences):
            yield f"missing at {min(lost)[0]}: {source!r}"
    for source, entry in known.items():
        if source not in exported and not is_of_odoo(entry):
            yield f"obsolete: {source!r}"


def translation_problems(template: polib.POFile, translated: polib.POFile) -> Iterator[str]:
    """Give what a language lacks of the terms of the .pot, has too much, or has wrong."""
    sources = {entry.msgid for entry in template}
    known = {entry.msgid: entry for entry in translated if not entry.obsolete}
    for source in [source for source in sources if source not in known]:
        yield f"missing: {source!r}"
    for entry in translated:
        if entry.obsolete or entry.msgid not in sources:
            yield f"obsolete: {entry.msgid!r}"
        elif not entry.msgstr.strip():
            yield f"untranslated: {_shown(entry)}"
        elif entry.fuzzy:
            yield f"fuzzy: {_shown(entry)}"
        else:
            wanted, found = kept(entry.msgid), kept(entry.msgstr)
            if wanted != found:
                differ = ", ".join(repr(one) for one in (wanted - found) + (found - wanted))
                yield f"{differ} differ: {_shown(entry)}: {entry.msgstr!r}"


def _shown(entry: polib.POEntry) -> str:
    places = [place for place, _line in entry.occurrences]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{entry.msgid!r} ({places[0]}{more})"


def read(path: Path) -> polib.POFile:
    """Read a file; an empty one if there is none."""
    return polib.pofile(str(path)) if path.exists() else polib.POFile()


def problems(exported: Path, root: Path, addons: list[str]) -> list[str]:
    """Return what is not complete of the addons in the folder `root`, a line each, by file.

    :param exported: the folder that `export_terms.py` has filled
    """
    odoo = Odoo.read(exported)
    found = []
    for name in addons:
        code = terms(polib.pofile(str(exported / f"{name}.pot")), odoo)
        template = read(root / name / f"i18n/{name}.pot")
        found += [f"{name}/i18n/{name}.pot: {line}" for line in template_problems(code, template, odoo)]
        for language in LANGUAGES:
            translated = read(root / name / f"i18n/{language}.po")
            found += [f"{name}/i18n/{language}.po: {line}" for line in translation_problems(template, translated)]
    return found
