"""Another system in memory, and the adapter that talks to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from unittest.mock import patch

from ...adapters import Adapter
from ...exceptions import ConnectorError, ExternalNotFoundError, NetworkError
from ...references import Reference

__all__ = ["FakeAdapter", "FakeCall", "FakePeer"]

#: Methods that change something in the other system.
CHANGING = ("create", "write", "delete")


@dataclass(frozen=True)
class FakeCall:
    """One call that an adapter made."""

    method: str
    model_name: str
    args: tuple[Any, ...]


@dataclass
class _Failure:
    error: Exception
    times: int
    methods: tuple[str, ...] | None
    is_done: bool


class FakePeer:
    """Another system in memory: records by model and external id, the calls that were made, and failures to come.

    :param page_size: ids in a page of a search
    """

    def __init__(self, page_size: int = 100) -> None:
        self.page_size = page_size
        #: By binding model and external id (str), the record.
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        #: What was called, in order, failures included.
        self.calls: list[FakeCall] = []
        self._failures: list[_Failure] = []
        self._refusal: Exception | None = None

    def add(self, model_name: str, external_id: Any = None, **values: Any) -> str:
        """Put a record there, in place of one with that id, and return its id; None takes a free one."""
        records = self.records.setdefault(model_name, {})
        if external_id is None:
            external_id = max((int(i) for i in records if i.isdecimal()), default=0) + 1
        records[str(external_id)] = copy.deepcopy(values)
        return str(external_id)

    def made(self, *methods: str) -> list[FakeCall]:
        """Return the calls of some methods, by default of those that change something."""
        return [call for call in self.calls if call.method in (methods or CHANGING)]

    def fail_next(
        self,
        error: Exception | type[ConnectorError] = NetworkError,
        times: int = 1,
        method: str | Sequence[str] | None = None,
        is_done: bool = False,
    ) -> None:
        """Fail the next calls.

        :param error: what they raise, e.g. ``RateLimitedError("slowly", retry_after_s=60)``
        :param times: how many calls
        :param method: only calls of this method, or of these
        :param is_done: the call is done, and its answer is lost
        """
        methods = (method,) if isinstance(method, str) else None if method is None else tuple(method)
        self._failures.append(_Failure(error() if isinstance(error, type) else error, times, methods, is_done))

    def refuse(self, error: Exception | None) -> None:
        """Fail all calls from now on; None: none any more."""
        self._refusal = error

    @contextmanager
    def standing_in(self, reference: Reference) -> Iterator[FakePeer]:
        """Have this peer answer in place of all adapters of a service; yields the peer.

        :param reference: of one of its versions, usually ``backend.reference``
        """
        fake = type("FakeAdapter", (FakeAdapter,), {"peer": self})
        find_class = Reference.find_class

        def find(level: Reference, base_class: type, model_name: str, env: Any = None) -> Any:
            if level.service == reference.service and issubclass(base_class, Adapter):
                return fake
            return find_class(level, base_class, model_name, env)

        with patch.object(Reference, "find_class", find):
            yield self

    def call(self, method: str, model_name: str, args: tuple[Any, ...], do: Callable[[], Any]) -> Any:
        """Record a call, and do it or fail."""
        self.calls.append(FakeCall(method, model_name, copy.deepcopy(args)))
        if self._refusal is not None:
            raise self._refusal
        failure = next((f for f in self._failures if f.methods is None or method in f.methods), None)
        if failure is None:
            return do()
        failure.times -= 1
        if not failure.times:
            self._failures.remove(failure)
        if failure.is_done:
            do()
        raise failure.error


class FakeAdapter(Adapter):
    """An adapter with the common interface whose other system is a :class:`FakePeer`.

    Limits, circuit breaker, exchanges and the check for a neutralised database apply as to any other adapter. Either
    register a subclass on the reference (``peer`` is then the class's, or the one of all), or have
    :meth:`FakePeer.standing_in` take the place of the adapters that are there.
    """

    #: What it talks to; a subclass, or a test, gives its own.
    peer: ClassVar[FakePeer] = FakePeer()

    def search(self, filters: Any = None, cursor: int | None = None) -> tuple[list[str], int | None]:
        """Return one page of ids, in the order in which the records came.

        :param filters: values by field, or a callable that is given a record
        """

        def do() -> tuple[list[str], int | None]:
            ids = [external_id for external_id, record in self._records.items() if _meets(record, filters)]
            start = cursor or 0
            end = start + self.peer.page_size
            return ids[start:end], end if end < len(ids) else None

        return self._ask("search", (filters, cursor), do)

    def read(self, external_id: Any, fields: Sequence[str] | None = None) -> dict[str, Any]:
        def do() -> dict[str, Any]:
            record = self._find(external_id)
            return {name: record[name] for name in (record if fields is None else fields) if name in record}

        return self._ask("read", (external_id, fields), do)

    def read_many(self, ids: Sequence[Any], fields: Sequence[str] | None = None) -> dict[Any, dict[str, Any]]:
        def do() -> dict[Any, dict[str, Any]]:
            known = [i for i in ids if str(i) in self._records]
            return {
                i: {name: value for name, value in self._find(i).items() if fields is None or name in fields}
                for i in known
            }

        return self._ask("read_many", (list(ids), fields), do)

    def create(self, data: Mapping[str, Any]) -> str:
        return self._ask("create", (dict(data),), lambda: self.peer.add(self.work.model_name, **data))

    def write(self, external_id: Any, data: Mapping[str, Any]) -> None:
        self._ask("write", (external_id, dict(data)), lambda: self._find(external_id).update(copy.deepcopy(dict(data))))

    def delete(self, external_id: Any) -> None:
        def do() -> None:
            self._find(external_id)
            del self._records[str(external_id)]

        self._ask("delete", (external_id,), do)

    def ping(self) -> None:
        self._ask("ping", (), lambda: None)

    @property
    def _records(self) -> dict[str, dict[str, Any]]:
        return self.peer.records.setdefault(self.work.model_name, {})

    def _find(self, external_id: Any) -> dict[str, Any]:
        try:
            return self._records[str(external_id)]
        except KeyError:
            raise ExternalNotFoundError(f"there is no {self.work.model_name} {external_id}") from None

    def _ask(self, method: str, args: tuple[Any, ...], do: Callable[[], Any]) -> Any:
        with self._outside_call(method, self.work.model_name, list(args)) as call:
            result = self.peer.call(method, self.work.model_name, args, do)
            call.response, call.is_answered, call.status = result, True, "ok"
            return copy.deepcopy(result)


def _meets(record: Mapping[str, Any], filters: Any) -> bool:
    if callable(filters):
        return bool(filters(record))
    return all(record.get(name) == value for name, value in (filters or {}).items())
