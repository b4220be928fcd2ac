"""Make calls fail on purpose: the next ones, those of one path, or some of all by a seeded die.

| kind | what the client gets |
|---|---|
| `http_503` | HTTP 503 with an HTML page |
| `http_500_empty` | HTTP 500 with an empty body |
| `fault` | an XML-RPC fault, by default 1 "Internal Error" |
| `timeout` | the right answer, after `seconds`; **the call has run** |
| `malformed` | HTTP 200, a body that is no XML |
| `html` | HTTP 200, an HTML page |
| `truncated` | half of the right answer, then the connection closes; **the call has run** |
| `empty` | HTTP 200, an empty body |
| `huge` | HTTP 200, an answer of `size` bytes |
| `entity_bomb` | HTTP 200, XML whose entities unfold to gigabytes |
| `redirect` | HTTP 302 to another address |
| `drop` | the connection closes without an answer |
| `rate_limited` | HTTP 429 with `Retry-After` |
| `session_expired` | fault 5; all sessions are gone |
| `database_away` | `login`: fault 2; `multiCall`: fault 404; any other call: fault 1 with the driver's text |
| `deadlock` | fault 1 with the database's text; in a multiCall the calls that match, each without its text |
| `php_error` | HTTP 200, an error of PHP in HTML, and after it half of an answer |

But for the two above the call does not run, unless `after_call` is set: then the shop does what it was asked for and
its answer is lost, which is the case that makes a client create things twice.
"""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = (
    "http_503",
    "http_500_empty",
    "fault",
    "timeout",
    "malformed",
    "html",
    "truncated",
    "empty",
    "huge",
    "entity_bomb",
    "redirect",
    "drop",
    "rate_limited",
    "session_expired",
    "database_away",
    "deadlock",
    "php_error",
)

#: Kinds that need the right answer, so that the call has to run.
_NEED_THE_ANSWER = ("timeout", "truncated")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The way in which a call is to fail."""

    kind: str
    #: path (`catalog_product.info`), XML-RPC method (`login`) or a pattern of either (`sales_order*`); None: any call
    match: str | None = None
    #: of `timeout`: how long the answer is held; of `rate_limited`: the `Retry-After`
    seconds: float = 30.0
    after_call: bool = False
    #: of `fault`
    code: int = 1
    message: str = "Internal Error. Please see log for details."
    #: of `huge`: the size of the answer in bytes
    size: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no failure of kind {self.kind!r}; there are: {', '.join(KINDS)}")

    @property
    def runs_the_call(self) -> bool:
        """Tell whether the shop does what it was asked for."""
        return self.after_call or self.kind in _NEED_THE_ANSWER

    def hits_path(self, path: str) -> bool:
        """Return whether it is for a call of a resource's method, alone or in a multiCall."""
        return self.match is None or fnmatch.fnmatchcase(path, self.match)

    def hits(self, names: Iterable[str]) -> bool:
        """Return whether it is for a request that calls `names`."""
        return self.match is None or any(fnmatch.fnmatchcase(name, self.match) for name in names)


@dataclass
class _Planned:
    failure: Failure
    left: int


class FailurePlan:
    """The failures to come. Planned failures come first, in the order in which they were planned, then the die."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []
        self._die: random.Random | None = None
        self._rate = 0.0
        self._choices: tuple[Failure, ...] = ()

    def fail_next(self, count: int, failure: Failure) -> None:
        """Let the next `count` requests that the failure is for fail.

        :raises ValueError: a count that is no whole number from 1.
        """
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"a number of requests is a whole number from 1, not {count!r}")
        with self._lock:
            self._planned.append(_Planned(failure, count))

    def set_rate(self, rate: float, seed: int, choices: Iterable[Failure]) -> None:
        """Let this share of requests fail, each in one of these ways; the same seed, the same requests.

        :raises ValueError: a share that is not from 0 to 1, or no way to fail.
        """
        choices = tuple(choices)
        if not 0 <= rate <= 1 or not choices:
            raise ValueError(f"a share from 0 to 1 and ways to fail are needed, not {rate!r} and {choices!r}")
        with self._lock:
            self._rate, self._die, self._choices = rate, random.Random(seed), choices

    def clear(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._planned.clear()
            self._rate = 0.0

    @property
    def pending(self) -> int:
        """Tell how many planned failures have not come yet."""
        with self._lock:
            return sum(planned.left for planned in self._planned)

    def take(self, names: list[str], by_name: bool = False) -> Failure | None:
        """Return how the request that calls `names` is to fail, None if it is not.

        :param by_name: only a failure that was planned for one of these names
        """
        with self._lock:
            for planned in self._planned:
                if planned.failure.hits(names) and not (by_name and planned.failure.match is None):
                    planned.left -= 1
                    if not planned.left:
                        self._planned.remove(planned)
                    return planned.failure
            if not by_name and self._rate and self._die is not None and self._die.random() < self._rate:
                failure = self._choices[int(self._die.random() * len(self._choices))]
                return failure if failure.hits(names) else None
            return None
