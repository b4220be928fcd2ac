"""The XML-RPC v1 API of Magento 1: sessions, multiCall, faults, filters."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from odoo.addons.connector_framework.adapters import UnclearError, XmlRpcAdapter
from odoo.addons.connector_framework.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    ExternalNotFoundError,
    NetworkError,
    PermanentError,
)

from ..references import magento


class SessionExpiredError(NetworkError):
    """The shop forgot our session."""


class LoginRefusedError(UnclearError):
    """The shop refused a login, which it also does while its database is away."""


class NoSessionError(UnclearError):
    """The shop looked for a session that no shop has, and so its database is there."""


#: What the shop says in place of the text of an exception: always in a multiCall, in a direct call seldom.
INTERNAL_ERROR = "Internal Error. Please see log for details."
#: A session that no shop knows.
NO_SESSION = "0" * 32

#: Methods of the API that change nothing in the shop, whatever the resource.
READING = {"getCarriers", "info", "level", "list", "options", "tree"}

#: Resource -> what gives the right to it, in the tree of the API roles of the shop.
RIGHTS = {
    "catalog_category": "Catalog > Category",
    "catalog_product": "Catalog > Product",
    "product_attribute": "Catalog > Product > Attributes",
    "product_attribute_set": "Catalog > Product > Attribute sets",
    "product_link": "Catalog > Product > Link",
    "product_media": "Catalog > Product > Media",
    "cataloginventory_stock_item": "Catalog > Inventory",
    "customer": "Customers",
    "customer_address": "Customers > Addresses",
    "customer_group": "Customers > Groups",
    "country": "Directory",
    "region": "Directory",
    "sales_order": "Sales > Order",
    "sales_order_invoice": "Sales > Order > Invoice",
    "sales_order_shipment": "Sales > Order > Shipments",
    "store": "Core > Store",
}


@magento
class MagentoAdapter(XmlRpcAdapter):
    """What all resources have in common; a resource says its name and how its ids are called."""

    #: "customer", "catalog_product"...: the first half of the API's paths.
    _resource: ClassVar[str | None] = None
    #: The key of the id that ``info`` takes, in the rows of ``list``.
    _id_key: ClassVar[str | None] = None
    #: The key of the numeric id that ``list`` can be windowed by, where it is not the id above.
    _window_key: ClassVar[str | None] = None
    #: Ids in one window of a list: the API has no paging of its own.
    _page_size: ClassVar[int] = 200
    #: Calls in one multiCall.
    _multi_call_size: ClassVar[int] = 50

    #: Whether the shop has refused the login, its database being there.
    _has_refused = False

    _path = "api/xmlrpc/"
    # A code means something else in each resource.
    _fault_errors: ClassVar[dict[Any, type[ConnectorError]]] = {
        ("login", 2): LoginRefusedError,
        2: ConfigurationError,
        3: ConfigurationError,
        4: ConfigurationError,
        5: SessionExpiredError,
        6: ConfigurationError,
        # Of a shop whose database is away.
        404: NetworkError,
        620: ConfigurationError,
        ("catalog_category", 102): ExternalNotFoundError,
        ("catalog_product", 101): ExternalNotFoundError,
        ("cataloginventory_stock_item", 101): ExternalNotFoundError,
        ("customer", 102): ExternalNotFoundError,
        ("customer_address", 101): ExternalNotFoundError,
        ("customer_address", 102): ExternalNotFoundError,
        ("sales_order", 100): ExternalNotFoundError,
        ("sales_order_shipment", 100): ExternalNotFoundError,
        ("sales_order_shipment", 103): ExternalNotFoundError,
        ("store", 100): ExternalNotFoundError,
    }

    # -- calls -------------------------------------------------------------------------------------------------------

    def call(self, path: str, *args: Any) -> Any:
        """Call ``resource.method`` and return its result."""
        return self._in_session("call", path, list(args))

    def multi_call(self, calls: Sequence[tuple[str, Sequence[Any]]], return_errors: bool = False) -> Iterator[Any]:
        """Make many calls in few requests and yield their results in order; it is no transaction in the shop.

        :param return_errors: yield the error of a call that failed, the others being of use without it
        :raises ConnectorError: when the result of the one that failed is reached
        """
        for start in range(0, len(calls), self._multi_call_size):
            page = [[path, list(args)] for path, args in calls[start : start + self._multi_call_size]]
            results = self._in_session("multiCall", page)
            if not isinstance(results, list) or len(results) != len(page):
                raise NetworkError(f"multiCall: {len(page)} results were expected, got {str(results)[:200]!r}")
            for (path, args), result in zip(page, results, strict=True):
                if isinstance(result, dict) and result.get("isFault"):
                    result = self._item_error(path, args, result)
                if isinstance(result, ConnectorError) and not return_errors:
                    raise result
                yield result

    def _item_error(self, path: str, args: Sequence[Any], result: Mapping[str, Any]) -> Any:
        """Return the error of a call in a multiCall; one that has no text is made alone, to get its text or result.

        Only what may be done twice is called together.
        """
        fault = xmlrpc.client.Fault(int(result["faultCode"]), result.get("faultMessage"))
        if fault.faultString != INTERNAL_ERROR:
            return self._fault_error(fault, "call", ("", path, args))
        try:
            return self.call(path, *args)
        except ConnectorError as error:
            return error

    def _in_session(self, method: str, *params: Any) -> Any:
        try:
            return self._call(method, self._session_id(), *params)
        except SessionExpiredError:
            self.connection.secrets.discard(self.connection.api_session)
            self.connection.api_session = None
        return self._call(method, self._session_id(), *params)

    def _session_id(self) -> str:
        """Return the session of this connection, logging in if there is none yet."""
        session_id = self.connection.api_session
        if session_id is None:
            user, key = self.backend.api_user, self.backend.get_secret("api_key")
            if not user or not key:
                raise ConfigurationError(
                    f"{self.backend.display_name} has no API user or key: enter them on the backend"
                )
            session_id = self._keep_secret(self._login(user, key))
            self.connection.api_session = session_id
        return session_id

    def _login(self, user: str, key: str) -> str:
        """Log in and return the session.

        A shop whose database is away refuses every login. It cannot look up a session then either, so that its answer
        to an unknown one tells whether the key is wrong.

        :raises AuthenticationError: when it refuses the login twice, and its database is there
        """
        try:
            return self._call("login", user, key)
        except LoginRefusedError as error:
            refusal = error
        try:
            with suppress(NoSessionError):
                self._call("call", NO_SESSION, "store.list", [])
        except ConnectorError as error:
            raise NetworkError(f"{refusal} But it cannot look up its sessions either: {error}") from error
        self._has_refused = True
        return self._call("login", user, key)

    def _url(self) -> str:
        """Return the shop's address; the API's own, as some manuals tell to enter it, is taken as well."""
        return super()._url().rstrip("/").removesuffix("/api/xmlrpc")

    def _call_label(self, method: str, params: tuple) -> str:
        return params[1] if method == "call" else method

    def _only_reads(self, method: str, path: str, request: Any) -> bool:
        if method == "multiCall":
            return all(call.rpartition(".")[2] in READING for call, _args in request[1])
        return method == "login" or method.rpartition(".")[2] in READING

    def _fault_resource(self, method: str, params: tuple) -> str | None:
        return params[1].partition(".")[0] if method == "call" else method

    def _fault_error(self, fault: xmlrpc.client.Fault, method: str, args: tuple) -> ConnectorError:
        error = super()._fault_error(fault, method, args)
        if isinstance(error, LoginRefusedError) and self._has_refused:
            return AuthenticationError(str(error))
        if isinstance(error, SessionExpiredError) and args[:1] == (NO_SESSION,):
            return NoSessionError(str(error))
        if fault.faultCode == 2 and isinstance(error, ConfigurationError):
            resource = self._fault_resource(method, args) or ""
            error.user_message = self.env._(
                "The API role of %(user)s has no right to %(call)s. In the shop, System > Web Services > SOAP/XML-RPC -"
                " Roles, give it %(right)s; then requeue the job.",
                user=self.backend.api_user,
                call=self._call_label(method, args),
                right=RIGHTS.get(resource, resource),
            )
        return error

    def _is_transient(self, fault: xmlrpc.client.Fault, method: str, params: tuple) -> bool:
        # Without a text it may be either: it is tried again as often as the job has attempts.
        return fault.faultString == INTERNAL_ERROR or super()._is_transient(fault, method, params)

    # -- the common interface ----------------------------------------------------------------------------------------

    def ping(self) -> None:
        self.call("store.list")

    def search(self, filters: dict | None = None, cursor: int | None = None) -> tuple[list[str], int | None]:
        """Return the ids that match.

        A list comes whole or not at all, so a full one is cut into windows of ids; what has changed since a date is
        taken to be few.

        :param filters: as the API takes them: one operator a field, or ``from`` and ``to``
        :param cursor: the first id of the window
        """
        key = self._window_key or self._id_key
        if filters and ("updated_at" in filters or key in filters):
            return self._ids(self._list(filters)), None
        start = cursor or 1
        window = {**(filters or {}), key: {"from": start, "to": start + self._page_size - 1}}
        rows = self._list(window)
        following = start + self._page_size
        if not rows:
            # The end, or a gap in the ids.
            rows = self._list({**(filters or {}), key: {"gteq": following}})
            if not rows:
                return [], None
            following = max(int(row[key]) for row in rows) + 1
        return self._ids(rows), following

    def read(self, external_id: str, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return a record, as ``read_many`` does."""
        records = self.read_many([external_id], fields)
        if not records:
            raise ExternalNotFoundError(f"the shop has no {self.model._description} {external_id}")
        return next(iter(records.values()))

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return records by id, in few requests; what is gone is left out."""
        args = self._info_args(fields)
        answers = self._answers(ids, lambda external_id: [(f"{self._resource}.info", [external_id, *args])])
        return {external_id: self._checked(external_id, record) for external_id, (record,) in answers.items()}

    def _answers(
        self, ids: Sequence[str], calls_of: Callable[[str], list[tuple[str, list[Any]]]]
    ) -> dict[str, list[Any]]:
        """Make several calls for each id, and return the results by id; an id whose first call finds nothing is left
        out.

        :param calls_of: returns the calls for an id, (path, arguments) each
        """
        calls = {external_id: calls_of(external_id) for external_id in ids}
        results = self.multi_call([call for of_one in calls.values() for call in of_one], return_errors=True)
        answers = {}
        for external_id, of_one in calls.items():
            of_id = [next(results) for _call in of_one]
            if isinstance(of_id[0], ExternalNotFoundError):
                continue
            for result in of_id:
                if isinstance(result, Exception):
                    raise result
            answers[external_id] = of_id
        return answers

    def _checked(self, external_id: str, record: Any) -> dict[str, Any]:
        """Return a clean record that is the one asked for: a number may be an id to us and a SKU to the shop.

        :raises PermanentError: when it is another one
        """
        found = self._clean(record).get(self._id_key)
        if found is not None and str(found) != str(external_id):
            raise PermanentError(f"{self._resource}.info: asked for {external_id}, got {found}")
        return self._clean(record)

    def _list(self, filters: dict) -> list[dict[str, Any]]:
        for name, condition in filters.items():
            if isinstance(condition, dict) and len(condition) > 1 and set(condition) != {"from", "to"}:
                # The shop would take one of them and drop the others without a word.
                raise ConfigurationError(
                    f"{self._resource}.list: {name} is filtered by {', '.join(condition)}; the API takes one operator"
                    " a field, or from and to"
                )
        return self.call(f"{self._resource}.list", filters)

    def _ids(self, rows: list[dict[str, Any]]) -> list[str]:
        return [str(row[self._id_key]) for row in rows]

    def _info_args(self, fields: Sequence[str] | None) -> list[Any]:
        """Return the further arguments of ``info``."""
        return []

    def _clean(self, record: Any) -> dict[str, Any]:
        """Return a record as the units want it."""
        if not isinstance(record, dict):
            raise PermanentError(f"{self._resource}.info: a struct was expected, got {str(record)[:200]!r}")
        return record


class ListedAdapter(MagentoAdapter):
    """Records of which the API has only a list."""

    def search(self, filters: dict | None = None, cursor: Any = None) -> tuple[list[str], None]:
        return list(self._by_id()), None

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        rows = self._by_id()
        return {external_id: rows[str(external_id)] for external_id in ids if str(external_id) in rows}

    def _by_id(self) -> dict[str, dict[str, Any]]:
        """Return the rows by id, of several with one id the first."""
        rows: dict[str, dict[str, Any]] = {}
        for row in self._rows():
            rows.setdefault(str(row[self._id_key]), row)
        return rows

    def _rows(self) -> list[dict[str, Any]]:
        """Return the list, which is fetched once a session."""
        key = f"magento.list:{self._resource}"
        if key not in self.work.shared:
            self.work.shared[key] = self._fetch()
        return self.work.shared[key]

    def _fetch(self) -> list[dict[str, Any]]:
        return self.call(f"{self._resource}.list")
