"""The test kit for those who build on the framework; ``docs/testing.md`` is the guide.

- :class:`BrowserCase` runs JavaScript on a page in a real browser, with what it needs to wait for the web client.
- :func:`trap_jobs` collects the jobs that code enqueues instead of storing them.
- :func:`drain_jobs` runs all that is due inside a test's transaction, by the worker's own code; :func:`make_due` has
  what waits for its time run now.
- :class:`ConnectorAcceptanceCase` is what is expected of every connector, to be subclassed with a few lines.
- :class:`FakeAdapter` and :class:`FakePeer` are an adapter and its other system in memory, which fails on demand.
- :class:`HttpWire` is the line to an other system over HTTP: it records what is sent, and fails on demand.
- :class:`ScreensCase` opens every menu of an addon in a real browser, as a role, and looks for errors and barriers.
- :func:`cassette` plays what another system answered once, recorded without secrets.
- :class:`MisbehavingServer` is a server on this machine whose answers a test decides.
"""

from .kit.acceptance import ConnectorAcceptanceCase
from .kit.browser import BrowserCase
from .kit.cassettes import cassette
from .kit.fake_adapter import FakeAdapter, FakePeer
from .kit.jobs import JobTrap, TrappedJob, drain_jobs, make_due, trap_jobs, wait_until
from .kit.screens import ScreensCase
from .kit.wire import Failure, FakeWire, HttpWire, Wire
from .misbehaving_server import MisbehavingServer, answer

__all__ = [
    "BrowserCase",
    "ConnectorAcceptanceCase",
    "Failure",
    "FakeAdapter",
    "FakePeer",
    "FakeWire",
    "HttpWire",
    "JobTrap",
    "MisbehavingServer",
    "ScreensCase",
    "TrappedJob",
    "Wire",
    "answer",
    "cassette",
    "drain_jobs",
    "make_due",
    "trap_jobs",
    "wait_until",
]
