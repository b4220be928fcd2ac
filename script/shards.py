"""Read the addons' tests from their source, and divide them among Odoos that run side by side.

An id is `addon/tests/test_file.py:Class.test_method`. A tier is a tag of the test's class.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from addons import addons
from environment import ROOT
from test_log import Failed, Results

ACCEPTANCE = "acceptance"
#: Shard -> the tags of its tests; all other tests, with or without a tier, are in two more, by addon. `server` marks
#: the process tests that start whole servers, of Odoo or PostgreSQL, or hosts; `crash` those that wait for leases;
#: `acceptance` a connector's long suites. Tests with workers or a browser wait more than they compute, so seven shards
#: keep two cores busy. Tests that need the same templates are together.
SHARDS = {
    "server": ("server",),
    "crash": ("crash",),
    "process": ("process", "concurrency"),
    "browser": ("browser",),
    ACCEPTANCE: ("acceptance",),
}
#: The tests of connector_framework alone, which take half the time in a database without the connectors; the others.
FRAMEWORK, REST = "framework", "connectors"
#: Tag of tests of connector_framework that look at all addons of the repository.
ALL_ADDONS = "all_addons"
#: Tests that are named when some did not run; the others are counted.
NAMED = 10


@dataclass(frozen=True)
class TestClass:
    """A class of a test file, as its source shows it: tests that it inherits are not in `tests`."""

    id: str
    tags: frozenset[str]
    tests: tuple[str, ...]

    @property
    def file(self) -> str:
        return self.id.partition(":")[0]

    @property
    def addon(self) -> str:
        return self.id.partition("/")[0]

    @property
    def is_framework(self) -> bool:
        """Whether its tests need connector_framework alone."""
        return self.addon == "connector_framework" and ALL_ADDONS not in self.tags

    def matching(self, pattern: str) -> TestClass | None:
        """Return the class with those of its tests whose id contains the pattern; None if it has none."""
        if pattern in self.id:
            return self
        tests = tuple(test for test in self.tests if pattern in test)
        return TestClass(self.id, self.tags, tests) if tests else None


@dataclass(frozen=True)
class Shard:
    """What one Odoo runs: Odoo's test tags, and the classes that they are expected to select."""

    name: str
    tags: tuple[str, ...]
    classes: tuple[TestClass, ...]

    @property
    def workspace(self) -> str:
        """What its workspace has beside a database with all addons; see `ensure_installed`."""
        return "web" if self.needs_browser else "" if self.name in (REST, ACCEPTANCE) else "framework"

    @property
    def needs_browser(self) -> bool:
        return any("browser" in one.tags for one in self.classes)

    def mentions(self, *words: str) -> bool:
        """Tell whether one of its test files mentions one of the words."""
        texts = [(ROOT / file).read_text() for file in {one.file for one in self.classes}]
        return any(word in text for word in words for text in texts)


def classes_of(file: str, source: str) -> Iterator[TestClass]:
    """Give the classes of a file that have tests, or inherit them: those that are tagged."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        tags = {
            argument.value
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "tagged"
            for argument in decorator.args
            if isinstance(argument, ast.Constant)
        }
        functions = [item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
        tests = tuple(f"{file}:{node.name}.{name}" for name in functions if name.startswith("test"))
        if tests or tags:
            yield TestClass(f"{file}:{node.name}", frozenset(tags), tests)


@cache
def test_classes() -> tuple[TestClass, ...]:
    """Return the test classes of all addons, by file."""
    files = [path for name in addons() for path in sorted((ROOT / name / "tests").glob("test_*.py"))]
    return tuple(one for path in files for one in classes_of(path.relative_to(ROOT).as_posix(), path.read_text()))


def places(classes: Iterable[TestClass], pattern: str) -> list[str]:
    """Return Odoo's test tags, the shortest ones, for all tests of these classes whose id contains the pattern."""
    found: dict[str, None] = {}
    for one in classes:
        if not pattern:
            names = [one.addon]
        else:
            names = [one.file] if pattern in one.file else [one.id] if pattern in one.id else one.tests
        found.update((f"/{name}", None) for name in names)
    return list(found)


def divide(pattern: str = "", together: bool = False) -> list[Shard]:
    """Divide the tests whose id contains the pattern; each of them is in exactly one shard.

    Odoo selects the tests by tags and the source tells which are expected, so that `omissions` finds a test that one of
    the two does not see.

    :param together: one shard for all
    """
    classes = [found for one in test_classes() if (found := one.matching(pattern))]
    shards, taken = [], []
    for name, tiers in ({} if together else SHARDS).items():
        members = tuple(one for one in classes if one.tags.intersection(tiers) and not one.tags.intersection(taken))
        if members:
            tags = [f"{tier}{place}" for tier in tiers for place in places(members, pattern)]
            shards.append(Shard(name, (*tags, *(f"-{tier}" for tier in taken)), members))
        taken += tiers
    rest, excluded = [one for one in classes if not one.tags.intersection(taken)], [f"-{tier}" for tier in taken]
    framework = [one for one in rest if one.is_framework and not together]
    across = [one for one in rest if ALL_ADDONS in one.tags and not together]
    others = [one for one in rest if one not in framework and one not in across]
    if framework:
        tags = [*places(framework, pattern), f"-{ALL_ADDONS}"]
        shards.append(Shard(FRAMEWORK, (*tags, *excluded), tuple(framework)))
    if others or across:
        tags = [*places(others, pattern), *(f"{ALL_ADDONS}{place}" for place in places(across, pattern))]
        shards.append(Shard(REST, (*tags, *excluded), (*others, *across)))
    return shards


def omissions(shards: Iterable[Shard], results: Results) -> list[Failed]:
    """Return a failure for tests that were expected and did not run, and one for those that ran more than once."""
    seen = {*results.started, *results.skipped, *(failure.name for failure in results.failures)}
    reached = {test.rpartition(".")[0] for test in seen}
    broken = {test.rpartition(".")[0] for test in seen if test.endswith(".setUpClass")}
    missing: list[str] = []
    for one in (one for shard in shards for one in shard.classes):
        if one.id not in reached:
            missing += one.tests or [one.id]
        elif one.id not in broken:
            missing += [test for test in one.tests if test not in seen]
    twice = [test for test, count in Counter(results.started).items() if count > 1]
    advice = "is its file imported in tests/__init__.py, and its class tagged with its own decorator?"
    return [
        *([Failed(f"{len(missing)} tests did not run", f"{_listed(missing)}\n{advice}")] if missing else []),
        *([Failed(f"{len(twice)} tests ran in more than one shard", _listed(twice))] if twice else []),
    ]


def _listed(names: list[str]) -> str:
    more = [f"... and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return "\n".join([*names[:NAMED], *more])
