"""The division of the tests among Odoos: each in exactly one, and none lost."""

from __future__ import annotations

import unittest
from unittest import mock

import shards
from shards import FRAMEWORK, REST, Shard, classes_of, divide, omissions
from test_log import Failed, Results

FILE = "connector_framework/tests/test_x.py"
SOURCE = """
@tagged("post_install", "-at_install", "process")
class TestWorkers(ProcessCase):
    def test_a(self): ...
    async def test_b(self): ...
    def helper(self): ...

@odoo.tests.tagged("post_install", "process", "server")
class TestServers(ProcessCase):
    def test_c(self): ...

@tagged("post_install", "-at_install", "transaction")
class TestInherited(Suite): ...

class TestUntagged(BaseCase):
    def test_d(self): ...

class Helper: ...
"""
CLASSES = tuple(classes_of(FILE, SOURCE))
IDS = {
    "TestWorkers": [f"{FILE}:TestWorkers.test_a", f"{FILE}:TestWorkers.test_b"],
    "TestServers": [f"{FILE}:TestServers.test_c"],
    "TestInherited": [f"{FILE}:TestInherited.test_inherited"],
    "TestUntagged": [f"{FILE}:TestUntagged.test_d"],
}
ALL = [test for tests in IDS.values() for test in tests]


def divided(pattern: str = "", together: bool = False) -> dict[str, Shard]:
    """Return the shards of the source above."""
    with mock.patch.object(shards, "test_classes", lambda: CLASSES):
        return {shard.name: shard for shard in divide(pattern, together)}


def lost(started: list[str], skipped: set[str] | None = None, failures: list[Failed] | None = None) -> list[Failed]:
    """Return what is wrong with a run of all tests in which these ran."""
    return omissions(divided().values(), Results(list(started), skipped or set(), failures or []))


class TestSource(unittest.TestCase):
    def test_classes(self) -> None:
        """A class counts when it has tests or is tagged; its tests are those of its own body."""
        self.assertEqual([one.id.partition(":")[2] for one in CLASSES], list(IDS))
        self.assertEqual(list(CLASSES[0].tests), IDS["TestWorkers"])
        self.assertIn("server", CLASSES[1].tags)

    def test_every_class_of_the_addons_has_a_known_tier(self) -> None:
        """A class without a tier, or with a misspelled one, is not left to chance."""
        tiers = {"plain", "transaction", "concurrency", "process", "browser"}
        untiered = [one.id for one in shards.test_classes() if len(one.tags & tiers) != 1]
        self.assertEqual(untiered, [])


class TestDivide(unittest.TestCase):
    def test_one_shard_each(self) -> None:
        """Each class is in one shard, those without a tier in that of their addon."""
        found = {name: [one.id.partition(":")[2] for one in shard.classes] for name, shard in divided().items()}
        self.assertEqual(
            found,
            {"server": ["TestServers"], "process": ["TestWorkers"], FRAMEWORK: ["TestInherited", "TestUntagged"]},
        )

    def test_connectors(self) -> None:
        """The connectors' tests without a tier of a shard are apart from the framework's."""
        magento = tuple(classes_of("connector_magento/tests/test_y.py", SOURCE))
        with mock.patch.object(shards, "test_classes", lambda: (*CLASSES, *magento)):
            found = {shard.name: shard for shard in divide()}
        self.assertEqual({one.file for one in found[FRAMEWORK].classes}, {FILE})
        self.assertEqual({one.file for one in found[REST].classes}, {"connector_magento/tests/test_y.py"})
        self.assertIn("/connector_magento", found[REST].tags)
        self.assertNotIn("/connector_framework", found[REST].tags)

    def test_all_addons(self) -> None:
        """Tests of the framework that look at all addons run where the connectors are installed."""
        source = SOURCE.replace('"transaction"', '"transaction", "all_addons"')
        with mock.patch.object(shards, "test_classes", lambda: tuple(classes_of(FILE, source))):
            found = {shard.name: shard for shard in divide()}
        self.assertEqual([one.id for one in found[FRAMEWORK].classes], [f"{FILE}:TestUntagged"])
        self.assertEqual([one.id for one in found[REST].classes], [f"{FILE}:TestInherited"])
        self.assertIn("-all_addons", found[FRAMEWORK].tags)
        self.assertIn("all_addons/connector_framework", found[REST].tags)

    def test_tags_exclude_each_other(self) -> None:
        """Odoo is told to run each tier once: a shard leaves out what the ones before it take."""
        found = {name: set(shard.tags) for name, shard in divided().items()}
        for name, tags in {
            "server": {"server/connector_framework"},
            "process": {"process/connector_framework", "concurrency/connector_framework", "-server"},
            FRAMEWORK: {"/connector_framework", "-server", "-process", "-concurrency"},
        }.items():
            self.assertLessEqual(tags, found[name])
        self.assertFalse([tag for tag in found["server"] if tag.startswith("-")])

    def test_pattern(self) -> None:
        """A pattern starts the shards that have such tests alone, with the shortest tags."""
        self.assertEqual(list(divided("TestWorkers")), ["process"])
        self.assertIn(f"process/{FILE}:TestWorkers", divided("TestWorkers")["process"].tags)
        self.assertIn(f"process/{FILE}:TestWorkers.test_b", divided("test_b")["process"].tags)
        self.assertIn(f"process/{FILE}", divided("test_x.py")["process"].tags)
        self.assertEqual(divided("test_b")["process"].classes[0].tests, (f"{FILE}:TestWorkers.test_b",))

    def test_pattern_without_tests(self) -> None:
        """A pattern that no id contains makes no shard."""
        self.assertEqual(divided("no such test"), {})

    def test_together(self) -> None:
        """One shard can have them all."""
        (shard,) = divided(together=True).values()
        self.assertEqual((len(shard.classes), [tag for tag in shard.tags if tag[0] == "-"]), (4, []))


class TestOmissions(unittest.TestCase):
    def test_all_ran(self) -> None:
        """Nothing is wrong when every test ran, was skipped, or failed with its class."""
        self.assertEqual(lost(ALL), [])
        self.assertEqual(lost(ALL[1:], {ALL[0]}), [])
        self.assertEqual(lost(ALL[2:], {f"{FILE}:TestWorkers.setUpClass"}), [])
        self.assertEqual(lost(ALL[2:], failures=[Failed(f"{FILE}:TestWorkers.setUpClass", "broken")]), [])

    def test_missing(self) -> None:
        """A test that did not run fails the run and is named."""
        (failure,) = lost(ALL[1:])
        self.assertEqual(failure.name, "1 tests did not run")
        self.assertIn(ALL[0], failure.reason)

    def test_missing_class(self) -> None:
        """A class of which nothing ran fails the run, also if all of its tests are inherited."""
        (failure,) = lost([test for test in ALL if "TestInherited" not in test])
        self.assertIn(f"{FILE}:TestInherited", failure.reason)

    def test_twice(self) -> None:
        """A test that ran in two shards fails the run."""
        (failure,) = lost([*ALL, ALL[0]])
        self.assertIn("more than one shard", failure.name)
