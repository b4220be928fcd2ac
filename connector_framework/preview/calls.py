"""The calls of a dry run: those that read are made, those that change something are noted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from ..adapters import Adapter, HttpAdapter, RestAdapter, XmlRpcAdapter
from ..adapters.calls import CallingUnit
from ..adapters.connection import sending
from ..adapters.exchanges import Call
from ..adapters.http_adapter import READING_VERBS
from ..exceptions import AuthenticationError, PermanentError
from .plain import plain

__all__ = ["CallWatch", "UnsentError"]

#: The verbs of an adapter that read, and those that change something.
READING = ("search", "read", "read_many", "search_read", "count", "ping")
CHANGING = ("create", "write", "delete", "create_many", "write_many")
_FRAMEWORK = (XmlRpcAdapter, RestAdapter, Adapter)


class UnsentError(PermanentError):
    """A dry run was about to send what may change something: what would follow is not known."""


class _Unsent(BaseException):
    """A method of an adapter's own is about to change something in the other system.

    Not an ``Exception``, so that the code of the method does not take it for an error.
    """


class CallWatch:
    """Watches the adapters that are made: they read as ever, and note what they would send.

    The verbs that change something are noted by name. A method of an adapter's own runs until it makes a call that is
    not known to read (``_only_reads``): then it is noted in place of it, and returns what ``_unsent_answer`` says. One
    of an adapter that does not send by HTTP is not begun, unless it is known to read. All else that is about to be sent
    is refused: nothing goes out that may change something.

    No exchange is kept, and the circuit breaker learns nothing; the calls that are made take their tokens.
    """

    def __init__(self) -> None:
        #: In order: dicts of ``operation``, ``external_id``, ``data``.
        self.calls: list[dict[str, Any]] = []
        #: What was to be created, by the text of the external id that stands in for the real one.
        self._new: dict[str, Any] = {}
        # How many verbs that read, methods of an adapter's own, and calls that may be sent are under way.
        self._reading = self._own = self._sending = 0

    def watch(self, unit: Any) -> None:
        """Watch a unit, if it calls another system."""
        if not isinstance(unit, CallingUnit):
            return
        own = vars(unit)
        own["_outside_call"] = self._outside_call(unit)
        if not isinstance(unit, Adapter):
            return
        cls = type(unit)
        for name in CHANGING:
            if getattr(cls, name) is not getattr(Adapter, name):
                own[name] = self._changing(unit, name)
        for name in READING:
            own[name] = self._verb(unit, name)
        known = {name for base in _FRAMEWORK for name in dir(base)}
        for name in dir(cls):
            if not name.startswith("_") and name not in known and inspect.isfunction(getattr(cls, name)):
                if not isinstance(inspect.getattr_static(cls, name), staticmethod):
                    own[name] = self._method(unit, name)

    @contextmanager
    def guarding_http(self) -> Iterator[None]:
        """Refuse what this thread sends inside by a session of ours, past the hooks of the adapters."""
        before, sending.check = sending.check, self._check_request
        try:
            yield
        finally:
            sending.check = before

    # -- the methods of an adapter -------------------------------------------------------------------------------------

    def _changing(self, unit: Any, name: str) -> Callable[..., Any]:
        """Return what notes a verb that changes something, and answers as if it were done."""
        signature = inspect.signature(getattr(Adapter, name))

        @wraps(getattr(type(unit), name))
        def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                given = list(signature.bind(unit, *args, **kwargs).arguments.values())[1:]
            except TypeError:  # The adapter's own verb takes more.
                given = [*args, *kwargs.values()]
            match name:
                case "create":
                    self._note(unit, name, None, given[0])
                    return self._new_id(unit, given[0])
                case "create_many":
                    for data in given[0]:
                        self._note(unit, name, None, data)
                    return [self._new_id(unit, data) for data in given[0]]
                case "write_many":
                    for external_id, data in given[0]:
                        self._note(unit, name, external_id, data)
                    return [None] * len(given[0])
            self._note(unit, name, given[0], given[1] if len(given) > 1 else None)
            return None

        return noted

    def _verb(self, unit: Any, name: str) -> Callable[..., Any]:
        """Return a verb that reads; a record that was to be created reads as it was sent."""
        method = getattr(type(unit), name)

        @wraps(method)
        def read(*args: Any, **kwargs: Any) -> Any:
            self._reading += 1
            try:
                if self._new and name == "read" and args and str(args[0]) in self._new:
                    return dict(self._new[str(args[0])])
                if self._new and name == "read_many" and args:
                    new = {i: dict(self._new[str(i)]) for i in args[0] if str(i) in self._new}
                    rest = [i for i in args[0] if i not in new]
                    return {**(method(unit, rest, *args[1:], **kwargs) if rest else {}), **new}
                return method(unit, *args, **kwargs)
            finally:
                self._reading -= 1

        return read

    def _method(self, unit: Any, name: str) -> Callable[..., Any]:
        """Return a method of the adapter's own, which is noted as soon as it would change something."""
        method = getattr(type(unit), name)
        signature = inspect.signature(method)

        @wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self._reading or self._own:  # a part of another one
                return method(unit, *args, **kwargs)
            # They are read twice: by the method, and to be noted.
            args = tuple(list(one) if isinstance(one, Iterator) else one for one in args)
            is_read = not isinstance(unit, HttpAdapter) and unit._only_reads(name, "", list(args))
            try:
                if not is_read and not isinstance(unit, HttpAdapter):
                    raise _Unsent
                self._reading, self._own = self._reading + bool(is_read), self._own + 1
                try:
                    result = method(unit, *args, **kwargs)
                    return iter(list(result)) if inspect.isgenerator(result) else result
                finally:
                    self._reading, self._own = self._reading - bool(is_read), self._own - 1
            except _Unsent:
                given = dict(signature.bind(unit, *args, **kwargs).arguments)
                given.pop(next(iter(signature.parameters)))
                external_id = given.pop("external_id", None)
                self._note(unit, name, external_id, given["data"] if list(given) == ["data"] else given)
                return unit._unsent_answer(name, *args, *kwargs.values())

        return watched

    # -- one call ------------------------------------------------------------------------------------------------------

    def _outside_call(self, unit: Any) -> Callable[..., Any]:
        """Return what takes the place of ``_outside_call``: nothing is kept of the call."""

        @contextmanager
        def outside_call(method: str, path: str = "", request: Any = None) -> Iterator[Call]:
            unit._refuse_if_neutralized()
            self._check(unit, method, path, request)
            breaker = unit._circuit_breaker()
            if breaker is not None and not unit.connection.is_pinging:
                breaker.check_only()
            unit._take_token()
            self._sending += 1
            try:
                yield Call()
            except Exception as error:
                unit._masker().error(error)
                if isinstance(error, AuthenticationError):
                    unit.connection.api_session = None
                raise
            finally:
                self._sending -= 1

        return outside_call

    def _check(self, unit: Any, method: str, path: str, request: Any) -> None:
        """Refuse a call that is not known to read.

        :raises _Unsent: inside a method of an adapter's own
        :raises UnsentError: anywhere else
        """
        only_reads = unit._only_reads(method, path, request)
        if only_reads or (only_reads is None and self._reading):
            return
        if self._own and not self._reading:
            raise _Unsent
        self._note(unit, method, None, request)
        raise UnsentError(
            f"{unit!r} is about to send {method} {path}".rstrip()
            + ", which is not known to read only: a dry run does not send it, and cannot tell what would follow"
        )

    def _check_request(self, verb: str, url: str) -> None:
        if not self._sending and verb.upper() not in READING_VERBS:
            self.calls.append({"operation": verb, "external_id": None, "data": url.partition("?")[0]})
            raise UnsentError(f"{verb} {url.partition('?')[0]}: a dry run does not send it")

    def _note(self, unit: Any, operation: str, external_id: Any, data: Any) -> None:
        masker = unit._masker()
        self.calls.append(
            {"operation": operation, "external_id": plain(external_id, masker), "data": plain(data, masker)}
        )

    def _new_id(self, unit: Any, data: Any) -> Any:
        """Return an external id that stands in for the one that the other system would give."""
        number = len(self._new) + 1
        field = unit.env[unit.work.model_name]._fields.get("external_id")
        external_id: Any = -number if field is not None and field.type == "integer" else f"new-{number}"
        self._new[str(external_id)] = data
        return external_id
