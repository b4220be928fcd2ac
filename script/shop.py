"""Start the sandbox shop, and count over its own API what it holds: what an import is held against."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import processes
from console import Failure
from workspace import Workspace

CALLS_AT_ONCE = 50
# How long an answer is held that is to come late.
SLOW_S = 2
# Level 0 is the root of all, level 1 the root category of each shop group: neither is a category of products.
FIRST_CATEGORY_LEVEL = 2


class Shop:
    """A running sandbox shop: where it is and how one logs in."""

    def __init__(self, space: Workspace, log: Path) -> None:
        self.log = log
        with log.open("w") as errors:
            command = [sys.executable, "-u", "-m", "sandbox", "--port", "0"]
            self.process = space.spawn(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self.process.stdout.readline()
        address = re.search(r"https?://[\w.:-]+", line)
        self.url = address[0] if address else ""
        self.user, self.key = _said("user", line), _said("key", line)
        if not (self.url and self.user and self.key):
            self.stop()
            raise Failure(f"the sandbox shop did not start (log {log}): {line.strip() or 'it said nothing'}")

    def stop(self) -> None:
        """End the shop."""
        processes.stop(self.process, timeout_s=5)
        self.process.stdout.close()

    def fail(self, rate: float) -> None:
        """Let this share of calls fail from now on, in all ways the sandbox knows; 0 ends it."""
        action = {"action": "fail_at_rate", "rate": rate, "seed": 1, "seconds": SLOW_S}
        address = urllib.parse.urljoin(self.url, "/sandbox/control")
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(address, json.dumps(action).encode(), headers)
        # A proxy of the user's has no business between two processes of this machine.
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60).close()

    def holdings(self) -> dict[str, Decimal]:
        """Return how much there is of each kind, asked over the API that connectors use."""
        return Holdings(self.url, self.user, self.key).count()


def _said(name: str, line: str) -> str:
    """Find a value in a line like `listening on http://... (user odoo, key 123)`."""
    match = re.search(rf"\b{name}[ :=]+([^\s,;)]+)", line)
    return match[1] if match else ""


class Holdings:
    """Count what a Magento 1 shop holds."""

    def __init__(self, url: str, user: str, key: str) -> None:
        address = url.rstrip("/")
        address = address if address.endswith("/api/xmlrpc") else f"{address}/api/xmlrpc"
        self.server = xmlrpc.client.ServerProxy(f"{address}/", allow_none=True)
        self.session = self.server.login(user, key)

    def _call(self, path: str, *arguments: object) -> Any:
        return self.server.call(self.session, path, list(arguments))

    def _calls(self, path: str, keys: list) -> Iterator[Any]:
        for start in range(0, len(keys), CALLS_AT_ONCE):
            calls = [[path, [key]] for key in keys[start : start + CALLS_AT_ONCE]]
            yield from self.server.multiCall(self.session, calls)

    def count(self) -> dict[str, Decimal]:
        """Return the numbers by kind, in the words of the demo's table."""
        customers = self._call("customer.list", {})
        orders = self._call("sales_order.list", {})
        details = list(self._calls("sales_order.info", [order["increment_id"] for order in orders]))
        addresses = self._calls("customer_address.list", [customer["customer_id"] for customer in customers])
        numbers = {
            "customers": len(customers),
            "addresses": sum(map(len, addresses)),
            "categories": sum(1 for _ in _below(self._call("catalog_category.tree"))),
            "products": len(self._call("catalog_product.list", {})),
            "orders": len(orders),
            # A configurable product is sold in two lines, the second of which is its variant: one sale.
            "order lines": sum(not line.get("parent_item_id") for order in details for line in order["items"]),
            "sum of order totals": sum(Decimal(str(order["grand_total"])) for order in orders),
        }
        return {kind: Decimal(number) for kind, number in numbers.items()}


def _below(node: dict) -> Iterator[dict]:
    if int(node["level"]) >= FIRST_CATEGORY_LEVEL:
        yield node
    for child in node["children"]:
        yield from _below(child)
