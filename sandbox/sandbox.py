"""Run a shop: data, sessions, server, and the controls for tests and demos."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from types import TracebackType
from typing import Any, NamedTuple

from .api import Api
from .failures import KINDS, Failure, FailurePlan
from .protocol import MethodCall, ScalarTypes, Struct
from .scalars import number
from .seed import fill
from .server import ENDPOINT, Server
from .sessions import DEFAULT_LIFE_S, USERS, Sessions
from .shop import Clock, Shop, utc_now
from .writers import Writers

#: Requests that the log keeps.
MAX_LOGGED = 50_000

#: Names under which no value gets into the log.
_SECRETS = ("password", "password_hash", "rp_token", "content")


class Request(NamedTuple):
    """A request as the log keeps it: `("call", "catalog_product.info", [4])`."""

    method: str
    #: the resource's method, empty where none is called
    path: str
    #: the arguments, without session and secrets; of a multiCall a list of `[path, arguments]`
    args: list[Any]


def _redacted(value: Any) -> Any:
    if isinstance(value, Struct):
        return _redacted(value.members)
    if isinstance(value, dict):
        return {name: "***" if name in _SECRETS else _redacted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value


class Sandbox:
    """Run a demo shop on a port of its own, within a `with` block or between `start` and `stop`.

    :param port: 0 takes a free one.
    :param scalar_types: `strings` as PHP before 8.1, or `native` as later.
    :param session_life_s: seconds that a session lives after its last use.
    :param failure_rate: share of requests that fail, in all ways (see `failures`); `seed` fixes which.
    :param hold_s: how long `timeout` holds an answer, by default.
    :param huge_size: bytes of a `huge` answer, by default.
    :param write_s: seconds that a write to a product takes; another one that comes meanwhile meets a deadlock.
    :param clock: gives the time of writes; by default the real one, in UTC. A naive datetime is UTC.
    :param utc_offset_minutes: the shop's own time zone; it shows in the dates that come in ISO 8601.

    :ivar store: the data (`shop.Shop`). Take `store.lock` to look at it while clients write.
    """

    def __init__(
        self,
        port: int = 0,
        scalar_types: ScalarTypes = "strings",
        *,
        host: str = "127.0.0.1",
        session_life_s: float = DEFAULT_LIFE_S,
        failure_rate: float = 0.0,
        seed: int = 0,
        hold_s: float = 30.0,
        huge_size: int = 64 * 1024 * 1024,
        write_s: float = 0.0,
        clock: Clock = utc_now,
        utc_offset_minutes: int = 0,
    ) -> None:
        if scalar_types not in ("strings", "native"):
            raise ValueError(f"scalar_types is 'strings' or 'native', not {scalar_types!r}")
        self.scalar_types: ScalarTypes = scalar_types
        self.user, self.key = USERS[0].name, USERS[0].key
        self.reader, self.reader_key = USERS[1].name, USERS[1].key
        self.sessions = Sessions(life_s=session_life_s)
        self.failures = FailurePlan()
        self.writers = Writers(write_s)
        self.stopping = threading.Event()
        self._address = (host, port)
        self._hold_s, self._huge_size = hold_s, huge_size
        self._clock, self._utc_offset_minutes = clock, utc_offset_minutes
        self._requests: deque[Request] = deque(maxlen=MAX_LOGGED)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self.base_url = ""
        self.reset()
        if failure_rate:
            self.fail_at_rate(failure_rate, seed)

    def reset(self) -> None:
        """Start anew with the seed's data, no sessions, no requests and no planned failures."""
        self.store = fill(Shop(self._clock, self._utc_offset_minutes))
        if self.base_url:
            self.store.base_url = self.base_url
        self.api = Api(self.store, self.sessions)
        self.sessions.expire_all()
        self.failures.clear()
        self._requests.clear()

    # Running

    @property
    def url(self) -> str:
        """Tell the address of the API; known once it runs."""
        return f"{self.base_url}{ENDPOINT}"

    def start(self) -> Sandbox:
        """Listen, in a thread of its own."""
        self.stopping.clear()
        self._server = Server(self._address, self)
        host, port = self._server.server_address[:2]
        self.base_url = self.store.base_url = f"http://{host if isinstance(host, str) else host.decode()}:{port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name=f"sandbox:{port}", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, let go of held answers and close all connections."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.close_connections()
            self._server.server_close()
            self._thread.join(10)
            self._server = self._thread = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # The log

    @property
    def requests(self) -> list[Request]:
        """Return the requests so far, those made to fail too; unreadable ones have no method."""
        return list(self._requests.copy())

    def log_request(self, call: MethodCall | None) -> None:
        """Put a request into the log. None stands for one that cannot be read."""
        if call is None:
            self._requests.append(Request("", "", []))
            return
        params = [_redacted(param) for param in call.params]
        match call.method:
            case "login":
                self._requests.append(Request("login", "", [*params[:1], *("***" for _ in params[1:])]))
            case "call":
                path = params[1] if len(params) > 1 and isinstance(params[1], str) else ""
                arguments = params[2] if len(params) > 2 else []
                self._requests.append(Request("call", path, arguments if isinstance(arguments, list) else [arguments]))
            case "multiCall":
                calls = params[1] if len(params) > 1 and isinstance(params[1], list) else []
                self._requests.append(Request("multiCall", "", calls))
            case method:
                # The first parameter is the session wherever there is one.
                self._requests.append(Request(method, "", params[1:]))

    def log_download(self, path: str) -> None:
        """Put the download of an image into the log."""
        self._requests.append(Request("GET", path, []))

    # Failures

    def _failure(self, kind: str, match: str | None = None, **options: Any) -> Failure:
        defaults: dict[str, Any] = {"size": self._huge_size, "seconds": 1.0 if kind == "rate_limited" else self._hold_s}
        return Failure(kind=kind, match=match, **{**defaults, **options})

    def fail_next(self, n: int = 1, kind: str = "http_503", match: str | None = None, **options: Any) -> None:
        """Let the next `n` requests fail, of those that call `match` if it is given.

        :param match: a path (`catalog_product.info`), a method (`login`) or a pattern (`sales_order*`).
        :param options: of `failures.Failure`: `seconds`, `after_call`, `code`, `message`, `size`.
        :raises ValueError: there is no such kind.
        """
        self.failures.fail_next(n, self._failure(kind, match, **options))

    def fail_at_rate(
        self, rate: float, seed: int = 0, kinds: Iterable[str] = KINDS, match: str | None = None, **options: Any
    ) -> None:
        """Let this share of requests fail, in one of these ways each; 0 ends it."""
        self.failures.set_rate(rate, seed, [self._failure(kind, match, **options) for kind in kinds])

    def clear_failures(self) -> None:
        """Let nothing fail any more."""
        self.failures.clear()

    def expire_sessions(self) -> None:
        """Let all sessions expire at once."""
        self.sessions.expire_all()

    # Over the wire

    def control(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a JSON command says: `{"action": "fail_next", "n": 1, "kind": "drop"}`, and so on.

        :raises ValueError: no such action. :raises TypeError: an option that it does not have.
        """
        if not isinstance(command, dict):
            raise ValueError("a command is an object with an action")
        options = dict(command)
        action = options.pop("action", None)
        match action:
            case "fail_next":
                self.fail_next(**options)
            case "fail_at_rate":
                self.fail_at_rate(**options)
            case "clear_failures":
                self.clear_failures()
            case "expire_sessions":
                self.expire_sessions()
            case "reset":
                self.reset()
            case "requests":
                return {"requests": [request._asdict() for request in self.requests]}
            case _:
                known = "fail_next, fail_at_rate, clear_failures, expire_sessions, reset, requests"
                raise ValueError(f"no action {action!r}; there are: {known}")
        return {"done": action, "failures_pending": self.failures.pending}

    def summary(self) -> dict[str, Any]:
        """Return counts and totals that an import can be held against; amounts as strings with two digits.

        `order_lines` are those with amounts: a configurable product's child is counted in `order_lines_with_children`.
        `categories` are those below the roots. `grand_total` adds up both currencies, for a check and no more.
        """
        shop = self.store
        with shop.lock:
            orders = list(shop.orders.values())
            lines = [item for order in orders for item in order["items"]]
            totals: Counter[str] = Counter()
            for order in orders:
                totals[order["order_currency_code"]] += number(order["grand_total"])  # type: ignore[assignment]
            return {
                "websites": len(shop.websites),
                "store_views": len(shop.stores),
                "customer_groups": len(shop.customer_groups),
                "categories": sum(len(shop.category_path(one)) > 2 for one in shop.categories),
                "products": len(shop.products),
                "products_by_type": dict(Counter(product.type_id for product in shop.products.values())),
                "product_images": sum(len(product.media) for product in shop.products.values()),
                "customers": len(shop.customers),
                "addresses": len(shop.addresses),
                "orders": len(orders),
                "orders_by_state": dict(Counter(order["state"] for order in orders)),
                "order_lines": sum(item["parent_item_id"] is None for item in lines),
                "order_lines_with_children": len(lines),
                "grand_total": f"{sum(totals.values(), Decimal(0)):.2f}",
                "grand_total_by_currency": {currency: f"{total:.2f}" for currency, total in sorted(totals.items())},
                "invoices": len(shop.invoices),
                "shipments": len(shop.shipments),
                "creditmemos": len(shop.creditmemos),
            }
