"""Compare the addons' translations with what Odoo exports, or update them.

    python script/translations.py EXPORTED [--check]

EXPORTED is a folder that `export_terms.py` has filled. `script/i18n` is the command for people.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polib

from addons import addons
from console import say
from environment import ROOT

#: Language -> the rule of its plurals.
LANGUAGES = {"de": "nplurals=2; plural=(n != 1);", "fr": "nplurals=2; plural=(n > 1);"}
#: The comment of a term all of whose places are fields that Odoo's own modules define.
OF_ODOO = "of Odoo"
#: How alike a changed text is to the one before, to take over its translation (0 to 1).
ALIKE = 0.75

#: What a translation repeats as it is: placeholders, tags, code. Texts inside a tag are translated.
_KEPT = re.compile(r"%(?:\(\w+\))?[sdifr]|</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>|`[^`]+`")
_TEXT_IN_TAG = re.compile(r'\s(?:alt|aria-label|help|placeholder|string|title)="[^"]*"')

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
            say(f"reading Odoo's own translations: {language}")
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
    """Return the placeholders, tags and code of a text, with how often it has them."""
    return Counter(_TEXT_IN_TAG.sub("", found) for found in _KEPT.findall(text))


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
                differ = [*((wanted - found) + (found - wanted))]
                yield f"{', '.join(differ)} differ: {_shown(entry)}: {entry.msgstr!r}"


def _shown(entry: polib.POEntry) -> str:
    places = [place for place, _line in entry.occurrences]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{entry.msgid!r} ({places[0]}{more})"


def new_file(addon: str, entries: Iterable[polib.POEntry], language: str = "") -> polib.POFile:
    """Return a file with these entries, and a header that no run changes."""
    file = polib.POFile()
    file.header = f"Translations of {addon}, written by script/i18n."
    file.metadata = {
        "Project-Id-Version": "Odoo Server 19.0",
        **({"Language": language} if language else {}),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        **({"Plural-Forms": LANGUAGES[language]} if language else {}),
    }
    file.extend(sorted(entries, key=lambda entry: entry.msgid))
    return file


def updated(
    exported: dict[str, polib.POEntry], before: polib.POFile, others: dict[str, str], odoo: Odoo, language: str
) -> list[polib.POEntry]:
    """Return the entries of a language for what Odoo exports.

    A term keeps its translation. A new one takes that of another addon of the repository (`others`), Odoo's if it is
    Odoo's term, or, marked fuzzy, that of the text that it replaces.
    """
    known = {entry.msgid: entry for entry in before if not entry.obsolete}
    gone = [source for source, entry in known.items() if source not in exported and entry.msgstr]
    entries = []
    for source, entry in exported.items():
        text, flags = "", []
        if source in known and known[source].msgstr:
            text, flags = known[source].msgstr, known[source].flags
        elif source in others:
            text = others[source]
        elif is_of_odoo(entry):
            text = odoo.translation(entry, language)
        elif alike := difflib.get_close_matches(source, gone, 1, ALIKE):
            text, flags = known[alike[0]].msgstr, ["fuzzy"]
        entries.append(
            polib.POEntry(
                msgid=source, msgstr=text, comment=entry.comment, occurrences=entry.occurrences, flags=[*flags]
            )
        )
    return entries


def read(path: Path) -> polib.POFile:
    """Read a file; an empty one if there is none."""
    return polib.pofile(str(path)) if path.exists() else polib.POFile()


def write(path: Path, file: polib.POFile) -> None:
    """Write a file whose content is another than before."""
    path.parent.mkdir(exist_ok=True)
    text = f"{str(file).rstrip()}\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {len(file)} terms")


def update(folder: Path) -> None:
    """Write the .pot and .po files of all addons."""
    odoo = Odoo.read(folder)
    others: dict[str, dict[str, str]] = defaultdict(dict)
    for name in addons():
        for language in LANGUAGES:
            done = [entry for entry in read(ROOT / name / f"i18n/{language}.po") if entry.translated()]
            others[language].update((entry.msgid, entry.msgstr) for entry in done if not is_of_odoo(entry))
    for name in addons():
        exported = terms(polib.pofile(str(folder / f"{name}.pot")), odoo)
        write(ROOT / name / f"i18n/{name}.pot", new_file(name, exported.values()))
        for language in LANGUAGES:
            path = ROOT / name / f"i18n/{language}.po"
            entries = updated(exported, read(path), others[language], odoo, language)
            write(path, new_file(name, entries, language))


def check(folder: Path) -> list[str]:
    """Return what is not complete, a line each, by file."""
    odoo = Odoo.read(folder)
    found = []
    for name in addons():
        exported = terms(polib.pofile(str(folder / f"{name}.pot")), odoo)
        template = read(ROOT / name / f"i18n/{name}.pot")
        found += [f"{name}/i18n/{name}.pot: {line}" for line in template_problems(exported, template, odoo)]
        for language in LANGUAGES:
            translated = read(ROOT / name / f"i18n/{language}.po")
            problems = translation_problems(template, translated)
            found += [f"{name}/i18n/{language}.po: {line}" for line in problems]
    return found


def main(folder: str, option: str = "") -> int:
    """Update, or check, and print what is not complete; only a check tells it by the exit code."""
    is_check = option == "--check"
    if not is_check:
        update(Path(folder))
    found = check(Path(folder))
    print("".join(f"{line}\n" for line in found), end="")
    advice = "run script/i18n, and translate them" if is_check else "translate them"
    say(f"{len(found)} terms are not complete: {advice}" if found else "complete")
    return 1 if is_check and found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
