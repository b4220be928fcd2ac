"""The pages of ``docs``: their code compiles; settings, commands, files and tests that they name exist."""

from __future__ import annotations

import argparse
import ast
import configparser
import importlib
import re
import shlex
import textwrap
import unittest
from pathlib import Path
from unittest.mock import patch

from odoo.cli.command import find_command
from odoo.tests import BaseCase, tagged
from odoo.tools import config

from ..cli.connector import Connector
from ..monitoring import health
from ..settings import SETTING_NAMES
from .docs_common import PageCase, blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob(".github/**/*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
#: A command of Odoo in a text of a shell, of systemd, Docker or Kubernetes.
ODOO = re.compile(r"(?:^|/)odoo (?!-19)[^|<>#]*", re.MULTILINE)
FRAMEWORK = "odoo.addons.connector_framework"


def blocks(*kinds):
    """Give what the pages print of some languages: the page, and the text."""
    for page in PAGES:
        for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
            if found[2] in kinds:
                yield page.relative_to(ROOT), textwrap.dedent(found[3])


def commands():
    """Give the Odoo commands that the pages print: the page, and the words behind "odoo"."""
    for page, text in blocks("sh", "console", "ini", "yaml", "dockerfile", "text"):
        joined = re.sub(r"args: \[(.*)\]", lambda args: args[1].replace('"', "").replace(",", ""), text)
        for line in joined.splitlines():
            line = re.sub(r"^\s*(\$ |ExecStart=|command: |docker compose run --rm \w+ |(?=odoo ))", "", line).strip()
            found = ODOO.match(line) or re.match(r"\S*/odoo [^|<>#]*", line)
            if found:
                yield page, shlex.split(found[0])[1:]


@tagged("post_install", "-at_install", "plain")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestDocs(BaseCase):
    def test_python(self):
        """All Python of the pages can be parsed, and what it imports of the framework is there."""
        seen = 0
        for page, text in blocks("python"):
            with self.subTest(page=str(page), text=text[:80]):
                for node in ast.walk(ast.parse(text)):
                    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(FRAMEWORK):
                        module = importlib.import_module(node.module)
                        for alias in node.names:
                            seen += 1
                            self.assertTrue(hasattr(module, alias.name), f"{node.module} has no {alias.name}")
        self.assertGreater(seen, 50)

    def test_python_is_run(self):
        """Each page with Python is run: by a PageCase, or by a test of its own."""
        own = {"events", "references", "mappings", "first_connector", "smallest_connector"}
        classes = list(PageCase.__subclasses__())
        for cls in classes:
            classes += cls.__subclasses__()
        pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md") if blocks_of(page)}
        self.assertEqual(pages - own, {cls.page for cls in classes if cls.page})

    def test_settings(self):
        """The settings of the pages are settings of the framework, and options of Odoo."""
        options = {option.dest for option in config.parser.option_list} | {
            option.dest for group in config.parser.option_groups for option in group.option_list
        }
        known = {"connector_framework": SETTING_NAMES, "options": options | set(config.options)}
        seen = 0
        for page, text in blocks("ini"):
            parser = configparser.RawConfigParser(strict=False)
            parser.optionxform = str
            parser.read_string(text)
            for section in known.keys() & set(parser.sections()):
                with self.subTest(page=str(page), section=section):
                    self.assertLessEqual(set(parser[section]), known[section])
                    seen += len(parser[section])
        self.assertGreater(seen, 10)

    def test_image(self):
        """An image gets each addon as a folder of its own: COPY of several folders mixes what is in them."""
        copies = [
            line.split()[1:] for _page, text in blocks("dockerfile") for line in text.splitlines() if "COPY" in line
        ]
        self.assertTrue(copies)
        for copy in copies:
            self.assertEqual(copy, [copy[0], f"/mnt/extra-addons/{copy[0]}"])

    def test_commands(self):
        """The commands of the pages are Odoo's or the framework's, with options that they have."""
        seen = 0
        for page, (first, *words) in ((page, words) for page, words in commands() if words):
            with self.subTest(page=str(page), command=" ".join((first, *words))):
                while first.startswith("--addons-path="):
                    first, *words = words
                if first == "connector":
                    self.check_connector(words)
                elif not first.startswith("-"):
                    self.assertTrue(find_command(first), first)
                    known = self.odoo_options() | {"-t"} if first == "scaffold" else self.odoo_options()
                    self.check_options(words, known)
                else:
                    self.check_options([first, *words], self.odoo_options())
                seen += 1
        self.assertGreater(seen, 10)

    def odoo_options(self):
        """Return the options of the server."""
        parser = config.parser
        groups = [parser.option_list, *(group.option_list for group in parser.option_groups)]
        return {name for options in groups for option in options for name in (*option._short_opts, *option._long_opts)}

    def check_options(self, words, known):
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        self.assertLessEqual(used, known)

    def check_connector(self, words):
        """Parse a command line of ``odoo connector`` as the command does, and run nothing."""
        parsed = []
        command = Connector.__new__(Connector)
        original = argparse.ArgumentParser.parse_known_args

        def stop(parser, args=None, namespace=None):
            options, rest = original(parser, args, namespace)
            if namespace is None:
                parsed.append(rest)
                raise SystemExit(0)
            return options, rest

        with patch.object(argparse.ArgumentParser, "parse_known_args", stop), self.assertRaises(SystemExit) as ended:
            command.run(list(words))
        self.assertEqual(ended.exception.code, 0, words)
        self.check_options(parsed[0], self.odoo_options())

    def test_scripts(self):
        """The scripts that the pages name are there."""
        seen = set()
        for page in PAGES:
            for name in re.findall(r"(?:`|^)script/(\w+)(?=[ `\n])", page.read_text(encoding="utf-8"), re.MULTILINE):
                seen.add(name)
                with self.subTest(page=page.name, script=name):
                    self.assertTrue((ROOT / "script" / name).exists())
        self.assertGreater(len(seen), 4)

    def test_pinned_ruff(self):
        """The hook for commits has the ruff of script/lint."""
        (pinned,) = re.findall(r"^ruff==\S+", (ROOT / "script/requirements-lint.txt").read_text(), re.MULTILINE)
        hooks = re.findall(r'"(ruff==[^"]+)"', (ROOT / ".pre-commit-config.yaml").read_text())
        self.assertEqual(set(hooks), {pinned})

    def test_troubles(self):
        """The operations page tells of each trouble that the health page and the doctor know."""
        source = Path(health.__file__).read_text() + Path(health.__file__).with_name("doctor.py").read_text()
        codes = set(re.findall(r'Trouble\(\s*"(\w+)"', source))
        self.assertGreater(len(codes), 25)
        page = (DOCS / "operations.md").read_text(encoding="utf-8")
        self.assertEqual({code for code in codes if f"`{code}`" not in page}, set())


@tagged("post_install", "-at_install", "plain")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestSpecification(BaseCase):
    def test_code_and_tests(self):
        """Each file that the specification's page names is there, and each test is in its file."""
        text = (DOCS / "specification.md").read_text(encoding="utf-8")
        rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| statement")]
        self.assertGreater(len(rows), 100)
        for row in rows:
            statement, _where, proven = row.strip("| ").split(" | ")
            with self.subTest(statement=statement):
                for label, path in re.findall(r"\[([^]]+)\]\((\.\./[^)]+)\)", row):
                    self.assertTrue((DOCS / path).is_file(), path)
                    self.assertTrue(path.endswith(label.strip("`")) or "Test" in label, label)
                names = re.findall(r"\[(\w+)\.(\w+)\]\(([^)]+)\)", proven)
                self.assertTrue(names, "nothing proves it")
                for cls, method, path in names:
                    methods = {
                        item.name
                        for node in ast.parse((DOCS / path).read_text()).body
                        if isinstance(node, ast.ClassDef) and node.name == cls
                        for item in node.body
                        if isinstance(item, ast.FunctionDef)
                    }
                    self.assertIn(method, methods, path)
