"""The rules of the house that a reader cannot see at a glance."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from graphlib import TopologicalSorter
from pathlib import Path

from odoo import models
from odoo.tests import BaseCase, TransactionCase, tagged

from ..models.backend import ConnectorBackendMixin
from ..models.binding import ConnectorBindingMixin

ROOT = Path(__file__).parents[1]

#: What each package may import of the others. The files beside them are the ground floor: any package imports those.
ALLOWED = {
    "events": set(),
    "queue": set(),
    "references": set(),
    "adapters": {"references"},
    "binders": {"references"},
    "mappings": {"references", "binders"},
    "synchronizers": {"references", "adapters", "binders", "mappings", "events", "queue"},
    "preview": {"references", "adapters", "mappings", "queue"},
    "comparison": {"references", "adapters", "binders", "mappings", "synchronizers", "preview"},
}


def _imported_packages(path: Path) -> set[str]:
    """Return the packages of the addon that a file imports, type hints' imports included."""
    depth = len(path.relative_to(ROOT).parts) - 1
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level == depth + 1:
                found |= {(node.module or alias.name).split(".")[0] for alias in node.names}
            elif node.level == 0 and (node.module or "").startswith("odoo.addons.connector_framework."):
                found.add(node.module.split(".")[3])
    return found & {*ALLOWED, "models"}


@tagged("post_install", "-at_install", "plain")
class TestImports(BaseCase):
    def test_imports_go_one_way(self):
        """A package imports those before it alone, and none imports the ORM models."""
        for package, allowed in ALLOWED.items():
            for path in (ROOT / package).rglob("*.py"):
                with self.subTest(path=str(path.relative_to(ROOT))):
                    self.assertLessEqual(_imported_packages(path) - {package}, allowed)

    def test_the_ground_floor_imports_no_package(self):
        """The files beside the packages (exceptions, masking, settings...) know none of them."""
        for path in set(ROOT.glob("*.py")) - {ROOT / "__init__.py"}:
            with self.subTest(path=path.name):
                self.assertFalse(_imported_packages(path))

    def test_mappings_have_no_circle(self):
        """The files of the mappings import each other one way, type hints' imports included."""
        imports = {}
        for path in (ROOT / "mappings").glob("*.py"):
            nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
            imports[path.stem] = {node.module for node in nodes if node.level == 1}
        self.assertGreater(sum(map(len, imports.values())), 20)
        tuple(TopologicalSorter(imports).static_order())  # raises CycleError

    def test_the_reader_of_imports_sees(self):
        """The reading above finds imports, or it would prove nothing."""
        self.assertIn("references", set().union(*map(_imported_packages, (ROOT / "adapters").rglob("*.py"))))

    def test_events_know_nothing_of_connectors(self):
        """Nor do they by the name of an attribute, which no import shows."""
        for path in (ROOT / "events").rglob("*.py"):
            with self.subTest(path=path.name):
                self.assertNotRegex(path.read_text().lower(), r"backend|binding")

    def test_packages_say_what_they_are(self):
        """Each package opens with a docstring and lists its public names, which exist."""
        for package in ALLOWED:
            with self.subTest(package=package):
                module = importlib.import_module(f"odoo.addons.connector_framework.{package}")
                self.assertTrue(module.__doc__)
                self.assertTrue(module.__all__)
                for name in module.__all__:
                    self.assertTrue(hasattr(module, name), name)


@tagged("post_install", "-at_install", "plain")
class TestHooks(BaseCase):
    """What a connector overrides or calls is public, whatever its first letter: it stands in a class docstring."""

    def public_classes(self):
        """Return the classes that a connector subclasses or calls: what the packages export, and the mixins."""
        for package in ("references", "adapters", "binders", "mappings", "synchronizers", "comparison"):
            module = importlib.import_module(f"odoo.addons.connector_framework.{package}")
            yield from (value for name in module.__all__ if inspect.isclass(value := getattr(module, name)))
        yield from (ConnectorBackendMixin, ConnectorBindingMixin)

    def names(self):
        """Return the underscore names of the public classes, and those that their docstrings document."""
        defined, documented = set(), set()
        for public in self.public_classes():
            for cls in public.__mro__:
                if not cls.__module__.startswith("odoo.addons.connector_framework."):
                    continue
                documented.update(re.findall(r"``(_\w+)", cls.__doc__ or ""))
                members = {*vars(cls), *vars(cls).get("__annotations__", ())}
                defined.update(name for name in members if re.match(r"_[a-z]", name))
        return defined - set(dir(models.Model)) - {"_kind", "_usable_as_is", "_mapper_kind"}, documented

    def used(self, path):
        """Return the underscore names that a file reads, calls or overrides."""
        text = path.read_text()
        if path.suffix == ".template":
            return set(re.findall(r"\b_[a-z]\w*", text))
        found = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.FunctionDef):
                        found.add(item.name)
                    elif isinstance(item, ast.Assign | ast.AnnAssign):
                        targets = item.targets if isinstance(item, ast.Assign) else [item.target]
                        found.update(target.id for target in targets if isinstance(target, ast.Name))
        return found

    def test_examples_use_documented_names(self):
        """The connectors and the scaffold use no underscore name of the framework that is not documented."""
        defined, documented = self.names()
        examples = [
            path
            for folder, ending in (
                (ROOT.parent / "connector_magento", "*.py"),
                (ROOT.parent / "connector_odoo", "*.py"),
                (ROOT / "data/scaffold", "*.template"),
            )
            for path in folder.rglob(ending)
            if "tests" not in path.parts
        ]
        self.assertGreater(len(examples), 10)
        for path in examples:
            with self.subTest(path=str(path.relative_to(ROOT.parent))):
                self.assertFalse(
                    sorted(self.used(path) & defined - documented), "document these in the class docstring"
                )

    def test_the_reader_of_names_sees(self):
        """The reading above finds hooks, or it would prove nothing."""
        defined, documented = self.names()
        self.assertLessEqual({"_after_import", "_secret_fields"}, defined & documented)


@tagged("post_install", "-at_install", "transaction", "all_addons")
class TestEmptyLists(TransactionCase):
    def test_help(self):
        """Each list of ours says what it is for while it is empty."""
        ours = self.env["ir.model.data"].search(
            [("model", "=", "ir.actions.act_window"), ("module", "=like", "connector_%")]
        )
        actions = self.env["ir.actions.act_window"].browse(ours.mapped("res_id"))
        lists = actions.filtered(lambda action: "list" in action.view_mode.split(","))
        self.assertGreater(len(lists), 5)
        self.assertEqual(lists.filtered(lambda action: not action.help).mapped("res_model"), [])


@tagged("post_install", "-at_install", "transaction", "all_addons")
class TestPrivate(TransactionCase):
    def test_public_methods_are_private_or_actions(self):
        """What our addons add to a model cannot be called by clients, unless it is an action."""
        addons = ("connector_framework", "connector_magento", "connector_odoo")
        ours = tuple(f"odoo.addons.{addon}." for addon in addons)
        core = {name for name in dir(models.BaseModel) if not name.startswith("_")}
        seen, wrong = 0, []
        for model_name in self.registry:
            for cls in self.registry[model_name].__mro__:
                if not cls.__module__.startswith(ours) or ".tests." in cls.__module__:
                    continue
                for name, value in vars(cls).items():
                    if name.startswith("_") or not inspect.isfunction(value) or name in core:
                        continue
                    inherited = any(
                        hasattr(base, name) and not base.__module__.startswith(ours)
                        for base in self.registry[model_name].__mro__
                        if name in vars(base)
                    )
                    seen += 1
                    if not (name.startswith("action_") or getattr(value, "_api_private", False) or inherited):
                        wrong.append(f"{cls.__module__}: {model_name}.{name}")
        self.assertFalse(sorted(set(wrong)), "mark them @api.private or name them action_*")
        self.assertGreater(seen, 5)

    def test_names_are_not_the_incumbents(self):
        """No model, field, method or context key bears a name of OCA's queue_job and connector.

        Both can live together.
        """
        theirs = {"queue.job", "queue.job.channel", "queue.job.function", "connector.backend", "connector.checkpoint"}
        theirs |= {"external.binding", "collection.base", "component.builder", "connector.config.settings"}
        self.assertFalse(theirs & set(self.registry))
        base = self.registry["base"]
        for name in ("with_delay", "delayable", "_with_delay", "work_on_delay"):
            owner = getattr(getattr(base, name, None), "__module__", "")
            self.assertFalse(owner.startswith("odoo.addons.connector_framework"), name)
