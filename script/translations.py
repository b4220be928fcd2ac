"""Compare the addons' translations with what Odoo exports, or update them.

    python script/translations.py EXPORTED [--check]

EXPORTED is a folder that `export_terms.py` has filled. `script/i18n` is the command for people.
"""

from __future__ import annotations

import difflib
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import polib

from addons import addons
from console import say
from environment import ROOT
from terms import LANGUAGES, Odoo, is_of_odoo, problems, read, terms

#: How alike a changed text is to the one before, to take over its translation (0 to 1).
ALIKE = 0.75


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

    A term keeps its translation. A new one takes Odoo's if it is Odoo's term, that of another addon of the repository
    (`others`), or, marked fuzzy, that of the text that it replaces.
    """
    known = {entry.msgid: entry for entry in before if not entry.obsolete}
    gone = [source for source, entry in known.items() if source not in exported and entry.msgstr]
    entries = []
    for source, entry in exported.items():
        text, flags = "", []
        if source in known and known[source].msgstr:
            text, flags = known[source].msgstr, known[source].flags
        elif is_of_odoo(entry) and (found := odoo.translation(entry, language)):
            text = found
        elif source in others:
            text = others[source]
        elif not is_of_odoo(entry) and (alike := difflib.get_close_matches(source, gone, 1, ALIKE)):
            text, flags = known[alike[0]].msgstr, ["fuzzy"]
        entries.append(
            polib.POEntry(
                msgid=source, msgstr=text, comment=entry.comment, occurrences=entry.occurrences, flags=[*flags]
            )
        )
    return entries


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


def main(folder: str, option: str = "") -> int:
    """Update, or check, and print what is not complete; only a check tells it by the exit code."""
    is_check = option == "--check"
    if not is_check:
        update(Path(folder))
    found = problems(Path(folder), ROOT, addons())
    print("".join(f"{line}\n" for line in found), end="")
    advice = "run script/i18n, and translate them" if is_check else "translate them"
    say(f"{len(found)} terms are not complete: {advice}" if found else "complete")
    return 1 if is_check and found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
