"""Tie the shop's resources to what is called: names, arguments, rights and the arguments' common meanings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..faults import FaultError, PhpDiedError, api_fault, resource_fault
from ..shop import DEFAULT_STORE, Shop

_Method = TypeVar("_Method", bound=Callable[..., Any])


def api_method(name: str, *, reads: bool = False) -> Callable[[_Method], _Method]:
    """Serve a method of a resource under this name; `reads` when it changes nothing."""

    def mark(method: _Method) -> _Method:
        method.api_name = name  # type: ignore[attr-defined]
        method.api_reads = reads  # type: ignore[attr-defined]
        return method

    return mark


class Resource:
    """Serve one of the shop's resources; a subclass has a `name` and methods marked by `api_method`.

    A method's parameters are the call's arguments in order: those without a default are the required ones.
    """

    name: ClassVar[str]
    #: the rights that it takes: `catalog` for what a reader of the catalogue may see
    area: ClassVar[str] = ""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self._methods: dict[str, tuple[Callable[..., Any], int, int]] = {}
        for _name, method in inspect.getmembers(self, inspect.ismethod):
            api_name = getattr(method, "api_name", None)
            if api_name is not None:
                parameters = inspect.signature(method).parameters.values()
                required = sum(parameter.default is parameter.empty for parameter in parameters)
                self._methods[api_name] = (method, required, len(parameters))

    def reads(self, method: str) -> bool:
        """Return whether a method changes nothing; one that the sandbox does not serve counts as a change."""
        return method in self._methods and self._methods[method][0].api_reads  # type: ignore[attr-defined]

    def call(self, method: str, arguments: list[Any]) -> Any:
        """Call a method; arguments beyond those that it knows are ignored.

        :raises FaultError: fault 4 when the shop announces the method and it cannot be called, and what the method
            itself answers with a fault.
        :raises PhpDiedError: a required argument is missing.
        """
        if method not in self._methods:
            raise api_fault(4)
        function, required, known = self._methods[method]
        if len(arguments) < required:
            raise PhpDiedError(f"{self.name}.{method} needs {required} arguments")
        return function(*arguments[:known])

    def fault(self, code: int, message: str | None = None) -> FaultError:
        """Return this resource's fault."""
        return resource_fault(self.name, code, message)

    def store_id(self, store: Any) -> int:
        """Return the id of the store view that an argument means: None and 0 are the default scope.

        :raises FaultError: 100, no such view.
        """
        if store in (None, "", 0, "0", "admin"):
            return DEFAULT_STORE
        found = self.shop.find_store(store)
        if found is None:
            raise self.fault(100)
        return found.store_id
