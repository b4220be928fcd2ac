"""Read the log of Odoo's test run: which tests ran, failed, were skipped, and whether Odoo got through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

DATE = "%Y-%m-%d %H:%M:%S,%f"
LINE = re.compile(
    r"^(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+) "
    r"(?P<pid>\d+) (?P<level>[A-Z]+) (?P<database>\S+) (?P<logger>[\w.]+): (?P<text>.*)$"
)
STARTING = re.compile(r"^Starting (?P<test>\S+) \.\.\.$")
SKIPPED = re.compile(r"^skipped (?P<test>.+?) : ")
FAILED = re.compile(r"^(?P<kind>FAIL|ERROR): (?P<subtest>Subtest )?(?P<test>.+)$")
CLASS = re.compile(r"^(?P<method>\w+) \(odoo\.addons\.(?P<module>[\w.]+)\.(?P<name>\w+)\)$")
TOTAL = re.compile(r"^(?P<failed>\d+) failed, (?P<errors>\d+) error\(s\) of (?P<run>\d+) tests when loading database")
TROUBLE = ("ERROR", "CRITICAL")


@dataclass
class Entry:
    """A record of the log with the lines that continue it."""

    pid: str
    level: str
    logger: str
    lines: list[str]
    date: datetime

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Failed:
    """A failure and its reason: of a test, a class's set-up, a logged error, or the run itself."""

    name: str
    reason: str


@dataclass
class Results:
    """The outcome of one or more runs. A test that fails in several subtests is one failed test."""

    started: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    failures: list[Failed] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return len({failure.name for failure in self.failures})

    @property
    def passed(self) -> int:
        failed = {failure.name for failure in self.failures}
        return sum(test not in failed and test not in self.skipped for test in self.started)

    def add(self, other: Results) -> None:
        """Count another run's tests in with these."""
        self.started += other.started
        self.skipped |= other.skipped
        self.failures += other.failures

    def summary(self) -> str:
        """Return the one line that tells the outcome."""
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Group lines into records; each is given when the next one begins."""
    current: Entry | None = None
    for raw in lines:
        # Odoo's format ends each record with a blank.
        line = raw.rstrip()
        match = LINE.match(line)
        if match:
            if current:
                yield current
            date = datetime.strptime(match["date"], DATE)
            current = Entry(match["pid"], match["level"], match["logger"], [match["text"]], date)
        elif current:
            current.lines.append(line)
    if current:
        yield current


def class_id(test: str) -> str:
    """Turn `setUpClass (odoo.addons.a.tests.test_b.C)` into `a/tests/test_b.py:C.setUpClass`; leave other names."""
    match = CLASS.match(test)
    return f"{match['module'].replace('.', '/')}.py:{match['name']}.{match['method']}" if match else test


class LogReader:
    """Read a run's log record by record.

    `addons` are the names of the addons under test: an error that one of their loggers writes fails the test that is
    running, or the run itself outside of tests. `name` is that of the run, in failures of the run itself.
    """

    def __init__(self, addons: Iterable[str], name: str = "Odoo") -> None:
        self.addons = set(addons)
        self.name = name
        self.results = Results()
        self.total: re.Match[str] | None = None
        self.last_trouble = ""
        self._pid = ""
        self._running = ""
        self._reported = 0

    def feed(self, entry: Entry) -> Failed | None:
        """Read one record; return the failure that it reports, if any."""
        self._pid = self._pid or entry.pid
        # Servers that a test starts write their own records into the same stream.
        if entry.pid != self._pid:
            return None
        if entry.level in TROUBLE or "Traceback (most recent call last)" in entry.text:
            self.last_trouble = entry.text
        if entry.logger == "odoo.tests.result":
            self.total = TOTAL.match(entry.lines[0]) or self.total
            self._running = ""
            return None
        if entry.logger == "odoo.tests.suite":
            # A class whose set-up fails or is skipped: none of its tests starts.
            return self._outcome(entry, "")
        parts = entry.logger.split(".")
        if parts[:2] != ["odoo", "addons"] or len(parts) < 3:
            return None
        if len(parts) > 4 and parts[3] == "tests":
            place = f"{'/'.join(parts[2:])}.py:"
            started = STARTING.match(entry.lines[0])
            if started:
                self._running = place + started["test"]
                self.results.started.append(self._running)
                return None
            failure = self._outcome(entry, place)
            if failure:
                return failure
        if entry.level in TROUBLE and parts[2] in self.addons:
            name = self._running or f"{self.name}: error logged by {entry.logger}: {entry.lines[0]}"
            return self._add(Failed(name, f"{entry.level} logged by {entry.logger}: {entry.text}"))
        return None

    def _outcome(self, entry: Entry, place: str) -> Failed | None:
        skipped = SKIPPED.match(entry.lines[0])
        if skipped and not skipped["test"].startswith("Subtest "):
            self.results.skipped.add(place + class_id(skipped["test"]))
        match = FAILED.match(entry.lines[0]) if entry.level == "ERROR" else None
        if not match:
            return None
        self._reported += 1
        # A subtest is counted with its test: "Subtest Class.test_method (parameters)".
        name = match["test"].split(" ")[0] if match["subtest"] else class_id(match["test"])
        return self._add(Failed(place + name, "\n".join(entry.lines[1:])))

    def _add(self, failure: Failed) -> Failed:
        self.results.failures.append(failure)
        return failure

    def finish(self, exit_code: int) -> list[Failed]:
        """Compare the records with Odoo's own total and exit code; return the failures that follow."""
        wrong = ""
        if not self.total:
            wrong = f"{self.name} ended (exit code {exit_code}) before its tests were through"
        elif int(self.total["run"]) != len(self.results.started):
            wrong = f"{self.name} counts {self.total['run']} tests, its log shows {len(self.results.started)}"
        elif int(self.total["failed"]) + int(self.total["errors"]) != self._reported:
            wrong = f"{self.name} counts {self.total[0]!r}, its log shows {self._reported} failures"
        elif exit_code and not self._reported:
            wrong = f"{self.name} ended with exit code {exit_code}"
        return [self._add(Failed(wrong, self.last_trouble))] if wrong else []
