"""Answer the methods of the XML-RPC API: log in, call a resource's method, call many, tell what there is.

The checks of a call come in the shop's order: signature, session, path, right, and last the arguments.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from .faults import BAD_SIGNATURE, DEADLOCK, GLOBAL_FAULTS, NO_SUCH_METHOD, RESOURCE_FAULTS, FaultError, api_fault
from .listing import NAMES, RESOURCES
from .protocol import AlwaysInt, MethodCall, Struct
from .resources import Resource, serve
from .sessions import Sessions, User
from .shop import Shop
from .writers import never


def canonical(path: str) -> str:
    """Return a path with its resource's own name for an alias: `product.info` is `catalog_product.info`."""
    resource, _dot, method = path.partition(".")
    return f"{NAMES.get(resource, resource)}.{method}"


class Api:
    """Answer calls on a shop."""

    def __init__(self, shop: Shop, sessions: Sessions) -> None:
        self._shop = shop
        self._sessions = sessions
        self._resources = serve(shop)
        self._deadlocked: Callable[[str], bool] = never
        #: name -> method, types of its parameters, how many of them are required
        self._methods: dict[str, tuple[Callable[..., Any], tuple[type, ...], int]] = {
            "system.listMethods": (self._list_methods, (), 0),
            "system.methodHelp": (self._method_help, (str,), 1),
            "system.methodSignature": (self._method_signature, (str,), 1),
            "system.multicall": (self._system_multicall, (list,), 1),
            "handlePhpError": (self._internal, (), 0),
            "startSession": (self._start_session, (), 0),
            "endSession": (self._end_session, (str,), 1),
            "login": (self._login, (str, str), 2),
            "call": (self._call, (str, str, list), 2),
            "multiCall": (self._multi_call, (str, list, list), 2),
            "resources": (self._list_resources, (str,), 1),
            "resourceFaults": (self._resource_faults, (str, str), 2),
            "globalFaults": (self._global_faults, (str,), 1),
            "processingMethodResult": (self._internal, (), 0),
            "processingRow": (self._internal, (), 0),
        }

    def answer(self, call: MethodCall, deadlocked: Callable[[str], bool] = never) -> Any:
        """Return the answer to a call.

        :param deadlocked: tells of a resource's method whether it meets a deadlock.
        :raises FaultError: whatever the shop answers with a fault.
        :raises PhpDiedError: the shop answers with HTTP 500.
        :raises ServicePageError: the shop answers with HTTP 503.
        """
        if call.method not in self._methods:
            code, message = NO_SUCH_METHOD
            raise FaultError(code, message % call.method)
        function, types, required = self._methods[call.method]
        params = call.params
        if not required <= len(params) <= len(types):
            raise FaultError(*BAD_SIGNATURE)
        for param, wanted in zip(params, types, strict=False):
            if isinstance(param, Struct) or not (param is None or isinstance(param, wanted)):
                raise FaultError(*BAD_SIGNATURE)
        with self._shop.lock:
            self._deadlocked = deadlocked
            return function(*params)

    # Sessions

    def _start_session(self) -> str:
        """Return a session without a user."""
        return secrets.token_hex(16)

    def _login(self, name: str, key: str) -> str:
        return self._sessions.login(name, key)

    def _end_session(self, session: str) -> bool:
        self._sessions.end(session)
        return True

    # Calls

    def _resolve(self, path: Any) -> tuple[Resource | None, str, str]:
        """Return the resource (None if the sandbox does not serve it), its name and the method that a path means."""
        resource, dot, method = path.partition(".") if isinstance(path, str) else ("", "", "")
        listed = RESOURCES.get(NAMES.get(resource, ""))
        if not dot or listed is None or method not in listed.methods:
            raise api_fault(3)
        return self._resources.get(listed.name), listed.name, method

    @staticmethod
    def _allowed(user: User, resource: Resource | None, method: str) -> bool:
        return user.full or (resource is not None and resource.area == user.area and resource.reads(method))

    def _run(self, user: User, path: Any, arguments: Any) -> Any:
        resource, _name, method = self._resolve(path)
        if not self._allowed(user, resource, method):
            raise api_fault(2)
        if self._deadlocked(canonical(path)):
            raise api_fault(1, DEADLOCK)
        if resource is None:
            # Announced as in the real shop, but not served here: carts, tags, downloads, custom options.
            raise api_fault(4)
        return resource.call(method, arguments if isinstance(arguments, list) else [])

    def _call(self, session: str, path: str, arguments: list[Any] | None = None) -> Any:
        return self._run(self._sessions.user(session), path, arguments)

    def _multi_call(self, session: str, calls: list[Any], _options: list[Any] | None = None) -> list[Any]:
        """Run calls in order; one that fails leaves a struct in its place and does not stop the others."""
        user = self._sessions.user(session)
        answers: list[Any] = []
        for call in calls or []:
            parts = call if isinstance(call, list) else []
            arguments = parts[1] if len(parts) > 1 else []
            if not isinstance(arguments, list):
                arguments = [arguments]
            try:
                answers.append(self._run(user, parts[0] if parts else None, arguments))
            except FaultError as fault:
                # Of an exception the text stays in the shop's log.
                message = api_fault(1).message if fault.code == 1 else fault.message
                answers.append({"isFault": True, "faultCode": str(fault.code), "faultMessage": message})
        return answers

    # What there is

    def _list_methods(self) -> list[str]:
        return list(self._methods)

    def _method_help(self, name: str) -> str:
        if name not in self._methods:
            raise FaultError(640, f"Method '{name}' does not exist")
        return ""

    def _method_signature(self, name: str) -> list[list[str]]:
        if name not in self._methods:
            raise FaultError(640, f"Method '{name}' does not exist")
        names: dict[type, str] = {str: "string", list: "array"}
        return [["struct", *(names[one] for one in self._methods[name][1])]]

    def _system_multicall(self, calls: list[Any]) -> list[Any]:
        """Run calls as the XML-RPC convention has it: an answer in an array of its own, a fault as a struct."""
        answers: list[Any] = []
        for call in calls:
            try:
                if not isinstance(call, dict) or call.get("methodName") in (None, "system.multicall"):
                    raise FaultError(*BAD_SIGNATURE)
                params = [Struct(one) if isinstance(one, dict) else one for one in call.get("params") or []]
                answers.append([self.answer(MethodCall(call["methodName"], params), self._deadlocked)])
            except FaultError as fault:
                answers.append({"faultCode": AlwaysInt(fault.code), "faultString": fault.message})
        return answers

    def _internal(self, *_params: Any) -> None:
        """Announced by mistake, as in the real shop; nothing a client can use."""
        raise api_fault(0)

    def _list_resources(self, session: str) -> list[dict[str, Any]]:
        user = self._sessions.user(session)
        answer = []
        for listed in RESOURCES.values():
            served = self._resources.get(listed.name)
            methods = [
                {
                    "title": title,
                    "description": None,
                    "path": f"{listed.name}.{method}",
                    "name": method,
                    "aliases": [f"{alias}.{method}" for alias in listed.aliases],
                }
                for method, title in listed.methods.items()
                if self._allowed(user, served, method)
            ]
            if methods:
                answer.append(
                    {
                        "title": listed.title,
                        "description": None,
                        "name": listed.name,
                        "aliases": list(listed.aliases),
                        "methods": methods,
                    }
                )
        return answer

    def _resource_faults(self, session: str, resource: str) -> list[dict[str, Any]]:
        self._sessions.user(session)
        name = NAMES.get(resource)
        if name is None:
            raise api_fault(3)
        return [{"code": str(code), "message": text} for code, text in RESOURCE_FAULTS.get(name, {}).items()]

    def _global_faults(self, _session: str) -> list[dict[str, Any]]:
        return [{"code": str(code), "message": text} for code, text in GLOBAL_FAULTS.items()]
