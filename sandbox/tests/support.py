"""Help the tests: a client that speaks to a sandbox, and a clock that ticks when told to."""

from __future__ import annotations

import unittest
import xmlrpc.client
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sandbox import Sandbox


class Client:
    """Call a sandbox's API as a user: `client("catalog_product.info", 4)`."""

    def __init__(self, url: str, user: str, key: str) -> None:
        # Typed as anything: the stubs give every answer a union of all that XML-RPC can say.
        proxy: Any = xmlrpc.client.ServerProxy(url, allow_none=True)
        self.proxy = proxy
        self.session = proxy.login(user, key)

    def __call__(self, path: str, *arguments: Any) -> Any:
        """Call a resource's method."""
        return self.proxy.call(self.session, path, list(arguments))

    def close(self) -> None:
        """Close the connection."""
        self.proxy("close")()


class Clock:
    """Give a time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 12, 0, 0)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def tick(self) -> str:
        """Move on by a minute, and return the new time as the shop writes it."""
        self.now += timedelta(minutes=1)
        return self.now.strftime("%Y-%m-%d %H:%M:%S")


class SandboxCase(unittest.TestCase):
    """Run the tests of a class on one sandbox, with the data of the seed anew for each test."""

    options: ClassVar[dict[str, Any]] = {}
    shop: ClassVar[Sandbox]
    clock: ClassVar[Clock]

    @classmethod
    def setUpClass(cls) -> None:
        """Start the sandbox."""
        cls.clock = Clock()
        cls.shop = Sandbox(**{"clock": cls.clock, **cls.options})
        cls.shop.start()
        cls.addClassCleanup(cls.shop.stop)

    def setUp(self) -> None:
        """Log in to the shop as it was."""
        self.shop.reset()
        self.client = Client(self.shop.url, self.shop.user, self.shop.key)
        self.addCleanup(self.client.close)

    def assert_fault(self, code: int, message: str, path: str, *arguments: Any) -> None:
        """Call, and expect this fault."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.client(path, *arguments)
        self.assertEqual((caught.exception.faultCode, caught.exception.faultString), (code, message))
