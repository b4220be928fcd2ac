"""Play the recorded calls again, in their order, on a sandbox: with ids that mean the same in its shop."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable
from typing import Any

from sandbox import Sandbox

from .recorded import Recording, Reply, plain, post, recordings


class Replay:
    """Play the calls of the recorded shop on a sandbox; `replies` has the answers by label."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._sessions = {
            "READER_SESSION": self._login(sandbox.reader, sandbox.reader_key),
            "SESSION": self._login(sandbox.user, sandbox.key),
        }
        self.replies: dict[str, Reply] = {}
        self._orders = {order["order_id"]: order for order in sandbox.store.orders.values()}

    def _login(self, user: str, key: str) -> str:
        body = xmlrpc.client.dumps((user, key), "login").encode()
        value = post(self._sandbox.url, body).value
        if value is None:
            raise RuntimeError(f"{user} cannot log in")
        return str(plain(value))

    def run(self) -> None:
        """Play all the recorded calls of the shop with strings; those of the native shop are among them."""
        native = {one.label: one for one in recordings("native")}
        for recording in recordings("strings"):
            if self._sandbox.scalar_types == "native":
                recording = native.get(recording.label, recording)
            self.replies[recording.label] = post(self._sandbox.url, self._body(recording))

    def _body(self, recording: Recording) -> bytes:
        """Return the recorded request, or one with other parameters where ids differ."""
        adapted = ADAPTED.get(recording.label)
        if adapted is not None:
            params = ("SESSION", recording.method, adapted(self))
            request = xmlrpc.client.dumps(params, "call", allow_none=True)
        else:
            request = recording.request
        for name, session in self._sessions.items():
            request = request.replace(f">{name}<", f">{session}<")
        return request.encode()

    # Who plays the parts of the recorded shop's orders

    def _increment(self, part: Callable[[dict[str, Any]], Any]) -> str:
        return str(next(order["increment_id"] for order in self._orders.values() if part(order)))

    @property
    def coupon(self) -> str:
        """The order with a coupon, in the main website."""
        return self._increment(lambda order: order["coupon_code"] and order["store_id"] == 1)

    @property
    def virtual(self) -> str:
        """The order of virtual products alone."""
        return self._increment(lambda order: order["is_virtual"])

    @property
    def line(self) -> str:
        """The id of the first line of order 100000002."""
        order = self._sandbox.store.order_by_increment_id("100000002") or {}
        return str(order["items"][0]["item_id"])

    @property
    def b2b_customer(self) -> dict[str, Any]:
        """A processing order of a customer of the other website."""
        return next(o for o in self._orders.values() if o["store_id"] == 2 and o["state"] == "processing")

    def created(self, label: str) -> str:
        """Return the id that an earlier call gave."""
        value = self.replies[label].value
        return "" if value is None else str(plain(value))


#: Calls whose recorded parameters mean nothing in the sandbox's shop, which has other orders: label -> arguments.
ADAPTED: dict[str, Callable[[Replay], list[Any]]] = {
    "order_list_customer": lambda replay: [{"customer_id": replay.b2b_customer["customer_id"]}],
    "order_list_email": lambda replay: [{"customer_email": replay.b2b_customer["customer_email"]}],
    "order_list_order_id": lambda replay: [{"order_id": {"gt": 95}}],
    "order_list_entity_id": lambda replay: [{"entity_id": {"gt": 95}}],
    "order_info_discount": lambda replay: [replay.coupon],
    "order_info_virtual": lambda replay: [replay.virtual],
    "shipment_info": lambda replay: [replay.created("shipment_create_partial")],
    "shipment_add_track": lambda replay: [replay.created("shipment_create_partial"), "ups", "UPS", "1Z999"],
    "shipment_add_track_bad": lambda replay: [replay.created("shipment_create_partial"), "nocarrier", "X", "1"],
    "shipment_too_many": lambda replay: ["100000002", {replay.line: 999}],
}
